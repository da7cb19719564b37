/*
 * Pattern sets. Building: (1) PCRE2 compiles every pattern; (2) the literals that each needs make
 * the filter; (3) the filter is tried on samples made from each pattern: one that PCRE2 finds where
 * the filter does not see it is taken out of the filter.
 */
#include "classify/patterns.h"

#include "base/mem.h"
#include "base/span.h"
#include "classify/pattern_prefilter.h"
#include "classify/pattern_sample.h"
#include "classify/pattern_slow.h"

enum {
    TREE_MEMORY = 64 << 20, /* of one pattern */
    LITERAL_MEMORY = 256 << 20
};

struct pattern_set {
    size_t count;
    slow_pattern **slow; /* per pattern */
    prefilter *filter;   /* NULL: every pattern is always a candidate */
    bool *filtered;      /* per pattern: it has literals in the filter */
};

struct pattern_scratch {
    slow_scratch *slow;
    uint64_t *candidates;
    size_t words;
};

/* What building needs besides the set. */
typedef struct build {
    const pattern_spec *specs;
    pattern_set *set;
    literal_set *literals; /* per pattern */
    slow_scratch *scratch;
    arena tree;   /* of the pattern at hand */
    arena memory; /* literals */
    alf_error *err;
} build;

static alf_status compile_slow(build *b, size_t *bad)
{
    for (size_t i = 0; i < b->set->count; i++) {
        alf_status status = slow_compile(&b->specs[i], &b->set->slow[i], b->err);
        if (status != ALF_OK) {
            *bad = status == ALF_E_NOMEM ? b->set->count : i;
            return status;
        }
        slow_use_jit(b->set->slow[i]);
    }
    return ALF_OK;
}

/* The tree of pattern i, or NULL; it replaces the one before. Trees are about bytes. */
static alf_status parse(build *b, size_t i, const pattern_node **out)
{
    *out = NULL;
    arena_reset(&b->tree);
    if (slow_is_utf(b->set->slow[i]))
        return ALF_OK;
    return pattern_parse(b->specs[i].text, &b->tree, out, b->err);
}

static alf_status copy_literals(build *b, const literal_set *from, literal_set *to)
{
    to->text = arena_alloc(&b->memory, from->count, sizeof *to->text);
    to->count = from->count;
    for (size_t i = 0; to->text != NULL && i < from->count; i++) {
        size_t size = from->text[i].size;
        to->text[i] = span_of(arena_strndup(&b->memory, from->text[i].data, size), size);
        if (to->text[i].data == NULL)
            to->text = NULL;
    }
    return to->text != NULL ? ALF_OK : error_nomem(b->err, "patterns");
}

/* Tries the filter on texts made from the pattern. */
static alf_status check_filter(build *b, size_t i, uint64_t *candidates)
{
    const pattern_node *tree;
    TRY(parse(b, i, &tree));
    size_t count = tree != NULL ? 4 + sample_count(tree) / 8 : 0;
    for (size_t n = 0; n < count; n++) {
        char text[SAMPLE_MAX];
        bool found;
        size_t size = sample_make(tree, i, 3 * n, text); /* every third is meant to match */
        prefilter_search(b->set->filter, span_of(text, size), candidates);
        if ((candidates[i / 64] >> (i % 64) & 1) != 0)
            continue;
        alf_status status =
            slow_search(b->set->slow[i], b->scratch, span_of(text, size), &found, b->err);
        if (status == ALF_E_NOMEM)
            return status;
        if (status == ALF_OK && !found)
            continue;
        prefilter_distrust(b->set->filter, i);
        b->set->filtered[i] = false;
        break;
    }
    return ALF_OK;
}

static alf_status build_filter(build *b)
{
    for (size_t i = 0; i < b->set->count; i++) {
        const pattern_node *tree;
        literal_set found = {NULL, 0};
        TRY(parse(b, i, &tree));
        if (tree != NULL)
            TRY(pattern_literals(tree, &b->tree, &found, b->err));
        if (found.count > 0)
            TRY(copy_literals(b, &found, &b->literals[i]));
        b->set->filtered[i] = found.count > 0;
    }
    TRY(prefilter_new(b->literals, b->set->count, &b->set->filter, b->err));
    uint64_t *candidates = mem_calloc(prefilter_words(b->set->filter), sizeof *candidates);
    if (candidates == NULL)
        return error_nomem(b->err, "patterns");
    alf_status status = ALF_OK;
    for (size_t i = 0; i < b->set->count && status == ALF_OK; i++)
        if (b->set->filtered[i])
            status = check_filter(b, i, candidates);
    mem_free(candidates);
    return status;
}

/* ---- the set ---- */

