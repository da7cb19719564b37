/*
 * ReduceSum, SumSquare, L1, L2, Max, Min, Mean, and ArgMax, ArgMin. The elements that go into one
 * result are taken strictly in row-major order and summed in the tensor's own type, so a row's
 * result does not depend on the batch.
 */
#include "engine/operators.h"

#include <math.h>
#include <string.h>

typedef struct reduce {
    bool keep_dims;
    bool noop_with_empty_axes;
    bool axes_input; /* else the list below; empty: all */
    int64_t *axes;
    size_t axis_count;
} reduce;

/* The version from which axes are an input. */
static int64_t axes_input_since(const prepare *p)
{
    return p->op->variant == REDUCE_SUM ? 13 : 18;
}

static void set_output_shape(const prepare *p, const reduce *state, const int64_t *axes,
                             size_t count)
{
    const graph_value *in = p->inputs[0];
    if (in->rank == RANK_UNKNOWN)
        return;
    if (state->keep_dims)
        prepare_output_rank(p, 0, in->type, in->rank);
    else if (count > 0 && count <= (size_t)in->rank)
        prepare_output_rank(p, 0, in->type, in->rank - (int32_t)count);
    else if (count == 0 && axes == NULL && !state->axes_input)
        prepare_output_rank(p, 0, in->type, 0);
}

alf_status prepare_reduce(prepare *p)
{
    reduce *state;
    const int64_t *axes;
    size_t count;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_state(p, sizeof *state, &state));
    state->keep_dims = true;
    TRY(prepare_bool(p, "keepdims", &state->keep_dims));
    TRY(prepare_bool(p, "noop_with_empty_axes", &state->noop_with_empty_axes));
    TRY(prepare_ints(p, "axes", &axes, &count));
    if (p->node->version >= axes_input_since(p) && axes != NULL)
        return prepare_fail(p, ALF_E_FORMAT, "attribute axes in version %d, expected an input",
                            (int)p->node->version);
    if (count > ONNX_MAX_RANK)
        return prepare_fail(p, ALF_E_FORMAT, "%zu axes", count);
    TRY(prepare_copy_ints(p, axes, count, &state->axes));
    state->axis_count = count;
    if (prepare_input(p, 1) != NULL) {
        if (p->node->version < axes_input_since(p))
            return prepare_fail(p, ALF_E_FORMAT, "a second input in version %d",
                                (int)p->node->version);
        TRY(prepare_type(p, 1, TYPE_BIT(ONNX_INT64)));
        state->axes_input = true;
        if (prepare_constant_ints(p, 1, &axes, &count) && count > ONNX_MAX_RANK)
            return prepare_fail(p, ALF_E_FORMAT, "%zu axes", count);
    }
    prepare_output(p, 0, p->inputs[0]->type);
    set_output_shape(p, state, axes, count);
    return ALF_OK;
}

/* reduced[k]: dim k is summed over. */
static alf_status find_axes(const kernel_call *c, const reduce *state, uint32_t rank, bool *reduced)
{
    int64_t room[ONNX_MAX_RANK];
    const int64_t *axes = state->axes;
    size_t count = state->axis_count;
    if (state->axes_input) {
        TRY(call_ints(c, 1, room, ONNX_MAX_RANK, &count));
        axes = room;
    }
    bool all = count == 0 && !state->noop_with_empty_axes;
    for (uint32_t k = 0; k < rank; k++)
        reduced[k] = all;
    for (size_t i = 0; i < count; i++) {
        uint32_t axis;
        TRY(call_axis(c, axes[i], rank, &axis));
        if (reduced[axis])
            return call_fail(c, ALF_E_FORMAT, "axis %u is named twice", axis);
        reduced[axis] = true;
    }
    return ALF_OK;
}

static alf_status shape_output(const kernel_call *c, const bool *reduced, bool keep)
{
    const tensor *in = c->inputs[0];
    int64_t dims[ONNX_MAX_RANK];
    uint32_t rank = 0;
    for (uint32_t k = 0; k < in->rank; k++) {
        if (!reduced[k])
            dims[rank++] = in->dims[k];
        else if (keep)
            dims[rank++] = 1;
    }
    return call_output(c, 0, rank, dims);
}

