/* The anomaly model in the plainest way: what the chain must equal bit for bit. Needs alf_base and
 * alf_model. */
#ifndef ALF_TESTS_SUPPORT_PLAIN_ANOMALY_H
#define ALF_TESTS_SUPPORT_PLAIN_ANOMALY_H

#include "base/power.h"
#include "model/model.h"

enum { PLAIN_COLUMNS = 256 };

typedef struct plain_answer {
    double score, decision;
    int label;
} plain_answer;

static inline plain_answer plain_anomaly(const scaler *s, const isolation_forest *m,
                                         const double *features)
{
    double x[PLAIN_COLUMNS], depth;
    for (uint32_t i = 0; i < s->feature_count; i++) {
        double y = features[i];
        if (s->factor != NULL) {
            y = y * s->factor[i];
            y = y + s->shift[i];
        }
        if (s->factor == NULL && s->offset != NULL)
            y = y - s->offset[i];
        if (s->factor == NULL && s->scale != NULL)
            y = y / s->scale[i];
        x[i] = (double)(float)y;
    }
    forest_sum(&m->trees, x, &depth);
    plain_answer a;
    a.score = -power_of_two(-depth / m->denominator);
    a.decision = a.score - m->offset;
    a.label = a.decision < 0 ? -1 : 1;
    return a;
}

#endif
