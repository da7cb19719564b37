/* What the table of words looks like, between building it (forest_bits.c) and running it
 * (forest_bits_run.c). */
#ifndef ALF_ENGINE_FOREST_BITS_H
#define ALF_ENGINE_FOREST_BITS_H

#include "engine/forest_internal.h"

typedef struct bits_test {
    uint64_t mask; /* the leaves left when it fails */
    uint32_t tree;
} bits_test;

/*
 * The thresholds of a column as a search tree, level by level: level 0 are all of them, level k + 1
 * every KEYS-th of level k. Each level is filled up with infinity to whole nodes of KEYS, and one
 * more.
 */
enum { KEYS = 8, MOST_LEVELS = 11 };

/* A feature. Where its missing values go left in some tests and right in others, it has two columns
 * of the normal form, which differ for missing values only. */
typedef struct bits_column {
    uint32_t x, twin; /* columns of the normal form; the same when there is one */
    uint32_t begin;   /* of its tests, thresholds ascending */
    uint32_t row;     /* table row k (from 1) of this column is row + k */
    uint32_t missing; /* with a twin: the table row for missing values */
    bool has_rows;
    uint32_t levels;
    const double *keys[MOST_LEVELS];
} bits_column;

typedef void (*bits_run)(const forest_bits *b, const double *x, size_t stride, size_t rows,
                         double *out, unsigned char *scratch);

struct forest_bits {
    const forest *f;
    uint32_t shift;   /* 2^shift tests from one table row to the next */
    uint32_t width;   /* bits of a word: 8, 16, 32 or 64 */
    size_t row_bytes; /* a word for each tree, padded to 64 bytes */
    uint32_t column_count;
    bits_column *columns;
    bits_test *tests; /* column by column */
    double *keys;
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
