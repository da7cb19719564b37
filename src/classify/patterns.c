/*
 * Pattern sets: which engine runs which pattern, and the search over both. PCRE2 says what a
 * pattern means; a pattern goes to the fast engine only after both agreed on its samples.
 *
 * Building: (1) PCRE2 compiles every pattern; (2) candidates are those that the sampler
 * understands, that are about bytes and cannot match the empty string, and that the fast engine
 * takes; (3) the compiled candidates are compared with PCRE2, those that differ are dropped and
 * the rest is compiled again; (4) the fast patterns' PCRE2 code is freed, the others get JIT.
 */
#include "classify/patterns.h"

#include "base/mem.h"
#include "base/span.h"
#include "classify/pattern_fast.h"
#include "classify/pattern_sample.h"
#include "classify/pattern_slow.h"

enum { MAX_ROUNDS = 8, MAX_REFUSALS = 32, SAMPLE_MEMORY = 64 << 20 };

struct pattern_set {
    size_t count;
    slow_pattern **slow; /* per pattern; NULL where the fast engine runs it */
    uint32_t *slow_ids;  /* those not NULL, ascending */
    size_t slow_count;
    fast_set *fast; /* NULL: none */
};

struct pattern_scratch {
    slow_scratch *slow;
    fast_scratch *fast; /* NULL when the set has no fast patterns */
};

/* What building needs besides the set. */
typedef struct build {
    const pattern_spec *specs;
    pattern_set *set;
    uint32_t *ids; /* candidates for the fast engine, ascending */
    size_t id_count;
    const sample_node **samples; /* per pattern, NULL: not understood */
    bool *wrong;                 /* per pattern: the engines disagree */
    slow_scratch *scratch;
    arena memory;
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
    }
    return ALF_OK;
}

static alf_status choose_candidates(build *b)
{
    for (size_t i = 0; i < b->set->count; i++) {
        const slow_pattern *p = b->set->slow[i];
        if (slow_is_utf(p) || slow_matches_empty(p))
            continue;
        TRY(sample_parse(b->specs[i].text, &b->memory, &b->samples[i], b->err));
        if (b->samples[i] != NULL && fast_accepts(&b->specs[i]))
            b->ids[b->id_count++] = (uint32_t)i;
    }
    return ALF_OK;
}

static void drop_candidate(build *b, size_t at)
{
    memmove(&b->ids[at], &b->ids[at + 1], (b->id_count - at - 1) * sizeof *b->ids);
    b->id_count--;
}

/* Compiles the candidates, less those refused on the way; none at all when it will not work. */
static alf_status compile_fast(build *b)
{
    fast_free(b->set->fast);
    b->set->fast = NULL;
    for (int i = 0; i < MAX_REFUSALS && b->id_count > 0; i++) {
        size_t refused;
        alf_status status =
            fast_new(b->specs, b->ids, b->id_count, &b->set->fast, &refused, b->err);
        if (status != ALF_E_UNSUPPORTED)
            return status;
        if (refused == b->id_count)
            break;
        drop_candidate(b, refused);
    }
    b->id_count = 0;
    return ALF_OK;
}

typedef struct wanted {
    uint32_t id;
    bool found;
} wanted;

static bool note_wanted(void *context, uint32_t id)
{
    wanted *w = context;
    w->found = w->found || w->id == id;
    return w->found;
}

/* Whether both engines say the same of text. Where PCRE2 gives up, there is nothing to compare. */
static alf_status agree(build *b, fast_scratch *fast, uint32_t id, alf_span text, bool *same)
{
    bool slow_found;
    *same = true;
    alf_status status = slow_search(b->set->slow[id], b->scratch, text, &slow_found, b->err);
    if (status == ALF_E_LIMIT)
        return ALF_OK;
    TRY(status);
    wanted w = {.id = id};
    TRY(fast_search(b->set->fast, fast, text, note_wanted, &w, b->err));
    *same = w.found == slow_found;
    return ALF_OK;
}

static alf_status compare_one(build *b, fast_scratch *fast, uint32_t id)
{
    bool same = true;
    for (size_t i = 0; i < sample_fixed_count && same; i++)
        TRY(agree(b, fast, id, sample_fixed[i], &same));
    size_t count = sample_count(b->samples[id]);
    for (size_t i = 0; i < count && same; i++) {
        char text[SAMPLE_MAX];
        size_t size = sample_make(b->samples[id], id, i, text);
        TRY(agree(b, fast, id, span_of(text, size), &same));
    }
    b->wrong[id] = !same;
    return ALF_OK;
}

/* Compares every candidate and drops those that differ. */
static alf_status compare_all(build *b, bool *clean)
{
    fast_scratch *fast = fast_scratch_new(b->set->fast);
    if (fast == NULL)
        return error_nomem(b->err, "checking patterns");
    alf_status status = ALF_OK;
    for (size_t i = 0; i < b->id_count && status == ALF_OK; i++)
        status = compare_one(b, fast, b->ids[i]);
    fast_scratch_free(fast);
    size_t before = b->id_count;
    for (size_t i = before; status == ALF_OK && i-- > 0;)
        if (b->wrong[b->ids[i]])
            drop_candidate(b, i);
    *clean = b->id_count == before;
    return status;
}

