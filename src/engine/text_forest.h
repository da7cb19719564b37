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

#define TEXT_LEAF    UINT32_C(0x80000000) /* beside a child: it is a leaf */
#define TEXT_MISSING UINT32_C(0x80000000) /* beside a column: NaN goes to the yes child */

typedef struct text_tree_node {
    float threshold;
    uint32_t column;   /* and TEXT_MISSING */
    uint32_t child[2]; /* no, yes */
} text_tree_node;

typedef struct text_leaf {
    double weight;
    uint32_t target;
} text_leaf;

typedef struct text_forest {
    bool wide; /* sums in float64, else float32 */
    bool less; /* a test is x < threshold, else x <= threshold */
    float absent;
    uint32_t column_count, target_count, tree_count;
    uint32_t *roots; /* per tree: a node, or a leaf with TEXT_LEAF */
    text_tree_node *nodes;
    text_leaf *leaves;
    uint32_t *empty;        /* per tree: the leaf of the empty row */
    uint32_t *turned_begin; /* per column, and one more: a range of `turned` */
    uint32_t *turned;       /* trees that the column can turn, ascending */
    uint32_t lead;          /* the first trees that nothing turns */
    bool regular;           /* from there on, the targets of the trees are 0, 1, ... 0, 1, ... */
    uint32_t step;          /* trees between two rows of `sums` */
    double *sums;           /* of the empty row: before trees lead, lead + step, ... */
} text_forest;

/* Takes what it needs of f, into memory that outlives the forest. *fits is false where the forest
 * has other tests or leaves. */
alf_status text_forest_init(text_forest *t, const forest *f, bool absent_is_nan, arena *memory,
                            bool *fits, alf_error *err);

/* Per session: an empty row and its weights, changed while a row is scored. */
typedef struct text_forest_room {
    float *row;
    float *narrow;     /* weights, where sums are float32 */
    double *weights;   /* where they are float64 */
    uint32_t *targets; /* where the forest is not regular */
    uint32_t *walked;  /* trees of this row */
    uint32_t *seen;    /* per tree: the number of the row that last walked it */
    uint32_t row_number;
} text_forest_room;

alf_status text_forest_room_init(text_forest_room *r, const text_forest *t, alf_error *err);
void text_forest_room_fini(text_forest_room *r);

/* sums: target_count; float32 sums held exactly. */
void text_forest_sum(const text_forest *t, text_forest_room *r, const uint32_t *columns,
                     const float *values, uint32_t n, double *sums);

#endif
