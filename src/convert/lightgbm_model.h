/*
 * A LightGBM model as its text tells it (Booster.save_model, or the text inside a pickled Booster),
 * before anything is interpreted. Every array has the length that num_leaves and num_cat give it,
 * and every number is one that its key can have; whether children form a tree is not checked here.
 */
#ifndef ALF_CONVERT_LIGHTGBM_MODEL_H
#define ALF_CONVERT_LIGHTGBM_MODEL_H

#include "base/arena.h"
#include "base/error.h"

enum { LGB_CLASS_LIMIT = 1000, LGB_FEATURE_LIMIT = 1 << 24 };

/* The bits of a split's decision_type. */
enum {
    LGB_CATEGORICAL = 1,
    LGB_DEFAULT_LEFT = 2,
    LGB_MISSING_SHIFT = 2, /* then two bits: */
    LGB_MISSING_NONE = 0,
    LGB_MISSING_ZERO = 1,
    LGB_MISSING_NAN = 2
};

typedef struct lgb_tree {
    uint32_t leaf_count; /* at least 1; one split less */
    double *threshold;   /* per split: x <= threshold goes left; categorical: number of its set */
    int64_t *feature;    /* per split, from 0 */
    int64_t *left;       /* per split: a split, or ~leaf */
    int64_t *right;
    int64_t *decision;  /* per split: the bits above */
    double *leaf_value; /* per leaf */
    uint32_t set_count; /* categorical splits */
    int64_t *set_begin; /* set_count + 1 indices into set_words, not descending, the first 0 */
    int64_t *set_words; /* 32 categories each */
} lgb_tree;

typedef struct lgb_model {
    int version;          /* 2, 3 or 4 */
    uint32_t num_class;   /* 1 for two classes */
    uint32_t round_trees; /* per round, one for each sum */
    uint32_t feature_count;
    alf_span objective;  /* "binary sigmoid:1"; data NULL: not there */
    double sigmoid;      /* of the objective; 1 where it does not say */
    bool average_output; /* random forest: sums are divided by the rounds */
    uint32_t tree_count;
    lgb_tree *trees;
} lgb_model;

/* What is built lies in a; text borrows from the text given. Messages carry the byte offset. */
alf_status lgb_read(alf_span text, arena *a, lgb_model *out, alf_error *err);

#endif
