/*
 * Trees of any size: nodes of 16 bytes, siblings side by side, each tree level by level, and eight
 * walks interleaved so that their loads overlap: eight rows through one tree, or one row through
 * eight trees. A leaf leads to itself, so a walk that has ended stays where it is and needs no
 * branch.
 */
#include "engine/forest_internal.h"

#include <math.h>

typedef struct walk_node {
    double threshold;
    uint32_t column;
    uint32_t left; /* the right child follows it */
} walk_node;

struct forest_walk {
    const forest *f;
    walk_node *nodes;
    uint32_t *roots;
    uint32_t *depths;  /* per tree: splits on its longest path */
    uint32_t *origin;  /* per node: its index in f */
    double *weights;   /* per node: what a leaf adds; NULL unless values are simple */
    uint32_t *targets; /* per tree; NULL with one target */
};

enum { WALKS = FOREST_GROUP, LEVELS = 4 };

/* ---- build ---- */

/* The nodes of a tree in the order of their levels; origin serves as the queue. */
static void lay_out_tree(forest_walk *w, const normal_forest *n, uint32_t tree, uint32_t *level)
{
    uint32_t begin = n->f->roots[tree], end = begin + 1;
    w->roots[tree] = begin;
    w->origin[begin] = begin;
    level[begin] = 0;
    for (uint32_t i = begin; i < end; i++) {
        const normal_node *from = &n->nodes[w->origin[i]];
        w->depths[tree] = level[i];
        if (from->column == NORMAL_LEAF) {
            w->nodes[i] = (walk_node){(double)INFINITY, 0, i};
            continue;
        }
        w->nodes[i] = (walk_node){from->threshold, from->column, end};
        w->origin[end] = from->left;
        w->origin[end + 1] = from->right;
        level[end] = level[end + 1] = level[i] + 1;
        end += 2;
    }
}

static void set_weights(forest_walk *w)
{
    for (uint32_t i = 0; i < w->f->node_count; i++) {
        const forest_node *leaf = &w->f->nodes[w->origin[i]];
        w->weights[i] = leaf->feature < 0 ? w->f->leaf_values[leaf->yes].weight : 0;
    }
}

alf_status forest_walk_build(const normal_forest *n, arena *memory, forest_walk **out,
                             alf_error *err)
{
    const forest *f = n->f;
    forest_walk *w;
    uint32_t *level;
    *out = NULL;
    TRY(forest_take(n->temporary, f->node_count, sizeof *level, &level, err));
    TRY(forest_take(memory, 1, sizeof *w, &w, err));
    if (level == NULL || w == NULL)
        return ALF_OK;
    TRY(forest_take(memory, f->node_count, sizeof *w->nodes, &w->nodes, err));
    TRY(forest_take(memory, f->tree_count, sizeof *w->roots, &w->roots, err));
    TRY(forest_take(memory, f->tree_count, sizeof *w->depths, &w->depths, err));
    TRY(forest_take(memory, f->node_count, sizeof *w->origin, &w->origin, err));
    if (n->simple)
        TRY(forest_take(memory, f->node_count, sizeof *w->weights, &w->weights, err));
    if (w->nodes == NULL || w->roots == NULL || w->depths == NULL || w->origin == NULL ||
        (n->simple && w->weights == NULL))
        return ALF_OK;
    w->f = f;
    w->targets = f->target_count > 1 ? n->targets : NULL;
    for (uint32_t t = 0; t < f->tree_count; t++)
        lay_out_tree(w, n, t, level);
    if (n->simple)
        set_weights(w);
    *out = w;
    return ALF_OK;
}

/* ---- run ---- */

/* Each walk from at[k] over the row x[k] to its leaf. */
static inline void walk_all(const walk_node *nodes, uint32_t *at, const double *const *x,
                            uint32_t depth)
{
    for (uint32_t level = 0; level < depth; level += LEVELS) {
        uint32_t moved = 0;
        for (int i = 0; i < LEVELS; i++)
            for (int k = 0; k < WALKS; k++) {
                const walk_node *n = &nodes[at[k]];
                uint32_t next = n->left + (x[k][n->column] > n->threshold);
                moved = i == LEVELS - 1 ? moved | (next ^ at[k]) : 0;
                at[k] = next;
            }
        if (moved == 0)
            return;
    }
}

static void add_leaf(const forest_walk *w, uint32_t tree, uint32_t node, double *out)
{
    const forest *f = w->f;
    bool narrow = f->number == FOREST_F32;
    if (w->weights != NULL) {
        double *to = &out[w->targets != NULL ? w->targets[tree] : 0];
        double sum = *to + w->weights[node];
        *to = narrow ? (double)(float)sum : sum;
        return;
    }
    const forest_node *leaf = &f->nodes[w->origin[node]];
    for (uint32_t i = leaf->yes; i < leaf->yes + leaf->no; i++) {
        double sum = out[f->leaf_values[i].target] + f->leaf_values[i].weight;
        out[f->leaf_values[i].target] = narrow ? (double)(float)sum : sum;
    }
}

static void sum_rows(const forest_walk *w, const double *x, size_t stride, double *out)
{
    const double *rows[WALKS];
    for (size_t k = 0; k < WALKS; k++)
        rows[k] = x + k * stride;
    for (uint32_t t = 0; t < w->f->tree_count; t++) {
        uint32_t at[WALKS];
        for (size_t k = 0; k < WALKS; k++)
            at[k] = w->roots[t];
        walk_all(w->nodes, at, rows, w->depths[t]);
        for (size_t k = 0; k < WALKS; k++)
            add_leaf(w, t, at[k], out + k * w->f->target_count);
    }
}

static void sum_row(const forest_walk *w, const double *x, double *out)
{
    const double *rows[WALKS];
    uint32_t trees = w->f->tree_count;
    for (size_t k = 0; k < WALKS; k++)
        rows[k] = x;
    for (uint32_t t = 0; t < trees; t += WALKS) {
        uint32_t at[WALKS], depth = 0;
        for (uint32_t k = 0; k < WALKS; k++) {
            uint32_t tree = t + k < trees ? t + k : trees - 1;
            at[k] = w->roots[tree];
            depth = w->depths[tree] > depth ? w->depths[tree] : depth;
        }
        walk_all(w->nodes, at, rows, depth);
        for (uint32_t k = 0; k < WALKS && t + k < trees; k++)
            add_leaf(w, t + k, at[k], out);
    }
}

void forest_walk_sum(const forest_walk *w, const double *x, size_t stride, size_t rows, double *out)
{
    if (rows == WALKS) {
        sum_rows(w, x, stride, out);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        sum_row(w, x + r * stride, out + r * w->f->target_count);
}
