/* TF-IDF of a sparse row. */
#include "engine/text_weights.h"

#include "base/power.h"

#include <math.h>

void text_weights_fill_logs(text_weights *w)
{
    for (uint32_t i = 1; i < WEIGHTS_KNOWN_LOGS; i++)
        w->logs[i] = w->wide ? 1.0 + power_log((double)i) : (double)(1.0F + logf((float)i));
}

static double weigh_wide(const text_weights *w, uint32_t column, uint32_t count)
{
    double tf = w->binary && count > 1 ? 1.0 : (double)count;
    if (w->sublinear)
        tf = tf < WEIGHTS_KNOWN_LOGS ? w->logs[(uint32_t)tf] : 1.0 + power_log(tf);
    return w->has_idf ? tf * w->idf[column] : tf;
}

static float weigh_narrow(const text_weights *w, uint32_t column, uint32_t count)
{
    float tf = w->binary && count > 1 ? 1.0F : (float)count;
    if (w->sublinear)
        tf = tf < WEIGHTS_KNOWN_LOGS ? (float)w->logs[(uint32_t)tf] : 1.0F + logf(tf);
    return w->has_idf ? tf * w->idf_f32[column] : tf;
}

static double size_of(const text_weights *w, double value)
{
    if (w->norm == WEIGHTS_L1)
        return fabs(value);
    if (w->wide)
        return value * value;
    float narrow = (float)value;
    float square = narrow * narrow;
    return (double)square;
}

static void weigh_row(const text_weights *w, const uint32_t *columns, const uint32_t *counts,
                      uint32_t n, double *values)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        values[i] = w->wide ? weigh_wide(w, columns[i], counts[i])
                            : (double)weigh_narrow(w, columns[i], counts[i]);
    if (w->norm == WEIGHTS_NO_NORM)
        return;
    for (uint32_t i = 0; i < n; i++)
        sum += size_of(w, values[i]);
    double norm = w->norm == WEIGHTS_L2 ? sqrt(sum) : sum;
    if (norm == 0)
        norm = 1;
    for (uint32_t i = 0; i < n; i++)
        values[i] /= norm;
}

void text_weights_row(const text_weights *w, const uint32_t *columns, const uint32_t *counts,
                      uint32_t n, double *values)
{
    weigh_row(w, columns, counts, n, values);
    for (uint32_t i = 0; i < n && w->rounds; i++)
        values[i] = (double)(float)values[i];
}
