/* Figures of a confusion matrix. */
#include "classify/evaluation.h"

#include <math.h>

void evaluation_add(evaluation *e, alf_category labelled, alf_category classified)
{
    e->matrix[labelled][classified]++;
}

uint64_t evaluation_labelled(const evaluation *e, alf_category category)
{
    uint64_t sum = 0;
    for (int i = 0; i < ALF_CATEGORIES; i++)
        sum += e->matrix[category][i];
    return sum;
}

uint64_t evaluation_classified(const evaluation *e, alf_category category)
{
    uint64_t sum = 0;
    for (int i = 0; i < ALF_CATEGORIES; i++)
        sum += e->matrix[i][category];
    return sum;
}

uint64_t evaluation_logs(const evaluation *e)
{
    uint64_t sum = 0;
    for (alf_category i = ALF_CRITICAL; i <= ALF_NOISE; i++)
        sum += evaluation_labelled(e, i);
    return sum;
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

double evaluation_accuracy(const evaluation *e)
{
    uint64_t right = 0;
    for (int i = 0; i < ALF_CATEGORIES; i++)
        right += e->matrix[i][i];
    return share(right, evaluation_logs(e));
}

double evaluation_precision(const evaluation *e, alf_category category)
{
    return share(e->matrix[category][category], evaluation_classified(e, category));
}

double evaluation_recall(const evaluation *e, alf_category category)
{
    return share(e->matrix[category][category], evaluation_labelled(e, category));
}

double evaluation_f1(const evaluation *e, alf_category category)
{
    return share(2 * e->matrix[category][category],
                 evaluation_labelled(e, category) + evaluation_classified(e, category));
}

double evaluation_forwarded(const evaluation *e, alf_category category)
{
    return share(e->matrix[category][ALF_CRITICAL] + e->matrix[category][ALF_SUSPICIOUS],
                 evaluation_labelled(e, category));
}

uint64_t evaluation_false_negatives(const evaluation *e)
{
    return evaluation_labelled(e, ALF_CRITICAL) - e->matrix[ALF_CRITICAL][ALF_CRITICAL];
}

/* ---- Clopper-Pearson ---- */

/* The continued fraction of the incomplete beta function (NIST DLMF 8.17.22), by Lentz' method. */
static double beta_fraction(double a, double b, double x)
{
    static const double tiny = 1e-300;
    double c = 1;
    double d = 1 - (a + b) * x / (a + 1);
    d = 1 / (fabs(d) < tiny ? tiny : d);
    double h = d;
    for (int i = 1; i < 100000; i++) {
        double m = i;
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 + even * d;
        c = 1 + even / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        d = 1 + odd * d;
        c = 1 + odd / c;
        d = 1 / (fabs(d) < tiny ? tiny : d);
        c = fabs(c) < tiny ? tiny : c;
        h *= d * c;
        if (fabs(d * c - 1) < 1e-15)
            break;
    }
    return h;
}

/* The regularised incomplete beta function I_x(a, b). */
static double beta_share(double a, double b, double x)
{
    if (x <= 0 || x >= 1)
        return x <= 0 ? 0 : 1;
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* The x at which I_x(a, b) reaches p, by bisection: slow, sure and only done twice a report. */
static double beta_quantile(double p, double a, double b)
{
    double low = 0;
    double high = 1;
    for (int i = 0; i < 200 && high - low > 1e-15; i++) {
        double middle = low + (high - low) / 2;
        if (beta_share(a, b, middle) < p)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}

evaluation_interval evaluation_clopper_pearson(uint64_t hits, uint64_t trials, double confidence)
{
    double tail = (1 - confidence) / 2;
    double n = (double)trials;
    double k = (double)hits;
    evaluation_interval out = {0, 1};
    if (hits > 0)
        out.low = beta_quantile(tail, k, n - k + 1);
    if (hits < trials)
        out.high = beta_quantile(1 - tail, k + 1, n - k);
    return out;
}
