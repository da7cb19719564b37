/*
 * Every way to evaluate a forest fast, at every CPU level this machine has, against forest_sum: bit
 * for bit, over random forests and rows that hold NaN, infinities, -0.0, denormals, thresholds and
 * their neighbours.
 *
 * ALF_FOREST_ROWS=10000000 makes the comparison of random rows that long (default: 8,000 rows).
 */
#include "support/test.h"

#include "base/mem.h"
#include "engine/forest_fast.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FOREST_ROWS = 1024, LONG_FOREST_ROWS = 16384, POOL = 64 };

static uint64_t random_state = 0x9E3779B97F4A7C15u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545F4914F6CDD1Du;
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)((next_random() >> 32) % limit);
}

/* ---- forests by chance ---- */

typedef struct shape {
    uint32_t trees, leaves, features, targets;
    uint32_t values; /* most of a leaf; 1: exactly one, one target per tree */
    bool narrow, chain;
    uint8_t modes;  /* the first so many forest_modes */
    uint32_t depth; /* at most; 0: any */
    bool one_side;  /* missing values of a feature go the same way everywhere */
    bool spread;    /* every threshold its own */
} shape;

typedef struct sample {
    arena memory;
    forest f;
    double pool[POOL];     /* thresholds are drawn from these, and so are rows */
    bool spread, complete; /* rows without missing values */
} sample;

static double narrow_if(const forest *f, double x)
{
    return f->number == FOREST_F32 ? (double)(float)x : x;
}

static double any_number(void)
{
    static const double special[] = {0.0,
                                     -0.0,
                                     1e-310,
                                     -1e-310,
                                     4.9406564584124654e-324,
                                     1e-45,
                                     -1e-45,
                                     1.7976931348623157e308,
                                     3.4028234663852886e38,
                                     -3.4028234663852886e38,
                                     1.0,
                                     -1.0,
                                     0.1,
                                     1e10};
    if (below(4) == 0)
        return special[below(sizeof special / sizeof special[0])];
    double x = (double)(int64_t)next_random() / 9.3e18 * 4;
    return below(8) == 0 ? x * 1e300 : below(8) == 0 ? x * 1e-300 : x;
}

static void put_leaf(sample *s, const shape *w, uint32_t node, uint32_t target)
{
    forest *f = &s->f;
    uint32_t count = w->values == 1 ? 1 : below(w->values + 1);
    f->nodes[node] = (forest_node){.feature = -1, .yes = f->leaf_value_count, .no = count};
    for (uint32_t i = 0; i < count; i++)
        f->leaf_values[f->leaf_value_count++] =
            (forest_leaf_value){narrow_if(f, (double)(int64_t)next_random() / 1e18),
                                w->values == 1 ? target : below(w->targets)};
}

static void put_split(sample *s, const shape *w, uint32_t node, uint32_t child)
{
    bool swap = below(2) != 0;
    uint32_t feature = below(w->features), mode = below(w->modes);
    bool yes = below(2) != 0;
    if (w->one_side)
        yes = (feature % 2 == 0) != ((mode == FOREST_GTE || mode == FOREST_GT) != swap);
    double own = narrow_if(&s->f, (double)(int64_t)next_random() / 9.3e18 * 4);
    s->f.nodes[node] = (forest_node){.threshold = w->spread ? own : s->pool[below(POOL)],
                                     .feature = (int32_t)feature,
                                     .yes = child + swap,
                                     .no = child + !swap,
                                     .mode = (uint8_t)mode,
                                     .missing_yes = yes};
}

