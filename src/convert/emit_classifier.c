/*
 * Any classifier -> ONNX. Those of scikit-learn and LightGBM are computed in float64 from the first
 * sum to the label; only the probabilities that leave the graph are rounded to float32, as those of
 * the boosted ones are. A zero is a zero here, but where LightGBM was told to take it as missing.
 */
#include "convert/emit_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ---- pieces ---- */

static alf_status with_axis(onnx_model *m, const char *op_type, const char *inputs,
                            const char *output, alf_error *err)
{
    onnx_node *node;
    TRY(onnx_add_node(m, "", op_type, output, inputs, output, &node, err));
    return onnx_set_int(m, node, "axis", 1, err);
}

/* The first largest, as numpy.argmax. */
static alf_status label_of_largest(onnx_model *m, const char *of, alf_error *err)
{
    onnx_node *node;
    TRY(onnx_add_node(m, "", "ArgMax", "label", of, "label", &node, err));
    TRY(onnx_set_int(m, node, "axis", 1, err));
    return onnx_set_int(m, node, "keepdims", 0, err);
}

/* One sum: label 1 when it is above zero (Greater), or not below (GreaterOrEqual). */
static alf_status label_of_sign(onnx_model *m, const char *comparison, alf_error *err)
{
    TRY(emit_double(m, "zero", 0.0, err));
    TRY(emit_axis(m, "columns", 1, err));
    TRY(emit_node(m, comparison, "sums zero", "above", err));
    TRY(emit_node(m, "Squeeze", "above columns", "positive", err));
    return emit_cast(m, "positive", "label", ONNX_INT64, err);
}

/* "p" -> "shares" = [1 - p, p] */
static alf_status complement(onnx_model *m, alf_error *err)
{
    TRY(emit_double(m, "one", 1.0, err));
    TRY(emit_node(m, "Sub", "one p", "q", err));
    return with_axis(m, "Concat", "q p", "shares", err);
}

static alf_status finish_graph(onnx_model *m, uint32_t class_count, alf_error *err)
{
    TRY(emit_cast(m, "shares", "probabilities", ONNX_FLOAT, err));
    TRY(emit_output(m, "label", ONNX_INT64, 0, err));
    return emit_output(m, "probabilities", ONNX_FLOAT, class_count, err);
}

/* ---- trees ---- */

/* "sums" -> "shares" */
static alf_status link_trees(onnx_model *m, const tree_classifier *t, alf_error *err)
{
    const char *sums = "sums";
    if (t->divisor > 0) {
        sums = t->link == TREE_AVERAGE ? "shares" : "means";
        TRY(emit_double(m, "trees", t->divisor, err));
        TRY(emit_node(m, "Div", "sums trees", sums, err));
    }
    if (t->link == TREE_AVERAGE)
        return ALF_OK;
    if (t->link == TREE_SOFTMAX)
        return with_axis(m, "Softmax", sums, "shares", err);
    TRY(emit_double(m, "slope", t->slope, err));
    TRY(emit_node(m, "Mul", t->divisor > 0 ? "means slope" : "sums slope", "margins", err));
    if (t->link == TREE_LOGISTIC_EACH)
        return emit_node(m, "Sigmoid", "margins", "shares", err);
    TRY(emit_node(m, "Sigmoid", "margins", "p", err));
    return complement(m, err);
}

static alf_status label_trees(onnx_model *m, const tree_classifier *t, alf_error *err)
{
    if (!t->label_from_sums)
        return label_of_largest(m, "shares", err);
    return t->link == TREE_LOGISTIC ? label_of_sign(m, "GreaterOrEqual", err)
                                    : label_of_largest(m, "sums", err);
}

static bool every_feature(const tree_classifier *t)
{
    for (uint32_t i = 0; i < t->trees.feature_count; i++)
        if (!t->zero_is_missing[i])
            return false;
    return true;
}

/* "input" -> "x": zeros of the features that say so become NaN. */
static alf_status drop_zeros(onnx_model *m, const tree_classifier *t, alf_error *err)
{
    const char *dropped = "near_zero";
    TRY(emit_double(m, "zero_range", TREE_ZERO, err));
    TRY(emit_double(m, "missing", (double)NAN, err));
    TRY(emit_node(m, "Abs", "input", "size", err));
    TRY(emit_node(m, "LessOrEqual", "size zero_range", "near_zero", err));
    if (!every_feature(t)) {
        dropped = "dropped";
        TRY(onnx_add_initializer(m, "droppable", ONNX_BOOL, 1,
                                 (const int64_t[]){t->trees.feature_count}, t->zero_is_missing,
                                 err));
        TRY(emit_node(m, "And", "near_zero droppable", dropped, err));
    }
    char inputs[64];
    (void)snprintf(inputs, sizeof inputs, "%s missing input", dropped);
    return emit_node(m, "Where", inputs, "x", err);
}

