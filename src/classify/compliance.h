/*
 * The compliance gate: logs that regulation covers skip the models and are kept. Built-in rules
 * for PCI-DSS, HIPAA, SOX and GDPR; a `compliance:` section of a YAML file adds, replaces or
 * switches off rules (docs/rules.md). Shared between threads; each thread has its own scratch. The
 * patterns for messages are part of a larger set, which is scanned once for everything; only
 * ruleset.c uses the gate.
 */
#ifndef ALF_CLASSIFY_COMPLIANCE_H
#define ALF_CLASSIFY_COMPLIANCE_H

#include "classify/pattern_list.h"

typedef struct compliance compliance;
typedef struct compliance_scratch compliance_scratch;

typedef struct compliance_match {
    bool covered;
    alf_span framework; /* both borrowed from the gate */
    alf_span rule;
} compliance_match;

/* The built-in rules as changed by the section `compliance:` of a YAML file, which may be a rules
 * file or have that section only; a file without it gives the built-in rules, and so does an empty
 * one (root NULL). Adds the patterns for messages to the list. */
alf_status compliance_read(const yaml_node *root, const char *name, pattern_list *messages,
                           compliance **out, alf_error *err);
void compliance_free(compliance *c);

size_t compliance_count(const compliance *c); /* rules in force */

compliance_scratch *compliance_scratch_new(const compliance *c); /* NULL: out of memory */
void compliance_scratch_free(compliance_scratch *s);

/* A log, its message already scanned for the set that has the gate's patterns. */
typedef struct compliance_question {
    alf_span message, source;
    const pattern_set *set;
    pattern_scratch *scanned;
} compliance_question;

/* The first rule, in order (users' rules, then built-in ones), that covers the log; *out is set
 * only when there is one. */
alf_status compliance_check(const compliance *c, compliance_scratch *s,
                            const compliance_question *q, compliance_match *out, alf_error *err);

/* Whether text has a payment card number: known issuer range, right length and grouping, Luhn
 * check digit. */
bool compliance_has_card_number(alf_span text);

#endif
