/* Abs Neg Sign Floor Ceil Exp Log Sqrt Sigmoid Not IsNaN: one element in, one out. */
#include "base/power.h"
#include "engine/elementwise.h"
#include "engine/operators.h"

#include <math.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define LOOP1(name, in_type, out_type, expression)                                                 \
    static void name(void *out, const void *in, size_t n)                                          \
    {                                                                                              \
        out_type *to = out;                                                                        \
        const in_type *from = in;                                                                  \
        for (size_t i = 0; i < n; i++) {                                                           \
            in_type x = from[i];                                                                   \
            to[i] = (out_type)(expression);                                                        \
        }                                                                                          \
    }

LOOP1(abs_float, float, float, fabsf(x))
LOOP1(abs_double, double, double, fabs(x))
LOOP1(abs_int32, int32_t, int32_t, x < 0 ? 0 - (uint32_t)x : (uint32_t)x)
LOOP1(abs_int64, int64_t, int64_t, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
LOOP1(neg_float, float, float, -x)
LOOP1(neg_double, double, double, -x)
LOOP1(neg_int32, int32_t, int32_t, 0 - (uint32_t)x)
LOOP1(neg_int64, int64_t, int64_t, 0 - (uint64_t)x)
LOOP1(sign_float, float, float, isnan(x) ? x : (float)((x > 0) - (x < 0)))
LOOP1(sign_double, double, double, isnan(x) ? x : (double)((x > 0) - (x < 0)))
LOOP1(sign_int32, int32_t, int32_t, (x > 0) - (x < 0))
LOOP1(sign_int64, int64_t, int64_t, (x > 0) - (x < 0))
LOOP1(floor_float, float, float, floorf(x))
LOOP1(floor_double, double, double, floor(x))
LOOP1(ceil_float, float, float, ceilf(x))
LOOP1(ceil_double, double, double, ceil(x))
LOOP1(exp_float, float, float, expf(x))
LOOP1(exp_double, double, double, power_exp(x))
LOOP1(log_float, float, float, logf(x))
LOOP1(log_double, double, double, power_log(x))
LOOP1(sqrt_float, float, float, sqrtf(x))
LOOP1(sqrt_double, double, double, sqrt(x))
/* exp(-x) becomes infinite for very negative x: then 1 / inf is the right 0. */
LOOP1(sigmoid_float, float, float, 1.0f / (1.0f + expf(-x)))
LOOP1(sigmoid_double, double, double, 1.0 / (1.0 + power_exp(-x)))
LOOP1(not_bool, uint8_t, uint8_t, x == 0)
LOOP1(isnan_float, float, uint8_t, isnan(x) != 0)
LOOP1(isnan_double, double, uint8_t, isnan(x) != 0)

/* NOLINTEND(bugprone-macro-parentheses) */
typedef struct unary {
    loop1 loops[4]; /* float, double, int32, int64; NULL: not defined */
} unary;

static const unary unaries[] = {
    [UNARY_ABS] = {{abs_float, abs_double, abs_int32, abs_int64}},
    [UNARY_NEG] = {{neg_float, neg_double, neg_int32, neg_int64}},
    [UNARY_SIGN] = {{sign_float, sign_double, sign_int32, sign_int64}},
    [UNARY_FLOOR] = {{floor_float, floor_double, NULL, NULL}},
    [UNARY_CEIL] = {{ceil_float, ceil_double, NULL, NULL}},
    [UNARY_EXP] = {{exp_float, exp_double, NULL, NULL}},
    [UNARY_LOG] = {{log_float, log_double, NULL, NULL}},
    [UNARY_SQRT] = {{sqrt_float, sqrt_double, NULL, NULL}},
    [UNARY_SIGMOID] = {{sigmoid_float, sigmoid_double, NULL, NULL}},
    [UNARY_ISNAN] = {{isnan_float, isnan_double, NULL, NULL}},
};

static loop1 find_loop(int variant, onnx_type type)
{
    if (variant == UNARY_NOT)
        return type == ONNX_BOOL ? not_bool : NULL;
    switch (type) {
    case ONNX_FLOAT:
        return unaries[variant].loops[0];
    case ONNX_DOUBLE:
        return unaries[variant].loops[1];
    case ONNX_INT32:
        return unaries[variant].loops[2];
    case ONNX_INT64:
        return unaries[variant].loops[3];
    default:
        return NULL;
    }
}

alf_status prepare_unary(prepare *p)
{
    uint32_t types = 0;
    loop1 *state;
    for (int t = ONNX_FLOAT; t <= ONNX_UINT64; t++)
        if (find_loop(p->op->variant, (onnx_type)t) != NULL)
            types |= TYPE_BIT(t);
    TRY(prepare_type(p, 0, types));
    onnx_type type = p->inputs[0]->type;
    TRY(prepare_state(p, sizeof *state, &state));
    *state = find_loop(p->op->variant, type);
    prepare_output_like(p, 0, p->op->variant == UNARY_ISNAN ? ONNX_BOOL : type, 0);
    return ALF_OK;
}

alf_status run_unary(const kernel_call *c)
{
    const loop1 *state = c->state;
    TRY(call_output_like(c, 0, c->inputs[0]));
    (*state)(c->outputs[0]->data, c->inputs[0]->data, (size_t)tensor_count(c->inputs[0]));
    return ALF_OK;
}
