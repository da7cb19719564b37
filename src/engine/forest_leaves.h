/*
 * What the leaves of a forest add, by number, and the sums over trees in their order, for every way
 * that finds leaves by number.
 */
#ifndef ALF_ENGINE_FOREST_LEAVES_H
#define ALF_ENGINE_FOREST_LEAVES_H

#include "engine/forest_internal.h"

#define ALWAYS static inline __attribute__((always_inline))

/* The leaves of tree t are first[t], first[t] + 1 ... in one of three arrays. */
typedef struct forest_leaves {
    const forest *f;
    uint32_t *first;
    double *wide; /* what the leaf adds */
    float *narrow;
    uint32_t *nodes;         /* node of f, where values are not simple */
    const uint32_t *targets; /* per tree; NULL with one target */
} forest_leaves;

/* The arrays for so many leaves of n, nothing in them yet. *out.first NULL: memory's limit is in
 * the way. */
alf_status forest_leaves_take(const normal_forest *n, uint32_t count, arena *memory,
                              forest_leaves *out, alf_error *err);
/* Makes the node of f the leaf of that number; NO_ORIGIN: a leaf that adds -0.0, which changes no
 * sum. */
void forest_leaves_put(const forest_leaves *l, uint32_t number, uint32_t node);

/* Where the leaf of a row in a tree is found: up to the way. */
typedef struct leaf_source {
    const void *way, *found;
    uint32_t width, begin;
} leaf_source;
/* Its number, counted from first[tree]. */
typedef uint32_t (*leaf_of)(const leaf_source *s, size_t row, uint32_t tree);

typedef struct tree_range {
    uint32_t begin, end;
} tree_range;

/* ---- sums: out[row] goes on from what it is ---- */

enum { MOST_TOGETHER = 8 }; /* rows whose sums run side by side */

ALWAYS void sum_wide(const forest_leaves *l, tree_range trees, const leaf_source *s, leaf_of of,
                     size_t row, size_t rows, double *out)
{
    double sum[MOST_TOGETHER];
    for (size_t r = 0; r < rows; r++)
        sum[r] = out[row + r];
    for (uint32_t t = trees.begin; t < trees.end; t++) {
        const double *weights = l->wide + l->first[t];
        for (size_t r = 0; r < rows; r++)
            sum[r] += weights[of(s, row + r, t)];
    }
    for (size_t r = 0; r < rows; r++)
        out[row + r] = sum[r];
}

ALWAYS void sum_narrow(const forest_leaves *l, tree_range trees, const leaf_source *s, leaf_of of,
                       size_t row, size_t rows, double *out)
{
    float sum[MOST_TOGETHER];
    for (size_t r = 0; r < rows; r++)
        sum[r] = (float)out[row + r];
    for (uint32_t t = trees.begin; t < trees.end; t++) {
        const float *weights = l->narrow + l->first[t];
        for (size_t r = 0; r < rows; r++)
            sum[r] += weights[of(s, row + r, t)];
    }
    for (size_t r = 0; r < rows; r++)
        out[row + r] = (double)sum[r];
}

/* One value a leaf, several targets. */
ALWAYS void sum_targets(const forest_leaves *l, tree_range trees, const leaf_source *s, leaf_of of,
                        size_t row, double *out)
{
    for (uint32_t t = trees.begin; t < trees.end; t++) {
        uint32_t leaf = l->first[t] + of(s, row, t);
        double *to = &out[l->targets[t]];
        *to = l->narrow != NULL ? (double)((float)*to + l->narrow[leaf]) : *to + l->wide[leaf];
    }
}

/* Any number of values a leaf. */
ALWAYS void sum_values(const forest_leaves *l, tree_range trees, const leaf_source *s, leaf_of of,
                       size_t row, double *out)
{
    const forest *f = l->f;
    for (uint32_t t = trees.begin; t < trees.end; t++) {
        const forest_node *leaf = &f->nodes[l->nodes[l->first[t] + of(s, row, t)]];
        for (uint32_t i = leaf->yes; i < leaf->yes + leaf->no; i++) {
            double *to = &out[f->leaf_values[i].target];
            double sum = *to + f->leaf_values[i].weight;
            *to = f->number == FOREST_F32 ? (double)(float)sum : sum;
        }
    }
}

ALWAYS void sum_one_target(const forest_leaves *l, tree_range trees, const leaf_source *s,
                           leaf_of of, size_t row, size_t rows, double *out)
{
    if (l->wide != NULL)
        sum_wide(l, trees, s, of, row, rows, out);
    else
        sum_narrow(l, trees, s, of, row, rows, out);
}

/* out[rows * target_count] += the leaves of these trees, in their order; `together` rows (a
 * constant) side by side. */
ALWAYS void forest_leaves_sum(const forest_leaves *l, tree_range trees, const leaf_source *s,
                              leaf_of of, size_t together, size_t rows, double *out)
{
    size_t row = 0;
    if (l->nodes == NULL && l->targets == NULL) {
        for (; row + together <= rows; row += together)
            sum_one_target(l, trees, s, of, row, together, out);
        for (; row < rows; row++)
            sum_one_target(l, trees, s, of, row, 1, out);
    }
    for (; row < rows; row++) {
        double *to = out + row * l->f->target_count;
        if (l->nodes != NULL)
            sum_values(l, trees, s, of, row, to);
        else
            sum_targets(l, trees, s, of, row, to);
    }
}

#endif
