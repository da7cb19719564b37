/*
 * Regular-expression rules from a YAML file (docs/rules.md). Immutable once loaded. The patterns
 * are part of a larger set, which is scanned once for everything (ruleset.h). Private to the
 * ruleset module.
 */
#ifndef ALF_CLASSIFY_RULES_H
#define ALF_CLASSIFY_RULES_H

#include "classify/builtin_rules.h"
#include "classify/pattern_list.h"
#include "classify/verdict.h"

typedef struct rules rules;

/* root: of the YAML; name: for messages; vetted: the file is the built-in one. Adds the patterns to
 * list. An error gives line, key and what was expected. */
alf_status rules_read(const yaml_node *root, const char *name, bool vetted, pattern_list *list,
                      rules **out, alf_error *err);
/* The same from what the built-in file came to; it is borrowed for good. */
alf_status rules_built_in(const builtin_rules *from, pattern_list *list, rules **out,
                          alf_error *err);
void rules_free(rules *r);

size_t rules_count(const rules *r);

/* The best match in the text scanned last: by priority order of categories, then confidence, then
 * file order. */
alf_status rules_match(const rules *r, const pattern_set *set, pattern_scratch *s, rule_match *out,
                       alf_error *err);

#endif
