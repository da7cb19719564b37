/*
 * MatMul (with numpy's rules for vectors and stacks) and Gemm. Products are added in the order of
 * the inner dimension, in the tensor's own type: a row's result does not depend on the batch.
 */
#include "engine/elementwise.h"
#include "engine/operators.h"

#include <string.h>

/* rows x inner times inner x columns; steps in elements, so that either may be transposed. */
typedef struct product {
    uint64_t rows, inner, columns;
    uint64_t a_row, a_inner, b_inner, b_column;
} product;

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define MULTIPLY(type, sum)                                                                        \
    static void multiply_##type(type *out, const type *a, const type *b, const product *m)         \
    {                                                                                              \
        for (uint64_t i = 0; i < m->rows; i++)                                                     \
            for (uint64_t j = 0; j < m->columns; j++) {                                            \
                sum total = 0;                                                                     \
                const type *x = a + i * m->a_row, *y = b + j * m->b_column;                        \
                for (uint64_t k = 0; k < m->inner; k++)                                            \
                    total += (sum)x[k * m->a_inner] * (sum)y[k * m->b_inner];                      \
                out[i * m->columns + j] = (type)total;                                             \
            }                                                                                      \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
MULTIPLY(float, float)
MULTIPLY(double, double)
MULTIPLY(int32_t, uint32_t)
MULTIPLY(int64_t, uint64_t)

static void multiply(onnx_type type, void *out, const void *a, const void *b, const product *m)
{
    if (type == ONNX_FLOAT)
        multiply_float(out, a, b, m);
    else if (type == ONNX_DOUBLE)
        multiply_double(out, a, b, m);
    else if (type == ONNX_INT32)
        multiply_int32_t(out, a, b, m);
    else
        multiply_int64_t(out, a, b, m);
}

/* ---- MatMul ---- */

static int64_t known_dim(const graph_value *v, int32_t from_end)
{
    return v->rank >= from_end ? v->dims[v->rank - from_end] : DIM_UNKNOWN;
}

alf_status prepare_matmul(prepare *p)
{
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_type(p, 1, TYPE_BIT(p->inputs[0]->type)));
    TRY(prepare_rank(p, 0, 1, ONNX_MAX_RANK));
    TRY(prepare_rank(p, 1, 1, ONNX_MAX_RANK));
    const graph_value *a = p->inputs[0], *b = p->inputs[1];
    int64_t left = known_dim(a, 1), right = known_dim(b, b->rank == 1 ? 1 : 2);
    if (left >= 0 && right >= 0 && left != right)
        return prepare_fail(p, ALF_E_FORMAT, "a matrix of %d columns times one of %d rows",
                            (int)left, (int)right);
    int32_t rank = RANK_UNKNOWN;
    if (a->rank != RANK_UNKNOWN && b->rank != RANK_UNKNOWN) {
        rank = a->rank > b->rank ? a->rank : b->rank;
        rank = a->rank == 1 && b->rank == 1 ? 0 : a->rank == 1 || b->rank == 1 ? rank - 1 : rank;
    }
    prepare_output_rank(p, 0, a->type, rank);
    if (rank == 2 && p->outputs[0] != NULL && a->rank == 2 && b->rank == 2) {
        p->outputs[0]->dims[0] = a->dims[0];
        p->outputs[0]->dims[1] = b->dims[1];
    }
    return ALF_OK;
}

/* The stack dims of an input (all but the last two) as a tensor shape, for broadcasting. */
static tensor stack_of(const tensor *t)
{
    tensor s = *t;
    s.rank = t->rank > 2 ? t->rank - 2 : 0;
    return s;
}

static alf_status matmul_shape(const kernel_call *c, const product *m, uint32_t *stack_rank,
                               int64_t *dims)
{
    tensor a = stack_of(c->inputs[0]), b = stack_of(c->inputs[1]);
    const tensor *stacks[2] = {&a, &b};
    kernel_call shapes = *c;
    shapes.inputs = stacks;
    shapes.input_count = 2;
    TRY(broadcast_shape(&shapes, stack_rank, dims));
    uint32_t rank = *stack_rank;
    if (c->inputs[0]->rank > 1)
        dims[rank++] = (int64_t)m->rows;
    if (c->inputs[1]->rank > 1)
        dims[rank++] = (int64_t)m->columns;
    return call_output(c, 0, rank, dims);
}

