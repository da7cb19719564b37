/*
 * Operators that only change the shape (Identity Reshape Flatten Squeeze Unsqueeze: the result
 * shares its input's memory), and Shape, Constant, ConstantOfShape.
 */
#include "engine/operators.h"

#include <inttypes.h>
#include <string.h>

typedef struct view {
    int64_t axis;    /* Flatten */
    bool allow_zero; /* Reshape */
    bool axes_input; /* Squeeze, Unsqueeze */
    int64_t *axes;
    size_t axis_count;
} view;

/* Squeeze and Unsqueeze: axes are an input from version 13 on. */
static alf_status prepare_axes(prepare *p, view *state, bool required)
{
    const int64_t *axes;
    TRY(prepare_ints(p, "axes", &axes, &state->axis_count));
    if (p->node->version >= 13 ? axes != NULL : prepare_input(p, 1) != NULL)
        return prepare_fail(p, ALF_E_FORMAT, "axes given in a way unknown in version %d",
                            (int)p->node->version);
    if (state->axis_count > ONNX_MAX_RANK)
        return prepare_fail(p, ALF_E_FORMAT, "%zu axes", state->axis_count);
    if (prepare_input(p, 1) != NULL) {
        TRY(prepare_type(p, 1, TYPE_BIT(ONNX_INT64)));
        state->axes_input = true;
    } else if (required && axes == NULL) {
        return prepare_fail(p, ALF_E_FORMAT, "axes are missing");
    }
    return prepare_copy_ints(p, axes, state->axis_count, &state->axes);
}

/* The rank that comes out, where it can be known. */
static int32_t view_rank(const prepare *p, const view *state)
{
    const graph_value *in = p->inputs[0];
    const graph_value *second = prepare_input(p, 1);
    int32_t axes = RANK_UNKNOWN;
    if (second != NULL && second->rank == 1 && second->dims[0] >= 0 &&
        second->dims[0] <= ONNX_MAX_RANK)
        axes = (int32_t)second->dims[0];
    else if (second == NULL && state->axis_count > 0)
        axes = (int32_t)state->axis_count;
    switch (p->op->variant) {
    case VIEW_RESHAPE:
        return axes;
    case VIEW_FLATTEN:
        return 2;
    case VIEW_SQUEEZE:
        return in->rank != RANK_UNKNOWN && axes >= 0 && axes <= in->rank ? in->rank - axes
                                                                         : RANK_UNKNOWN;
    default:
        return in->rank != RANK_UNKNOWN && axes >= 0 && in->rank + axes <= ONNX_MAX_RANK
                   ? in->rank + axes
                   : RANK_UNKNOWN;
    }
}

/* Reshape to a shape known at load. */
static void set_known_dims(const prepare *p)
{
    const int64_t *dims;
    size_t count;
    if (p->op->variant != VIEW_RESHAPE || p->outputs[0] == NULL || p->outputs[0]->rank <= 0 ||
        !prepare_constant_ints(p, 1, &dims, &count))
        return;
    for (size_t k = 0; k < count && k < ONNX_MAX_RANK; k++)
        p->outputs[0]->dims[k] = dims[k] > 0 ? dims[k] : DIM_UNKNOWN;
}

alf_status prepare_view(prepare *p)
{
    view *state;
    TRY(prepare_type(p, 0, TYPES_ALL));
    TRY(prepare_state(p, sizeof *state, &state));
    prepare_output_like(p, 0, p->inputs[0]->type, 0);
    state->axis = 1;
    switch (p->op->variant) {
    case VIEW_IDENTITY:
        return ALF_OK;
    case VIEW_RESHAPE:
        TRY(prepare_type(p, 1, TYPE_BIT(ONNX_INT64)));
        TRY(prepare_rank(p, 1, 1, 1));
        TRY(prepare_bool(p, "allowzero", &state->allow_zero));
        break;
    case VIEW_FLATTEN:
        TRY(prepare_int(p, "axis", &state->axis));
        break;
    default:
        TRY(prepare_axes(p, state, p->op->variant == VIEW_UNSQUEEZE));
    }
    prepare_output_rank(p, 0, p->inputs[0]->type, view_rank(p, state));
    set_known_dims(p);
    return ALF_OK;
}

static alf_status reshape(const kernel_call *c, const view *state)
{
    const tensor *in = c->inputs[0];
    int64_t dims[ONNX_MAX_RANK];
    size_t rank, unknown = ONNX_MAX_RANK;
    uint64_t known = 1;
    TRY(call_ints(c, 1, dims, ONNX_MAX_RANK, &rank));
    for (size_t k = 0; k < rank; k++) {
        if (dims[k] == 0 && !state->allow_zero) {
            if (k >= in->rank)
                return call_fail(c, ALF_E_FORMAT,
                                 "dimension %zu is copied from an input of rank %u", k, in->rank);
            dims[k] = in->dims[k];
        }
        if (dims[k] == -1 && unknown == ONNX_MAX_RANK)
            unknown = k;
        else if (dims[k] < 0)
            return call_fail(c, ALF_E_FORMAT, "dimension %zu is %" PRId64, k, dims[k]);
        else if (__builtin_mul_overflow(known, (uint64_t)dims[k], &known))
            return call_fail(c, ALF_E_LIMIT, "the shape asked for is too large");
    }
    if (unknown < ONNX_MAX_RANK) {
        uint64_t count = tensor_count(in);
        if (known == 0 || count % known != 0)
            return call_fail(c, ALF_E_FORMAT,
                             "%" PRIu64 " elements do not divide into rows of %" PRIu64, count,
                             known);
        dims[unknown] = (int64_t)(count / known);
    }
    return call_view(c, (uint32_t)rank, dims);
}

