/*
 * Add Sub Mul Div Pow, and Max Min Sum Mean of any number of inputs. Integers wrap, as in numpy;
 * division of integers truncates and refuses zero. Max and Min let NaN through.
 */
#include "base/power.h"
#include "engine/elementwise.h"
#include "engine/operators.h"

#include <math.h>
#include <string.h>

typedef struct arithmetic {
    loop2 loop;
    bool integer_division;
    bool mean; /* Mean: divide by the number of inputs */
} arithmetic;

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define LOOP2(name, type, expression)                                                              \
    static void name(void *out, const void *a, const void *b, size_t n, size_t step_a,             \
                     size_t step_b)                                                                \
    {                                                                                              \
        type *to = out;                                                                            \
        const type *pa = a, *pb = b;                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            type x = pa[i * step_a], y = pb[i * step_b];                                           \
            to[i] = (type)(expression);                                                            \
        }                                                                                          \
    }

#define LOOPS_FLOAT(type)                                                                          \
    LOOP2(add_##type, type, x + y)                                                                 \
    LOOP2(sub_##type, type, x - y)                                                                 \
    LOOP2(mul_##type, type, x *y)                                                                  \
    LOOP2(div_##type, type, x / y)                                                                 \
    LOOP2(max_##type, type, isnan(x) || x > y ? x : y)                                             \
    LOOP2(min_##type, type, isnan(x) || x < y ? x : y)

/* wide: unsigned, so that overflow wraps. */
#define LOOPS_INT(type, wide)                                                                      \
    LOOP2(add_##type, type, (wide)x + (wide)y)                                                     \
    LOOP2(sub_##type, type, (wide)x - (wide)y)                                                     \
    LOOP2(mul_##type, type, (wide)x *(wide)y)                                                      \
    LOOP2(div_##type, type, (y == -1 ? (type)(0 - (wide)x) : (type)(x / y)))                       \
    LOOP2(max_##type, type, x > y ? x : y)                                                         \
    LOOP2(min_##type, type, x < y ? x : y)

LOOPS_FLOAT(float)
LOOPS_FLOAT(double)
LOOPS_INT(int32_t, uint32_t)
LOOPS_INT(int64_t, uint64_t)

/* Powers of integers go through double, as the runtime the files were made for does; what does not
 * fit becomes the lowest integer. */
static int64_t to_int64(double x)
{
    return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (int64_t)x : INT64_MIN;
}

static int32_t to_int32(double x)
{
    return x > -2147483648.0 - 1 && x < 2147483648.0 ? (int32_t)x : INT32_MIN;
}

/* Powers of two are what anomaly scores rest on, and have the same bits on every CPU. */
static double power(double x, double y)
{
    return x >= 2 && x <= 2 ? power_of_two(y) : pow(x, y);
}

#define LOOP_POW(name, base, exponent, expression)                                                 \
    static void name(void *out, const void *a, const void *b, size_t n, size_t step_a,             \
                     size_t step_b)                                                                \
    {                                                                                              \
        base *to = out;                                                                            \
        const base *pa = a;                                                                        \
        const exponent *pb = b;                                                                    \
        for (size_t i = 0; i < n; i++) {                                                           \
            base x = pa[i * step_a];                                                               \
            exponent y = pb[i * step_b];                                                           \
            to[i] = expression;                                                                    \
        }                                                                                          \
    }

LOOP_POW(pow_float_float, float, float, powf(x, y))
LOOP_POW(pow_float_double, float, double, (float)power((double)x, y))
LOOP_POW(pow_float_int32, float, int32_t, (float)power((double)x, (double)y))
LOOP_POW(pow_float_int64, float, int64_t, (float)power((double)x, (double)y))
LOOP_POW(pow_double_float, double, float, power(x, (double)y))
LOOP_POW(pow_double_double, double, double, power(x, y))
LOOP_POW(pow_double_int32, double, int32_t, power(x, (double)y))
LOOP_POW(pow_double_int64, double, int64_t, power(x, (double)y))
LOOP_POW(pow_int32_float, int32_t, float, to_int32(power((double)x, (double)y)))
LOOP_POW(pow_int32_double, int32_t, double, to_int32(power((double)x, y)))
LOOP_POW(pow_int32_int32, int32_t, int32_t, to_int32(power((double)x, (double)y)))
LOOP_POW(pow_int32_int64, int32_t, int64_t, to_int32(power((double)x, (double)y)))
LOOP_POW(pow_int64_float, int64_t, float, to_int64(power((double)x, (double)y)))
LOOP_POW(pow_int64_double, int64_t, double, to_int64(power((double)x, y)))
LOOP_POW(pow_int64_int32, int64_t, int32_t, to_int64(power((double)x, (double)y)))
LOOP_POW(pow_int64_int64, int64_t, int64_t, to_int64(power((double)x, (double)y)))

/* NOLINTEND(bugprone-macro-parentheses) */
/* float, double, int32, int64 -> 0..3 */
static int number_index(onnx_type type)
{
    switch (type) {
    case ONNX_FLOAT:
        return 0;
    case ONNX_DOUBLE:
        return 1;
    case ONNX_INT32:
        return 2;
    default:
        return 3;
    }
}

static const loop2 plain_loops[][4] = {
    [ARITH_ADD] = {add_float, add_double, add_int32_t, add_int64_t},
    [ARITH_SUB] = {sub_float, sub_double, sub_int32_t, sub_int64_t},
    [ARITH_MUL] = {mul_float, mul_double, mul_int32_t, mul_int64_t},
    [ARITH_DIV] = {div_float, div_double, div_int32_t, div_int64_t},
    [ARITH_MAX] = {max_float, max_double, max_int32_t, max_int64_t},
    [ARITH_MIN] = {min_float, min_double, min_int32_t, min_int64_t},
};

static const loop2 pow_loops[4][4] = {
    {pow_float_float, pow_float_double, pow_float_int32, pow_float_int64},
    {pow_double_float, pow_double_double, pow_double_int32, pow_double_int64},
    {pow_int32_float, pow_int32_double, pow_int32_int32, pow_int32_int64},
    {pow_int64_float, pow_int64_double, pow_int64_int32, pow_int64_int64},
};

alf_status prepare_arithmetic(prepare *p)
{
    arithmetic *state;
    bool power = p->op->variant == ARITH_POW;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    onnx_type type = p->inputs[0]->type;
    TRY(prepare_type(p, 1, power && p->node->version >= 12 ? TYPES_NUMBER : TYPE_BIT(type)));
    TRY(prepare_state(p, sizeof *state, &state));
    int index = number_index(type);
    state->loop = power ? pow_loops[index][number_index(p->inputs[1]->type)]
                        : plain_loops[p->op->variant][index];
    state->integer_division = p->op->variant == ARITH_DIV && (TYPE_BIT(type) & TYPES_INT) != 0;
    return prepare_output_broadcast(p, type);
}

static bool has_zero(const tensor *t)
{
    uint64_t count = tensor_count(t);
    for (uint64_t i = 0; i < count; i++)
        if (t->type == ONNX_INT32 ? ((const int32_t *)t->data)[i] == 0
                                  : ((const int64_t *)t->data)[i] == 0)
            return true;
    return false;
}

alf_status run_arithmetic(const kernel_call *c)
{
    const arithmetic *state = c->state;
    uint32_t rank;
    int64_t dims[ONNX_MAX_RANK];
    if (state->integer_division && has_zero(c->inputs[1]))
        return call_fail(c, ALF_E_FORMAT, "integer division by zero");
    TRY(broadcast_shape(c, &rank, dims));
    TRY(call_output(c, 0, rank, dims));
    run_loop2(state->loop, c->outputs[0], c->inputs[0], c->inputs[1]);
    return ALF_OK;
}

alf_status prepare_variadic(prepare *p)
{
    arithmetic *state;
    bool mean = p->op->variant == VARIADIC_MEAN;
    bool sum = p->op->variant == VARIADIC_SUM;
    TRY(prepare_type(p, 0, mean || sum ? TYPES_FLOAT : TYPES_NUMBER));
    onnx_type type = p->inputs[0]->type;
    for (size_t i = 1; i < p->input_count; i++)
        TRY(prepare_type(p, i, TYPE_BIT(type)));
    TRY(prepare_state(p, sizeof *state, &state));
    state->mean = mean;
    state->loop = plain_loops[mean ? ARITH_ADD : p->op->variant][number_index(type)];
    return prepare_output_broadcast(p, type);
}

/* out = in, repeated where it must be. */
static void copy_broadcast(tensor *out, const tensor *in)
{
    walk w;
    walk_init(&w, out->rank, out->dims, &in, 1);
    size_t size = tensor_element_size(out->type);
    char *to = out->data;
    for (uint64_t row = 0; row < w.rows; row++, walk_next(&w))
        for (size_t i = 0; i < w.inner; i++, to += size)
            memcpy(to, (const char *)in->data + (w.offsets[0] + i * w.steps[0]) * size, size);
}

static void divide(tensor *t, size_t divisor)
{
    uint64_t count = tensor_count(t);
    for (uint64_t i = 0; i < count; i++) {
        if (t->type == ONNX_FLOAT)
            ((float *)t->data)[i] /= (float)divisor;
        else
            ((double *)t->data)[i] /= (double)divisor;
    }
}

alf_status run_variadic(const kernel_call *c)
{
    const arithmetic *state = c->state;
    uint32_t rank;
    int64_t dims[ONNX_MAX_RANK];
    TRY(broadcast_shape(c, &rank, dims));
    TRY(call_output(c, 0, rank, dims));
    tensor *out = c->outputs[0];
    copy_broadcast(out, c->inputs[0]);
    for (size_t i = 1; i < c->input_count; i++)
        run_loop2(state->loop, out, out, c->inputs[i]);
    if (state->mean)
        divide(out, c->input_count);
    return ALF_OK;
}