static alf_status build_trees(onnx_model *m, const text_classifier *c, alf_error *err)
{
    const tree_classifier *t = &c->as.trees;
    const char *rows = t->is_wide ? "input" : "float_input";
    TRY(emit_input(m, rows, t->is_wide ? ONNX_DOUBLE : ONNX_FLOAT, t->trees.feature_count, err));
    if (t->zero_is_missing != NULL)
        TRY(drop_zeros(m, t, err));
    else if (!t->is_wide)
        TRY(emit_cast(m, "float_input", "x", ONNX_DOUBLE, err));
    bool direct = t->is_wide && t->zero_is_missing == NULL;
    TRY(emit_tree_ensemble(m, &t->trees, direct ? rows : "x", "sums", err));
    TRY(link_trees(m, t, err));
    TRY(label_trees(m, t, err));
    return finish_graph(m, c->class_count, err);
}

static bool trees_fit(const text_classifier *c)
{
    const tree_classifier *t = &c->as.trees;
    bool one_sum = t->link == TREE_LOGISTIC;
    if (t->trees.number != FOREST_F64 || t->trees.feature_count == 0 ||
        t->trees.target_count != (one_sum ? 1 : c->class_count))
        return false;
    if (!(t->divisor >= 0) || !isfinite(t->divisor) ||
        (t->link == TREE_AVERAGE && !(t->divisor > 0)) ||
        (t->zero_is_missing != NULL && !t->is_wide))
        return false;
    bool has_slope = one_sum || t->link == TREE_LOGISTIC_EACH;
    return (!one_sum || c->class_count == 2) &&
           (!has_slope || (t->slope > 0 && isfinite(t->slope)));
}

/* ---- linear ---- */

/* coefficients are stored row by row; MatMul wants a column per row. */
static alf_status emit_matrix(onnx_model *m, const linear_classifier *l, alf_error *err)
{
    arena memory;
    arena_init(&memory, 0);
    size_t rows = l->row_count, columns = l->feature_count;
    double *turned = arena_alloc(&memory, rows * columns, sizeof *turned);
    alf_status status = ALF_OK;
    if (turned == NULL)
        status = error_nomem(err, "coefficients");
    for (size_t i = 0; turned != NULL && i < rows; i++)
        for (size_t k = 0; k < columns; k++)
            turned[k * rows + i] = l->coefficients[i * columns + k];
    if (status == ALF_OK)
        status =
            onnx_add_initializer(m, "coefficients", ONNX_DOUBLE, 2,
                                 (const int64_t[]){(int64_t)columns, (int64_t)rows}, turned, err);
    arena_fini(&memory);
    return status;
}

static alf_status link_sums(onnx_model *m, const linear_classifier *l, alf_error *err)
{
    onnx_node *node;
    bool one_row = l->row_count == 1;
    if (l->link == LINEAR_SOFTMAX && one_row) {
        TRY(emit_node(m, "Neg", "sums", "negative", err));
        TRY(with_axis(m, "Concat", "negative sums", "pair", err));
        return with_axis(m, "Softmax", "pair", "shares", err);
    }
    if (l->link == LINEAR_SOFTMAX)
        return with_axis(m, "Softmax", "sums", "shares", err);
    TRY(emit_node(m, "Sigmoid", "sums", "p", err));
    if (one_row)
        return complement(m, err);
    TRY(emit_axis(m, "classes", 1, err));
    TRY(onnx_add_node(m, "", "ReduceSum", "total", "p classes", "total", &node, err));
    TRY(onnx_set_int(m, node, "keepdims", 1, err));
    return emit_node(m, "Div", "p total", "shares", err);
}

static alf_status build_linear(onnx_model *m, const text_classifier *c, alf_error *err)
{
    const linear_classifier *l = &c->as.linear;
    TRY(emit_input(m, "input", ONNX_DOUBLE, l->feature_count, err));
    TRY(emit_matrix(m, l, err));
    TRY(emit_doubles(m, "intercepts", l->intercepts, l->row_count, err));
    TRY(emit_node(m, "MatMul", "input coefficients", "products", err));
    TRY(emit_node(m, "Add", "products intercepts", "sums", err));
    TRY(link_sums(m, l, err));
    TRY(l->row_count == 1 ? label_of_sign(m, "Greater", err) : label_of_largest(m, "sums", err));
    return finish_graph(m, c->class_count, err);
}

static bool linear_fits(const text_classifier *c)
{
    const linear_classifier *l = &c->as.linear;
    return l->feature_count > 0 &&
           (l->row_count == 1 ? c->class_count == 2 : l->row_count == c->class_count);
}

/* ---- the whole ---- */

alf_status emit_classifier(const text_classifier *model, onnx_model **out, alf_error *err)
{
    *out = NULL;
    if (model->kind == CLASSIFIER_BOOSTED)
        return emit_boosted(&model->as.boosted, out, err);
    bool linear = model->kind == CLASSIFIER_LINEAR;
    if (!(linear ? linear_fits(model) : trees_fit(model)))
        return error_set(err, ALF_E_ARGUMENT,
                         "a classifier of %" PRIu32 " classes whose parts do not fit each other",
                         model->class_count);
    onnx_model *m;
    TRY(emit_begin(linear ? "linear_classifier" : "tree_classifier", &m, err));
    alf_status status = linear ? build_linear(m, model, err) : build_trees(m, model, err);
    return emit_finish(m, status, out, err);
}
