/*
 * Gradient-boosted classifier -> ONNX, in float32. Zeros become NaN first: XGBoost was trained on
 * sparse rows, where an absent term is a missing value and follows the default branch.
 */
#include "convert/emit_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static alf_status softmax(onnx_model *m, alf_error *err)
{
    onnx_node *node;
    TRY(onnx_add_node(m, "", "Softmax", "probabilities", "margins", "probabilities", &node, err));
    return onnx_set_int(m, node, "axis", 1, err);
}

/* The first largest, as numpy.argmax. */
static alf_status argmax(onnx_model *m, const char *of, alf_error *err)
{
    onnx_node *node;
    TRY(onnx_add_node(m, "", "ArgMax", "label", of, "label", &node, err));
    TRY(onnx_set_int(m, node, "axis", 1, err));
    return onnx_set_int(m, node, "keepdims", 0, err);
}

/* One column p -> [1 - p, p] and label p > 0.5, as XGBClassifier does it. */
static alf_status two_classes(onnx_model *m, const char *p, alf_error *err)
{
    char pair[64];
    onnx_node *node;
    TRY(emit_float(m, "one", 1.0F, err));
    TRY(emit_float(m, "half", 0.5F, err));
    TRY(emit_axis(m, "columns", 1, err));
    (void)snprintf(pair, sizeof pair, "one %s", p);
    TRY(emit_node(m, "Sub", pair, "complement", err));
    (void)snprintf(pair, sizeof pair, "complement %s", p);
    TRY(onnx_add_node(m, "", "Concat", "probabilities", pair, "probabilities", &node, err));
    TRY(onnx_set_int(m, node, "axis", 1, err));
    (void)snprintf(pair, sizeof pair, "%s half", p);
    TRY(emit_node(m, "Greater", pair, "above", err));
    TRY(emit_node(m, "Squeeze", "above columns", "positive", err));
    return emit_cast(m, "positive", "label", ONNX_INT64, err);
}

static alf_status link_margins(onnx_model *m, const boosted_classifier *model, alf_error *err)
{
    bool one_column = model->trees.target_count == 1;
    switch (model->link) {
    case BOOSTED_SIGMOID:
        TRY(emit_node(m, "Sigmoid", "margins", "p", err));
        return two_classes(m, "p", err);
    case BOOSTED_SOFTMAX:
        TRY(softmax(m, err));
        return argmax(m, "probabilities", err);
    case BOOSTED_HARD_MARGIN:
        if (one_column)
            return two_classes(m, "margins", err);
        TRY(softmax(m, err));
        return argmax(m, "margins", err);
    }
    return error_set(err, ALF_E_INTERNAL, "link %d of a boosted classifier", (int)model->link);
}

static alf_status build_boosted(onnx_model *m, const boosted_classifier *model, alf_error *err)
{
    TRY(emit_input(m, "float_input", ONNX_FLOAT, model->trees.feature_count, err));
    TRY(emit_float(m, "zero", 0.0F, err));
    TRY(emit_float(m, "missing", NAN, err));
    TRY(emit_node(m, "Equal", "float_input zero", "absent", err));
    TRY(emit_node(m, "Where", "absent missing float_input", "x", err));
    TRY(emit_tree_ensemble(m, &model->trees, "x", "margins", err));
    TRY(link_margins(m, model, err));
    TRY(emit_output(m, "label", ONNX_INT64, 0, err));
    return emit_output(m, "probabilities", ONNX_FLOAT, model->class_count, err);
}

alf_status emit_boosted(const boosted_classifier *model, onnx_model **out, alf_error *err)
{
    *out = NULL;
    uint32_t columns = model->trees.target_count;
    bool fits = model->link == BOOSTED_SIGMOID ? columns == 1 && model->class_count == 2
                : columns == 1 ? model->link == BOOSTED_HARD_MARGIN && model->class_count == 2
                               : columns == model->class_count;
    if (!fits || model->trees.feature_count == 0 || model->trees.number != FOREST_F32)
        return error_set(err, ALF_E_ARGUMENT,
                         "a boosted classifier of %" PRIu32 " classes with %" PRIu32
                         " sums, or not in float32",
                         model->class_count, columns);
    onnx_model *m;
    TRY(emit_begin("xgboost", &m, err));
    return emit_finish(m, build_boosted(m, model, err), out, err);
}
