/*
 * Softmax. Before version 13 the dims from `axis` on are one (default axis 1); from 13 on the sum
 * runs along one axis (default the last). The maximum is subtracted; float sums are kept in double,
 * as XGBoost does.
 */
#include "engine/operators.h"

#include "base/power.h"

#include <math.h>

typedef struct softmax {
    int64_t axis;
    bool flat; /* the older meaning */
} softmax;

alf_status prepare_softmax(prepare *p)
{
    softmax *state;
    TRY(prepare_type(p, 0, TYPES_FLOAT));
    TRY(prepare_state(p, sizeof *state, &state));
    state->flat = p->node->version < 13;
    state->axis = state->flat ? 1 : -1;
    TRY(prepare_int(p, "axis", &state->axis));
    prepare_output_like(p, 0, p->inputs[0]->type, 0);
    return ALF_OK;
}

static void softmax_float(float *to, const float *from, uint64_t n, uint64_t step)
{
    float top = from[0];
    double sum = 0;
    for (uint64_t i = 1; i < n; i++)
        if (from[i * step] > top)
            top = from[i * step];
    for (uint64_t i = 0; i < n; i++) {
        to[i * step] = expf(from[i * step] - top);
        sum += (double)to[i * step];
    }
    for (uint64_t i = 0; i < n; i++)
        to[i * step] /= (float)sum;
}

static void softmax_double(double *to, const double *from, uint64_t n, uint64_t step)
{
    double top = from[0];
    double sum = 0;
    for (uint64_t i = 1; i < n; i++)
        if (from[i * step] > top)
            top = from[i * step];
    for (uint64_t i = 0; i < n; i++) {
        to[i * step] = power_exp(from[i * step] - top);
        sum += to[i * step];
    }
    for (uint64_t i = 0; i < n; i++)
        to[i * step] /= sum;
}

alf_status run_softmax(const kernel_call *c)
{
    const softmax *state = c->state;
    const tensor *in = c->inputs[0];
    uint32_t axis;
    if (state->flat && state->axis == (int64_t)in->rank)
        axis = in->rank; /* every element is a row of its own */
    else
        TRY(call_axis(c, state->axis, in->rank, &axis));
    TRY(call_output_like(c, 0, in));
    uint64_t outer = 1, n = 1, inner = 1;
    for (uint32_t k = 0; k < in->rank; k++) {
        if (k < axis)
            outer *= (uint64_t)in->dims[k];
        else if (k == axis || state->flat)
            n *= (uint64_t)in->dims[k];
        else
            inner *= (uint64_t)in->dims[k];
    }
    if (n == 0)
        return ALF_OK;
    for (uint64_t o = 0; o < outer; o++)
        for (uint64_t i = 0; i < inner; i++) {
            uint64_t at = o * n * inner + i;
            if (in->type == ONNX_FLOAT)
                softmax_float((float *)c->outputs[0]->data + at, (const float *)in->data + at, n,
                              inner);
            else
                softmax_double((double *)c->outputs[0]->data + at, (const double *)in->data + at, n,
                               inner);
        }
    return ALF_OK;
}

int64_t softmax_axis(const void *state)
{
    return ((const softmax *)state)->axis;
}
