/*
 * Runs rows through the table of words. One source, compiled for every CPU level and width of word:
 * vectors of 64 bytes become what the level has.
 */
#include "engine/forest_bits.h"

typedef uint64_t vector __attribute__((vector_size(64), aligned(64), may_alias));

enum { TOGETHER = 4 }; /* rows whose sums run side by side; columns ANDed in one pass */

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
                       forest_search search)
{
    const unsigned char *from[TOGETHER] = {b->table, b->table, b->table, b->table};
    uint32_t have = 0;
    bool first = true;
    for (uint32_t c = 0; c < b->column_count; c++) {
        const bits_column *column = &b->columns[c];
        failed[c] = forest_keys_below(&column->keys, x[column->x], search);
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

/* The lowest bit set of the word of a tree. */
ALWAYS uint32_t lowest_leaf(const leaf_source *s, size_t row, uint32_t tree)
{
    const forest_bits *b = s->way;
    const unsigned char *bits = (const unsigned char *)s->found + row * b->row_bytes;
    if (s->width == 8)
        return (uint32_t)__builtin_ctz(bits[tree]);
    if (s->width == 16)
        return (uint32_t)__builtin_ctz(((const uint16_t *)bits)[tree]);
    if (s->width == 32)
        return (uint32_t)__builtin_ctz(((const uint32_t *)bits)[tree]);
    return (uint32_t)__builtin_ctzll(((const uint64_t *)bits)[tree]);
}

ALWAYS void run(const forest_bits *b, const double *x, size_t stride, size_t rows, double *out,
                unsigned char *scratch, forest_search search, uint32_t width)
{
    uint32_t *failed = (uint32_t *)(scratch + FOREST_GROUP * b->row_bytes);
    for (size_t r = 0; r < rows; r++) {
        start_bits(b, x + r * stride, scratch + r * b->row_bytes, failed, search);
        finish_bits(b, scratch + r * b->row_bytes, failed, width);
    }
    leaf_source source = {.way = b, .found = scratch, .width = width};
    forest_leaves_sum(&b->leaves, (tree_range){0, b->word_count}, &source, lowest_leaf, TOGETHER,
                      rows, out);
}

/* ---- one function for each level and width ---- */

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are attributes */
#define RUN(name, target, search, width)                                                           \
    target static void name(const forest_bits *b, const double *x, size_t stride, size_t rows,     \
                            double *out, unsigned char *scratch)                                   \
    {                                                                                              \
        run(b, x, stride, rows, out, scratch, search, width);                                      \
    }
/* NOLINTEND(bugprone-macro-parentheses) */
#define RUNS(level, target)                                                                        \
    RUN(level##_8, target, forest_search_##level, 8)                                               \
    RUN(level##_16, target, forest_search_##level, 16)                                             \
    RUN(level##_32, target, forest_search_##level, 32)                                             \
    RUN(level##_64, target, forest_search_##level, 64)
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
