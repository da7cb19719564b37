/* What the table of words looks like, between building it (forest_bits.c) and running it
 * (forest_bits_run.c). */
#ifndef ALF_ENGINE_FOREST_BITS_H
#define ALF_ENGINE_FOREST_BITS_H

#include "engine/forest_keys.h"
#include "engine/forest_leaves.h"

typedef struct bits_test {
    uint64_t mask; /* the leaves left when it fails */
    uint32_t tree;
} bits_test;

/* A feature. Where its missing values go left in some tests and right in others, it has two columns
 * of the normal form, which differ for missing values only. */
typedef struct bits_column {
    uint32_t x, twin; /* columns of the normal form; the same when there is one */
    uint32_t begin;   /* of its tests, thresholds ascending */
    uint32_t row;     /* table row k (from 1) of this column is row + k */
    uint32_t missing; /* with a twin: the table row for missing values */
    bool has_rows;
    forest_keys keys;
} bits_column;

typedef void (*bits_run)(const forest_bits *b, const double *x, size_t stride, size_t rows,
                         double *out, unsigned char *scratch);

struct forest_bits {
    uint32_t shift;   /* 2^shift tests from one table row to the next */
    uint32_t width;   /* bits of a word: 8, 16, 32 or 64 */
    size_t row_bytes; /* a word for each tree, padded to 64 bytes */
    uint32_t word_count;
    uint32_t column_count;
    bits_column *columns;
    bits_test *tests; /* column by column */
    double *keys;
    unsigned char *table; /* row 0 is all ones */
    forest_leaves leaves;
    bits_run run;
};

bits_run forest_bits_run_for(cpu_level level, uint32_t width);

#endif
