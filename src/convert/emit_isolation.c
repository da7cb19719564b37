/*
 * Isolation forest -> ONNX, in float64 and in scikit-learn's order: the depths are summed tree by
 * tree, score = -2^(-depth / denominator), decision = score - offset, label -1 iff decision < 0.
 * Inputs are float32, as scikit-learn rounds them; widening them is exact. The outputs have the
 * names that the usual converter gives: "scores" is the decision function.
 */
#include "convert/emit_internal.h"

#include <math.h>

static alf_status build_isolation(onnx_model *m, const isolation_forest *model, alf_error *err)
{
    TRY(emit_input(m, "float_input", ONNX_FLOAT, model->trees.feature_count, err));
    TRY(emit_double(m, "denominator", model->denominator, err));
    TRY(emit_double(m, "two", 2.0, err));
    TRY(emit_double(m, "offset", model->offset, err));
    TRY(emit_double(m, "zero", 0.0, err));
    TRY(emit_int64(m, "anomaly", -1, err));
    TRY(emit_int64(m, "normal", 1, err));
    TRY(emit_axis(m, "columns", 1, err));
    TRY(emit_cast(m, "float_input", "x", ONNX_DOUBLE, err));
    TRY(emit_tree_ensemble(m, &model->trees, "x", "depth", err));
    TRY(emit_node(m, "Squeeze", "depth columns", "depths", err));
    TRY(emit_node(m, "Neg", "depths", "negative", err));
    TRY(emit_node(m, "Div", "negative denominator", "exponent", err));
    TRY(emit_node(m, "Pow", "two exponent", "power", err));
    TRY(emit_node(m, "Neg", "power", "score_samples", err));
    TRY(emit_node(m, "Sub", "score_samples offset", "scores", err));
    TRY(emit_node(m, "Less", "scores zero", "below", err));
    TRY(emit_node(m, "Where", "below anomaly normal", "label", err));
    TRY(emit_output(m, "label", ONNX_INT64, 0, err));
    TRY(emit_output(m, "scores", ONNX_DOUBLE, 0, err));
    return emit_output(m, "score_samples", ONNX_DOUBLE, 0, err);
}

alf_status emit_isolation_forest(const isolation_forest *model, onnx_model **out, alf_error *err)
{
    *out = NULL;
    if (model->trees.number != FOREST_F64 || model->trees.target_count != 1 ||
        model->trees.feature_count == 0)
        return error_set(err, ALF_E_ARGUMENT, "an isolation forest has one float64 sum");
    if (!isfinite(model->denominator) || model->denominator <= 0 || isnan(model->offset))
        return error_set(err, ALF_E_ARGUMENT,
                         "an isolation forest with denominator %g and offset %g",
                         model->denominator, model->offset);
    onnx_model *m;
    TRY(emit_begin("anomaly_detector", &m, err));
    return emit_finish(m, build_isolation(m, model, err), out, err);
}
