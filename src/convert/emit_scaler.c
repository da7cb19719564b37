/*
 * Scalers -> ONNX, in float64. The norm of a row is added up in the order in which numpy does, node
 * by node, because ReduceSum has no order: sums of absolute values in eight lanes, sums of squares
 * in two (numpy 1.20 and later on x86-64).
 */
#include "convert/emit_path.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NORM_COLUMNS = 128 };

static alf_status add_vector(emit_path *p, const char *name, const double *numbers, uint32_t count)
{
    char full[EMIT_NAME];
    emit_path_name(p, name, full);
    return emit_doubles(p->m, full, numbers, count, p->err);
}

/* x * factor + shift */
static alf_status multiply_add(emit_path *p, const scaler *model)
{
    TRY(add_vector(p, "factor", model->factor, model->feature_count));
    TRY(add_vector(p, "shift", model->shift, model->feature_count));
    TRY(emit_path_step(p, "Mul", "factor", "stretched"));
    return emit_path_step(p, "Add", "shift", "scaled");
}

/* (x - offset) / scale */
static alf_status subtract_divide(emit_path *p, const scaler *model)
{
    if (model->offset != NULL) {
        TRY(add_vector(p, "offset", model->offset, model->feature_count));
        TRY(emit_path_step(p, "Sub", "offset", "centered"));
    }
    if (model->scale != NULL) {
        TRY(add_vector(p, "scale", model->scale, model->feature_count));
        TRY(emit_path_step(p, "Div", "scale", "scaled"));
    }
    return ALF_OK;
}

static alf_status clip(emit_path *p, const scaler *model)
{
    char inputs[3 * EMIT_NAME], low[EMIT_NAME], high[EMIT_NAME], full[EMIT_NAME];
    emit_path_name(p, "low", low);
    emit_path_name(p, "high", high);
    emit_path_name(p, "clipped", full);
    TRY(emit_double(p->m, low, model->low, p->err));
    TRY(emit_double(p->m, high, model->high, p->err));
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", p->last, low, high);
    TRY(emit_node(p->m, "Clip", inputs, full, p->err));
    memcpy(p->last, full, EMIT_NAME);
    return ALF_OK;
}

/* ---- norms ---- */

/* Columns of a matrix being added up. */
typedef struct adder {
    emit_path *p;
    char from[EMIT_NAME]; /* the matrix */
    uint32_t nodes;       /* so far, for names */
} adder;

static void name_next(adder *a, char out[EMIT_NAME])
{
    char name[EMIT_NAME];
    (void)snprintf(name, sizeof name, "part%u", (unsigned)a->nodes++);
    emit_path_name(a->p, name, out);
}

/* `count` columns of `from`, beginning with `first`, `stride` apart -> out, which may be `from`. */
static alf_status pick(adder *a, const char *from, uint32_t first, uint32_t stride, uint32_t count,
                       char out[EMIT_NAME])
{
    int64_t columns[8];
    char inputs[2 * EMIT_NAME], indices[EMIT_NAME];
    onnx_node *node;
    for (uint32_t i = 0; i < count; i++)
        columns[i] = (int64_t)first + (int64_t)i * stride;
    name_next(a, indices);
    TRY(onnx_add_initializer(a->p->m, indices, ONNX_INT64, 1, (const int64_t[]){count}, columns,
                             a->p->err));
    (void)snprintf(inputs, sizeof inputs, "%s %s", from, indices);
    name_next(a, out);
    TRY(onnx_add_node(a->p->m, "", "Gather", out, inputs, out, &node, a->p->err));
    return onnx_set_int(a->p->m, node, "axis", 1, a->p->err);
}

/* sum + more -> sum */
static alf_status add(adder *a, char sum[EMIT_NAME], const char *more)
{
    char inputs[2 * EMIT_NAME];
    (void)snprintf(inputs, sizeof inputs, "%s %s", sum, more);
    name_next(a, sum);
    return emit_node(a->p->m, "Add", inputs, sum, a->p->err);
}

/* sum + columns -> sum; the columns alone where sum is "". */
static alf_status add_columns(adder *a, uint32_t first, uint32_t count, char sum[EMIT_NAME])
{
    char more[EMIT_NAME];
    TRY(pick(a, a->from, first, 1, count, more));
    if (sum[0] != '\0')
        return add(a, sum, more);
    memcpy(sum, more, EMIT_NAME);
    return ALF_OK;
}

/* Every second column of sum + the others -> sum. */
static alf_status fold(adder *a, uint32_t columns, char sum[EMIT_NAME])
{
    char odd[EMIT_NAME], even[EMIT_NAME];
    TRY(pick(a, sum, 0, 2, columns / 2, even));
    TRY(pick(a, sum, 1, 2, columns / 2, odd));
    memcpy(sum, even, EMIT_NAME);
    return add(a, sum, odd);
}

/* numpy's sum: eight lanes, folded; then what is left, one by one. */
static alf_status add_up(adder *a, uint32_t n, char sum[EMIT_NAME])
{
    uint32_t i = 0;
    for (; i + 8 <= n; i += 8)
        TRY(add_columns(a, i, 8, sum));
    for (uint32_t lanes = 8; i > 0 && lanes > 1; lanes /= 2)
        TRY(fold(a, lanes, sum));
    for (; i < n; i++)
        TRY(add_columns(a, i, 1, sum));
    return ALF_OK;
}

