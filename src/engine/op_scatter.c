/* CumSum: running sums along an axis; ScatterElements: elements put where indices say. */
#include "engine/operators.h"

#include <inttypes.h>
#include <string.h>

static uint64_t product(const int64_t *dims, uint32_t from, uint32_t to)
{
    uint64_t n = 1;
    for (uint32_t k = from; k < to; k++)
        n *= (uint64_t)dims[k];
    return n;
}

/* ---- CumSum ---- */

typedef struct cumsum {
    bool exclusive, reverse;
} cumsum;

alf_status prepare_cumsum(prepare *p)
{
    cumsum *state;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_type(p, 1, TYPES_INT));
    TRY(prepare_rank(p, 1, 0, 1));
    TRY(prepare_state(p, sizeof *state, &state));
    TRY(prepare_bool(p, "exclusive", &state->exclusive));
    TRY(prepare_bool(p, "reverse", &state->reverse));
    prepare_output_like(p, 0, p->inputs[0]->type, 0);
    return ALF_OK;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */

/* Sums n elements, `step` apart, from the first or from the last one on. Integers wrap around. */
#define RUNNING_SUM(type, sum_type)                                                                \
    static void sum_##type(void *out, const void *in, uint64_t first, uint64_t n, uint64_t step,   \
                           const cumsum *how)                                                      \
    {                                                                                              \
        const type *from = in;                                                                     \
        type *to = out;                                                                            \
        sum_type sum = 0;                                                                          \
        for (uint64_t i = 0; i < n; i++) {                                                         \
            uint64_t at = first + (how->reverse ? n - 1 - i : i) * step;                           \
            sum_type before = sum;                                                                 \
            sum += (sum_type)from[at];                                                             \
            to[at] = (type)(how->exclusive ? before : sum);                                        \
        }                                                                                          \
    }

RUNNING_SUM(float, float)
RUNNING_SUM(double, double)
RUNNING_SUM(int32_t, uint32_t)
RUNNING_SUM(int64_t, uint64_t)
/* NOLINTEND(bugprone-macro-parentheses) */

alf_status run_cumsum(const kernel_call *c)
{
    const tensor *in = c->inputs[0];
    int64_t wanted;
    size_t given;
    uint32_t axis;
    TRY(call_ints(c, 1, &wanted, 1, &given));
    if (given != 1)
        return call_fail(c, ALF_E_FORMAT, "no axis is given");
    TRY(call_axis(c, wanted, in->rank, &axis));
    TRY(call_output_like(c, 0, in));
    void (*sum)(void *, const void *, uint64_t, uint64_t, uint64_t, const cumsum *) =
        in->type == ONNX_FLOAT    ? sum_float
        : in->type == ONNX_DOUBLE ? sum_double
        : in->type == ONNX_INT32  ? sum_int32_t
                                  : sum_int64_t;
    uint64_t n = (uint64_t)in->dims[axis];
    uint64_t outer = product(in->dims, 0, axis), inner = product(in->dims, axis + 1, in->rank);
    if (tensor_count(in) == 0)
        return ALF_OK;
    for (uint64_t o = 0; o < outer; o++)
        for (uint64_t i = 0; i < inner; i++)
            sum(c->outputs[0]->data, in->data, o * n * inner + i, n, inner, c->state);
    return ALF_OK;
}

/* ---- ScatterElements ---- */

alf_status prepare_scatter(prepare *p)
{
    static const char *const reductions[] = {"none", NULL};
    int reduction = 0;
    int64_t *state;
    TRY(prepare_type(p, 0, TYPES_ALL));
    TRY(prepare_type(p, 1, TYPES_INT));
    TRY(prepare_type(p, 2, TYPE_BIT(p->inputs[0]->type)));
    TRY(prepare_choice(p, "reduction", reductions, &reduction));
    TRY(prepare_state(p, sizeof *state, &state));
    TRY(prepare_int(p, "axis", state));
    prepare_output_like(p, 0, p->inputs[0]->type, 0);
    return ALF_OK;
}

/* Indices and updates must have one shape, which lies within the data's but along the axis. */
static alf_status check_scatter(const kernel_call *c, uint32_t axis)
{
    const tensor *in = c->inputs[0], *indices = c->inputs[1], *updates = c->inputs[2];
    bool fits = indices->rank == in->rank && updates->rank == in->rank;
    for (uint32_t k = 0; fits && k < in->rank; k++)
        fits =
            indices->dims[k] == updates->dims[k] && (k == axis || indices->dims[k] <= in->dims[k]);
    if (fits)
        return ALF_OK;
    char data_text[DIMS_TEXT], index_text[DIMS_TEXT], update_text[DIMS_TEXT];
    return call_fail(c, ALF_E_FORMAT, "indices of shape %s and updates of shape %s for data of %s",
                     dims_text(indices->dims, indices->rank, index_text, sizeof index_text),
                     dims_text(updates->dims, updates->rank, update_text, sizeof update_text),
                     dims_text(in->dims, in->rank, data_text, sizeof data_text));
}

/* Steps to the next position in a tensor of `dims`; offset follows it in one of `strides`, except
 * along the axis. */
static void next_position(const tensor *indices, uint32_t axis, const uint64_t *strides,
                          int64_t *position, uint64_t *offset)
{
    for (uint32_t k = indices->rank; k-- > 0;) {
        uint64_t step = k == axis ? 0 : strides[k];
        *offset += step;
        if (++position[k] < indices->dims[k])
            return;
        *offset -= step * (uint64_t)position[k];
        position[k] = 0;
    }
}

alf_status run_scatter(const kernel_call *c)
{
    const int64_t *state = c->state;
    const tensor *in = c->inputs[0], *indices = c->inputs[1];
    uint64_t strides[ONNX_MAX_RANK] = {0}, offset = 0, index;
    int64_t position[ONNX_MAX_RANK] = {0};
    uint32_t axis;
    TRY(call_axis(c, *state, in->rank, &axis));
    TRY(check_scatter(c, axis));
    TRY(call_output_like(c, 0, in));
    size_t size = tensor_element_size(in->type);
    uint64_t count = tensor_count(indices), bytes = tensor_count(in) * size;
    for (uint32_t k = 0; k < in->rank; k++)
        strides[k] = product(in->dims, k + 1, in->rank);
    if (bytes > 0)
        memcpy(c->outputs[0]->data, in->data, (size_t)bytes);
    char *to = c->outputs[0]->data;
    const char *from = c->inputs[2]->data;
    for (uint64_t i = 0; i < count; i++) {
        TRY(call_index(c, i, in->dims[axis], &index));
        memcpy(to + (offset + index * strides[axis]) * size, from + i * size, size);
        next_position(indices, axis, strides, position, &offset);
    }
    return ALF_OK;
}

bool cumsum_is_plain(const void *state)
{
    const cumsum *s = state;
    return !s->exclusive && !s->reverse;
}

int64_t scatter_axis(const void *state)
{
    return *(const int64_t *)state;
}
