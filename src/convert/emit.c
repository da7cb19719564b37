/* What the emitters share: constants and plain nodes. */
#include "convert/emit_internal.h"

#include "base/span.h"

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
