/* What tree ensembles and linear models do to their scores at the end. */
#ifndef ALF_ENGINE_POST_TRANSFORM_H
#define ALF_ENGINE_POST_TRANSFORM_H

#include "engine/kernel.h"

typedef enum post_transform {
    POST_NONE,
    POST_SOFTMAX,
    POST_LOGISTIC,
    POST_SOFTMAX_ZERO,
    POST_PROBIT
} post_transform;

/* The string attribute post_transform; absent: POST_NONE. */
alf_status prepare_post_transform(const prepare *p, post_transform *out);

/* Transforms one row. wide: in double, else every step is rounded to float32. */
void post_transform_row(post_transform post, double *scores, size_t n, bool wide);

double post_logistic(double x, bool wide);

#endif