static alf_status build_start(build *b, size_t count)
{
    size_t n = count > 0 ? count : 1;
    arena_init(&b->tree, TREE_MEMORY);
    arena_init(&b->memory, LITERAL_MEMORY);
    b->set = mem_calloc(1, sizeof *b->set);
    b->literals = mem_calloc(n, sizeof *b->literals);
    b->scratch = slow_scratch_new();
    if (b->set != NULL) {
        b->set->count = count;
        b->set->slow = mem_calloc(n, sizeof *b->set->slow);
        b->set->filtered = mem_calloc(n, sizeof *b->set->filtered);
    }
    bool good = b->set != NULL && b->literals != NULL && b->scratch != NULL &&
                b->set->slow != NULL && b->set->filtered != NULL;
    return good ? ALF_OK : error_nomem(b->err, "patterns");
}

static alf_status check_amount(const pattern_spec *specs, size_t count, alf_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < count && total <= PATTERN_MAX_TOTAL; i++)
        total += specs[i].text.size < PATTERN_MAX_TOTAL ? specs[i].text.size : PATTERN_MAX_TOTAL;
    if (count > PATTERN_MAX_COUNT || total > PATTERN_MAX_TOTAL)
        return error_set(err, ALF_E_LIMIT,
                         "%zu patterns; at most 20000 patterns of 1 MiB in all are accepted",
                         count);
    return ALF_OK;
}

alf_status pattern_set_new(const pattern_spec *specs, size_t count, bool filtered,
                           pattern_set **out, size_t *bad, alf_error *err)
{
    build b = {.specs = specs, .err = err};
    *bad = count;
    TRY(check_amount(specs, count, err));
    alf_status status = build_start(&b, count);
    if (status == ALF_OK)
        status = compile_slow(&b, bad);
    if (status == ALF_OK && filtered)
        status = build_filter(&b);
    arena_fini(&b.tree);
    arena_fini(&b.memory);
    slow_scratch_free(b.scratch);
    mem_free(b.literals);
    if (status == ALF_OK)
        *out = b.set;
    else
        pattern_set_free(b.set);
    return status;
}

void pattern_set_free(pattern_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; set->slow != NULL && i < set->count; i++)
        slow_free(set->slow[i]);
    mem_free(set->slow);
    mem_free(set->filtered);
    prefilter_free(set->filter);
    mem_free(set);
}

size_t pattern_set_count(const pattern_set *set)
{
    return set->count;
}

bool pattern_set_is_filtered(const pattern_set *set, size_t i)
{
    return set->filtered[i];
}

pattern_scratch *pattern_scratch_new(const pattern_set *set)
{
    pattern_scratch *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->slow = slow_scratch_new();
    s->words = set->filter != NULL ? prefilter_words(set->filter) : set->count / 64 + 1;
    s->candidates = mem_calloc(s->words, sizeof *s->candidates);
    if (s->slow == NULL || s->candidates == NULL) {
        pattern_scratch_free(s);
        return NULL;
    }
    return s;
}

void pattern_scratch_free(pattern_scratch *scratch)
{
    if (scratch == NULL)
        return;
    slow_scratch_free(scratch->slow);
    mem_free(scratch->candidates);
    mem_free(scratch);
}

static void find_candidates(const pattern_set *set, pattern_scratch *scratch, alf_span text)
{
    if (set->filter != NULL)
        prefilter_search(set->filter, text, scratch->candidates);
    else
        memset(scratch->candidates, 0xff, scratch->words * sizeof *scratch->candidates);
}

/* The first candidate from *i on; false when there is none below limit. */
static bool next_candidate(const pattern_scratch *scratch, size_t limit, size_t *i)
{
    for (; *i < limit; ++*i) {
        uint64_t left = scratch->candidates[*i / 64] >> (*i % 64);
        if (left == 0) {
            *i |= 63;
            continue;
        }
        *i += (size_t)__builtin_ctzll(left);
        return *i < limit;
    }
    return false;
}

alf_status pattern_set_first(const pattern_set *set, pattern_scratch *scratch, alf_span text,
                             size_t *first, alf_error *err)
{
    *first = set->count;
    find_candidates(set, scratch, text);
    for (size_t i = 0; next_candidate(scratch, *first, &i); i++) {
        bool found;
        TRY(slow_search(set->slow[i], scratch->slow, text, &found, err));
        if (found)
            *first = i;
    }
    return ALF_OK;
}

alf_status pattern_set_mark(const pattern_set *set, pattern_scratch *scratch, alf_span text,
                            bool *found, alf_error *err)
{
    if (set->count > 0)
        memset(found, 0, set->count * sizeof *found);
    find_candidates(set, scratch, text);
    for (size_t i = 0; next_candidate(scratch, set->count, &i); i++)
        TRY(slow_search(set->slow[i], scratch->slow, text, &found[i], err));
    return ALF_OK;
}
