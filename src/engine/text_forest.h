/*
 * A forest over rows that are almost empty. With all columns absent (missing, or zero) every tree
 * has one leaf; a tree gives another only when a column that is present is tested on the way to
 * that leaf: it is "turned". So the weights of the empty row are kept, the trees that a present
 * column can turn are walked, and then the weights are added in the order of the trees, from the
 * first that was walked: the sums before it are known. The sums have the bits of forest_sum.
 */
#ifndef ALF_ENGINE_TEXT_FOREST_H
#define ALF_ENGINE_TEXT_FOREST_H

#include "base/arena.h"
#include "base/error.h"
#include "model/forest.h"

#define TEXT_LEAF UINT32_C(0x80000000) /* beside a child: it is a leaf */

/*
 * A row is kept twice: where a missing value is a number that no test holds for, and behind that,
 * where it is one that all hold for. A node reads the one that suits it, so a walk knows no missing
 * values.
 */
typedef struct text_tree_node {
    float threshold;   /* finite */
    uint32_t at;       /* in the two rows */
    uint32_t child[2]; /* no, yes */
} text_tree_node;

typedef struct text_forest {
    bool wide; /* sums in float64, else float32 */
    bool less; /* a test is x < threshold, else x <= threshold */
    float absent;
    uint32_t column_count, target_count, tree_count;
    uint32_t *roots; /* per tree: a node, or a leaf with TEXT_LEAF */
    text_tree_node *nodes;
    double *weights; /* of leaves, numbered as nodes are */
    float *narrow;   /* the same, where sums are float32 */
    uint32_t *targets;
    uint32_t *empty;         /* per tree: the leaf of the empty row */
    double *empty_weights;   /* per tree: that leaf's */
    float *empty_narrow;     /* the same, where sums are float32 */
    uint32_t *empty_targets; /* per tree */
    uint32_t *turned_begin;  /* per column, and one more: a range of `turned` */
    uint32_t *turned;        /* trees that the column can turn, ascending */
    uint32_t lead;           /* the first trees that nothing turns */
    bool regular;            /* from there on, the targets of the trees are 0, 1, ... 0, 1, ... */
    uint32_t step;           /* trees between two rows of `sums` */
    double *sums;            /* of the empty row: before trees lead, lead + step, ... */
} text_forest;

/* Takes what it needs of f, into memory that outlives the forest. *fits is false where the forest
 * has other tests or leaves. */
alf_status text_forest_init(text_forest *t, const forest *f, bool absent_is_nan, arena *memory,
                            bool *fits, alf_error *err);

/* Per session. */
typedef struct text_forest_room {
    float *rows;       /* the two rows; empty between texts */
    float *narrow;     /* weights of the trees, where sums are float32 */
    double *weights;   /* where they are float64 */
    uint32_t *targets; /* where the forest is not regular */
} text_forest_room;

alf_status text_forest_room_init(text_forest_room *r, const text_forest *t, alf_error *err);
void text_forest_room_fini(text_forest_room *r);

/* sums: target_count; float32 sums held exactly. */
void text_forest_sum(const text_forest *t, text_forest_room *r, const uint32_t *columns,
                     const float *values, uint32_t n, double *sums);

#endif
