/*
 * Rule sets. Patterns are numbered best rule first, so the best match is the lowest pattern found:
 * one question to the pattern set answers it.
 */
#include "classify/rules.h"

#include "base/mem.h"
#include "base/span.h"
#include "classify/rules_file.h"

struct rules {
    arena memory; /* names */
    rule_match *entries;
    size_t count;
    uint32_t *rule_of; /* pattern -> entry */
    size_t begin, end; /* its patterns in the set */
    rule_match no_match;
};

enum { RULES_MEMORY = 64 << 20 };

/* Makes room. */
static alf_status reserve(rules *r, size_t rule_count, size_t pattern_count, alf_error *err)
{
    r->rule_of = arena_alloc(&r->memory, pattern_count, sizeof *r->rule_of);
    r->entries = arena_alloc(&r->memory, rule_count, sizeof *r->entries);
    if (r->rule_of == NULL || r->entries == NULL)
        return error_nomem(err, "rules");
    r->count = rule_count;
    return ALF_OK;
}

static alf_status add_patterns(const rules_file *f, bool vetted, rules *r, pattern_list *list,
                               alf_error *err)
{
    r->begin = list->count;
    for (size_t i = 0; i < f->count; i++) {
        const yaml_node *node = f->rules[i].patterns;
        for (size_t k = 0; k < f->rules[i].pattern_count; k++, node = node->next) {
            pattern_spec spec = {node->text, f->case_insensitive, vetted};
            r->rule_of[list->count - r->begin] = (uint32_t)i;
            TRY(pattern_list_add(list, &spec, node, f->rules[i].name, err));
        }
    }
    r->end = list->count;
    return ALF_OK;
}

static alf_status copy_entries(const rules_file *f, rules *r, alf_error *err)
{
    for (size_t i = 0; i < f->count; i++) {
        const rule_def *def = &f->rules[i];
        const char *name = arena_strndup(&r->memory, def->name.data, def->name.size);
        if (name == NULL)
            return error_nomem(err, "rules");
        r->entries[i] =
            (rule_match){true, def->category, def->confidence, span_of(name, def->name.size)};
    }
    r->no_match =
        (rule_match){.category = f->default_category, .confidence = f->default_confidence};
    return ALF_OK;
}

alf_status rules_read(const yaml_node *root, const char *name, bool vetted, pattern_list *list,
                      rules **out, alf_error *err)
{
    arena memory;
    rules_file file;
    rules *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "rules");
    arena_init(&r->memory, RULES_MEMORY);
    arena_init(&memory, RULES_MEMORY);
    alf_status status = rules_file_read(root, name, &memory, &file, err);
    if (status == ALF_OK)
        status = reserve(r, file.count, file.pattern_count, err);
    if (status == ALF_OK)
        status = copy_entries(&file, r, err);
    if (status == ALF_OK)
        status = add_patterns(&file, vetted, r, list, err);
    arena_fini(&memory);
    if (status == ALF_OK)
        *out = r;
    else
        rules_free(r);
    return status;
}

static alf_status copy_builtin(const builtin_rules *from, rules *r, pattern_list *list,
                               alf_error *err)
{
    const char *const *text = from->patterns;
    r->begin = list->count;
    for (size_t i = 0; i < from->rule_count; i++) {
        const builtin_rule *rule = &from->rules[i];
        alf_span name = span_from_string(rule->name);
        r->entries[i] = (rule_match){true, rule->category, rule->confidence, name};
        for (uint32_t k = 0; k < rule->patterns; k++) {
            pattern_spec spec = {span_from_string(*text++), from->caseless, true};
            r->rule_of[list->count - r->begin] = (uint32_t)i;
            TRY(pattern_list_add(list, &spec, NULL, name, err));
        }
    }
    r->end = list->count;
    r->no_match =
        (rule_match){.category = from->default_category, .confidence = from->default_confidence};
    return ALF_OK;
}

alf_status rules_built_in(const builtin_rules *from, pattern_list *list, rules **out,
                          alf_error *err)
{
    size_t patterns = 0;
    for (size_t i = 0; i < from->rule_count; i++)
        patterns += from->rules[i].patterns;
    rules *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "rules");
    arena_init(&r->memory, RULES_MEMORY);
    alf_status status = reserve(r, from->rule_count, patterns, err);
    if (status == ALF_OK)
        status = copy_builtin(from, r, list, err);
    if (status == ALF_OK)
        *out = r;
    else
        rules_free(r);
    return status;
}

void rules_free(rules *r)
{
    if (r == NULL)
        return;
    arena_fini(&r->memory);
    mem_free(r);
}

size_t rules_count(const rules *r)
{
    return r->count;
}

alf_status rules_match(const rules *r, const pattern_set *set, pattern_scratch *s, rule_match *out,
                       alf_error *err)
{
    size_t first;
    *out = r->no_match;
    TRY(pattern_set_first(set, s, r->begin, r->end, &first, err));
    if (first < r->end)
        *out = r->entries[r->rule_of[first - r->begin]];
    return ALF_OK;
}