/* A tree grows by splitting one of its leaves; in a chain always the newest. */
static void add_tree(sample *s, const shape *w)
{
    forest *f = &s->f;
    uint32_t root = f->node_count++, leaves = w->chain ? w->leaves : 1 + below(w->leaves);
    uint32_t *open = malloc(leaves * sizeof *open), *depths = malloc(leaves * sizeof *depths);
    uint32_t count = 1, target = below(w->targets);
    assert_true(open != NULL && depths != NULL);
    f->roots[f->tree_count++] = root;
    open[0] = root;
    depths[0] = 0;
    while (count < leaves) {
        uint32_t i = w->chain ? count - 1 : below(count);
        while (w->depth != 0 && depths[i] == w->depth) /* leaves are fewer than fit */
            i = (i + 1) % count;
        put_split(s, w, open[i], f->node_count);
        depths[count] = ++depths[i];
        open[i] = f->node_count++;
        open[count++] = f->node_count++;
    }
    for (uint32_t i = 0; i < count; i++)
        put_leaf(s, w, open[i], target);
    free(open);
    free(depths);
}

static void sample_init(sample *s, const shape *w)
{
    size_t leaves = (size_t)w->trees * w->leaves;
    alf_error err = {0};
    *s = (sample){0};
    arena_init(&s->memory, 0);
    forest *f = &s->f;
    f->number = w->narrow ? FOREST_F32 : FOREST_F64;
    s->spread = w->spread;
    s->complete = below(2) != 0;
    f->feature_count = w->features;
    f->target_count = w->targets;
    f->roots = arena_alloc(&s->memory, w->trees, sizeof *f->roots);
    f->nodes = arena_alloc(&s->memory, 2 * leaves, sizeof *f->nodes);
    f->leaf_values = arena_alloc(&s->memory, leaves * w->values, sizeof *f->leaf_values);
    assert_true(f->roots != NULL && f->nodes != NULL && f->leaf_values != NULL);
    bool even = below(2) == 0; /* over their range */
    for (size_t i = 0; i < POOL; i++) {
        s->pool[i] = narrow_if(f, even ? (double)i * 0.37 - 9 : any_number());
        if (isinf(s->pool[i]))
            s->pool[i] = 2.5;
    }
    if (below(2) != 0) {
        f->base = arena_alloc(&s->memory, w->targets, sizeof *f->base);
        assert_non_null(f->base);
        for (uint32_t i = 0; i < w->targets; i++)
            f->base[i] = narrow_if(f, (double)below(100) / 7);
    }
    for (uint32_t t = 0; t < w->trees; t++)
        add_tree(s, w);
    must(forest_check(f, &err), &err);
}

static void sample_fini(sample *s)
{
    arena_fini(&s->memory);
}

/* ---- rows by chance ---- */

static double any_value(const sample *s)
{
    const forest_node *node = &s->f.nodes[below(s->f.node_count)];
    double x = s->spread && node->feature >= 0 ? node->threshold : s->pool[below(POOL)];
    switch (below(12)) {
    case 0:
        return s->complete ? x : (double)NAN;
    case 1:
        return below(2) != 0 ? (double)INFINITY : -(double)INFINITY;
    case 2:
        return below(2) != 0 ? -0.0 : 0.0;
    case 3:
        return nextafter(x, (double)INFINITY);
    case 4:
        return nextafter(x, -(double)INFINITY);
    case 5:
        return (double)nextafterf((float)x, INFINITY);
    case 6:
        return (double)nextafterf((float)x, -INFINITY);
    case 7:
    case 8:
        return any_number();
    default:
        return x;
    }
}

/* The same rows as the tensor has them and as forest_sum wants them. */
typedef struct table {
    forest_rows rows;
    double *wide;
    void *data;
    size_t count;
} table;

static void put_number(table *t, size_t at, double x)
{
    int64_t whole = (int64_t)(next_random() >> 62 == 0 ? next_random() : below(7)) - 3;
    if (t->rows.type == ONNX_FLOAT)
        t->wide[at] = (double)(((float *)t->data)[at] = (float)x);
    else if (t->rows.type == ONNX_DOUBLE)
        t->wide[at] = ((double *)t->data)[at] = x;
    else if (t->rows.type == ONNX_INT32)
        t->wide[at] = (double)(((int32_t *)t->data)[at] = (int32_t)whole);
    else
        t->wide[at] = (double)(((int64_t *)t->data)[at] = whole);
}

