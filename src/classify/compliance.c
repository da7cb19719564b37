/*
 * The gate: a range of the patterns for messages, and a set of its own for sources; a rule owns a
 * range of patterns in each.
 */
#include "classify/compliance.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/compliance_table.h"
#include "classify/rules_file.h"

enum { GATE_MAX_RULES = 1000, GATE_MEMORY = 16 << 20 };

typedef struct range {
    uint32_t first, count;
} range;

typedef struct gate_rule {
    alf_span framework, name;
    range message, source;
    bool luhn;
} gate_rule;

struct compliance {
    arena memory;
    gate_rule *rules;
    size_t count;
    size_t begin, end; /* its patterns for messages */
    pattern_set *sources;
};

struct compliance_scratch {
    pattern_scratch *sources;
    bool *message_found, *source_found;
};

typedef struct loader {
    compliance *gate;
    const char *name;
    pattern_list *messages;
    pattern_list sources;
    strmap skip; /* built-in rules that are off or replaced: 0; user rules' names: 1 */
    alf_error *err;
} loader;

static const char *const top_keys[] = {"version", "categories", "settings", "compliance", NULL};
static const char *const section_keys[] = {"enabled", "builtin", "disable", "rules", NULL};
static const char *const rule_keys[] = {"name",     "framework",      "pattern",
                                        "patterns", "source_pattern", "source_patterns",
                                        "check",    "description",    NULL};

static alf_status new_rule(loader *l, alf_span framework, alf_span name, gate_rule **out)
{
    compliance *gate = l->gate;
    const char *f = arena_strndup(&gate->memory, framework.data, framework.size);
    const char *n = arena_strndup(&gate->memory, name.data, name.size);
    if (f == NULL || n == NULL)
        return error_nomem(l->err, "compliance rules");
    *out = &gate->rules[gate->count++];
    **out = (gate_rule){
        .framework = span_of(f, framework.size),
        .name = span_of(n, name.size),
        .message.first = (uint32_t)(l->messages->count - gate->begin),
        .source.first = (uint32_t)l->sources.count,
    };
    return ALF_OK;
}

/* text: NULL for none. */
static alf_status add_builtin_pattern(loader *l, const gate_rule *rule, const char *text,
                                      pattern_list *list, range *r)
{
    if (text == NULL)
        return ALF_OK;
    pattern_spec spec = {span_from_string(text), true, true};
    r->count++;
    return pattern_list_add(list, &spec, NULL, rule->name, l->err);
}

static alf_status add_builtin(loader *l, const compliance_entry *entry)
{
    gate_rule *rule;
    TRY(new_rule(l, span_from_string(entry->framework), span_from_string(entry->name), &rule));
    rule->luhn = entry->luhn;
    for (size_t i = 0; i < COMPLIANCE_PATTERNS; i++) {
        TRY(add_builtin_pattern(l, rule, entry->message[i], l->messages, &rule->message));
        TRY(add_builtin_pattern(l, rule, entry->source[i], &l->sources, &rule->source));
    }
    return ALF_OK;
}

static alf_status add_builtins(loader *l)
{
    for (size_t i = 0; i < compliance_table_count; i++) {
        uint32_t unused;
        if (!strmap_get(&l->skip, span_from_string(compliance_table[i].name), &unused))
            TRY(add_builtin(l, &compliance_table[i]));
    }
    return ALF_OK;
}

/* Adds the patterns for messages or for sources, when there are any. */
static alf_status add_patterns(loader *l, const yaml_node *map, bool source, gate_rule *rule)
{
    const char *single = source ? "source_pattern" : "pattern";
    const char *many = source ? "source_patterns" : "patterns";
    if (yaml_child(map, single) == NULL && yaml_child(map, many) == NULL)
        return ALF_OK;
    const yaml_node *node;
    size_t count;
    TRY(rules_file_patterns(map, single, many, l->name, &node, &count, l->err));
    for (size_t i = 0; i < count; i++, node = node->next) {
        pattern_spec spec = {node->text, true, false};
        TRY(pattern_list_add(source ? &l->sources : l->messages, &spec, node, rule->name, l->err));
    }
    (source ? &rule->source : &rule->message)->count = (uint32_t)count;
    return ALF_OK;
}

