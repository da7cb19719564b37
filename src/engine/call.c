/* What operators use at run time: shapes and memory of outputs, scratch, lists of numbers. */
#include "engine/workspace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void call_fill(const kernel_call *c, alf_status status, const char *format, ...)
{
    char text[400];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    error_set(c->err, status, "%s: %s", c->op->name, text);
}

const tensor *call_input(const kernel_call *c, size_t i)
{
    return i < c->input_count ? c->inputs[i] : NULL;
}

/* The shape of an output, checked. */
static alf_status set_shape(const kernel_call *c, tensor *t, uint32_t rank, const int64_t *dims,
                            uint64_t *bytes)
{
    uint64_t count;
    if (rank > ONNX_MAX_RANK)
        return call_fail(c, ALF_E_LIMIT, "a result of rank %" PRIu32 ", at most %d is possible",
                         rank, ONNX_MAX_RANK);
    if (!dims_count(dims, rank, &count) ||
        __builtin_mul_overflow(count, (uint64_t)tensor_element_size(t->type), bytes)) {
        char text[DIMS_TEXT];
        return call_fail(c, ALF_E_LIMIT, "a result of shape %s is too large",
                         dims_text(dims, rank, text, sizeof text));
    }
    t->rank = rank;
    for (uint32_t k = 0; k < rank; k++)
        t->dims[k] = dims[k];
    return ALF_OK;
}

alf_status call_output(const kernel_call *c, size_t i, uint32_t rank, const int64_t *dims)
{
    tensor *t = c->outputs[i];
    uint64_t bytes = 0;
    TRY(set_shape(c, t, rank, dims, &bytes));
    if (bytes > SIZE_MAX)
        return call_fail(c, ALF_E_LIMIT, "a result of %" PRIu64 " bytes is too large", bytes);
    workspace_block *block = &c->memory->slots[c->slots[i]];
    TRY(workspace_grow(c->memory, block, (size_t)bytes, false, c->err));
    t->data = block->data;
    return ALF_OK;
}

alf_status call_output_like(const kernel_call *c, size_t i, const tensor *like)
{
    return call_output(c, i, like->rank, like->dims);
}

alf_status call_view(const kernel_call *c, uint32_t rank, const int64_t *dims)
{
    const tensor *from = c->inputs[0];
    tensor *t = c->outputs[0];
    uint64_t bytes = 0;
    TRY(set_shape(c, t, rank, dims, &bytes));
    if (tensor_count(t) != tensor_count(from)) {
        char old_text[DIMS_TEXT], new_text[DIMS_TEXT];
        return call_fail(c, ALF_E_FORMAT, "a tensor of shape %s cannot take the shape %s",
                         dims_text(from->dims, from->rank, old_text, sizeof old_text),
                         dims_text(dims, rank, new_text, sizeof new_text));
    }
    t->data = from->data;
    return ALF_OK;
}

alf_status call_scratch(const kernel_call *c, size_t count, size_t size, void *out)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return call_fail(c, ALF_E_LIMIT, "working memory for %zu elements is too large", count);
    TRY(workspace_grow(c->memory, &c->memory->scratch, bytes, true, c->err));
    memcpy(out, &c->memory->scratch.data, sizeof(void *));
    return ALF_OK;
}

alf_status call_text_status(const kernel_call *c)
{
    TRY(buf_status(&c->own->text, c->err));
    workspace *w = c->memory;
    size_t grown = c->own->text.capacity - c->own->counted;
    if (grown > w->limit || w->used > w->limit - grown)
        return call_fail(c, ALF_E_LIMIT,
                         "%zu bytes of text are over the limit of %zu bytes for one run; use "
                         "smaller batches",
                         c->own->text.size, w->limit);
    w->used += grown;
    c->own->counted = c->own->text.capacity;
    return ALF_OK;
}

alf_status call_ints(const kernel_call *c, size_t i, int64_t *room, size_t limit, size_t *count)
{
    const tensor *t = call_input(c, i);
    if (t == NULL)
        return call_fail(c, ALF_E_FORMAT, "input %zu is missing", i);
    uint64_t n = tensor_count(t);
    if (t->rank > 1 || n > limit)
        return call_fail(c, ALF_E_FORMAT,
                         "input %zu has rank %" PRIu32 " and %" PRIu64
                         " elements, expected a list of at most %zu",
                         i, t->rank, n, limit);
    for (size_t k = 0; k < n; k++)
        room[k] =
            t->type == ONNX_INT32 ? ((const int32_t *)t->data)[k] : ((const int64_t *)t->data)[k];
    *count = (size_t)n;
    return ALF_OK;
}

alf_status call_axis(const kernel_call *c, int64_t axis, uint32_t rank, uint32_t *out)
{
    int64_t limit = (int64_t)rank;
    if (axis < -limit || axis >= limit)
        return call_fail(c, ALF_E_FORMAT, "axis %" PRId64 " of a tensor of rank %" PRIu32, axis,
                         rank);
    *out = (uint32_t)(axis < 0 ? axis + limit : axis);
    return ALF_OK;
}

alf_status call_index(const kernel_call *c, uint64_t at, int64_t limit, uint64_t *out)
{
    const tensor *t = c->inputs[1];
    int64_t index =
        t->type == ONNX_INT32 ? ((const int32_t *)t->data)[at] : ((const int64_t *)t->data)[at];
    if (index < -limit || index >= limit)
        return call_fail(c, ALF_E_FORMAT, "index %" PRId64 " into %" PRId64 " elements", index,
                         limit);
    *out = (uint64_t)(index < 0 ? index + limit : index);
    return ALF_OK;
}