static alf_status flatten(const kernel_call *c, const view *state)
{
    const tensor *in = c->inputs[0];
    int64_t axis = state->axis, rank = (int64_t)in->rank;
    int64_t dims[2] = {1, 1};
    if (axis < -rank || axis > rank)
        return call_fail(c, ALF_E_FORMAT, "axis %" PRId64 " of a tensor of rank %" PRId64, axis,
                         rank);
    axis = axis < 0 ? axis + rank : axis;
    for (int64_t k = 0; k < rank; k++)
        dims[k >= axis] *= in->dims[k];
    return call_view(c, 2, dims);
}

/* named[k] for the axes given, of a tensor of the rank. */
static alf_status named_axes(const kernel_call *c, const view *state, uint32_t extra, bool *named,
                             size_t *count)
{
    int64_t room[ONNX_MAX_RANK];
    const int64_t *axes = state->axes;
    *count = state->axis_count;
    if (state->axes_input) {
        TRY(call_ints(c, 1, room, ONNX_MAX_RANK, count));
        axes = room;
    }
    uint32_t rank = c->inputs[0]->rank + (extra ? (uint32_t)*count : 0);
    if (rank > ONNX_MAX_RANK)
        return call_fail(c, ALF_E_LIMIT, "a result of rank %u", rank);
    for (size_t i = 0; i < *count; i++) {
        uint32_t axis;
        TRY(call_axis(c, axes[i], rank, &axis));
        if (named[axis] && extra)
            return call_fail(c, ALF_E_FORMAT, "axis %u is named twice", axis);
        named[axis] = true;
    }
    return ALF_OK;
}

static alf_status squeeze(const kernel_call *c, const view *state)
{
    const tensor *in = c->inputs[0];
    bool named[ONNX_MAX_RANK] = {false};
    int64_t dims[ONNX_MAX_RANK];
    uint32_t rank = 0;
    size_t count;
    TRY(named_axes(c, state, 0, named, &count));
    for (uint32_t k = 0; k < in->rank; k++) {
        if (named[k] && in->dims[k] != 1)
            return call_fail(c, ALF_E_FORMAT, "dimension %u is %" PRId64 ", not 1", k, in->dims[k]);
        if (!named[k] && (count > 0 || in->dims[k] != 1))
            dims[rank++] = in->dims[k];
    }
    return call_view(c, rank, dims);
}

static alf_status unsqueeze(const kernel_call *c, const view *state)
{
    const tensor *in = c->inputs[0];
    bool named[ONNX_MAX_RANK] = {false};
    int64_t dims[ONNX_MAX_RANK];
    size_t count;
    uint32_t from = 0;
    TRY(named_axes(c, state, 1, named, &count));
    uint32_t rank = in->rank + (uint32_t)count;
    for (uint32_t k = 0; k < rank; k++)
        dims[k] = named[k] ? 1 : in->dims[from++];
    return call_view(c, rank, dims);
}

alf_status run_view(const kernel_call *c)
{
    const view *state = c->state;
    switch (c->op->variant) {
    case VIEW_RESHAPE:
        return reshape(c, state);
    case VIEW_FLATTEN:
        return flatten(c, state);
    case VIEW_SQUEEZE:
        return squeeze(c, state);
    case VIEW_UNSQUEEZE:
        return unsqueeze(c, state);
    default:
        return call_view(c, c->inputs[0]->rank, c->inputs[0]->dims);
    }
}

/* ---- Shape ---- */

typedef struct shape_range {
    int64_t start, end;
} shape_range;

alf_status prepare_shape(prepare *p)
{
    shape_range *state;
    TRY(prepare_type(p, 0, TYPES_ALL));
    TRY(prepare_state(p, sizeof *state, &state));
    state->end = INT64_MAX;
    TRY(prepare_int(p, "start", &state->start));
    TRY(prepare_int(p, "end", &state->end));
    prepare_output_rank(p, 0, ONNX_INT64, 1);
    if (state->start == 0 && state->end == INT64_MAX && p->inputs[0]->rank >= 0 &&
        p->outputs[0] != NULL)
        p->outputs[0]->dims[0] = p->inputs[0]->rank;
    return ALF_OK;
}

