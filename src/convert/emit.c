/* What the emitters share: constants, plain nodes, and the scaler, which is nothing but those. */
#include "convert/emit_internal.h"

#include "base/span.h"

#include <stdio.h>

alf_status emit_float(onnx_model *m, const char *name, float number, alf_error *err)
{
    return onnx_add_initializer(m, name, ONNX_FLOAT, 0, NULL, &number, err);
}

alf_status emit_double(onnx_model *m, const char *name, double number, alf_error *err)
{
    return onnx_add_initializer(m, name, ONNX_DOUBLE, 0, NULL, &number, err);
}

alf_status emit_int64(onnx_model *m, const char *name, int64_t number, alf_error *err)
{
    return onnx_add_initializer(m, name, ONNX_INT64, 0, NULL, &number, err);
}

alf_status emit_axis(onnx_model *m, const char *name, int64_t axis, alf_error *err)
{
    return onnx_add_initializer(m, name, ONNX_INT64, 1, (const int64_t[]){1}, &axis, err);
}

alf_status emit_doubles(onnx_model *m, const char *name, const double *numbers, uint32_t count,
                        alf_error *err)
{
    return onnx_add_initializer(m, name, ONNX_DOUBLE, 1, (const int64_t[]){count}, numbers, err);
}

alf_status emit_node(onnx_model *m, const char *op_type, const char *inputs, const char *output,
                     alf_error *err)
{
    return onnx_add_node(m, "", op_type, output, inputs, output, NULL, err);
}

alf_status emit_cast(onnx_model *m, const char *input, const char *output, onnx_type type,
                     alf_error *err)
{
    onnx_node *node;
    TRY(onnx_add_node(m, "", "Cast", output, input, output, &node, err));
    return onnx_set_int(m, node, "to", type, err);
}

alf_status emit_begin(const char *name, onnx_model **out, alf_error *err)
{
    onnx_model *m = onnx_new(name);
    if (m == NULL)
        return error_nomem(err, "an ONNX model");
    m->ir_version = EMIT_IR;
    alf_status status = onnx_add_opset(m, "", EMIT_OPSET, err);
    if (status != ALF_OK)
        onnx_free(m);
    else
        *out = m;
    return status;
}

alf_status emit_finish(onnx_model *m, alf_status status, onnx_model **out, alf_error *err)
{
    if (status == ALF_OK)
        status = onnx_check(m, err);
    if (status == ALF_OK)
        *out = m;
    else
        onnx_free(m);
    return status;
}

alf_status emit_input(onnx_model *m, const char *name, onnx_type type, uint32_t columns,
                      alf_error *err)
{
    return onnx_add_input(m, name, type, columns == 0 ? 1 : 2, (const int64_t[]){-1, columns}, err);
}

alf_status emit_output(onnx_model *m, const char *name, onnx_type type, uint32_t columns,
                       alf_error *err)
{
    return onnx_add_output(m, name, type, columns == 0 ? 1 : 2, (const int64_t[]){-1, columns},
                           err);
}

/* x * factor + shift */
static alf_status multiply_add(onnx_model *m, const scaler *model, const char **last,
                               alf_error *err)
{
    TRY(emit_doubles(m, "factor", model->factor, model->feature_count, err));
    TRY(emit_doubles(m, "shift", model->shift, model->feature_count, err));
    TRY(emit_node(m, "Mul", "input factor", "stretched", err));
    TRY(emit_node(m, "Add", "stretched shift", "scaled", err));
    *last = "scaled";
    return ALF_OK;
}

static alf_status clip(onnx_model *m, const scaler *model, const char **last, alf_error *err)
{
    char inputs[64];
    TRY(emit_double(m, "low", model->low, err));
    TRY(emit_double(m, "high", model->high, err));
    (void)snprintf(inputs, sizeof inputs, "%s low high", *last);
    TRY(emit_node(m, "Clip", inputs, "clipped", err));
    *last = "clipped";
    return ALF_OK;
}

/* (x - offset) / scale */
static alf_status subtract_divide(onnx_model *m, const scaler *model, const char **last,
                                  alf_error *err)
{
    if (model->offset != NULL) {
        TRY(emit_doubles(m, "offset", model->offset, model->feature_count, err));
        TRY(emit_node(m, "Sub", "input offset", "centered", err));
        *last = "centered";
    }
    if (model->scale != NULL) {
        TRY(emit_doubles(m, "scale", model->scale, model->feature_count, err));
        TRY(emit_node(m, "Div", model->offset != NULL ? "centered scale" : "input scale", "scaled",
                      err));
        *last = "scaled";
    }
    return ALF_OK;
}

static alf_status build_scaler(onnx_model *m, const scaler *model, alf_error *err)
{
    const char *last = "input";
    TRY(emit_input(m, "input", ONNX_DOUBLE, model->feature_count, err));
    TRY(model->factor != NULL ? multiply_add(m, model, &last, err)
                              : subtract_divide(m, model, &last, err));
    if (model->clips)
        TRY(clip(m, model, &last, err));
    TRY(emit_cast(m, last, "output", ONNX_FLOAT, err));
    return emit_output(m, "output", ONNX_FLOAT, model->feature_count, err);
}

alf_status emit_scaler(const scaler *model, onnx_model **out, alf_error *err)
{
    *out = NULL;
    if (model->feature_count == 0 || (model->factor == NULL) != (model->shift == NULL))
        return error_set(err, ALF_E_ARGUMENT, "a scaler of no columns, or half a MinMaxScaler");
    onnx_model *m;
    TRY(emit_begin("scaler", &m, err));
    return emit_finish(m, build_scaler(m, model, err), out, err);
}
