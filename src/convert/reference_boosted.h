/*
 * Shared by the two halves of the XGBoost reference engine: what was read, and reading it.
 * Nothing here is for other modules; reference.h is their interface.
 */
#ifndef ALF_CONVERT_REFERENCE_BOOSTED_H
#define ALF_CONVERT_REFERENCE_BOOSTED_H

#include "convert/reference.h"

typedef struct reference_tree {
    size_t count;
    int32_t *left; /* -1: a leaf */
    int32_t *right;
    uint32_t *feature;
    float *number; /* threshold or leaf weight */
    bool *default_left;
    uint32_t **sets; /* per node: the bits of its categories, or NULL; NULL: no sets in the tree */
    size_t *set_words; /* of 32 bits, per node */
    uint32_t group;
    float drop;
} reference_tree;

typedef enum reference_goal { GOAL_LOGISTIC, GOAL_RAW, GOAL_SOFTPROB, GOAL_SOFTMAX } reference_goal;

struct reference_boosted {
    arena memory;
    reference_goal goal;
    size_t classes;
    size_t groups; /* margins */
    size_t features;
    int version; /* 100 * major + minor, 0 before 1.0 */
    bool is_classifier;
    alf_span saved; /* JSON that XGBClassifier.save_model adds; empty: none */
    bool is_dart;
    float *base; /* margins, per group */
    reference_tree *trees;
    size_t tree_count; /* all */
    size_t used;       /* by predict() */
    size_t rounds;     /* entries of round_ends */
    size_t *round_ends;
    int64_t per_round; /* num_parallel_tree */
    int64_t best;      /* attribute best_iteration; -1: none */
    bool no_memory;    /* sticky: a parameter could not be parsed for want of memory */
};

/* What is read before it is interpreted. */
typedef struct reference_model {
    alf_span objective;
    int64_t classes;
    const value *base_list; /* several base scores, or NULL */
    double base_score;
} reference_model;

/* Reads a booster of any format: everything of r but its goal, classes, groups, base and used. */
alf_status reference_boosted_read(reference_boosted *r, alf_span data, reference_model *m,
                                  alf_error *err);

/* Item i of a list or array of numbers; false where there is none. */
bool reference_boosted_item(const value *list, size_t i, double *out);

alf_status reference_boosted_damaged(alf_error *err, const char *what);

#endif
