/*
 * The smaller parts of a model, and what `convert` makes of one joblib file.
 */
#ifndef ALF_MODEL_MODEL_H
#define ALF_MODEL_MODEL_H

#include "model/forest.h"
#include "model/text.h"

/* In float64, column by column: y = (x - offset) / scale (StandardScaler, RobustScaler,
 * MaxAbsScaler), or y = x * factor + shift (MinMaxScaler); then y is kept within [low, high].
 * Or y = x / norm of the row (Normalizer), summed as numpy does (emit_norm.c). */
typedef struct scaler {
    uint32_t feature_count;
    text_norm norm;      /* not TEXT_NORM_NONE: nothing below but next counts */
    bool norm_is_signed; /* TEXT_NORM_MAX of the values, not of their sizes */
    double least_norm;   /* smaller norms, and 0, count as 1 */
    double *offset;      /* NULL: 0 everywhere */
    double *scale;       /* NULL: 1 everywhere */
    double *factor;      /* not NULL: factor and shift count, offset and scale do not */
    double *shift;
    bool clips;
    double low, high;
    struct scaler *next; /* applied to what this one gives; NULL: none */
} scaler;

/* IsolationForest: leaf weight = nodes on the path + c(samples in the leaf) - 1, one target.
 * depth = forest_sum; score = -2^(-depth / denominator); decision = score - offset;
 * label = decision < 0 ? -1 : 1. */
typedef struct isolation_forest {
    forest trees;       /* FOREST_F64, inputs are float32 values widened */
    double denominator; /* trees * c(max_samples) */
    double offset;
} isolation_forest;

typedef enum boosted_link {
    BOOSTED_SIGMOID, /* one margin; probability of class 1 */
    BOOSTED_SOFTMAX, /* one margin per class */
    /* binary:logitraw: one margin m, label m > 0.5, "probabilities" 1 - m and m.
     * multi:softmax: one margin per class, label = the first largest margin. */
    BOOSTED_HARD_MARGIN
} boosted_link;

/* A gradient-boosted classifier. Margins are float32 sums. */
typedef struct boosted_classifier {
    forest trees; /* FOREST_F32, base = margin the sums start from; only trees used by predict() */
    boosted_link link;
    uint32_t class_count;
} boosted_classifier;

typedef enum tree_link {
    TREE_AVERAGE,      /* probabilities = sums / divisor */
    TREE_LOGISTIC,     /* one sum: probability of class 1 = sigmoid(slope * sum) */
    TREE_SOFTMAX,      /* one sum per class */
    TREE_LOGISTIC_EACH /* one sum per class: sigmoid(slope * sum), which need not add up to 1 */
} tree_link;

/* The tree classifiers of scikit-learn and LightGBM. Everything is float64 but scikit-learn's rows,
 * which are rounded to float32. */
typedef struct tree_classifier {
    forest trees; /* FOREST_F64 */
    tree_link link;
    double divisor; /* sums are divided by it first; 0: they are not. TREE_AVERAGE has one */
    double slope;   /* TREE_LOGISTIC, TREE_LOGISTIC_EACH */
    /* The label is the first largest sum, or sum >= 0; else the first largest probability. */
    bool label_from_sums;
    bool is_wide; /* rows are float64 */
    /* Per feature, or NULL for none: a value within TREE_ZERO of 0 is missing (NaN to the trees).
     */
    bool *zero_is_missing;
} tree_classifier;

#define TREE_ZERO ((double)1e-35F)

typedef enum linear_link {
    LINEAR_ONE_VS_REST, /* sigmoid of each sum, divided by their total */
    LINEAR_SOFTMAX
} linear_link;

/* LogisticRegression, all in float64: sum = x . coefficients + intercept, added in the order of the
 * columns. One row with two classes: its sum is that of class 1, label sum > 0, softmax of
 * (-sum, sum). Else label = the first largest sum. */
typedef struct linear_classifier {
    uint32_t feature_count;
    uint32_t row_count;
    double *coefficients; /* row by row */
    double *intercepts;   /* row_count */
    linear_link link;
} linear_classifier;

typedef enum classifier_kind {
    CLASSIFIER_BOOSTED, /* a zero is an absent term, and that is a missing value */
    CLASSIFIER_TREES,   /* a zero is a zero; rows as is_wide says */
    CLASSIFIER_LINEAR   /* a zero is a zero, and rows are float64 */
} classifier_kind;

/* What fills the classifier slot of a bundle. */
typedef struct text_classifier {
    classifier_kind kind;
    uint32_t class_count;
    union {
        boosted_classifier boosted;
        tree_classifier trees;
        linear_classifier linear;
    } as;
} text_classifier;

/* Whether the classifier takes float64 rows. */
static inline bool text_classifier_is_wide(const text_classifier *c)
{
    return c->kind == CLASSIFIER_LINEAR || (c->kind == CLASSIFIER_TREES && c->as.trees.is_wide);
}

/* Class names in the order of the classifier's columns. */
typedef struct class_labels {
    uint32_t count;
    alf_span *names; /* numbers are written in decimal */
} class_labels;

#endif