/* numpy's einsum: two lanes, the last pair of each eight columns first. A last column without a
 * neighbour belongs to the first lane. */
static alf_status add_up_pairs(adder *a, uint32_t n, char sum[EMIT_NAME])
{
    char second[EMIT_NAME];
    uint32_t i = 0;
    if (n == 1)
        return add_columns(a, 0, 1, sum);
    for (; i + 8 <= n; i += 8)
        for (uint32_t k = 8; k > 0; k -= 2)
            TRY(add_columns(a, i + k - 2, 2, sum));
    for (; i + 2 <= n; i += 2)
        TRY(add_columns(a, i, 2, sum));
    TRY(pick(a, sum, 1, 1, 1, second));
    TRY(pick(a, sum, 0, 1, 1, sum));
    if (i < n)
        TRY(add_columns(a, i, 1, sum));
    return add(a, sum, second);
}

/* The norm of each row of p->last, which it becomes. */
static alf_status row_norm(emit_path *p, const scaler *model)
{
    char inputs[2 * EMIT_NAME], sum[EMIT_NAME] = "";
    adder a = {.p = p};
    if (model->norm == TEXT_NORM_L2) {
        emit_path_name(p, "squares", a.from);
        (void)snprintf(inputs, sizeof inputs, "%s %s", p->last, p->last);
        TRY(emit_node(p->m, "Mul", inputs, a.from, p->err));
        TRY(add_up_pairs(&a, model->feature_count, sum));
        memcpy(p->last, sum, EMIT_NAME);
        return emit_path_step(p, "Sqrt", "", "root");
    }
    if (!model->norm_is_signed)
        TRY(emit_path_step(p, "Abs", "", "sizes"));
    if (model->norm == TEXT_NORM_L1) {
        memcpy(a.from, p->last, EMIT_NAME);
        TRY(add_up(&a, model->feature_count, sum));
        memcpy(p->last, sum, EMIT_NAME);
        return ALF_OK;
    }
    onnx_node *node;
    emit_path_name(p, "largest", sum);
    TRY(onnx_add_node(p->m, "", "ReduceMax", sum, p->last, sum, &node, p->err));
    TRY(onnx_set_ints(p->m, node, "axes", (const int64_t[]){1}, 1, p->err));
    memcpy(p->last, sum, EMIT_NAME);
    return ALF_OK;
}

static alf_status divide_by_norm(emit_path *p, const scaler *model)
{
    char row[EMIT_NAME], norm[EMIT_NAME], name[EMIT_NAME];
    memcpy(row, p->last, EMIT_NAME);
    TRY(row_norm(p, model));
    memcpy(norm, p->last, EMIT_NAME);
    emit_path_name(p, "unit", name);
    TRY(emit_double(p->m, name, 1, p->err));
    emit_path_name(p, "least", name);
    TRY(emit_double(p->m, name, model->least_norm, p->err));
    TRY(emit_path_step(p, model->least_norm > 0 ? "Less" : "Equal", "least", "empty"));
    memcpy(p->last, norm, EMIT_NAME);
    TRY(emit_path_choose(p, "empty", "unit", "", "norm"));
    memcpy(p->last, row, EMIT_NAME);
    return emit_path_step(p, "Div", "norm", "normalized");
}

/* ---- all of them ---- */

static alf_status add_scaler(emit_path *p, const scaler *model)
{
    if (model->norm != TEXT_NORM_NONE)
        return divide_by_norm(p, model);
    TRY(model->factor != NULL ? multiply_add(p, model) : subtract_divide(p, model));
    return model->clips ? clip(p, model) : ALF_OK;
}

static alf_status build(onnx_model *m, const scaler *model, alf_error *err)
{
    emit_path p = {m, "input", 0, err};
    TRY(emit_input(m, "input", ONNX_DOUBLE, model->feature_count, err));
    for (const scaler *s = model; s != NULL; s = s->next, p.number++)
        TRY(add_scaler(&p, s));
    TRY(emit_cast(m, p.last, "output", ONNX_FLOAT, err));
    return emit_output(m, "output", ONNX_FLOAT, model->feature_count, err);
}

static bool can_emit(const scaler *s, uint32_t columns)
{
    return s->feature_count != 0 && s->feature_count == columns &&
           (s->factor == NULL) == (s->shift == NULL) &&
           (s->norm == TEXT_NORM_NONE || columns <= MAX_NORM_COLUMNS);
}

alf_status emit_scaler(const scaler *model, onnx_model **out, alf_error *err)
{
    onnx_model *m;
    *out = NULL;
    bool good = can_emit(model, model->feature_count);
    for (const scaler *s = model->next; s != NULL && good; s = s->next)
        good = can_emit(s, model->feature_count);
    if (!good)
        return error_set(err, ALF_E_ARGUMENT,
                         "a scaler of no columns, half a MinMaxScaler, steps of several widths, or "
                         "a Normalizer of more than %d columns",
                         MAX_NORM_COLUMNS);
    TRY(emit_begin("scaler", &m, err));
    return emit_finish(m, build(m, model, err), out, err);
}
