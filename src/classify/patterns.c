/*
 * Pattern sets. Building: (1) PCRE2 compiles every pattern that is not vetted; (2) the literals
 * that each needs make the filter; (3) the filter is tried on samples made from each pattern that
 * is not vetted: one that PCRE2 finds where the filter does not see it is taken out of the filter.
 * Of the built-in patterns all that is done in advance: their filter is part of the program.
 */
#include "classify/patterns.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/pattern_prefilter.h"
#include "classify/pattern_sample.h"
#include "classify/pattern_slow.h"

enum {
    TREE_MEMORY = 64 << 20, /* of one pattern */
    CHECK_BUDGET = 1 << 30  /* entries of shared literals: seconds, not hours */
};

struct pattern_set {
    size_t count;
    slow_pattern *slow; /* per pattern */
    prefilter *filter;  /* NULL: every pattern is always a candidate */
};

struct pattern_scratch {
    slow_scratch *slow;
    prefilter_scratch *filter;
    prefilter_answer answer;
    size_t words;
    alf_span text; /* of the last scan */
};

/* What building needs besides the set. */
typedef struct build {
    const pattern_spec *specs;
    pattern_set *set;
    arena tree; /* of the pattern at hand */
    alf_error *err;
} build;

static alf_status check_patterns(build *b, size_t *bad)
{
    for (size_t i = 0; i < b->set->count; i++) {
        slow_pattern *slow = slow_at(b->set->slow, i);
        alf_status status = slow_init(slow, &b->specs[i], b->err);
        if (status == ALF_OK && !b->specs[i].vetted)
            status = slow_check(slow, b->err);
        if (status != ALF_OK) {
            *bad = status == ALF_E_NOMEM ? b->set->count : i;
            return status;
        }
    }
    return ALF_OK;
}

/* The tree of pattern i, or NULL; it replaces the one before. Trees are about bytes. */
static alf_status parse(build *b, size_t i, const pattern_node **out)
{
    *out = NULL;
    arena_reset(&b->tree);
    const slow_pattern *slow = slow_at(b->set->slow, i);
    if (slow_is_utf(slow))
        return ALF_OK;
    return pattern_parse(slow_text(slow), &b->tree, out, b->err);
}

static alf_status add_literals(build *b, size_t i)
{
    const pattern_node *tree;
    literal_need need = {NULL, 0};
    TRY(parse(b, i, &tree));
    if (tree != NULL)
        TRY(pattern_literals(tree, &b->tree, &need, b->err));
    return prefilter_add(b->set->filter, i, &need, b->err);
}

/* Whether the filter lets PCRE2 find pattern i in s->text if it is there. */
static alf_status try_sample(build *b, size_t i, pattern_scratch *s, bool *good)
{
    slow_pattern *slow = slow_at(b->set->slow, i);
    bool truth = false, found = false;
    prefilter_search(b->set->filter, s->filter, s->text, &s->answer);
    bool candidate = (s->answer.candidates[i / 64] >> (i % 64) & 1) != 0;
    *good = candidate && s->answer.from[i] == 0;
    if (*good)
        return ALF_OK;
    alf_status status = slow_try(slow, s->slow, s->text, 0, &truth, b->err);
    if (status == ALF_OK && truth && candidate)
        status = slow_try(slow, s->slow, s->text, s->answer.from[i], &found, b->err);
    *good = status == ALF_OK && truth == found;
    return status == ALF_E_NOMEM ? status : ALF_OK;
}

/* Tries the filter on texts made from the pattern. Each text walks through all patterns that share
 * its literals; a pattern for which that would go beyond the budget is tried on every text. */
static alf_status check_filter(build *b, size_t i, uint32_t cost, uint64_t *budget,
                               pattern_scratch *s)
{
    const pattern_node *tree;
    TRY(parse(b, i, &tree));
    size_t count = tree != NULL ? 4 + sample_count(tree) / 8 : 0;
    if ((uint64_t)cost * count > *budget) {
        prefilter_distrust(b->set->filter, i);
        return ALF_OK;
    }
    *budget -= (uint64_t)cost * count;
    for (size_t n = 0; n < count; n++) {
        char text[SAMPLE_MAX];
        bool good;
        s->text = span_of(text, sample_make(tree, i, 3 * n, text)); /* every third is to match */
        TRY(try_sample(b, i, s, &good));
        if (good)
            continue;
        prefilter_distrust(b->set->filter, i);
        break;
    }
    return ALF_OK;
}

static alf_status check_filters(build *b, pattern_scratch *s)
{
    uint64_t budget = CHECK_BUDGET;
    uint32_t *costs = mem_calloc(b->set->count + 1, sizeof *costs);
    if (costs == NULL)
        return error_nomem(b->err, "patterns");
    prefilter_costs(b->set->filter, costs);
    alf_status status = ALF_OK;
    for (size_t i = 0; i < b->set->count && status == ALF_OK; i++)
        if (!b->specs[i].vetted && prefilter_is_filtered(b->set->filter, i))
            status = check_filter(b, i, costs[i], &budget, s);
    mem_free(costs);
    return status;
}

static alf_status build_filter(build *b)
{
    b->set->filter = prefilter_new(b->set->count);
    if (b->set->filter == NULL)
        return error_nomem(b->err, "patterns");
    for (size_t i = 0; i < b->set->count; i++)
        TRY(add_literals(b, i));
    TRY(prefilter_finish(b->set->filter, b->err));
    pattern_scratch *s = pattern_scratch_new(b->set);
    if (s == NULL)
        return error_nomem(b->err, "patterns");
    alf_status status = check_filters(b, s);
    pattern_scratch_free(s);
    return status;
}

/* ---- the set ---- */

