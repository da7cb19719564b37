/*
 * Runs rows through the table of words. One source, compiled for every CPU level and width of word:
 * vectors of 64 bytes become what the level has.
 */
#include "engine/forest_bits.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define ALWAYS static inline __attribute__((always_inline))

typedef uint64_t vector __attribute__((vector_size(64), aligned(64), may_alias));

enum { TOGETHER = 4 }; /* rows whose sums run side by side; columns ANDed in one pass */

/* How many of the KEYS ascending keys lie below x. */
typedef uint32_t (*node_search)(const double *keys, double x);

/* How many thresholds of the column lie below x: the tests that fail. */
ALWAYS uint32_t count_failed(const bits_column *column, double x, node_search search)
{
    uint32_t at = 0;
    for (uint32_t level = column->levels; level-- > 0;)
        at = at * KEYS + search(column->keys[level] + (size_t)at * KEYS, x);
    return at;
}

/* bits = the AND of the table rows in from[TOGETHER], and of bits unless first. */
ALWAYS void and_rows(unsigned char *bits, const unsigned char *const *from, size_t bytes,
                     bool first)
{
    for (size_t i = 0; i < bytes; i += sizeof(vector)) {
        vector v = *(const vector *)(from[0] + i) & *(const vector *)(from[1] + i);
        v &= *(const vector *)(from[2] + i) & *(const vector *)(from[3] + i);
        if (!first)
            v &= *(const vector *)(bits + i);
        *(vector *)(bits + i) = v;
    }
}

/* The table rows at or before x in every column that has some; failed[c]: how many tests fail. */
ALWAYS void start_bits(const forest_bits *b, const double *x, unsigned char *bits, uint32_t *failed,
                       node_search search)
{
    const unsigned char *from[TOGETHER] = {b->table, b->table, b->table, b->table};
    uint32_t have = 0;
    bool first = true;
    for (uint32_t c = 0; c < b->column_count; c++) {
        const bits_column *column = &b->columns[c];
        failed[c] = count_failed(column, x[column->x], search);
        if (!column->has_rows)
            continue;
        uint32_t k = failed[c] >> b->shift, row = k > 0 ? column->row + k : 0;
        if (x[column->x] < x[column->twin] || x[column->x] > x[column->twin]) {
            row = column->missing;
            failed[c] = 0;
        }
        from[have++] = b->table + row * b->row_bytes;
        if (have < TOGETHER)
            continue;
        and_rows(bits, from, b->row_bytes, first);
        first = false;
        have = 0;
        from[0] = from[1] = from[2] = from[3] = b->table;
    }
    if (have > 0 || first)
        and_rows(bits, from, b->row_bytes, first);
}

ALWAYS void and_word(unsigned char *bits, uint32_t tree, uint64_t mask, uint32_t width)
{
    if (width == 8)
        bits[tree] &= (uint8_t)mask;
    else if (width == 16)
        ((uint16_t *)bits)[tree] &= (uint16_t)mask;
    else if (width == 32)
        ((uint32_t *)bits)[tree] &= (uint32_t)mask;
    else
        ((uint64_t *)bits)[tree] &= mask;
}

/* The failed tests between the table row and x. */
ALWAYS void finish_bits(const forest_bits *b, unsigned char *bits, const uint32_t *failed,
                        uint32_t width)
{
    for (uint32_t c = 0; c < b->column_count; c++) {
        const bits_test *tests = b->tests + b->columns[c].begin;
        for (uint32_t i = failed[c] >> b->shift << b->shift; i < failed[c]; i++)
            and_word(bits, tests[i].tree, tests[i].mask, width);
    }
}

ALWAYS uint32_t lowest_leaf(const unsigned char *bits, uint32_t tree, uint32_t width)
{
    if (width == 8)
        return (uint32_t)__builtin_ctz(bits[tree]);
    if (width == 16)
        return (uint32_t)__builtin_ctz(((const uint16_t *)bits)[tree]);
    if (width == 32)
        return (uint32_t)__builtin_ctz(((const uint32_t *)bits)[tree]);
    return (uint32_t)__builtin_ctzll(((const uint64_t *)bits)[tree]);
}

/* ---- sums ---- */

ALWAYS void sum_wide(const forest_bits *b, const unsigned char *bits, size_t rows, double *out,
                     uint32_t width)
{
    double sum[TOGETHER];
    for (size_t r = 0; r < rows; r++)
        sum[r] = out[r];
    for (uint32_t t = 0; t < b->f->tree_count; t++) {
        const double *weights = b->wide + b->first[t];
        for (size_t r = 0; r < rows; r++)
            sum[r] += weights[lowest_leaf(bits + r * b->row_bytes, t, width)];
    }
    for (size_t r = 0; r < rows; r++)
        out[r] = sum[r];
}

ALWAYS void sum_narrow(const forest_bits *b, const unsigned char *bits, size_t rows, double *out,
                       uint32_t width)
{
    float sum[TOGETHER];
    for (size_t r = 0; r < rows; r++)
        sum[r] = (float)out[r];
    for (uint32_t t = 0; t < b->f->tree_count; t++) {
        const float *weights = b->narrow + b->first[t];
        for (size_t r = 0; r < rows; r++)
            sum[r] += weights[lowest_leaf(bits + r * b->row_bytes, t, width)];
    }
    for (size_t r = 0; r < rows; r++)
        out[r] = (double)sum[r];
}

