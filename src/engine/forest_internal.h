/*
 * Between the parts of forest_fast: a forest whose tests are all of one form, and the ways.
 *
 * Normal form. Every test is "x <= threshold goes left" in double: x < t is x <= the double below
 * t, x > t and x >= t swap the children. A column is a feature together with the side that its
 * missing values take, so that NaN can be replaced before any test: by -infinity where it goes
 * left, by +infinity where it goes right.
 */
#ifndef ALF_ENGINE_FOREST_INTERNAL_H
#define ALF_ENGINE_FOREST_INTERNAL_H

#include "engine/forest_fast.h"

typedef struct forest_column {
    uint32_t feature;
    double missing; /* what replaces NaN */
} forest_column;

#define NORMAL_LEAF UINT32_MAX
#define NO_TWIN     UINT32_MAX
#define NO_ORIGIN   UINT32_MAX

typedef struct normal_node {
    double threshold;
    uint32_t column; /* NORMAL_LEAF */
    uint32_t left, right;
} normal_node;

/* Lives in the temporary memory of a build. */
typedef struct normal_forest {
    const forest *f;
    normal_node *nodes; /* indices as in f->nodes */
    forest_column *columns;
    uint32_t *twins; /* per column: the one of the same feature and the other side; or NO_TWIN */
    uint32_t column_count;
    uint32_t *leaves; /* per node: leaves below it, itself for a leaf */
    uint32_t split_count, leaf_count, most_leaves;
    double mean_depth;   /* splits on the way to a leaf, the mean of all leaves of all trees */
    bool simple;         /* every leaf has one value, all of a tree for the same target: */
    uint32_t *targets;   /* per tree; in the memory of the forest_fast */
    const forest *whole; /* whose values the leaves add */
    uint32_t *origin; /* per node: in `whole`, NO_ORIGIN for a leaf that adds -0.0; NULL: itself */
    arena *temporary;
} normal_forest;

uint32_t forest_tree_end(const forest *f, uint32_t tree);
/* Counts the leaves of the nodes [root, end) of a tree, and adds it to n's counts. Returns the sum
 * of its leaves' depths. */
double forest_measure_tree(normal_forest *n, uint32_t root, uint32_t end);

/* ---- the ways; *out NULL: not possible ---- */

/* Cycles that parts of an evaluation cost, sums included, as measured. */
typedef struct forest_costs {
    double column; /* search for a value's place */
    double line;   /* bits: 64 bytes of a table row */
    double test;   /* bits: a test behind the table row */
    double word;   /* bits: a tree, or piece of one */
    double tree;   /* ranks */
    double step;   /* walk: a node */
} forest_costs;
const forest_costs *forest_costs_of(cpu_level level);

typedef struct forest_bits forest_bits;
/* Only where it costs at most `limit`. */
alf_status forest_bits_build(const normal_forest *n, double limit, cpu_level level, arena *memory,
                             forest_bits **out, alf_error *err);
enum { FOREST_GROUP = 8, RANKS_ROWS = 32 };         /* rows that a way takes at most at a time */
bool forest_bits_reads_nodes(const forest_bits *b); /* see forest_fast_reads_nodes */
size_t forest_bits_scratch(const forest_bits *b);
/* x: rows (at most FOREST_GROUP) of columns, `stride` apart. out: as the base has it. */
void forest_bits_sum(const forest_bits *b, const double *x, size_t stride, size_t rows, double *out,
                     void *scratch);

typedef struct forest_ranks forest_ranks;
double forest_ranks_cost(const normal_forest *n, cpu_level level); /* if it can be built */
/* Unless forced, only where it takes little memory. */
alf_status forest_ranks_build(const normal_forest *n, bool forced, cpu_level level, arena *memory,
                              forest_ranks **out, alf_error *err);
bool forest_ranks_reads_nodes(const forest_ranks *k);
size_t forest_ranks_scratch(void);
void forest_ranks_sum(const forest_ranks *k, const double *x, size_t stride, size_t rows,
                      double *out, void *scratch);

typedef struct forest_walk forest_walk;
alf_status forest_walk_build(const normal_forest *n, arena *memory, forest_walk **out,
                             alf_error *err);
void forest_walk_sum(const forest_walk *w, const double *x, size_t stride, size_t rows,
                     double *out);

/* As arena_take, but *out is NULL with ALF_OK where the arena's limit is in the way. */
alf_status forest_take(arena *memory, size_t count, size_t size, void *out, alf_error *err);
/* Of any content. */
alf_status forest_take_unset(arena *memory, size_t count, size_t size, void *out, alf_error *err);

#endif