/* One pass over the input; `at` is where the current element's result lies. */
typedef struct reduce_walk {
    uint32_t rank;
    uint64_t dims[ONNX_MAX_RANK], position[ONNX_MAX_RANK], strides[ONNX_MAX_RANK];
    uint64_t at;
} reduce_walk;

static void reduce_walk_init(reduce_walk *w, const tensor *in, const bool *reduced)
{
    uint64_t stride = 1;
    memset(w, 0, sizeof *w);
    w->rank = in->rank;
    for (uint32_t k = in->rank; k-- > 0;) {
        w->dims[k] = (uint64_t)in->dims[k];
        w->strides[k] = reduced[k] ? 0 : stride;
        stride *= reduced[k] ? 1 : w->dims[k];
    }
}

static void reduce_walk_next(reduce_walk *w)
{
    for (uint32_t k = w->rank; k-- > 0;) {
        w->at += w->strides[k];
        if (++w->position[k] < w->dims[k])
            return;
        w->position[k] = 0;
        w->at -= w->strides[k] * w->dims[k];
    }
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
/* sum: the type that adds (unsigned for integers, so that overflow wraps). */
#define REDUCE(type, sum, lowest, highest, absolute, root)                                         \
    static void start_##type(type *to, uint64_t n, int variant)                                    \
    {                                                                                              \
        type first = variant == REDUCE_MAX ? (lowest) : variant == REDUCE_MIN ? (highest) : 0;     \
        for (uint64_t i = 0; i < n; i++)                                                           \
            to[i] = first;                                                                         \
    }                                                                                              \
    static void add_##type(type *to, type x, int variant)                                          \
    {                                                                                              \
        switch (variant) {                                                                         \
        case REDUCE_SUM_SQUARE:                                                                    \
        case REDUCE_L2:                                                                            \
            *to = (type)((sum)*to + (sum)x * (sum)x);                                              \
            break;                                                                                 \
        case REDUCE_L1:                                                                            \
            *to = (type)((sum)*to + (sum)absolute);                                                \
            break;                                                                                 \
        case REDUCE_MAX:                                                                           \
            *to = x > *to || x != x ? x : *to;                                                     \
            break;                                                                                 \
        case REDUCE_MIN:                                                                           \
            *to = x < *to || x != x ? x : *to;                                                     \
            break;                                                                                 \
        default:                                                                                   \
            *to = (type)((sum)*to + (sum)x);                                                       \
        }                                                                                          \
    }                                                                                              \
    static void reduce_##type(tensor *out, const tensor *in, const bool *reduced, int variant)     \
    {                                                                                              \
        type *to = out->data;                                                                      \
        const type *from = in->data;                                                               \
        uint64_t n = tensor_count(in), results = tensor_count(out);                                \
        uint64_t each = results > 0 ? n / results : 0;                                             \
        reduce_walk w;                                                                             \
        reduce_walk_init(&w, in, reduced);                                                         \
        start_##type(to, results, variant);                                                        \
        for (uint64_t i = 0; i < n; i++, reduce_walk_next(&w))                                     \
            add_##type(&to[w.at], from[i], variant);                                               \
        for (uint64_t i = 0; i < results; i++) {                                                   \
            type x = to[i];                                                                        \
            if (variant == REDUCE_L2)                                                              \
                to[i] = (type)root;                                                                \
            else if (variant == REDUCE_MEAN && each > 0)                                           \
                to[i] = x / (type)each;                                                            \
        }                                                                                          \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
REDUCE(float, float, -INFINITY, INFINITY, fabsf(x), sqrtf(x))
REDUCE(double, double, -(double)INFINITY, (double)INFINITY, fabs(x), sqrt(x))
REDUCE(int32_t, uint32_t, INT32_MIN, INT32_MAX, (x < 0 ? 0 - (uint32_t)x : (uint32_t)x),
       sqrt((double)x))
REDUCE(int64_t, uint64_t, INT64_MIN, INT64_MAX, (x < 0 ? 0 - (uint64_t)x : (uint64_t)x),
       sqrt((double)x))

alf_status run_reduce(const kernel_call *c)
{
    const reduce *state = c->state;
    const tensor *in = c->inputs[0];
    tensor *out = c->outputs[0];
    bool reduced[ONNX_MAX_RANK] = {false};
    TRY(find_axes(c, state, in->rank, reduced));
    TRY(shape_output(c, reduced, state->keep_dims));
    if (in->type == ONNX_FLOAT)
        reduce_float(out, in, reduced, c->op->variant);
    else if (in->type == ONNX_DOUBLE)
        reduce_double(out, in, reduced, c->op->variant);
    else if (in->type == ONNX_INT32)
        reduce_int32_t(out, in, reduced, c->op->variant);
    else
        reduce_int64_t(out, in, reduced, c->op->variant);
    return ALF_OK;
}

/* ---- ArgMax, ArgMin ---- */

typedef struct arg {
    int64_t axis;
    bool keep_dims;
    bool last;
} arg;

alf_status prepare_arg(prepare *p)
{
    arg *state;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_state(p, sizeof *state, &state));
    state->keep_dims = true;
    TRY(prepare_int(p, "axis", &state->axis));
    TRY(prepare_bool(p, "keepdims", &state->keep_dims));
    TRY(prepare_bool(p, "select_last_index", &state->last));
    int32_t rank = p->inputs[0]->rank;
    if (rank != RANK_UNKNOWN && (state->axis < -rank || state->axis >= rank))
        return prepare_fail(p, ALF_E_FORMAT, "axis %d of a tensor of rank %d", (int)state->axis,
                            (int)rank);
    prepare_output_rank(p, 0, ONNX_INT64, state->keep_dims || rank <= 0 ? rank : rank - 1);
    return ALF_OK;
}

/* 1: a before b, -1: after, 0: alike; larger first. */
static int order(const tensor *t, uint64_t a, uint64_t b)
{
#define ORDER(type)                                                                                \
    {                                                                                              \
        type x = ((const type *)t->data)[a], y = ((const type *)t->data)[b];                       \
        return (x > y) - (x < y);                                                                  \
    }
    switch (t->type) {
    case ONNX_FLOAT:
        ORDER(float)
    case ONNX_DOUBLE:
        ORDER(double)
    case ONNX_INT32:
        ORDER(int32_t)
    default:
        ORDER(int64_t)
    }
#undef ORDER
}

alf_status run_arg(const kernel_call *c)
{
    const arg *state = c->state;
    const tensor *in = c->inputs[0];
    bool reduced[ONNX_MAX_RANK] = {false};
    uint32_t axis;
    TRY(call_axis(c, state->axis, in->rank, &axis));
    if (in->dims[axis] == 0)
        return call_fail(c, ALF_E_FORMAT, "the axis to search is empty");
    reduced[axis] = true;
    TRY(shape_output(c, reduced, state->keep_dims));
    uint64_t outer = 1, inner = 1, n = (uint64_t)in->dims[axis];
    for (uint32_t k = 0; k < in->rank; k++) {
        outer *= k < axis ? (uint64_t)in->dims[k] : 1;
        inner *= k > axis ? (uint64_t)in->dims[k] : 1;
    }
    int sign = c->op->variant == ARG_MAX ? 1 : -1;
    int64_t *to = c->outputs[0]->data;
    for (uint64_t o = 0; o < outer; o++)
        for (uint64_t i = 0; i < inner; i++) {
            uint64_t base = o * n * inner + i, best = 0;
            for (uint64_t k = 1; k < n; k++) {
                int better = sign * order(in, base + k * inner, base + best * inner);
                if (better > 0 || (better == 0 && state->last))
                    best = k;
            }
            to[o * inner + i] = (int64_t)best;
        }
    return ALF_OK;
}

reduce_facts reduce_describe(const void *state)
{
    const reduce *s = state;
    return (reduce_facts){s->keep_dims, s->axes_input};
}

int64_t arg_axis(const void *state)
{
    return ((const arg *)state)->axis;
}
