/*
 * Patterns on their way into one pattern set, with the places in a YAML file that they come from,
 * so that a wrong one is reported where it stands. Private to the rules and compliance modules.
 */
#ifndef ALF_CLASSIFY_PATTERN_LIST_H
#define ALF_CLASSIFY_PATTERN_LIST_H

#include "classify/patterns.h"
#include "classify/yaml_doc.h"

typedef struct pattern_list {
    pattern_spec *specs;
    struct pattern_place {
        const yaml_node *node; /* NULL: built in */
        alf_span rule;         /* its name, for messages */
    } * places;
    size_t count, capacity;
} pattern_list;

void pattern_list_fini(pattern_list *list);

/* Everything is borrowed. */
alf_status pattern_list_add(pattern_list *list, const pattern_spec *spec, const yaml_node *node,
                            alf_span rule, alf_error *err);

/* name: of the file. The set does not borrow from the list. */
alf_status pattern_list_compile(const pattern_list *list, const char *name, pattern_set **out,
                                alf_error *err);

#endif
