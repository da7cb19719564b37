/*
 * What judges a message by patterns: the rules and the compliance gate of one file (docs/rules.md).
 * All their patterns for messages are one set, so that a message is scanned once. Shared between
 * threads, each with its own scratch.
 */
#ifndef ALF_CLASSIFY_RULESET_H
#define ALF_CLASSIFY_RULESET_H

#include "classify/compliance.h"
#include "classify/verdict.h"

typedef struct ruleset ruleset;
typedef struct ruleset_scratch ruleset_scratch;

/* Which parts to load; what is left out matches nothing. */
enum { RULESET_RULES = 1, RULESET_GATE = 2, RULESET_ALL = RULESET_RULES | RULESET_GATE };

/* text: the YAML; name: for messages. The rules must be there; the gate is the built-in rules as
 * changed by the section `compliance:`, so that it needs none, and no text. An error gives line,
 * key and what was expected. embedded_rules itself costs less to load than a copy of it: its
 * patterns are known to be right. */
alf_status ruleset_parse(alf_span text, const char *name, int parts, ruleset **out, alf_error *err);
void ruleset_free(ruleset *r);

size_t ruleset_rule_count(const ruleset *r);
size_t ruleset_gate_count(const ruleset *r); /* rules of the gate in force */

ruleset_scratch *ruleset_scratch_new(const ruleset *r); /* NULL: out of memory */
void ruleset_scratch_free(ruleset_scratch *s);

/* The pass over a message (borrowed until the next one) on which the other two are asked. */
void ruleset_scan(const ruleset *r, ruleset_scratch *s, alf_span message);

/* The first rule of the gate, in order (users' rules, then built-in ones), that covers the log. */
alf_status ruleset_gate(const ruleset *r, ruleset_scratch *s, alf_span source,
                        compliance_match *out, alf_error *err);

/* The best match of the rules: by priority order of categories, then confidence, then file order.
 */
alf_status ruleset_match(const ruleset *r, ruleset_scratch *s, rule_match *out, alf_error *err);

#endif