static void table_init(table *t, const sample *s, onnx_type type, size_t count)
{
    size_t columns = s->f.feature_count + below(3);
    *t = (table){.count = count};
    t->wide = calloc(count * columns, sizeof *t->wide);
    t->data = calloc(count * columns, sizeof(double));
    assert_true(t->wide != NULL && t->data != NULL);
    t->rows = (forest_rows){t->data, type, columns};
    for (size_t i = 0; i < count * columns; i++)
        put_number(t, i, any_value(s));
}

static void table_fini(table *t)
{
    free(t->wide);
    free(t->data);
}

/* ---- comparison ---- */

/* Rows [from, from + n) at once: the bits of forest_sum, in `expected`. */
static void compare_rows(const sample *s, const forest_fast *fast, const table *t, size_t from,
                         size_t n, const double *expected)
{
    size_t targets = s->f.target_count, size = t->rows.type == ONNX_FLOAT   ? sizeof(float)
                                               : t->rows.type == ONNX_INT32 ? sizeof(int32_t)
                                                                            : sizeof(double);
    forest_rows rows = t->rows;
    rows.data = (const char *)t->data + from * rows.columns * size;
    double *found = malloc(n * targets * sizeof *found);
    void *scratch = malloc(forest_fast_scratch(fast, n));
    assert_true(found != NULL && scratch != NULL);
    forest_fast_sum(fast, &rows, n, found, scratch);
    if (memcmp(found, expected + from * targets, n * targets * sizeof *found) != 0)
        for (size_t i = 0; i < n * targets; i++)
            if (memcmp(&found[i], &expected[from * targets + i], sizeof *found) != 0)
                fail_msg("row %zu, target %zu: %.17g, expected %.17g", from + i / targets,
                         i % targets, found[i], expected[from * targets + i]);
    free(found);
    free(scratch);
}

static double *expect(const sample *s, const table *t)
{
    double *expected = malloc(t->count * s->f.target_count * sizeof *expected);
    assert_non_null(expected);
    for (size_t r = 0; r < t->count; r++)
        forest_sum(&s->f, t->wide + r * t->rows.columns, expected + r * s->f.target_count);
    return expected;
}

static const forest_fast *build(const sample *s, forest_way way, cpu_level level, arena *memory)
{
    alf_error err = {0};
    const forest_fast *fast;
    arena_init(memory, 0);
    must(forest_fast_build_as(&s->f, way, level, memory, &fast, &err), &err);
    return fast;
}

/* Calls visit with each way and level that the forest compiles to; adds how many by way. Walks have
 * the same code at every level. */
typedef void (*visitor)(const sample *s, const forest_fast *fast, const table *t,
                        const double *expected);

typedef struct builds {
    int bits, ranks, walk;
} builds;

static builds for_each_build(const sample *s, const table *t, const double *expected, visitor visit)
{
    builds built = {0};
    for (int way = FOREST_BITS; way <= FOREST_WALK; way++)
        for (int level = 0; level < CPU_LEVELS; level++) {
            arena memory;
            if (!cpu_has((cpu_level)level) || (way == FOREST_WALK && level != CPU_PORTABLE))
                continue;
            const forest_fast *fast = build(s, (forest_way)way, (cpu_level)level, &memory);
            if (fast != NULL) {
                assert_int_equal(forest_fast_way(fast), way);
                visit(s, fast, t, expected);
                built.bits += way == FOREST_BITS;
                built.ranks += way == FOREST_RANKS;
                built.walk += way == FOREST_WALK;
            }
            arena_fini(&memory);
        }
    return built;
}

/* Whole, row by row, and in batches of a few sizes. */
static void in_batches(const sample *s, const forest_fast *fast, const table *t,
                       const double *expected)
{
    static const size_t sizes[] = {1, 3, 4, 7, 8, 9, 13, 64};
    compare_rows(s, fast, t, 0, t->count, expected);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (size_t from = 0; from < t->count; from += sizes[i]) {
            size_t n = t->count - from < sizes[i] ? t->count - from : sizes[i];
            compare_rows(s, fast, t, from, n, expected);
        }
}