alf_status run_matmul(const kernel_call *c)
{
    const tensor *a = c->inputs[0], *b = c->inputs[1];
    int64_t dims[ONNX_MAX_RANK + 2];
    uint32_t stack_rank;
    if (a->rank == 0 || b->rank == 0)
        return call_fail(c, ALF_E_FORMAT, "an input of rank 0");
    product m = {.rows = a->rank > 1 ? (uint64_t)a->dims[a->rank - 2] : 1,
                 .inner = (uint64_t)a->dims[a->rank - 1],
                 .columns = b->rank > 1 ? (uint64_t)b->dims[b->rank - 1] : 1};
    uint64_t rows = (uint64_t)b->dims[b->rank > 1 ? b->rank - 2 : 0];
    if (rows != m.inner)
        return call_fail(c, ALF_E_FORMAT, "a matrix of %llu columns times one of %llu rows",
                         (unsigned long long)m.inner, (unsigned long long)rows);
    m.a_row = m.inner;
    m.a_inner = 1;
    m.b_inner = m.columns;
    m.b_column = 1;
    TRY(matmul_shape(c, &m, &stack_rank, dims));
    tensor stacks[2] = {stack_of(a), stack_of(b)};
    const tensor *inputs[2] = {&stacks[0], &stacks[1]};
    walk w;
    walk_init(&w, stack_rank, dims, inputs, 2);
    size_t size = tensor_element_size(a->type);
    char *to = c->outputs[0]->data;
    uint64_t one = m.rows * m.columns * size;
    if (tensor_count(c->outputs[0]) == 0)
        return ALF_OK;
    for (uint64_t row = 0; row < w.rows; row++, walk_next(&w))
        for (size_t i = 0; i < w.inner; i++, to += one) {
            uint64_t at_a = (w.offsets[0] + i * w.steps[0]) * m.rows * m.inner;
            uint64_t at_b = (w.offsets[1] + i * w.steps[1]) * m.inner * m.columns;
            multiply(a->type, to, (const char *)a->data + at_a * size,
                     (const char *)b->data + at_b * size, &m);
        }
    return ALF_OK;
}

/* ---- Gemm ---- */

typedef struct gemm {
    float alpha, beta;
    bool trans_a, trans_b;
} gemm;

alf_status prepare_gemm(prepare *p)
{
    gemm *state;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_type(p, 1, TYPE_BIT(p->inputs[0]->type)));
    if (prepare_input(p, 2) != NULL)
        TRY(prepare_type(p, 2, TYPE_BIT(p->inputs[0]->type)));
    else if (p->node->version < 11)
        return prepare_fail(p, ALF_E_FORMAT, "input 2 is missing");
    TRY(prepare_rank(p, 0, 2, 2));
    TRY(prepare_rank(p, 1, 2, 2));
    TRY(prepare_rank(p, 2, 0, 2));
    TRY(prepare_state(p, sizeof *state, &state));
    *state = (gemm){.alpha = 1, .beta = 1};
    TRY(prepare_float(p, "alpha", &state->alpha));
    TRY(prepare_float(p, "beta", &state->beta));
    TRY(prepare_bool(p, "transA", &state->trans_a));
    TRY(prepare_bool(p, "transB", &state->trans_b));
    prepare_output_rank(p, 0, p->inputs[0]->type, 2);
    const graph_value *a = p->inputs[0], *b = p->inputs[1];
    if (a->rank == 2 && b->rank == 2 && p->outputs[0] != NULL) {
        int64_t left = a->dims[state->trans_a ? 0 : 1], right = b->dims[state->trans_b ? 1 : 0];
        if (left >= 0 && right >= 0 && left != right)
            return prepare_fail(p, ALF_E_FORMAT, "a matrix of %d columns times one of %d rows",
                                (int)left, (int)right);
        p->outputs[0]->dims[0] = a->dims[state->trans_a ? 1 : 0];
        p->outputs[0]->dims[1] = b->dims[state->trans_b ? 0 : 1];
    }
    return ALF_OK;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
