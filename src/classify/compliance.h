/*
 * The compliance gate: logs that regulation covers skip the models and are kept. Built-in rules
 * for PCI-DSS, HIPAA, SOX and GDPR; a `compliance:` section of a YAML file adds, replaces or
 * switches off rules (docs/rules.md). Immutable once loaded; each thread has its own scratch.
 */
#ifndef ALF_CLASSIFY_COMPLIANCE_H
#define ALF_CLASSIFY_COMPLIANCE_H

#include "base/error.h"

typedef struct compliance compliance;
typedef struct compliance_scratch compliance_scratch;

typedef struct compliance_match {
    bool covered;
    alf_span framework; /* both borrowed from the gate */
    alf_span rule;
} compliance_match;

/* The built-in rules as changed by the section `compliance:` of a YAML file, which may be a rules
 * file or have that section only; a file without it gives the built-in rules, and so does an empty
 * text. */
alf_status compliance_parse(alf_span text, const char *name, compliance **out, alf_error *err);
void compliance_free(compliance *c);

size_t compliance_count(const compliance *c); /* rules in force */

compliance_scratch *compliance_scratch_new(const compliance *c); /* NULL: out of memory */
void compliance_scratch_free(compliance_scratch *s);

/* The first rule, in order (users' rules, then built-in ones), that covers the log. */
alf_status compliance_check(const compliance *c, compliance_scratch *s, alf_span message,
                            alf_span source, compliance_match *out, alf_error *err);

/* Whether text has a payment card number: known issuer range, right length and grouping, Luhn
 * check digit. */
bool compliance_has_card_number(alf_span text);

#endif
