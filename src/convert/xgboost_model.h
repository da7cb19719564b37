/*
 * An XGBoost booster as its file tells it, before anything is interpreted: the common ground of the
 * binary format and of the JSON tree. Sizes agree with each other (every array of a tree has
 * node_count items, groups has tree_count); nothing else is checked here.
 */
#ifndef ALF_CONVERT_XGBOOST_MODEL_H
#define ALF_CONVERT_XGBOOST_MODEL_H

#include "codec/value.h"

/* Columns of margins at most, and nodes of all trees: far above any real model. */
enum { XGB_CLASS_LIMIT = 65535, XGB_NODE_LIMIT = 1 << 28 };
/* Categories are below this, as float32 counts: the library treats others as no category at all. */
enum { XGB_CATEGORY_LIMIT = 1 << 24, XGB_SET_LIMIT = 1 << 25 };

typedef struct xgb_node {
    int32_t left; /* -1: a leaf */
    int32_t right;
    uint32_t feature;
    float value; /* split: x < value goes left; leaf: its weight */
    bool default_left;
    bool categorical;   /* tests a set: its categories go right */
    uint32_t set_begin; /* in the tree's categories */
    uint32_t set_count;
} xgb_node;

typedef struct xgb_tree {
    uint32_t node_count; /* at least 1; may hold nodes that nothing leads to (pruned ones) */
    xgb_node *nodes;
    uint32_t *categories; /* those of one node ascending, without repetition; NULL: no sets */
} xgb_tree;

typedef struct xgb_model {
    int64_t version[2]; /* of the library that wrote it; 0 where it does not say (before 1.0) */
    alf_span objective; /* "multi:softprob" */
    uint32_t num_class; /* 0 for one margin */
    uint32_t num_feature;
    float *base_score;
    uint32_t base_score_count; /* 1, or one per class */
    bool base_is_margin;       /* already through the inverse link (before 1.0) */
    uint32_t tree_count;
    xgb_tree *trees;
    uint32_t *groups; /* per tree: the margin it adds to */
    uint32_t num_parallel_tree;
    uint64_t *iteration_ends; /* per round: trees up to its end; NULL before 2.0 */
    size_t iteration_count;
    float *weight_drop;     /* per tree, dart only; NULL otherwise */
    int64_t best_iteration; /* -1: not there */
    alf_span wrapper;       /* JSON that XGBClassifier.save_model adds; empty otherwise */
} xgb_model;

/* Reads any format since 0.90: binary, with "CONFIG-offset:" before it, JSON, UBJSON; with the
 * configuration that pickles have or without. What is built lies in a; text borrows from bytes. */
alf_status xgb_read(alf_span bytes, arena *a, xgb_model *out, alf_error *err);

/* count * size zeroed bytes of the arena; *status says why when it gives NULL. */
void *xgb_allocate(arena *a, size_t count, size_t size, alf_status *status, alf_error *err);

/* The part of xgb_read that knows the binary format. */
alf_status xgb_read_legacy(alf_span bytes, arena *a, xgb_model *out, alf_error *err);

#endif