/* out = alpha * out + beta * c, c repeated where it must be. */
#define SCALE_ADD(type, sum)                                                                       \
    static void scale_add_##type(tensor *out, const tensor *t, const gemm *g)                      \
    {                                                                                              \
        type *to = out->data;                                                                      \
        uint64_t n = tensor_count(out);                                                            \
        sum alpha = (sum)g->alpha, beta = (sum)g->beta;                                            \
        for (uint64_t i = 0; i < n && g->alpha != 1; i++)                                          \
            to[i] = (type)(alpha * (sum)to[i]);                                                    \
        if (t == NULL)                                                                             \
            return;                                                                                \
        walk w;                                                                                    \
        walk_init(&w, out->rank, out->dims, &t, 1);                                                \
        for (uint64_t row = 0; row < w.rows; row++, walk_next(&w))                                 \
            for (size_t i = 0; i < w.inner; i++, to++)                                             \
                *to = (type)((sum)*to +                                                            \
                             beta * (sum)((const type *)t->data)[w.offsets[0] + i * w.steps[0]]);  \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
/* Factors of integer matrices are whole numbers in practice; others are cut off. */
static uint64_t whole(float x)
{
    return x > -4611686018427387904.0F && x < 4611686018427387904.0F ? (uint64_t)(int64_t)x : 0;
}

SCALE_ADD(float, float)
SCALE_ADD(double, double)

/* NOLINTBEGIN(bugprone-macro-parentheses): arguments are types */
#define SCALE_ADD_INT(type)                                                                        \
    static void scale_add_##type(tensor *out, const tensor *t, const gemm *g)                      \
    {                                                                                              \
        type *to = out->data;                                                                      \
        uint64_t n = tensor_count(out), alpha = whole(g->alpha), beta = whole(g->beta);            \
        for (uint64_t i = 0; i < n; i++)                                                           \
            to[i] = (type)(alpha * (uint64_t)to[i]);                                               \
        if (t == NULL)                                                                             \
            return;                                                                                \
        walk w;                                                                                    \
        walk_init(&w, out->rank, out->dims, &t, 1);                                                \
        for (uint64_t row = 0; row < w.rows; row++, walk_next(&w))                                 \
            for (size_t i = 0; i < w.inner; i++, to++) {                                           \
                type x = ((const type *)t->data)[w.offsets[0] + i * w.steps[0]];                   \
                *to = (type)((uint64_t)*to + beta * (uint64_t)x);                                  \
            }                                                                                      \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
SCALE_ADD_INT(int32_t)
SCALE_ADD_INT(int64_t)

/* Whether t repeats to the shape without enlarging it. */
static bool repeats_to(const tensor *t, const tensor *out)
{
    if (t->rank > out->rank)
        return false;
    for (uint32_t k = 0; k < t->rank; k++)
        if (t->dims[k] != 1 && t->dims[k] != out->dims[out->rank - t->rank + k])
            return false;
    return true;
}

alf_status run_gemm(const kernel_call *c)
{
    const gemm *state = c->state;
    const tensor *a = c->inputs[0], *b = c->inputs[1], *bias = call_input(c, 2);
    if (a->rank != 2 || b->rank != 2)
        return call_fail(c, ALF_E_FORMAT, "inputs of rank %u and %u, expected 2", a->rank, b->rank);
    uint64_t a_columns = (uint64_t)a->dims[1], b_columns = (uint64_t)b->dims[1];
    product m = {.rows = (uint64_t)a->dims[state->trans_a ? 1 : 0],
                 .inner = (uint64_t)a->dims[state->trans_a ? 0 : 1],
                 .columns = (uint64_t)b->dims[state->trans_b ? 0 : 1],
                 .a_row = state->trans_a ? 1 : a_columns,
                 .a_inner = state->trans_a ? a_columns : 1,
                 .b_inner = state->trans_b ? 1 : b_columns,
                 .b_column = state->trans_b ? b_columns : 1};
    if (m.inner != (uint64_t)b->dims[state->trans_b ? 1 : 0])
        return call_fail(c, ALF_E_FORMAT, "the inner dimensions differ");
    int64_t dims[2] = {(int64_t)m.rows, (int64_t)m.columns};
    TRY(call_output(c, 0, 2, dims));
    tensor *out = c->outputs[0];
    if (bias != NULL && !repeats_to(bias, out))
        return call_fail(c, ALF_E_FORMAT, "input 2 does not fit the product");
    multiply(out->type, out->data, a->data, b->data, &m);
    if (out->type == ONNX_FLOAT)
        scale_add_float(out, bias, state);
    else if (out->type == ONNX_DOUBLE)
        scale_add_double(out, bias, state);
    else if (out->type == ONNX_INT32)
        scale_add_int32_t(out, bias, state);
    else
        scale_add_int64_t(out, bias, state);
    return ALF_OK;
}
