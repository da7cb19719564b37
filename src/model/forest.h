/*
 * A forest of binary decision trees as plain data, whatever library it came from.
 *
 * All trees share one node array; children are absolute indices that always point forward
 * (child > parent), so walking one terminates. forest_check proves this and every other
 * invariant; a forest that has passed can be walked without further checks.
 */
#ifndef ALF_MODEL_FOREST_H
#define ALF_MODEL_FOREST_H

#include "base/arena.h"
#include "base/error.h"

typedef enum forest_mode {
    FOREST_LEQ = 0, /* x <= threshold goes to the true child */
    FOREST_LT = 1,  /* x < threshold */
    FOREST_GTE = 2,
    FOREST_GT = 3,
    FOREST_EQ = 4,
    FOREST_NEQ = 5,
    FOREST_MEMBER = 6 /* x equals a member of a set */
} forest_mode;

typedef enum forest_number { FOREST_F32, FOREST_F64 } forest_number;

typedef struct forest_node {
    double threshold;   /* FOREST_F32: a float32 value held exactly */
    int32_t feature;    /* column tested; -1 for a leaf */
    uint32_t yes;       /* child when the test holds; leaf: index of its first leaf value */
    uint32_t no;        /* child when it does not;    leaf: count of leaf values */
    uint8_t mode;       /* forest_mode */
    bool missing_yes;   /* NaN goes to the yes child, else to the no child */
    uint32_t set_begin; /* FOREST_MEMBER: first of its members in set_values */
    uint32_t set_count;
} forest_node;

typedef struct forest_leaf_value {
    double weight;   /* FOREST_F32: a float32 value held exactly */
    uint32_t target; /* output column it is added to */
} forest_leaf_value;

/* What becomes of a feature before every test of it: categories are whole numbers to the libraries
 * that cut them so. */
typedef enum forest_rounding { FOREST_AS_IS, FOREST_FLOOR, FOREST_TRUNC } forest_rounding;

typedef struct forest {
    forest_number number; /* arithmetic of comparison and of summation */
    uint32_t feature_count;
    uint32_t target_count; /* output columns */
    uint32_t tree_count;
    uint32_t node_count;
    uint32_t leaf_value_count;
    uint32_t set_value_count;
    uint32_t *roots; /* tree_count node indices, ascending */
    forest_node *nodes;
    forest_leaf_value *leaf_values;
    double *set_values; /* those of one node ascending */
    uint8_t *rounding;  /* forest_rounding of each feature, or NULL: all as they are */
    double *base;       /* target_count values the sums start from, or NULL for zeros */
} forest;

/* Checks every invariant: indices in range, children forward and within their tree, each node
 * reached once, features below feature_count, thresholds not NaN, weights finite. The error names
 * tree and node. */
alf_status forest_check(const forest *f, alf_error *err);

/* out[target_count]: base, then each tree in order, added in the forest's arithmetic (float32 sums
 * are rounded after every addition). x: feature_count values, NaN = missing. The slow reference
 * path that every faster one must equal bit for bit. The forest must have passed forest_check. */
void forest_sum(const forest *f, const double *x, double *out);

/* The node index of the leaf that x reaches in tree t. */
uint32_t forest_leaf(const forest *f, uint32_t t, const double *x);

#endif
