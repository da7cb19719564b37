/*
 * Between the parts of forest_fast: a forest whose tests are all of one form, and the two ways.
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
    double mean_depth; /* splits on the way to a leaf, the mean of all leaves of all trees */
    bool simple;       /* every leaf has one value, all of a tree for the same target: */
    uint32_t *targets; /* per tree; in the memory of the forest_fast */
    arena *temporary;
} normal_forest;

uint32_t forest_tree_end(const forest *f, uint32_t tree);

/* ---- the ways; *out NULL: not possible ---- */

typedef struct forest_bits forest_bits;
bool forest_bits_fit(const normal_forest *n); /* whether the trees are small enough */
/* Unless forced, only where it is the faster way. */
alf_status forest_bits_build(const normal_forest *n, bool forced, cpu_level level, arena *memory,
                             forest_bits **out, alf_error *err);
enum { FOREST_GROUP = 8 }; /* rows that a way takes at most at a time */
size_t forest_bits_scratch(const forest_bits *b);
/* x: rows (at most FOREST_GROUP) of columns, `stride` apart. out: as the base has it. */
void forest_bits_sum(const forest_bits *b, const double *x, size_t stride, size_t rows, double *out,
                     void *scratch);

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