static builds compare(const shape *w, onnx_type type, size_t rows, visitor visit)
{
    sample s;
    table t;
    sample_init(&s, w);
    table_init(&t, &s, type, rows);
    double *expected = expect(&s, &t);
    builds built = for_each_build(&s, &t, expected, visit);
    free(expected);
    table_fini(&t);
    sample_fini(&s);
    return built;
}

/* How many levels from that one on this machine has. */
static int levels_from(int lowest)
{
    int levels = 0;
    for (int i = lowest; i < CPU_LEVELS; i++)
        levels += cpu_has((cpu_level)i);
    return levels;
}

static void assert_all_built(builds built, bool bits, bool ranks)
{
    if (bits)
        assert_int_equal(built.bits, levels_from(CPU_PORTABLE));
    if (ranks)
        assert_int_equal(built.ranks, levels_from(CPU_AVX2));
    assert_int_equal(built.walk, 1);
}

static const onnx_type types[] = {ONNX_FLOAT, ONNX_DOUBLE, ONNX_INT32, ONNX_INT64};

static void small_forests_of_every_kind(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        shape w = {.trees = 1 + below(40),
                   .leaves = 1 + below(64),
                   .features = 1 + below(12),
                   .targets = 1 + below(3),
                   .values = 1 + below(3),
                   .narrow = below(2) != 0,
                   .modes = (uint8_t)(1 + below(4))};
        assert_all_built(compare(&w, types[below(4)], 1 + below(30), in_batches), true, false);
    }
}

/* Trees of 65 to 256 leaves: cut into pieces, or by ranks. */
static void large_trees_of_every_kind(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        shape w = {.trees = 1 + below(70),
                   .leaves = 65 + below(192),
                   .features = 1 + below(8),
                   .targets = 1 + below(3),
                   .values = below(3) == 0 ? 3 : 1,
                   .narrow = below(2) != 0,
                   .modes = (uint8_t)(1 + below(4)),
                   .depth = 8,
                   .one_side = below(2) != 0,
                   .spread = below(2) != 0};
        builds built = compare(&w, types[below(4)], 1 + below(80), in_batches);
        assert_all_built(built, w.values == 1, true);
    }
}

/* A tree in pieces adds nothing where it is not, not even to -0.0. */
static void zeros_keep_their_sign(void **state)
{
    (void)state;
    for (int narrow = 0; narrow < 2; narrow++) {
        shape w = {.trees = 3, .leaves = 200, .features = 4, .targets = 1, .values = 1, .modes = 1};
        double base = -0.0;
        sample s;
        table t;
        w.depth = 8;
        w.narrow = narrow != 0;
        sample_init(&s, &w);
        s.f.base = &base;
        for (uint32_t i = 0; i < s.f.leaf_value_count; i++)
            s.f.leaf_values[i].weight = -0.0;
        table_init(&t, &s, ONNX_DOUBLE, 40);
        double *expected = expect(&s, &t);
        assert_true(signbit(expected[0]));
        assert_all_built(for_each_build(&s, &t, expected, in_batches), true, true);
        free(expected);
        table_fini(&t);
        sample_fini(&s);
    }
}

/* More thresholds in a column than there are ranks. */
static void ranks_by_parts(void **state)
{
    (void)state;
    shape w = {.trees = 300, .leaves = 256, .features = 2, .targets = 1, .values = 1, .modes = 1};
    w.depth = 8;
    w.spread = true;
    for (int i = 0; i < 2; i++) {
        w.one_side = i == 0;
        assert_all_built(compare(&w, ONNX_DOUBLE, 90, in_batches), false, true);
    }
}

static void every_batch_size(const sample *s, const forest_fast *fast, const table *t,
                             const double *expected)
{
    for (size_t n = 1; n <= t->count; n++)
        compare_rows(s, fast, t, (t->count - n) / 2, n, expected);
}

