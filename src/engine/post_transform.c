/* In float32 the arithmetic is XGBoost's: the maximum subtracted, expf, the sum kept in double. */
#include "engine/post_transform.h"

#include "base/power.h"

#include <math.h>

alf_status prepare_post_transform(const prepare *p, post_transform *out)
{
    static const char *const names[] = {"NONE",         "SOFTMAX", "LOGISTIC",
                                        "SOFTMAX_ZERO", "PROBIT",  NULL};
    int choice = POST_NONE;
    TRY(prepare_choice(p, "post_transform", names, &choice));
    *out = (post_transform)choice;
    return ALF_OK;
}

double post_logistic(double x, bool wide)
{
    if (wide)
        return 1.0 / (1.0 + power_exp(-x));
    return (double)(1.0f / (1.0f + expf((float)-x)));
}

/* e^(x - top) */
static double power(double x, double top, bool wide)
{
    return wide ? power_exp(x - top) : (double)expf((float)x - (float)top);
}

static double quotient(double x, double sum, bool wide)
{
    return wide ? x / sum : (double)((float)x / (float)sum);
}

static void softmax(double *scores, size_t n, bool wide)
{
    double top = scores[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        top = scores[i] > top ? scores[i] : top;
    for (size_t i = 0; i < n; i++) {
        scores[i] = power(scores[i], top, wide);
        sum += scores[i];
    }
    for (size_t i = 0; i < n; i++)
        scores[i] = quotient(scores[i], sum, wide);
}

/* As softmax, but scores that are nearly zero stay out of the sum and near zero. */
static void softmax_zero(double *scores, size_t n, bool wide)
{
    double top = scores[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        top = scores[i] > top ? scores[i] : top;
    for (size_t i = 0; i < n; i++) {
        if (scores[i] > 1e-7 || scores[i] < -1e-7) {
            scores[i] = power(scores[i], top, wide);
            sum += scores[i];
        } else {
            scores[i] *= power(0, top, wide);
        }
    }
    for (size_t i = 0; i < n; i++)
        scores[i] = quotient(scores[i], sum, wide);
}

/* The inverse of the normal distribution by Winitzki's approximation of the inverse error function
 * (a = 0.147), which is what files that ask for it were made against. */
static double probit(double x)
{
    const float a = 0.147f, pi = 3.14159f;
    float y = 2 * (float)x - 1;
    float sign = y < 0 ? -1.0f : 1.0f;
    float logarithm = logf((1 - y) * (1 + y));
    float half = 2 / (pi * a) + 0.5f * logarithm;
    float root = sqrtf(half * half - logarithm / a) - half;
    return (double)(1.41421356f * sign * sqrtf(root));
}

void post_transform_row(post_transform post, double *scores, size_t n, bool wide)
{
    if (n == 0)
        return;
    if (post == POST_SOFTMAX)
        softmax(scores, n, wide);
    else if (post == POST_SOFTMAX_ZERO)
        softmax_zero(scores, n, wide);
    for (size_t i = 0; i < n && post == POST_LOGISTIC; i++)
        scores[i] = post_logistic(scores[i], wide);
    for (size_t i = 0; i < n && post == POST_PROBIT; i++)
        scores[i] = probit(scores[i]);
}
