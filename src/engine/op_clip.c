/* Clip. Bounds are attributes before version 11, optional inputs of one element from then on. */
#include "engine/operators.h"

#include <float.h>

typedef struct clip {
    bool attributes;
    float low, high;
} clip;

alf_status prepare_clip(prepare *p)
{
    clip *state;
    TRY(prepare_type(p, 0, p->node->version < 12 ? TYPES_FLOAT : TYPES_NUMBER));
    for (size_t i = 1; i < p->input_count; i++)
        if (p->inputs[i] != NULL) {
            TRY(prepare_type(p, i, TYPE_BIT(p->inputs[0]->type)));
            TRY(prepare_rank(p, i, 0, 1));
        }
    TRY(prepare_state(p, sizeof *state, &state));
    *state = (clip){.attributes = p->node->version < 11, .low = -FLT_MAX, .high = FLT_MAX};
    TRY(prepare_float(p, "min", &state->low));
    TRY(prepare_float(p, "max", &state->high));
    prepare_output_like(p, 0, p->inputs[0]->type, 0);
    return ALF_OK;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
/* low before high: where they cross, the upper bound wins. NaN stays. */
#define CLIP(type)                                                                                 \
    static void clip_##type(type *to, const type *from, uint64_t n, const type *low,               \
                            const type *high)                                                      \
    {                                                                                              \
        for (uint64_t i = 0; i < n; i++) {                                                         \
            type x = from[i];                                                                      \
            if (low != NULL && x < *low)                                                           \
                x = *low;                                                                          \
            if (high != NULL && x > *high)                                                         \
                x = *high;                                                                         \
            to[i] = x;                                                                             \
        }                                                                                          \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
CLIP(float)
CLIP(double)
CLIP(int32_t)
CLIP(int64_t)

static alf_status bound(const kernel_call *c, size_t i, const void **out)
{
    const tensor *t = call_input(c, i);
    *out = NULL;
    if (t == NULL)
        return ALF_OK;
    if (tensor_count(t) != 1)
        return call_fail(c, ALF_E_FORMAT, "input %zu is not a single number", i);
    *out = t->data;
    return ALF_OK;
}

alf_status run_clip(const kernel_call *c)
{
    const clip *state = c->state;
    const tensor *in = c->inputs[0];
    const void *low, *high;
    double low_double = (double)state->low, high_double = (double)state->high;
    TRY(bound(c, 1, &low));
    TRY(bound(c, 2, &high));
    TRY(call_output_like(c, 0, in));
    if (state->attributes) {
        low = in->type == ONNX_FLOAT ? (const void *)&state->low : &low_double;
        high = in->type == ONNX_FLOAT ? (const void *)&state->high : &high_double;
    }
    uint64_t n = tensor_count(in);
    void *to = c->outputs[0]->data;
    if (in->type == ONNX_FLOAT)
        clip_float(to, in->data, n, low, high);
    else if (in->type == ONNX_DOUBLE)
        clip_double(to, in->data, n, low, high);
    else if (in->type == ONNX_INT32)
        clip_int32_t(to, in->data, n, low, high);
    else
        clip_int64_t(to, in->data, n, low, high);
    return ALF_OK;
}
