/*
 * Regular-expression rules from a YAML file (docs/rules.md). Immutable once loaded; shared between
 * threads, each with its own scratch.
 */
#ifndef ALF_CLASSIFY_RULES_H
#define ALF_CLASSIFY_RULES_H

#include "base/error.h"
#include "classify/verdict.h"

typedef struct rules rules;
typedef struct rules_scratch rules_scratch;

/* text: the YAML; name: for messages. An error gives line, key and what was expected. */
alf_status rules_parse(alf_span text, const char *name, rules **out, alf_error *err);
void rules_free(rules *r);

size_t rules_count(const rules *r);
/* How many rules are tried only on logs that have one of their literals; the others are tried on
 * every log. */
size_t rules_fast_count(const rules *r);

rules_scratch *rules_scratch_new(const rules *r); /* NULL: out of memory */
void rules_scratch_free(rules_scratch *s);

/* The best match in message: by priority order of categories, then confidence, then file order. */
alf_status rules_match(const rules *r, rules_scratch *s, alf_span message, rule_match *out,
                       alf_error *err);

#endif