static int64_t clamp_axis(int64_t axis, int64_t rank)
{
    axis = axis < 0 ? axis + rank : axis;
    return axis < 0 ? 0 : axis > rank ? rank : axis;
}

alf_status run_shape(const kernel_call *c)
{
    const shape_range *state = c->state;
    const tensor *in = c->inputs[0];
    int64_t start = clamp_axis(state->start, in->rank), end = clamp_axis(state->end, in->rank);
    int64_t count = end > start ? end - start : 0;
    TRY(call_output(c, 0, 1, &count));
    for (int64_t k = 0; k < count; k++)
        ((int64_t *)c->outputs[0]->data)[k] = in->dims[start + k];
    return ALF_OK;
}

/* ---- Constant, ConstantOfShape ---- */

/* One of the forms that a Constant can have, as a tensor that borrows from the file. */
static alf_status constant_form(const prepare *p, onnx_tensor *out)
{
    if (p->node->attribute_count != 1)
        return prepare_fail(p, ALF_E_FORMAT, "%zu attributes, expected one value",
                            p->node->attribute_count);
    const onnx_attribute *a = &p->node->attributes[0];
    *out = (onnx_tensor){.count = 1};
    switch (a->type) {
    case ONNX_ATTR_TENSOR:
        *out = *a->t;
        return ALF_OK;
    case ONNX_ATTR_FLOAT:
        out->type = ONNX_FLOAT;
        out->data = &a->f;
        return ALF_OK;
    case ONNX_ATTR_INT:
        out->type = ONNX_INT64;
        out->data = &a->i;
        return ALF_OK;
    case ONNX_ATTR_STRING:
        out->type = ONNX_STRING;
        out->strings = (alf_span *)&a->s; /* only read */
        return ALF_OK;
    default:
        break;
    }
    out->rank = 1;
    out->dims[0] = (int64_t)a->count;
    out->count = a->count;
    out->type = a->type == ONNX_ATTR_FLOATS ? ONNX_FLOAT
                : a->type == ONNX_ATTR_INTS ? ONNX_INT64
                                            : ONNX_STRING;
    out->data = a->type == ONNX_ATTR_FLOATS ? (const void *)a->floats : a->ints;
    if (out->type == ONNX_STRING)
        out->strings = (alf_span *)a->strings;
    return ALF_OK;
}

/* The value is known at load: there is nothing to run. */
alf_status prepare_constant(prepare *p)
{
    onnx_tensor form;
    tensor *value;
    TRY(constant_form(p, &form));
    TRY(prepare_alloc(p, 1, sizeof *value, &value));
    TRY(prepare_copy_tensor(p, &form, value));
    prepare_output_rank(p, 0, value->type, (int32_t)value->rank);
    if (p->outputs[0] != NULL) {
        memcpy(p->outputs[0]->dims, value->dims, sizeof value->dims);
        p->outputs[0]->constant = value;
    }
    return ALF_OK;
}

alf_status prepare_constant_of_shape(prepare *p)
{
    tensor *state;
    const onnx_tensor *value;
    const float zero = 0;
    onnx_tensor fallback = {.type = ONNX_FLOAT, .rank = 1, .dims = {1}, .count = 1, .data = &zero};
    TRY(prepare_type(p, 0, TYPE_BIT(ONNX_INT64)));
    TRY(prepare_rank(p, 0, 1, 1));
    TRY(prepare_tensor(p, "value", &value));
    if (value != NULL && value->count != 1)
        return prepare_fail(p, ALF_E_FORMAT, "attribute value has %" PRIu64 " elements, expected 1",
                            value->count);
    TRY(prepare_state(p, sizeof *state, &state));
    TRY(prepare_copy_tensor(p, value != NULL ? value : &fallback, state));
    int64_t rank = p->inputs[0]->rank == 1 ? p->inputs[0]->dims[0] : DIM_UNKNOWN;
    prepare_output_rank(p, 0, state->type,
                        rank >= 0 && rank <= ONNX_MAX_RANK ? (int32_t)rank : RANK_UNKNOWN);
    return ALF_OK;
}

alf_status run_constant_of_shape(const kernel_call *c)
{
    const tensor *state = c->state;
    int64_t dims[ONNX_MAX_RANK];
    size_t rank;
    TRY(call_ints(c, 0, dims, ONNX_MAX_RANK, &rank));
    TRY(call_output(c, 0, (uint32_t)rank, dims));
    uint64_t n = tensor_count(c->outputs[0]);
    size_t size = tensor_element_size(state->type);
    char *to = c->outputs[0]->data;
    for (uint64_t i = 0; i < n; i++)
        memcpy(to + i * size, state->data, size);
    return ALF_OK;
}

int64_t flatten_axis(const void *state)
{
    return ((const view *)state)->axis;
}

bool reshape_allows_zero(const void *state)
{
    return ((const view *)state)->allow_zero;
}

bool shape_is_whole(const void *state)
{
    const shape_range *s = state;
    return s->start == 0 && s->end == INT64_MAX;
}
