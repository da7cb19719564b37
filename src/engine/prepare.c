/* What operators use at load: attributes, types, what is known of shapes, memory of the engine. */
#include "base/span.h"
#include "engine/kernel.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void prepare_fill(const prepare *p, alf_status status, const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    error_set(p->err, status, "%s: %s", p->op->name, text);
}

const graph_value *prepare_input(const prepare *p, size_t i)
{
    return i < p->input_count ? p->inputs[i] : NULL;
}

alf_status prepare_type(const prepare *p, size_t i, uint32_t types)
{
    const graph_value *v = prepare_input(p, i);
    if (v == NULL)
        return prepare_fail(p, ALF_E_FORMAT, "input %zu is missing", i);
    if ((unsigned)v->type > ONNX_UINT64 || (types & TYPE_BIT(v->type)) == 0)
        return prepare_fail(p, ALF_E_UNSUPPORTED, "input %zu is of type %s, " PREPARE_WRONG_TYPE, i,
                            onnx_type_name(v->type));
    return ALF_OK;
}

alf_status prepare_rank(const prepare *p, size_t i, int32_t low, int32_t high)
{
    const graph_value *v = prepare_input(p, i);
    if (v != NULL && v->rank != RANK_UNKNOWN && (v->rank < low || v->rank > high))
        return prepare_fail(p, ALF_E_FORMAT,
                            "input %zu has rank %" PRId32 ", expected %" PRId32 " to %" PRId32, i,
                            v->rank, low, high);
    return ALF_OK;
}

bool prepare_constant_ints(const prepare *p, size_t i, const int64_t **list, size_t *count)
{
    const graph_value *v = prepare_input(p, i);
    if (v == NULL || v->constant == NULL || v->type != ONNX_INT64)
        return false;
    *list = v->constant->data;
    *count = (size_t)tensor_count(v->constant);
    return true;
}

const onnx_attribute *prepare_find(const prepare *p, const char *name)
{
    return onnx_find_attribute(p->node, name);
}

/* Finds an attribute and checks its type. *out: NULL when absent. */
static alf_status find_typed(const prepare *p, const char *name, onnx_attribute_type type,
                             const onnx_attribute **out)
{
    *out = prepare_find(p, name);
    if (*out != NULL && (*out)->type != type)
        return prepare_fail(p, ALF_E_FORMAT, "attribute %s has type %d, expected %d", name,
                            (int)(*out)->type, (int)type);
    return ALF_OK;
}

alf_status prepare_int(const prepare *p, const char *name, int64_t *out)
{
    const onnx_attribute *a;
    TRY(find_typed(p, name, ONNX_ATTR_INT, &a));
    if (a != NULL)
        *out = a->i;
    return ALF_OK;
}

alf_status prepare_bool(const prepare *p, const char *name, bool *out)
{
    int64_t number = *out;
    TRY(prepare_int(p, name, &number));
    *out = number != 0;
    return ALF_OK;
}

alf_status prepare_float(const prepare *p, const char *name, float *out)
{
    const onnx_attribute *a;
    TRY(find_typed(p, name, ONNX_ATTR_FLOAT, &a));
    if (a != NULL)
        *out = a->f;
    return ALF_OK;
}

alf_status prepare_string(const prepare *p, const char *name, alf_span *out)
{
    const onnx_attribute *a;
    TRY(find_typed(p, name, ONNX_ATTR_STRING, &a));
    if (a != NULL)
        *out = a->s;
    return ALF_OK;
}

alf_status prepare_ints(const prepare *p, const char *name, const int64_t **out, size_t *count)
{
    const onnx_attribute *a;
    TRY(find_typed(p, name, ONNX_ATTR_INTS, &a));
    *out = a != NULL ? a->ints : NULL;
    *count = a != NULL ? a->count : 0;
    return ALF_OK;
}

alf_status prepare_floats(const prepare *p, const char *name, const float **out, size_t *count)
{
    const onnx_attribute *a;
    TRY(find_typed(p, name, ONNX_ATTR_FLOATS, &a));
    *out = a != NULL ? a->floats : NULL;
    *count = a != NULL ? a->count : 0;
    return ALF_OK;
}

alf_status prepare_strings(const prepare *p, const char *name, const alf_span **out, size_t *count)
{
    const onnx_attribute *a;
    TRY(find_typed(p, name, ONNX_ATTR_STRINGS, &a));
    *out = a != NULL ? a->strings : NULL;
    *count = a != NULL ? a->count : 0;
    return ALF_OK;
}

alf_status prepare_tensor(const prepare *p, const char *name, const onnx_tensor **out)
{
    const onnx_attribute *a;
    TRY(find_typed(p, name, ONNX_ATTR_TENSOR, &a));
    *out = a != NULL ? a->t : NULL;
    return ALF_OK;
}

