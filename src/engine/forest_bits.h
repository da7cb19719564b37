/* What the table of words looks like, between building it (forest_bits.c) and running it
 * (forest_bits_run.c). */
#ifndef ALF_ENGINE_FOREST_BITS_H
#define ALF_ENGINE_FOREST_BITS_H

#include "engine/forest_internal.h"

typedef struct bits_test {
    double threshold;
    uint32_t tree;
} bits_test;

typedef struct bits_column {
    uint32_t begin, end; /* its tests */
    uint32_t row;        /* table row k (from 1) of this column is row + k */
    uint32_t pivots;     /* how many it has */
} bits_column;

typedef void (*bits_run)(const forest_bits *b, const double *x, size_t stride, size_t rows,
                         double *out, unsigned char *scratch);

struct forest_bits {
    const forest *f;
    uint32_t block;   /* tests from one table row to the next */
    uint32_t width;   /* bits of a word: 8, 16, 32 or 64 */
    size_t row_bytes; /* a word for each tree, padded to 64 bytes */
    uint32_t column_count;
    bits_column *columns;
    bits_test *tests;     /* column by column, thresholds ascending */
    uint64_t *masks;      /* per test: the leaves left when it fails */
    double *pivots;       /* per table row: the threshold of its last test; row 0 is unused */
    unsigned char *table; /* row 0 is all ones */
    uint32_t *first;      /* per tree: where its leaves begin in one of these three: */
    double *wide;
    float *narrow;
    uint32_t *leaves;        /* node of f */
    const uint32_t *targets; /* per tree; NULL with one target */
    bits_run run;
};

bits_run forest_bits_run_for(cpu_level level, uint32_t width);

#endif
