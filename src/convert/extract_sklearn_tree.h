/*
 * Reading scikit-learn's Tree objects into a forest: what its tree classifiers share. Nodes are
 * read by field name, children must come after their parents, thresholds be numbers; what a leaf
 * is worth is the caller's business.
 */
#ifndef ALF_CONVERT_EXTRACT_SKLEARN_TREE_H
#define ALF_CONVERT_EXTRACT_SKLEARN_TREE_H

#include "codec/value.h"
#include "model/forest.h"

typedef struct sklearn_trees sklearn_trees;

/* Appends the values of a leaf: sklearn_trees_value for each column, sklearn_trees_add for what it
 * is worth. Called twice per leaf, and must do the same both times: to count, and to fill. */
typedef alf_status sklearn_leaf(sklearn_trees *r, uint64_t node);

struct sklearn_trees {
    /* given by the caller */
    const value *owner;    /* the estimator, for messages */
    const char *tree_name; /* the class of every tree: "DecisionTreeClassifier" */
    uint32_t width;        /* numbers a node has */
    uint32_t group; /* trees that share a round: tree t has target t % group (1: no groups) */
    sklearn_leaf *leaf;
    void *context; /* for the leaf function */
    arena *a;
    alf_error *err;
    forest *f; /* number, feature_count and target_count are set */

    /* the tree being read */
    uint32_t tree;
    uint64_t offset; /* of its nodes in the file */
    const value_array *nodes, *values;
    const dtype_field *left, *right, *feature, *threshold, *missing;
    uint64_t counted; /* leaf values of all trees */
    bool counting;
};

/* Reads count trees; estimator(owner, t) is item t of `list`, a list or object array. */
alf_status sklearn_trees_read(sklearn_trees *r, const value *list, size_t count);
/* One tree that is its own estimator. */
alf_status sklearn_trees_read_one(sklearn_trees *r, const value *estimator);

alf_status sklearn_trees_value(const sklearn_trees *r, uint64_t node, uint32_t column, double *out);
void sklearn_trees_add(sklearn_trees *r, double weight, uint32_t target);

/* n_features_in_, or n_features_ before 0.24, or what the first tree says. */
alf_status sklearn_feature_count(const value *estimator, const value *first_tree, uint32_t *out,
                                 alf_error *err);
/* n_outputs_ must be one; the number of classes, from n_classes_ and classes_, at least 2. */
alf_status sklearn_class_count(const value *estimator, uint32_t *out, alf_error *err);

#endif
