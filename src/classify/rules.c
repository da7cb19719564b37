/*
 * Rule sets. Patterns are numbered best rule first, so the best match is the lowest pattern found:
 * one question to the pattern set answers it.
 */
#include "classify/rules.h"

#include "base/mem.h"
#include "base/span.h"
#include "classify/patterns.h"
#include "classify/rules_file.h"

struct rules {
    arena memory; /* names */
    rule_match *entries;
    size_t count;
    uint32_t *rule_of; /* pattern -> entry */
    pattern_set *patterns;
    size_t fast_count;
    rule_match no_match;
};

struct rules_scratch {
    pattern_scratch *patterns;
};

enum { RULES_MEMORY = 64 << 20 };

typedef struct pattern_list {
    pattern_spec *specs;
    const yaml_node **nodes; /* where each stands in the file */
} pattern_list;

static alf_status list_patterns(const rules_file *f, arena *memory, rules *r, pattern_list *list,
                                alf_error *err)
{
    size_t n = f->pattern_count;
    list->specs = arena_alloc(memory, n, sizeof *list->specs);
    list->nodes = arena_alloc(memory, n, sizeof(const yaml_node *));
    r->rule_of = arena_alloc(&r->memory, n, sizeof *r->rule_of);
    if (list->specs == NULL || list->nodes == NULL || r->rule_of == NULL)
        return error_nomem(err, "rules");
    size_t at = 0;
    for (size_t i = 0; i < f->count; i++) {
        const yaml_node *node = f->rules[i].patterns;
        for (size_t k = 0; k < f->rules[i].pattern_count; k++, node = node->next, at++) {
            list->specs[at] = (pattern_spec){node->text, f->case_insensitive};
            list->nodes[at] = node;
            r->rule_of[at] = (uint32_t)i;
        }
    }
    return ALF_OK;
}

static alf_status copy_entries(const rules_file *f, rules *r, alf_error *err)
{
    r->entries = arena_alloc(&r->memory, f->count, sizeof *r->entries);
    if (r->entries == NULL)
        return error_nomem(err, "rules");
    r->count = f->count;
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

/* Rules of which every pattern is filtered. A rule's patterns are neighbours. */
static size_t count_fast_rules(const rules *r)
{
    size_t slow_rules = 0;
    uint32_t last = UINT32_MAX;
    for (size_t i = 0; i < pattern_set_count(r->patterns); i++) {
        if (pattern_set_is_filtered(r->patterns, i) || r->rule_of[i] == last)
            continue;
        last = r->rule_of[i];
        slow_rules++;
    }
    return r->count - slow_rules;
}

static alf_status compile(const rules_file *f, arena *memory, rules *r, const char *name,
                          alf_error *err)
{
    pattern_list list;
    TRY(list_patterns(f, memory, r, &list, err));
    size_t bad;
    alf_error local = {.status = ALF_OK};
    alf_status status =
        pattern_set_new(list.specs, f->pattern_count, true, &r->patterns, &bad, &local);
    if (status == ALF_OK) {
        r->fast_count = count_fast_rules(r);
        return ALF_OK;
    }
    if (bad < f->pattern_count)
        return yaml_error(list.nodes[bad], name, err, "rule \"%.*s\": %s",
                          span_width(r->entries[r->rule_of[bad]].rule),
                          r->entries[r->rule_of[bad]].rule.data, local.message);
    if (err != NULL)
        *err = local;
    error_file(err, name);
    return status;
}

alf_status rules_parse(alf_span text, const char *name, rules **out, alf_error *err)
{
    arena memory;
    rules_file file;
    yaml_node *root;
    rules *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "rules");
    arena_init(&r->memory, RULES_MEMORY);
    arena_init(&memory, RULES_MEMORY);
    alf_status status = yaml_doc_parse(text, name, &memory, &root, err);
    if (status == ALF_OK)
        status = rules_file_read(root, name, &memory, &file, err);
    if (status == ALF_OK)
        status = copy_entries(&file, r, err);
    if (status == ALF_OK)
        status = compile(&file, &memory, r, name, err);
    arena_fini(&memory);
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
    pattern_set_free(r->patterns);
    arena_fini(&r->memory);
    mem_free(r);
}

size_t rules_count(const rules *r)
{
    return r->count;
}

size_t rules_fast_count(const rules *r)
{
    return r->fast_count;
}

rules_scratch *rules_scratch_new(const rules *r)
{
    rules_scratch *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->patterns = pattern_scratch_new(r->patterns);
    if (s->patterns == NULL) {
        mem_free(s);
        return NULL;
    }
    return s;
}

void rules_scratch_free(rules_scratch *s)
{
    if (s == NULL)
        return;
    pattern_scratch_free(s->patterns);
    mem_free(s);
}

alf_status rules_match(const rules *r, rules_scratch *s, alf_span message, rule_match *out,
                       alf_error *err)
{
    size_t first;
    *out = r->no_match;
    TRY(pattern_set_first(r->patterns, s->patterns, message, &first, err));
    if (first < pattern_set_count(r->patterns))
        *out = r->entries[r->rule_of[first]];
    return ALF_OK;
}