alf_status prepare_choice(const prepare *p, const char *name, const char *const *names, int *out)
{
    alf_span text = {NULL, 0};
    TRY(prepare_string(p, name, &text));
    if (text.data == NULL)
        return ALF_OK;
    for (int i = 0; names[i] != NULL; i++)
        if (span_is(text, names[i])) {
            *out = i;
            return ALF_OK;
        }
    return prepare_fail(p, ALF_E_UNSUPPORTED,
                        "attribute %s is '%.*s', expected something like '%s'", name,
                        span_width(text), text.data, names[0]);
}

alf_status prepare_alloc(const prepare *p, size_t count, size_t size, void *out)
{
    return arena_take(p->memory, count, size, out, p->err);
}

alf_status prepare_state(prepare *p, size_t size, void *out)
{
    TRY(prepare_alloc(p, 1, size, &p->state));
    memcpy(out, &p->state, sizeof p->state);
    return ALF_OK;
}

alf_status prepare_copy_ints(const prepare *p, const int64_t *list, size_t count, int64_t **out)
{
    TRY(prepare_alloc(p, count, sizeof **out, out));
    if (count > 0)
        memcpy(*out, list, count * sizeof **out);
    return ALF_OK;
}

alf_status prepare_copy_text(const prepare *p, alf_span text, alf_span *out)
{
    return arena_copy_text(p->memory, text, out, p->err);
}

alf_status prepare_copy_strings(const prepare *p, const alf_span *list, size_t count,
                                alf_span **out)
{
    TRY(prepare_alloc(p, count, sizeof **out, out));
    for (size_t i = 0; i < count; i++)
        TRY(prepare_copy_text(p, list[i], &(*out)[i]));
    return ALF_OK;
}

alf_status prepare_copy_tensor(const prepare *p, const onnx_tensor *t, tensor *out)
{
    tensor view = {.type = t->type, .rank = t->rank};
    if (tensor_element_size(t->type) == 0)
        return prepare_fail(p, ALF_E_UNSUPPORTED, "a tensor attribute has an unknown type %d",
                            (int)t->type);
    memcpy(view.dims, t->dims, sizeof view.dims);
    const void *data = t->type == ONNX_STRING ? (const void *)t->strings : t->data;
    view.data = (void *)data; /* only read */
    return arena_copy_tensor(p->memory, &view, out, p->err);
}

void prepare_output(const prepare *p, size_t i, onnx_type type)
{
    prepare_output_rank(p, i, type, RANK_UNKNOWN);
}

void prepare_output_rank(const prepare *p, size_t i, onnx_type type, int32_t rank)
{
    if (i >= p->output_count || p->outputs[i] == NULL)
        return;
    p->outputs[i]->type = type;
    p->outputs[i]->rank = rank;
    for (size_t k = 0; k < ONNX_MAX_RANK; k++)
        p->outputs[i]->dims[k] = DIM_UNKNOWN;
}

void prepare_output_like(const prepare *p, size_t i, onnx_type type, size_t like)
{
    const graph_value *from = prepare_input(p, like);
    prepare_output(p, i, type);
    if (i >= p->output_count || p->outputs[i] == NULL || from == NULL)
        return;
    p->outputs[i]->rank = from->rank;
    memcpy(p->outputs[i]->dims, from->dims, sizeof from->dims);
}

/* Merges one input into the shape so far; the rank is known on both sides. */
static alf_status broadcast_one(const prepare *p, const graph_value *v, int32_t rank, int64_t *dims)
{
    for (int32_t k = 0; k < v->rank; k++) {
        int64_t *out = &dims[rank - v->rank + k];
        int64_t in = v->dims[k];
        bool tells = in != DIM_UNKNOWN && in != 1;
        if (*out == 1 || (*out == DIM_UNKNOWN && tells)) {
            *out = in;
        } else if (tells && *out != in) {
            char text[DIMS_TEXT];
            return prepare_fail(p, ALF_E_FORMAT, "shape %s does not fit the other inputs",
                                dims_text(v->dims, (uint32_t)v->rank, text, sizeof text));
        }
    }
    return ALF_OK;
}

alf_status prepare_output_broadcast(const prepare *p, onnx_type type)
{
    int32_t rank = 0;
    int64_t dims[ONNX_MAX_RANK];
    prepare_output(p, 0, type);
    for (size_t i = 0; i < p->input_count; i++) {
        if (p->inputs[i] == NULL)
            continue;
        if (p->inputs[i]->rank == RANK_UNKNOWN)
            return ALF_OK;
        if (p->inputs[i]->rank > rank)
            rank = p->inputs[i]->rank;
    }
    for (int32_t k = 0; k < rank; k++)
        dims[k] = 1;
    for (size_t i = 0; i < p->input_count; i++)
        if (p->inputs[i] != NULL)
            TRY(broadcast_one(p, p->inputs[i], rank, dims));
    if (p->outputs[0] != NULL) {
        p->outputs[0]->rank = rank;
        memcpy(p->outputs[0]->dims, dims, (size_t)rank * sizeof dims[0]);
    }
    return ALF_OK;
}
