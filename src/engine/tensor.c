/* Shapes and copies of tensors. Counts are checked for overflow where a shape is made, so that
 * later products of its dims cannot overflow. */
#include "base/span.h"
#include "engine/kernel.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t tensor_count(const tensor *t)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < t->rank; i++)
        count *= (uint64_t)t->dims[i];
    return count;
}

size_t tensor_element_size(onnx_type type)
{
    return type == ONNX_STRING ? sizeof(alf_span) : onnx_type_size(type);
}

/* An empty dimension does not excuse the others from fitting: strides are products too. */
bool dims_count(const int64_t *dims, uint32_t rank, uint64_t *count)
{
    uint64_t product = 1;
    bool empty = false;
    if (rank > ONNX_MAX_RANK)
        return false;
    for (uint32_t i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return false;
        if (dims[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, (uint64_t)dims[i], &product))
            return false;
    }
    *count = empty ? 0 : product;
    return product <= INT64_MAX;
}

const char *dims_text(const int64_t *dims, uint32_t rank, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < rank && used < size; i++) {
        const char *before = i == 0 ? "[" : ", ";
        int n = dims[i] < 0 ? snprintf(out + used, size - used, "%s?", before)
                            : snprintf(out + used, size - used, "%s%" PRId64, before, dims[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    if (used < size)
        (void)snprintf(out + used, size - used, rank == 0 ? "[]" : "]");
    return out;
}

static alf_status check_room(const arena *a, size_t count, size_t size, alf_error *err)
{
    if (arena_over_limit(a, count, size))
        return error_set(err, ALF_E_LIMIT,
                         "loading needs %zu more elements of %zu bytes, over the limit of %zu "
                         "bytes; use a smaller model or allow more memory",
                         count, size, a->limit);
    return ALF_OK;
}

static alf_status give(void *memory, void *out, alf_error *err)
{
    if (memory == NULL)
        return error_nomem(err, "the engine");
    memcpy(out, &memory, sizeof memory);
    return ALF_OK;
}

alf_status arena_take(arena *a, size_t count, size_t size, void *out, alf_error *err)
{
    TRY(check_room(a, count, size, err));
    return give(arena_alloc(a, count, size), out, err);
}

alf_status arena_take_unset(arena *a, size_t count, size_t size, void *out, alf_error *err)
{
    TRY(check_room(a, count, size, err));
    return give(arena_alloc_unset(a, count, size), out, err);
}

alf_status arena_copy_text(arena *a, alf_span text, alf_span *out, alf_error *err)
{
    char *copy;
    *out = (alf_span){"", 0};
    if (text.size == 0)
        return ALF_OK;
    TRY(arena_take(a, text.size, 1, &copy, err));
    memcpy(copy, text.data, text.size);
    *out = span_of(copy, text.size);
    return ALF_OK;
}

alf_status arena_copy_tensor(arena *a, const tensor *t, tensor *out, alf_error *err)
{
    uint64_t count = tensor_count(t);
    size_t size = tensor_element_size(t->type);
    tensor copy = *t;
    TRY(arena_take(a, (size_t)count, size, &copy.data, err));
    if (t->type == ONNX_STRING) {
        const alf_span *from = t->data;
        alf_span *to = copy.data;
        for (uint64_t i = 0; i < count; i++)
            TRY(arena_copy_text(a, from[i], &to[i], err));
    } else if (count > 0) {
        memcpy(copy.data, t->data, (size_t)count * size);
    }
    *out = copy;
    return ALF_OK;
}