static alf_status required_text(loader *l, const yaml_node *map, const char *key, alf_span *out)
{
    const yaml_node *n = yaml_child(map, key);
    if (n == NULL)
        return yaml_error(map, l->name, l->err, "the rule has no %s", key);
    return yaml_get_string(n, l->name, out, l->err);
}

static alf_status add_user_rule(loader *l, const yaml_node *node)
{
    alf_span framework, name, check;
    gate_rule *rule;
    bool added;
    TRY(yaml_check_keys(node, rule_keys, l->name, l->err));
    TRY(required_text(l, node, "name", &name));
    TRY(required_text(l, node, "framework", &framework));
    if (!strmap_put(&l->skip, name, 1, &added))
        return error_nomem(l->err, "compliance rules");
    if (!added)
        return yaml_error(node, l->name, l->err,
                          "the name \"%.*s\" is there twice, or disabled and defined",
                          span_width(name), name.data);
    TRY(new_rule(l, framework, name, &rule));
    TRY(add_patterns(l, node, false, rule));
    TRY(add_patterns(l, node, true, rule));
    if (rule->message.count == 0 && rule->source.count == 0)
        return yaml_error(node, l->name, l->err, "expected pattern(s), source_pattern(s) or both");
    const yaml_node *n = yaml_child(node, "check");
    if (n == NULL)
        return ALF_OK;
    TRY(yaml_get_string(n, l->name, &check, l->err));
    rule->luhn = span_is(check, "luhn");
    if (!rule->luhn && !span_is(check, "none"))
        return yaml_error(n, l->name, l->err, "found \"%.*s\", expected luhn or none",
                          span_width(check), check.data);
    return ALF_OK;
}

static bool is_builtin(alf_span name)
{
    for (size_t i = 0; i < compliance_table_count; i++)
        if (span_is(name, compliance_table[i].name))
            return true;
    return false;
}

static alf_status read_disabled(loader *l, const yaml_node *list)
{
    TRY(yaml_check_kind(list, YAML_KIND_LIST, l->name, l->err));
    for (const yaml_node *n = list->first; n != NULL; n = n->next) {
        alf_span name;
        bool added;
        TRY(yaml_get_string(n, l->name, &name, l->err));
        if (!is_builtin(name))
            return yaml_error(n, l->name, l->err, "\"%.*s\" is no built-in rule", span_width(name),
                              name.data);
        if (!strmap_put(&l->skip, name, 0, &added))
            return error_nomem(l->err, "compliance rules");
    }
    return ALF_OK;
}

static alf_status get_flag(loader *l, const yaml_node *map, const char *key, bool *out)
{
    const yaml_node *n = yaml_child(map, key);
    *out = true;
    return n == NULL ? ALF_OK : yaml_get_bool(n, l->name, out, l->err);
}

static alf_status read_section(loader *l, const yaml_node *section, bool *builtin)
{
    bool enabled;
    TRY(yaml_check_keys(section, section_keys, l->name, l->err));
    TRY(get_flag(l, section, "enabled", &enabled));
    TRY(get_flag(l, section, "builtin", builtin));
    const yaml_node *disabled = yaml_child(section, "disable");
    if (disabled != NULL)
        TRY(read_disabled(l, disabled));
    const yaml_node *rules = yaml_child(section, "rules");
    if (rules != NULL) {
        TRY(yaml_check_kind(rules, YAML_KIND_LIST, l->name, l->err));
        if (rules->count > GATE_MAX_RULES)
            return yaml_error(rules, l->name, l->err, "more than %d rules", (int)GATE_MAX_RULES);
        for (const yaml_node *n = rules->first; n != NULL; n = n->next)
            TRY(add_user_rule(l, n));
    }
    if (!enabled) { /* checked all the same, so that switching it on holds no surprise */
        *builtin = false;
        l->gate->count = 0;
        l->messages->count = l->gate->begin;
        l->sources.count = 0;
    }
    return ALF_OK;
}

