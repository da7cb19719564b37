/* What a rules file says, before its patterns are compiled. Private to the rules module. */
#ifndef ALF_CLASSIFY_RULES_FILE_H
#define ALF_CLASSIFY_RULES_FILE_H

#include "base/arena.h"
#include "classify/patterns.h"
#include "classify/verdict.h"
#include "classify/yaml_doc.h"

enum { RULES_MAX = 10000 };

typedef struct rule_def {
    alf_span name;
    alf_span description;
    alf_category category;
    double confidence;
    const yaml_node *patterns; /* the list of patterns, or the single one */
    size_t pattern_count;
    unsigned priority; /* of its category */
    uint32_t order;    /* in the file */
} rule_def;

typedef struct rules_file {
    rule_def *rules; /* best first: priority of the category, confidence, order */
    size_t count;
    size_t pattern_count;
    unsigned priority[ALF_CATEGORIES]; /* 0: looked at first */
    bool case_insensitive;
    alf_category default_category;
    double default_confidence;
} rules_file;

/* Everything lives in memory and borrows from root. */
alf_status rules_file_read(const yaml_node *root, const char *name, arena *memory, rules_file *out,
                           alf_error *err);

/* "pattern" or "patterns" of a map: *first is the first scalar (its siblings follow), checked to
 * be text. Exactly one of the two keys must be there. */
alf_status rules_file_patterns(const yaml_node *map, const char *single, const char *many,
                               const char *name, const yaml_node **first, size_t *count,
                               alf_error *err);

#endif