/* One value a leaf, several targets. */
ALWAYS void sum_targets(const forest_bits *b, const unsigned char *bits, double *out,
                        uint32_t width)
{
    for (uint32_t t = 0; t < b->f->tree_count; t++) {
        uint32_t leaf = b->first[t] + lowest_leaf(bits, t, width);
        double *to = &out[b->targets[t]];
        *to = b->narrow != NULL ? (double)((float)*to + b->narrow[leaf]) : *to + b->wide[leaf];
    }
}

/* Any number of values a leaf. */
ALWAYS void sum_values(const forest_bits *b, const unsigned char *bits, double *out, uint32_t width)
{
    const forest *f = b->f;
    for (uint32_t t = 0; t < f->tree_count; t++) {
        const forest_node *leaf = &f->nodes[b->leaves[b->first[t] + lowest_leaf(bits, t, width)]];
        for (uint32_t i = leaf->yes; i < leaf->yes + leaf->no; i++) {
            double *to = &out[f->leaf_values[i].target];
            double sum = *to + f->leaf_values[i].weight;
            *to = f->number == FOREST_F32 ? (double)(float)sum : sum;
        }
    }
}

ALWAYS void sum_one_target(const forest_bits *b, const unsigned char *bits, size_t rows,
                           double *out, uint32_t width)
{
    if (b->wide != NULL)
        sum_wide(b, bits, rows, out, width);
    else
        sum_narrow(b, bits, rows, out, width);
}

ALWAYS void run(const forest_bits *b, const double *x, size_t stride, size_t rows, double *out,
                unsigned char *scratch, node_search search, uint32_t width)
{
    uint32_t *failed = (uint32_t *)(scratch + FOREST_GROUP * b->row_bytes);
    for (size_t r = 0; r < rows; r++) {
        start_bits(b, x + r * stride, scratch + r * b->row_bytes, failed, search);
        finish_bits(b, scratch + r * b->row_bytes, failed, width);
    }
    size_t r = 0;
    if (b->leaves == NULL && b->targets == NULL) {
        for (; r + TOGETHER <= rows; r += TOGETHER)
            sum_one_target(b, scratch + r * b->row_bytes, TOGETHER, out + r, width);
        for (; r < rows; r++)
            sum_one_target(b, scratch + r * b->row_bytes, 1, out + r, width);
    }
    for (; r < rows; r++) {
        double *to = out + r * b->f->target_count;
        if (b->leaves != NULL)
            sum_values(b, scratch + r * b->row_bytes, to, width);
        else
            sum_targets(b, scratch + r * b->row_bytes, to, width);
    }
}

/* ---- one function for each level and width ---- */

static inline uint32_t search_portable(const double *keys, double x)
{
    uint32_t count = 0;
    for (int i = 0; i < KEYS; i++)
        count += keys[i] < x;
    return count;
}

#if defined(__x86_64__)
CPU_TARGET_AVX2 static inline uint32_t search_avx2(const double *keys, double x)
{
    __m256d all = _mm256_set1_pd(x);
    __m256d low = _mm256_cmp_pd(_mm256_load_pd(keys), all, _CMP_LT_OQ);
    __m256d high = _mm256_cmp_pd(_mm256_load_pd(keys + 4), all, _CMP_LT_OQ);
    int mask = _mm256_movemask_pd(low) | _mm256_movemask_pd(high) << 4;
    return (uint32_t)__builtin_popcount((unsigned)mask);
}

CPU_TARGET_AVX512 static inline uint32_t search_avx512(const double *keys, double x)
{
    __mmask8 mask = _mm512_cmp_pd_mask(_mm512_load_pd(keys), _mm512_set1_pd(x), _CMP_LT_OQ);
    return (uint32_t)__builtin_popcount(mask);
}
#endif

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are attributes */
#define RUN(name, target, search, width)                                                           \
    target static void name(const forest_bits *b, const double *x, size_t stride, size_t rows,     \
                            double *out, unsigned char *scratch)                                   \
    {                                                                                              \
        run(b, x, stride, rows, out, scratch, search, width);                                      \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
#define RUNS(level, target)                                                                        \
    RUN(level##_8, target, search_##level, 8)                                                      \
    RUN(level##_16, target, search_##level, 16)                                                    \
    RUN(level##_32, target, search_##level, 32)                                                    \
    RUN(level##_64, target, search_##level, 64)
#define ROW(level)                                                                                 \
    {                                                                                              \
        level##_8, level##_16, level##_32, level##_64                                              \
    }

RUNS(portable, )
#if defined(__x86_64__)
RUNS(avx2, CPU_TARGET_AVX2)
RUNS(avx512, CPU_TARGET_AVX512)
#endif

bits_run forest_bits_run_for(cpu_level level, uint32_t width)
{
    static const bits_run portable[4] = ROW(portable);
    uint32_t column = (uint32_t)__builtin_ctz(width) - 3;
#if defined(__x86_64__)
    static const bits_run avx2[4] = ROW(avx2), avx512[4] = ROW(avx512);
    if (level >= CPU_AVX512)
        return avx512[column];
    if (level >= CPU_AVX2)
        return avx2[column];
#endif
    (void)level;
    return portable[column];
}