static pattern_set *empty_set(size_t count)
{
    pattern_set *set = mem_calloc(1, sizeof *set);
    if (set == NULL)
        return NULL;
    set->count = count;
    set->slow = slow_list_new(count);
    if (set->slow != NULL)
        return set;
    pattern_set_free(set);
    return NULL;
}

static alf_status check_amount(const pattern_spec *specs, size_t count, alf_error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < count && total <= PATTERN_MAX_TOTAL; i++)
        total += specs[i].text.size < PATTERN_MAX_TOTAL ? specs[i].text.size : PATTERN_MAX_TOTAL;
    if (count > PATTERN_MAX_COUNT || total > PATTERN_MAX_TOTAL)
        return error_set(err, ALF_E_LIMIT,
                         "%zu patterns, those of the compliance gate among them; at most %d of "
                         "1 MiB in all are accepted",
                         count, (int)PATTERN_MAX_COUNT);
    return ALF_OK;
}

alf_status pattern_set_new(const pattern_spec *specs, size_t count, bool filtered,
                           pattern_set **out, size_t *bad, alf_error *err)
{
    *bad = count;
    TRY(check_amount(specs, count, err));
    build b = {.specs = specs, .err = err, .set = empty_set(count)};
    if (b.set == NULL)
        return error_nomem(err, "patterns");
    arena_init(&b.tree, TREE_MEMORY);
    alf_status status = check_patterns(&b, bad);
    if (status == ALF_OK && filtered)
        status = build_filter(&b);
    arena_fini(&b.tree);
    if (status == ALF_OK)
        *out = b.set;
    else
        pattern_set_free(b.set);
    return status;
}

uint64_t pattern_specs_hash(const pattern_spec *specs, size_t count)
{
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++)
        hash = hash_bytes(specs[i].text.data, specs[i].text.size, hash + specs[i].caseless);
    return hash;
}

alf_status pattern_set_from_image(const pattern_spec *specs, size_t count,
                                  const pattern_image *image, pattern_set **out, alf_error *err)
{
    pattern_set *set = empty_set(count);
    if (set == NULL)
        return error_nomem(err, "patterns");
    for (size_t i = 0; i < count; i++)
        slow_borrow(slow_at(set->slow, i), &specs[i]);
    alf_status status = prefilter_from_image(count, image, &set->filter, err);
    if (status == ALF_OK)
        *out = set;
    else
        pattern_set_free(set);
    return status;
}

const pattern_image *pattern_set_image(const pattern_set *set)
{
    return prefilter_image(set->filter);
}

void pattern_set_free(pattern_set *set)
{
    if (set == NULL)
        return;
    slow_list_free(set->slow, set->count);
    prefilter_free(set->filter);
    mem_free(set);
}

bool pattern_machine_code(void)
{
    return slow_has_machine_code();
}

size_t pattern_set_count(const pattern_set *set)
{
    return set->count;
}

bool pattern_set_is_filtered(const pattern_set *set, size_t i)
{
    return set->filter != NULL && prefilter_is_filtered(set->filter, i);
}

pattern_scratch *pattern_scratch_new(const pattern_set *set)
{
    pattern_scratch *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->slow = slow_scratch_new();
    s->words = set->count / 64 + 1;
    s->answer.candidates = mem_calloc(s->words, sizeof *s->answer.candidates);
    s->answer.from = mem_calloc(set->count + 1, sizeof *s->answer.from);
    if (set->filter != NULL)
        s->filter = prefilter_scratch_new(set->filter);
    if (s->slow == NULL || s->answer.candidates == NULL || s->answer.from == NULL ||
        (set->filter != NULL && s->filter == NULL)) {
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
    prefilter_scratch_free(scratch->filter);
    mem_free(scratch->answer.candidates);
    mem_free(scratch->answer.from);
    mem_free(scratch);
}

void pattern_set_scan(const pattern_set *set, pattern_scratch *scratch, alf_span text)
{
    scratch->text = text;
    if (set->filter != NULL)
        prefilter_search(set->filter, scratch->filter, text, &scratch->answer);
    else
        memset(scratch->answer.candidates, 0xff,
               scratch->words * sizeof *scratch->answer.candidates);
}

/* The first candidate from *i on; false when there is none below end. */
static bool next_candidate(const pattern_scratch *scratch, size_t end, size_t *i)
{
    for (; *i < end; ++*i) {
        uint64_t left = scratch->answer.candidates[*i / 64] >> (*i % 64);
        if (left == 0) {
            *i |= 63;
            continue;
        }
        *i += (size_t)__builtin_ctzll(left);
        return *i < end;
    }
    return false;
}

static alf_status search_one(const pattern_set *set, pattern_scratch *s, size_t i, bool *found,
                             alf_error *err)
{
    return slow_search(slow_at(set->slow, i), s->slow, s->text, s->answer.from[i], found, err);
}

bool pattern_set_may_match(const pattern_scratch *scratch, size_t begin, size_t end)
{
    return next_candidate(scratch, end, &begin);
}

alf_status pattern_set_first(const pattern_set *set, pattern_scratch *scratch, size_t begin,
                             size_t end, size_t *first, alf_error *err)
{
    *first = end;
    for (size_t i = begin; next_candidate(scratch, *first, &i); i++) {
        bool found;
        TRY(search_one(set, scratch, i, &found, err));
        if (found)
            *first = i;
    }
    return ALF_OK;
}

alf_status pattern_set_mark(const pattern_set *set, pattern_scratch *scratch, size_t begin,
                            size_t end, bool *found, alf_error *err)
{
    if (end > begin)
        memset(found, 0, (end - begin) * sizeof *found);
    for (size_t i = begin; next_candidate(scratch, end, &i); i++)
        TRY(search_one(set, scratch, i, &found[i - begin], err));
    return ALF_OK;
}