static alf_status read_root(loader *l, const yaml_node *root)
{
    bool builtin = true;
    const yaml_node *section = NULL;
    if (root != NULL) {
        TRY(yaml_check_keys(root, top_keys, l->name, l->err));
        section = yaml_child(root, "compliance");
    }
    size_t most = compliance_table_count + (section != NULL ? GATE_MAX_RULES : 0);
    l->gate->rules = arena_alloc(&l->gate->memory, most, sizeof *l->gate->rules);
    if (l->gate->rules == NULL)
        return error_nomem(l->err, "compliance rules");
    if (section != NULL)
        TRY(read_section(l, section, &builtin));
    return builtin ? add_builtins(l) : ALF_OK;
}

alf_status compliance_read(const yaml_node *root, const char *name, pattern_list *messages,
                           compliance **out, alf_error *err)
{
    loader l = {
        .name = name, .err = err, .gate = mem_calloc(1, sizeof(compliance)), .messages = messages};
    if (l.gate == NULL)
        return error_nomem(err, "compliance rules");
    arena_init(&l.gate->memory, GATE_MEMORY);
    strmap_init(&l.skip);
    l.gate->begin = messages->count;
    alf_status status = read_root(&l, root);
    l.gate->end = messages->count;
    if (status == ALF_OK)
        status = pattern_list_compile(&l.sources, name, &l.gate->sources, err);
    strmap_fini(&l.skip);
    pattern_list_fini(&l.sources);
    if (status == ALF_OK)
        *out = l.gate;
    else
        compliance_free(l.gate);
    return status;
}

void compliance_free(compliance *c)
{
    if (c == NULL)
        return;
    pattern_set_free(c->sources);
    arena_fini(&c->memory);
    mem_free(c);
}

size_t compliance_count(const compliance *c)
{
    return c->count;
}

compliance_scratch *compliance_scratch_new(const compliance *c)
{
    compliance_scratch *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->sources = pattern_scratch_new(c->sources);
    s->message_found = mem_calloc(c->end - c->begin, sizeof *s->message_found);
    s->source_found = mem_calloc(pattern_set_count(c->sources), sizeof *s->source_found);
    if (s->sources != NULL && s->message_found != NULL && s->source_found != NULL)
        return s;
    compliance_scratch_free(s);
    return NULL;
}

void compliance_scratch_free(compliance_scratch *s)
{
    if (s == NULL)
        return;
    pattern_scratch_free(s->sources);
    mem_free(s->message_found);
    mem_free(s->source_found);
    mem_free(s);
}

/* An empty range asks for nothing. */
static bool found_in(const bool *found, range r)
{
    for (uint32_t i = 0; i < r.count; i++)
        if (found[r.first + i])
            return true;
    return r.count == 0;
}

/* Whether any pattern can match: every rule asks for one at least. */
static bool may_cover(const compliance *c, compliance_scratch *s, const compliance_question *q)
{
    pattern_set_scan(c->sources, s->sources, q->source);
    return pattern_set_may_match(q->scanned, c->begin, c->end) ||
           pattern_set_may_match(s->sources, 0, pattern_set_count(c->sources));
}

alf_status compliance_check(const compliance *c, compliance_scratch *s,
                            const compliance_question *q, compliance_match *out, alf_error *err)
{
    if (!may_cover(c, s, q))
        return ALF_OK;
    TRY(pattern_set_mark(q->set, q->scanned, c->begin, c->end, s->message_found, err));
    TRY(pattern_set_mark(c->sources, s->sources, 0, pattern_set_count(c->sources), s->source_found,
                         err));
    for (size_t i = 0; i < c->count; i++) {
        const gate_rule *rule = &c->rules[i];
        if (!found_in(s->message_found, rule->message) || !found_in(s->source_found, rule->source))
            continue;
        if (rule->luhn && !compliance_has_card_number(q->message))
            continue;
        *out = (compliance_match){true, rule->framework, rule->name};
        return ALF_OK;
    }
    return ALF_OK;
}
