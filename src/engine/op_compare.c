/* Equal Less LessOrEqual Greater GreaterOrEqual, And Or Xor, and Where. */
#include "base/span.h"
#include "engine/elementwise.h"
#include "engine/operators.h"

#include <string.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define LOOP_COMPARE(name, type, expression)                                                       \
    static void name(void *out, const void *a, const void *b, size_t n, size_t step_a,             \
                     size_t step_b)                                                                \
    {                                                                                              \
        uint8_t *to = out;                                                                         \
        const type *pa = a, *pb = b;                                                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            type x = pa[i * step_a], y = pb[i * step_b];                                           \
            to[i] = (uint8_t)(expression);                                                         \
        }                                                                                          \
    }

#define LOOPS_COMPARE(type)                                                                        \
    LOOP_COMPARE(eq_##type, type, x == y)                                                          \
    LOOP_COMPARE(lt_##type, type, x < y)                                                           \
    LOOP_COMPARE(le_##type, type, x <= y)                                                          \
    LOOP_COMPARE(gt_##type, type, x > y)                                                           \
    LOOP_COMPARE(ge_##type, type, x >= y)

/* NOLINTEND(bugprone-macro-parentheses) */
LOOPS_COMPARE(float)
LOOPS_COMPARE(double)
LOOPS_COMPARE(int32_t)
LOOPS_COMPARE(int64_t)
LOOP_COMPARE(eq_string, alf_span, span_equal(x, y))
LOOP_COMPARE(eq_bool, uint8_t, (x != 0) == (y != 0))
LOOP_COMPARE(and_bool, uint8_t, x != 0 && y != 0)
LOOP_COMPARE(or_bool, uint8_t, x != 0 || y != 0)
LOOP_COMPARE(xor_bool, uint8_t, (x != 0) != (y != 0))

static const loop2 number_loops[][4] = {
    [COMPARE_EQ] = {eq_float, eq_double, eq_int32_t, eq_int64_t},
    [COMPARE_LT] = {lt_float, lt_double, lt_int32_t, lt_int64_t},
    [COMPARE_LE] = {le_float, le_double, le_int32_t, le_int64_t},
    [COMPARE_GT] = {gt_float, gt_double, gt_int32_t, gt_int64_t},
    [COMPARE_GE] = {ge_float, ge_double, ge_int32_t, ge_int64_t},
};

static loop2 find_loop(int variant, onnx_type type)
{
    switch (variant) {
    case LOGIC_AND:
        return type == ONNX_BOOL ? and_bool : NULL;
    case LOGIC_OR:
        return type == ONNX_BOOL ? or_bool : NULL;
    case LOGIC_XOR:
        return type == ONNX_BOOL ? xor_bool : NULL;
    default:
        break;
    }
    switch (type) {
    case ONNX_FLOAT:
        return number_loops[variant][0];
    case ONNX_DOUBLE:
        return number_loops[variant][1];
    case ONNX_INT32:
        return number_loops[variant][2];
    case ONNX_INT64:
        return number_loops[variant][3];
    case ONNX_BOOL:
        return variant == COMPARE_EQ ? eq_bool : NULL;
    case ONNX_STRING:
        return variant == COMPARE_EQ ? eq_string : NULL;
    default:
        return NULL;
    }
}

alf_status prepare_compare(prepare *p)
{
    loop2 *state;
    uint32_t types = 0;
    for (int t = ONNX_FLOAT; t <= ONNX_UINT64; t++)
        if (find_loop(p->op->variant, (onnx_type)t) != NULL)
            types |= TYPE_BIT(t);
    TRY(prepare_type(p, 0, types));
    TRY(prepare_type(p, 1, TYPE_BIT(p->inputs[0]->type)));
    TRY(prepare_state(p, sizeof *state, &state));
    *state = find_loop(p->op->variant, p->inputs[0]->type);
    return prepare_output_broadcast(p, ONNX_BOOL);
}

alf_status run_compare(const kernel_call *c)
{
    const loop2 *state = c->state;
    uint32_t rank;
    int64_t dims[ONNX_MAX_RANK];
    TRY(broadcast_shape(c, &rank, dims));
    TRY(call_output(c, 0, rank, dims));
    run_loop2(*state, c->outputs[0], c->inputs[0], c->inputs[1]);
    return ALF_OK;
}

alf_status prepare_where(prepare *p)
{
    TRY(prepare_type(p, 0, TYPE_BIT(ONNX_BOOL)));
    TRY(prepare_type(p, 1, TYPES_ALL));
    TRY(prepare_type(p, 2, TYPE_BIT(p->inputs[1]->type)));
    return prepare_output_broadcast(p, p->inputs[1]->type);
}

alf_status run_where(const kernel_call *c)
{
    uint32_t rank;
    int64_t dims[ONNX_MAX_RANK];
    walk w;
    TRY(broadcast_shape(c, &rank, dims));
    TRY(call_output(c, 0, rank, dims));
    walk_init(&w, rank, dims, c->inputs, 3);
    size_t size = tensor_element_size(c->outputs[0]->type);
    char *to = c->outputs[0]->data;
    const uint8_t *condition = c->inputs[0]->data;
    for (uint64_t row = 0; row < w.rows; row++, walk_next(&w))
        for (size_t i = 0; i < w.inner; i++, to += size) {
            size_t side = condition[w.offsets[0] + i * w.steps[0]] != 0 ? 1 : 2;
            const char *from = c->inputs[side]->data;
            memcpy(to, from + (w.offsets[side] + i * w.steps[side]) * size, size);
        }
    return ALF_OK;
}
