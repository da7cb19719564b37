/* Joins rules and gate: one YAML document, one pattern set, one scan. */
#include "classify/ruleset.h"

#include "base/embedded.h"
#include "base/hash.h"
#include "base/mem.h"
#include "classify/builtin_rules.h"
#include "classify/rules.h"

struct ruleset {
    rules *rules;     /* NULL: not loaded */
    compliance *gate; /* NULL: not loaded */
    pattern_set *messages;
};

struct ruleset_scratch {
    pattern_scratch *messages;
    compliance_scratch *gate;
    alf_span message; /* of the last scan */
};

enum { YAML_MEMORY = 64 << 20 };

/* What loading needs besides the ruleset. */
typedef struct loader {
    arena memory; /* the YAML */
    pattern_list messages;
    ruleset *out;
} loader;

/* What was computed when the program was made, if it is about these very patterns. */
static alf_status load_built_in(loader *l, const char *name, alf_error *err)
{
    TRY(rules_built_in(&builtin_rules_table, &l->messages, &l->out->rules, err));
    size_t begin = l->messages.count;
    TRY(compliance_read(NULL, name, &l->messages, &l->out->gate, err));
    const pattern_image *image = &builtin_rules_table.messages;
    if (pattern_specs_hash(l->messages.specs + begin, l->messages.count - begin) !=
        builtin_rules_table.gate_hash)
        return pattern_list_compile(&l->messages, name, &l->out->messages, err);
    return pattern_set_from_image(l->messages.specs, l->messages.count, image, &l->out->messages,
                                  err);
}

static alf_status load(loader *l, alf_span text, const char *name, int parts, alf_error *err)
{
    yaml_node *root;
    bool vetted = text.data == embedded_rules.data && text.size == embedded_rules.size;
    if (vetted && parts == RULESET_ALL &&
        hash_bytes(text.data, text.size, 0) == builtin_rules_table.hash)
        return load_built_in(l, name, err);
    TRY(yaml_doc_parse(text, name, &l->memory, &root, err));
    if ((parts & RULESET_RULES) != 0)
        TRY(rules_read(root, name, vetted, &l->messages, &l->out->rules, err));
    if ((parts & RULESET_GATE) != 0)
        TRY(compliance_read(root, name, &l->messages, &l->out->gate, err));
    return pattern_list_compile(&l->messages, name, &l->out->messages, err);
}

alf_status ruleset_parse(alf_span text, const char *name, int parts, ruleset **out, alf_error *err)
{
    loader l = {.out = mem_calloc(1, sizeof(ruleset))};
    if (l.out == NULL)
        return error_nomem(err, "rules");
    arena_init(&l.memory, YAML_MEMORY);
    alf_status status = load(&l, text, name, parts, err);
    pattern_list_fini(&l.messages);
    arena_fini(&l.memory);
    if (status == ALF_OK)
        *out = l.out;
    else
        ruleset_free(l.out);
    return status;
}

void ruleset_free(ruleset *r)
{
    if (r == NULL)
        return;
    rules_free(r->rules);
    compliance_free(r->gate);
    pattern_set_free(r->messages);
    mem_free(r);
}

size_t ruleset_rule_count(const ruleset *r)
{
    return r->rules != NULL ? rules_count(r->rules) : 0;
}

size_t ruleset_gate_count(const ruleset *r)
{
    return r->gate != NULL ? compliance_count(r->gate) : 0;
}

ruleset_scratch *ruleset_scratch_new(const ruleset *r)
{
    ruleset_scratch *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->messages = pattern_scratch_new(r->messages);
    if (r->gate != NULL)
        s->gate = compliance_scratch_new(r->gate);
    if (s->messages == NULL || (r->gate != NULL && s->gate == NULL)) {
        ruleset_scratch_free(s);
        return NULL;
    }
    return s;
}

void ruleset_scratch_free(ruleset_scratch *s)
{
    if (s == NULL)
        return;
    pattern_scratch_free(s->messages);
    compliance_scratch_free(s->gate);
    mem_free(s);
}

void ruleset_scan(const ruleset *r, ruleset_scratch *s, alf_span message)
{
    s->message = message;
    pattern_set_scan(r->messages, s->messages, message);
}

alf_status ruleset_gate(const ruleset *r, ruleset_scratch *s, alf_span source,
                        compliance_match *out, alf_error *err)
{
    compliance_question q = {s->message, source, r->messages, s->messages};
    *out = (compliance_match){.covered = false};
    return r->gate != NULL ? compliance_check(r->gate, s->gate, &q, out, err) : ALF_OK;
}

alf_status ruleset_match(const ruleset *r, ruleset_scratch *s, rule_match *out, alf_error *err)
{
    *out = (rule_match){.matched = false};
    return r->rules != NULL ? rules_match(r->rules, r->messages, s->messages, out, err) : ALF_OK;
}