static alf_status build_fast(build *b)
{
    TRY(choose_candidates(b));
    bool clean = false;
    for (int round = 0; round < MAX_ROUNDS && !clean; round++) {
        TRY(compile_fast(b));
        if (b->id_count == 0)
            return ALF_OK;
        TRY(compare_all(b, &clean));
    }
    if (!clean) { /* the engines never came to agree: PCRE2 is right */
        fast_free(b->set->fast);
        b->set->fast = NULL;
        b->id_count = 0;
    }
    return ALF_OK;
}

static void settle(build *b)
{
    pattern_set *set = b->set;
    for (size_t i = 0; i < b->id_count; i++) {
        slow_free(set->slow[b->ids[i]]);
        set->slow[b->ids[i]] = NULL;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (set->slow[i] == NULL)
            continue;
        slow_use_jit(set->slow[i]);
        set->slow_ids[set->slow_count++] = (uint32_t)i;
    }
}

static alf_status build_start(build *b, size_t count)
{
    size_t n = count > 0 ? count : 1;
    arena_init(&b->memory, SAMPLE_MEMORY);
    b->set = mem_calloc(1, sizeof *b->set);
    b->ids = mem_calloc(n, sizeof *b->ids);
    b->wrong = mem_calloc(n, sizeof *b->wrong);
    b->samples = mem_calloc(n, sizeof *b->samples);
    b->scratch = slow_scratch_new();
    if (b->set != NULL) {
        b->set->count = count;
        b->set->slow = mem_calloc(n, sizeof *b->set->slow);
        b->set->slow_ids = mem_calloc(n, sizeof *b->set->slow_ids);
    }
    bool good = b->set != NULL && b->ids != NULL && b->wrong != NULL && b->samples != NULL &&
                b->scratch != NULL && b->set->slow != NULL && b->set->slow_ids != NULL;
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

alf_status pattern_set_new(const pattern_spec *specs, size_t count, bool use_fast,
                           pattern_set **out, size_t *bad, alf_error *err)
{
    build b = {.specs = specs, .err = err};
    *bad = count;
    TRY(check_amount(specs, count, err));
    alf_status status = build_start(&b, count);
    if (status == ALF_OK)
        status = compile_slow(&b, bad);
    if (status == ALF_OK && use_fast && fast_available())
        status = build_fast(&b);
    if (status == ALF_OK)
        settle(&b);
    arena_fini(&b.memory);
    slow_scratch_free(b.scratch);
    mem_free(b.samples);
    mem_free(b.wrong);
    mem_free(b.ids);
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
    mem_free(set->slow_ids);
    fast_free(set->fast);
    mem_free(set);
}

size_t pattern_set_count(const pattern_set *set)
{
    return set->count;
}

bool pattern_set_is_fast(const pattern_set *set, size_t i)
{
    return set->slow[i] == NULL;
}

pattern_scratch *pattern_scratch_new(const pattern_set *set)
{
    pattern_scratch *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->slow = slow_scratch_new();
    if (set->fast != NULL)
        s->fast = fast_scratch_new(set->fast);
    if (s->slow == NULL || (set->fast != NULL && s->fast == NULL)) {
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
    fast_scratch_free(scratch->fast);
    mem_free(scratch);
}

static bool note_first(void *context, uint32_t id)
{
    size_t *first = context;
    if (id < *first)
        *first = id;
    return *first == 0;
}

alf_status pattern_set_first(const pattern_set *set, pattern_scratch *scratch, alf_span text,
                             size_t *first, alf_error *err)
{
    *first = set->count;
    if (set->fast != NULL)
        TRY(fast_search(set->fast, scratch->fast, text, note_first, first, err));
    for (size_t i = 0; i < set->slow_count && set->slow_ids[i] < *first; i++) {
        bool found;
        TRY(slow_search(set->slow[set->slow_ids[i]], scratch->slow, text, &found, err));
        if (found)
            *first = set->slow_ids[i];
    }
    return ALF_OK;
}

static bool note_mark(void *context, uint32_t id)
{
    bool *found = context;
    found[id] = true;
    return false;
}

alf_status pattern_set_mark(const pattern_set *set, pattern_scratch *scratch, alf_span text,
                            bool *found, alf_error *err)
{
    if (set->count > 0)
        memset(found, 0, set->count * sizeof *found);
    if (set->fast != NULL)
        TRY(fast_search(set->fast, scratch->fast, text, note_mark, found, err));
    for (size_t i = 0; i < set->slow_count; i++) {
        uint32_t id = set->slow_ids[i];
        TRY(slow_search(set->slow[id], scratch->slow, text, &found[id], err));
    }
    return ALF_OK;
}