static void batches_of_1_to_300(void **state)
{
    (void)state;
    shape one = {.trees = 7, .leaves = 40, .features = 4, .targets = 1, .values = 1, .modes = 4};
    shape many = {.trees = 6, .leaves = 9, .features = 9, .targets = 3, .values = 1, .modes = 4};
    many.narrow = true;
    shape large = {.trees = 5, .leaves = 90, .features = 4, .targets = 1, .values = 1, .modes = 4};
    large.depth = 8;
    assert_all_built(compare(&one, ONNX_FLOAT, 300, every_batch_size), true, false);
    assert_all_built(compare(&many, ONNX_DOUBLE, 300, every_batch_size), true, false);
    assert_all_built(compare(&large, ONNX_DOUBLE, 300, every_batch_size), true, true);
}

static void as_one_batch(const sample *s, const forest_fast *fast, const table *t,
                         const double *expected)
{
    compare_rows(s, fast, t, 0, t->count, expected);
}

static void many_random_rows(void **state)
{
    (void)state;
    const char *asked = getenv("ALF_FOREST_ROWS");
    uint64_t rows = asked != NULL ? strtoull(asked, NULL, 10) : 8000;
    size_t step = rows < 1000000 ? FOREST_ROWS : LONG_FOREST_ROWS;
    for (uint64_t done = 0; done < rows; done += step) {
        shape w = {.trees = 20 + below(200),
                   .leaves = below(4) == 0 ? 65 + below(200) : 2 + below(63),
                   .features = 1 + below(below(4) == 0 ? 200 : 8),
                   .targets = below(4) == 0 ? 4 : 1,
                   .values = below(8) == 0 ? 4 : 1,
                   .narrow = below(2) != 0,
                   .modes = 4,
                   .one_side = below(2) != 0,
                   .spread = below(2) != 0};
        w.depth = below(2) != 0 && w.leaves <= 256 ? 8 : 0;
        builds built = compare(&w, below(2) != 0 ? ONNX_FLOAT : ONNX_DOUBLE, step, as_one_batch);
        assert_all_built(built, false, false);
    }
}

/* Shapes at the ends: what matters is that they work, whichever way. */
static void extreme_shapes(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {.trees = 1, .leaves = 1, .features = 1, .targets = 1, .values = 1, .modes = 1},
        {.trees = 1, .leaves = 2, .features = 1, .targets = 1, .values = 1, .modes = 1},
        {.trees = 300, .leaves = 1, .features = 1, .targets = 2, .values = 3, .modes = 1},
        {.trees = 2,
         .leaves = 30000,
         .features = 3,
         .targets = 1,
         .values = 1,
         .chain = true,
         .modes = 4},
        {.trees = 3,
         .leaves = 64,
         .features = 2,
         .targets = 1,
         .values = 1,
         .chain = true,
         .modes = 4},
        {.trees = 100000, .leaves = 3, .features = 5, .targets = 1, .values = 1, .modes = 4},
        {.trees = 100, .leaves = 60, .features = 5000, .targets = 1, .values = 1, .modes = 4},
        {.trees = 50, .leaves = 8, .features = 6, .targets = 700, .values = 5, .modes = 4},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        assert_int_equal(compare(&shapes[i], ONNX_DOUBLE, 11, as_one_batch).walk, 1);
}

/* ---- what does not compile ---- */

static void assert_compiles(const sample *s, bool expected)
{
    for (int way = FOREST_ANY_WAY; way <= FOREST_WALK; way++) {
        arena memory;
        bool ranks = way == FOREST_RANKS;
        if (ranks && !cpu_has(CPU_AVX2))
            continue;
        cpu_level level = ranks ? CPU_AVX2 : CPU_PORTABLE;
        assert_int_equal(build(s, (forest_way)way, level, &memory) != NULL, expected);
        arena_fini(&memory);
    }
}

