/*
 * The smaller parts of a model, and what `convert` makes of one joblib file.
 */
#ifndef ALF_MODEL_MODEL_H
#define ALF_MODEL_MODEL_H

#include "model/forest.h"
#include "model/text.h"

/* y = (x - offset) / scale in float64, column by column (StandardScaler). */
typedef struct scaler {
    uint32_t feature_count;
    double *offset; /* NULL: 0 everywhere */
    double *scale;  /* NULL: 1 everywhere */
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

/* Class names in the order of the classifier's columns. */
typedef struct class_labels {
    uint32_t count;
    alf_span *names; /* numbers are written in decimal */
} class_labels;

#endif
