/* fuzz: classify - rules files: YAML, rules, patterns, and a search with what they give */
#include "classify/ruleset.h"

#include "base/span.h"

#include <stdint.h>
#include <stdlib.h>

static void ask(const ruleset *r, ruleset_scratch *s, alf_span text)
{
    alf_error err;
    rule_match m = {.matched = false};
    compliance_match covered;
    ruleset_scan(r, s, text);
    (void)ruleset_gate(r, s, text, &covered, &err);
    (void)ruleset_match(r, s, &m, &err);
    if (m.matched && (m.rule.data == NULL || (unsigned)m.category >= ALF_CATEGORIES))
        abort();
}

static void try_parts(alf_span text, int parts)
{
    ruleset *r = NULL;
    alf_error err;
    if (ruleset_parse(text, "fuzz", parts, &r, &err) != ALF_OK)
        return;
    ruleset_scratch *s = ruleset_scratch_new(r);
    if (s != NULL) {
        ask(r, s, text);
        ask(r, s, SPAN_LITERAL("Failed password for root\n\xff\0x"));
    }
    ruleset_scratch_free(s);
    ruleset_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1 << 14)
        return 0;
    alf_span text = span_of((const char *)data, size);
    try_parts(text, RULESET_RULES);
    try_parts(text, RULESET_GATE);
    return 0;
}
