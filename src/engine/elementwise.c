/* Broadcast shapes and the walk over them. */
#include "engine/elementwise.h"

#include <string.h>

static alf_status merge_shape(const kernel_call *c, const tensor *t, uint32_t rank, int64_t *dims)
{
    for (uint32_t k = 0; k < t->rank; k++) {
        int64_t *out = &dims[rank - t->rank + k];
        if (*out == 1) {
            *out = t->dims[k];
        } else if (t->dims[k] != 1 && t->dims[k] != *out) {
            char text[DIMS_TEXT];
            return call_fail(c, ALF_E_FORMAT, "shape %s does not fit the other inputs",
                             dims_text(t->dims, t->rank, text, sizeof text));
        }
    }
    return ALF_OK;
}

alf_status broadcast_shape(const kernel_call *c, uint32_t *rank, int64_t *dims)
{
    *rank = 0;
    for (size_t i = 0; i < c->input_count; i++)
        if (c->inputs[i] != NULL && c->inputs[i]->rank > *rank)
            *rank = c->inputs[i]->rank;
    for (uint32_t k = 0; k < *rank; k++)
        dims[k] = 1;
    for (size_t i = 0; i < c->input_count; i++)
        if (c->inputs[i] != NULL)
            TRY(merge_shape(c, c->inputs[i], *rank, dims));
    return ALF_OK;
}

/* Whether input t repeats along dim k of the output. */
static bool repeats(const tensor *t, uint32_t rank, uint32_t k)
{
    return k + t->rank < rank || t->dims[k + t->rank - rank] == 1;
}

/* The dims of the walk, merged; strides hold 0 or 1 for now: whether the input moves. */
static void merge_dims(walk *w, uint32_t rank, const int64_t *dims, const tensor *const *inputs,
                       size_t count)
{
    for (uint32_t k = 0; k < rank; k++) {
        bool same = w->rank > 0;
        if (dims[k] == 1)
            continue;
        for (size_t i = 0; i < count && same; i++)
            same = (w->strides[i][w->rank - 1] == 0) == repeats(inputs[i], rank, k);
        if (same) {
            w->dims[w->rank - 1] *= (uint64_t)dims[k];
            continue;
        }
        for (size_t i = 0; i < count; i++)
            w->strides[i][w->rank] = repeats(inputs[i], rank, k) ? 0 : 1;
        w->dims[w->rank++] = (uint64_t)dims[k];
    }
}

void walk_init(walk *w, uint32_t rank, const int64_t *dims, const tensor *const *inputs,
               size_t count)
{
    memset(w, 0, sizeof *w);
    merge_dims(w, rank, dims, inputs, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t stride = 1;
        for (uint32_t k = w->rank; k-- > 0;) {
            if (w->strides[i][k] == 0)
                continue;
            w->strides[i][k] = stride;
            stride *= w->dims[k];
        }
    }
    w->inner = 1;
    if (w->rank > 0) {
        w->rank--;
        w->inner = (size_t)w->dims[w->rank];
        for (size_t i = 0; i < count; i++)
            w->steps[i] = w->strides[i][w->rank] != 0;
    }
    w->rows = w->inner > 0;
    for (uint32_t k = 0; k < w->rank; k++)
        w->rows *= w->dims[k];
}

void walk_next(walk *w)
{
    for (uint32_t k = w->rank; k-- > 0;) {
        for (size_t i = 0; i < WALK_INPUTS; i++)
            w->offsets[i] += w->strides[i][k];
        if (++w->position[k] < w->dims[k])
            return;
        w->position[k] = 0;
        for (size_t i = 0; i < WALK_INPUTS; i++)
            w->offsets[i] -= w->strides[i][k] * w->dims[k];
    }
}

void run_loop2(loop2 loop, tensor *out, const tensor *a, const tensor *b)
{
    const tensor *inputs[2] = {a, b};
    size_t out_size = tensor_element_size(out->type);
    size_t in_size = tensor_element_size(a->type);
    size_t b_size = tensor_element_size(b->type);
    walk w;
    walk_init(&w, out->rank, out->dims, inputs, 2);
    char *to = out->data;
    for (uint64_t row = 0; row < w.rows; row++, walk_next(&w)) {
        loop(to, (const char *)a->data + w.offsets[0] * in_size,
             (const char *)b->data + w.offsets[1] * b_size, w.inner, w.steps[0], w.steps[1]);
        to += w.inner * out_size;
    }
}
