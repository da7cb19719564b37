/* fuzz: classify - rules files: YAML, rules, patterns, and a search with what they give */
#include "classify/compliance.h"
#include "classify/rules.h"

#include "base/span.h"

#include <stdint.h>
#include <stdlib.h>

static void try_rules(alf_span text)
{
    rules *r = NULL;
    alf_error err;
    if (rules_parse(text, "fuzz", &r, &err) != ALF_OK)
        return;
    rules_scratch *s = rules_scratch_new(r);
    rule_match m;
    if (s != NULL) {
        (void)rules_match(r, s, text, &m, &err);
        (void)rules_match(r, s, SPAN_LITERAL("Failed password for root\n\xff\0x"), &m, &err);
        if (m.matched && (m.rule.data == NULL || (unsigned)m.category >= ALF_CATEGORIES))
            abort();
    }
    rules_scratch_free(s);
    rules_free(r);
}

static void try_gate(alf_span text)
{
    compliance *c = NULL;
    alf_error err;
    if (compliance_parse(text, "fuzz", &c, &err) != ALF_OK)
        return;
    compliance_scratch *s = compliance_scratch_new(c);
    compliance_match m;
    if (s != NULL)
        (void)compliance_check(c, s, text, text, &m, &err);
    compliance_scratch_free(s);
    compliance_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 << 14)
        return 0;
    alf_span text = span_of((const char *)data, size);
    try_rules(text);
    /* Without "builtin: false" each input would compile the whole built-in table. */
    for (size_t i = 0; i + 14 <= size; i++)
        if (memcmp(data + i, "builtin: false", 14) == 0) {
            try_gate(text);
            break;
        }
    return 0;
}
