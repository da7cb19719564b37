/*
 * How good verdicts are on labelled logs: confusion matrix, precision, recall, F1, and how sure one
 * can be of a recall that was measured on so many logs.
 */
#ifndef ALF_CLASSIFY_EVALUATION_H
#define ALF_CLASSIFY_EVALUATION_H

#include "ai_log_filter.h"

typedef struct evaluation {
    uint64_t matrix[ALF_CATEGORIES][ALF_CATEGORIES]; /* [labelled][classified] */
} evaluation;

void evaluation_add(evaluation *e, alf_category labelled, alf_category classified);

uint64_t evaluation_logs(const evaluation *e);
uint64_t evaluation_labelled(const evaluation *e, alf_category category);
uint64_t evaluation_classified(const evaluation *e, alf_category category);

/* Shares within [0, 1]; NaN where there is nothing to divide by. */
double evaluation_accuracy(const evaluation *e);
double evaluation_precision(const evaluation *e, alf_category category);
double evaluation_recall(const evaluation *e, alf_category category);
double evaluation_f1(const evaluation *e, alf_category category);
/* Of the logs labelled so, the share classified critical or suspicious. */
double evaluation_forwarded(const evaluation *e, alf_category category);

/* Logs labelled critical and classified otherwise. */
uint64_t evaluation_false_negatives(const evaluation *e);

typedef struct evaluation_interval {
    double low, high;
} evaluation_interval;

/* The exact (Clopper-Pearson) two-sided interval for a share of which `hits` of `trials` were seen.
 * confidence within (0, 1), such as 0.95. trials 0: [0, 1]. Clopper and Pearson, Biometrika 26
 * (1934). */
evaluation_interval evaluation_clopper_pearson(uint64_t hits, uint64_t trials, double confidence);

#endif