static void other_tests_do_not_compile(void **state)
{
    (void)state;
    shape w = {.trees = 3, .leaves = 5, .features = 2, .targets = 1, .values = 1, .modes = 1};
    sample s;
    do {
        sample_init(&s, &w);
        if (s.f.nodes[0].feature >= 0)
            break;
        sample_fini(&s);
    } while (true);
    assert_compiles(&s, true);
    forest_node plain = s.f.nodes[0], *root = &s.f.nodes[0];
    for (uint8_t mode = FOREST_EQ; mode <= FOREST_MEMBER; mode++) {
        root->mode = mode;
        assert_compiles(&s, false);
    }
    *root = plain;
    root->mode = FOREST_LT; /* never holds */
    root->threshold = -(double)INFINITY;
    assert_compiles(&s, false);
    root->mode = FOREST_LEQ; /* holds for all numbers */
    root->threshold = (double)INFINITY;
    root->missing_yes = false;
    assert_compiles(&s, false);
    root->missing_yes = true;
    assert_compiles(&s, true);
    root->mode = FOREST_GT;
    assert_compiles(&s, false);
    s.f.tree_count = 0;
    s.f.node_count = 0;
    assert_compiles(&s, false);
    sample_fini(&s);
}

static void infinite_thresholds(void **state)
{
    (void)state;
    shape w = {.trees = 5, .leaves = 30, .features = 3, .targets = 1, .values = 1, .modes = 1};
    for (int i = 0; i < 20; i++) {
        sample s;
        table t;
        sample_init(&s, &w);
        for (uint32_t n = 0; n < s.f.node_count; n++) {
            forest_node *node = &s.f.nodes[n];
            if (node->feature < 0 || below(3) != 0)
                continue;
            bool high = below(2) != 0;
            node->threshold = high ? (double)INFINITY : -(double)INFINITY;
            node->missing_yes = high || node->missing_yes;
        }
        table_init(&t, &s, ONNX_DOUBLE, 100);
        double *expected = expect(&s, &t);
        assert_all_built(for_each_build(&s, &t, expected, as_one_batch), true, false);
        free(expected);
        table_fini(&t);
        sample_fini(&s);
    }
}

/* ---- memory ---- */

static void lack_of_memory_is_an_error(void **state)
{
    (void)state;
    shape w = {.trees = 9, .leaves = 99, .features = 4, .targets = 1, .values = 1, .modes = 4};
    w.depth = 8;
    for (int way = FOREST_BITS; way <= FOREST_WALK; way++) {
        sample s;
        cpu_level level = way == FOREST_RANKS ? CPU_AVX2 : CPU_PORTABLE;
        if (!cpu_has(level))
            continue;
        sample_init(&s, &w);
        for (uint64_t n = 1;; n++) {
            arena memory;
            const forest_fast *fast;
            arena_init(&memory, 0);
            mem_fail_after(n);
            alf_status status =
                forest_fast_build_as(&s.f, (forest_way)way, level, &memory, &fast, NULL);
            mem_fail_after(0);
            arena_fini(&memory);
            assert_int_equal(fast != NULL, status == ALF_OK);
            if (status == ALF_OK)
                break;
            assert_int_equal(status, ALF_E_NOMEM);
            assert_true(n < 100);
        }
        sample_fini(&s);
    }
}

static void a_limit_on_memory_is_no_error(void **state)
{
    (void)state;
    shape w = {.trees = 9, .leaves = 33, .features = 4, .targets = 1, .values = 1, .modes = 4};
    sample s;
    bool compiled = false;
    sample_init(&s, &w);
    for (size_t limit = 64; limit < (1 << 20); limit += limit / 3) {
        arena memory;
        alf_error err = {0};
        const forest_fast *fast;
        arena_init(&memory, limit);
        must(forest_fast_build(&s.f, &memory, &fast, &err), &err);
        assert_true(memory.used <= limit);
        compiled = fast != NULL;
        arena_fini(&memory);
    }
    assert_true(compiled);
    sample_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_forests_of_every_kind),
        cmocka_unit_test(large_trees_of_every_kind),
        cmocka_unit_test(zeros_keep_their_sign),
        cmocka_unit_test(ranks_by_parts),
        cmocka_unit_test(batches_of_1_to_300),
        cmocka_unit_test(many_random_rows),
        cmocka_unit_test(extreme_shapes),
        cmocka_unit_test(other_tests_do_not_compile),
        cmocka_unit_test(infinite_thresholds),
        cmocka_unit_test(lack_of_memory_is_an_error),
        cmocka_unit_test(a_limit_on_memory_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
