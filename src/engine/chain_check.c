/* Checks shared by the two chains. */
#include "engine/chain_check.h"

#include "base/span.h"

#include <inttypes.h>

size_t chain_find_output(const engine *e, const char *name)
{
    for (size_t i = 0; i < engine_output_count(e); i++)
        if (span_is(engine_output(e, i)->name, name))
            return i;
    return SIZE_MAX;
}

alf_status chain_check_input(const engine *e, onnx_type type, const char *what, alf_error *err)
{
    if (engine_input_count(e) != 1)
        return error_set(err, ALF_E_UNSUPPORTED, "%s: %zu inputs found, expected one", what,
                         engine_input_count(e));
    const onnx_value_info *input = engine_input(e, 0);
    if (input->kind != ONNX_VALUE_TENSOR || input->type != type)
        return error_set(err, ALF_E_UNSUPPORTED, "%s: input \"%.*s\" is %s, expected %s", what,
                         span_width(input->name), input->name.data, onnx_type_name(input->type),
                         onnx_type_name(type));
    if (input->has_shape && input->rank > 0 && input->dims[0] >= 0)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "%s: input \"%.*s\" takes exactly %" PRId64
                         " rows; a file that takes any number of rows was expected",
                         what, span_width(input->name), input->name.data, input->dims[0]);
    return ALF_OK;
}

alf_status chain_check_columns(const engine *e, uint32_t columns, const char *what, alf_error *err)
{
    const onnx_value_info *input = engine_input(e, 0);
    if (!input->has_shape)
        return ALF_OK;
    if (input->rank != 2)
        return error_set(err, ALF_E_FORMAT,
                         "%s: input \"%.*s\" has %" PRIu32 " dimensions, expected 2", what,
                         span_width(input->name), input->name.data, input->rank);
    if (input->dims[1] >= 0 && input->dims[1] != (int64_t)columns)
        return error_set(err, ALF_E_FORMAT,
                         "%s: input \"%.*s\" takes %" PRId64 " columns, expected %" PRIu32, what,
                         span_width(input->name), input->name.data, input->dims[1], columns);
    return ALF_OK;
}

alf_status chain_want_output(const engine *e, const char *name, const char *what, size_t *index,
                             alf_error *err)
{
    *index = chain_find_output(e, name);
    if (*index == SIZE_MAX)
        return error_set(err, ALF_E_UNSUPPORTED, "%s: no output named \"%s\"", what, name);
    return ALF_OK;
}

bool chain_is_rows_by(const tensor *t, onnx_type type, size_t rows, size_t columns)
{
    return t->type == type && tensor_count(t) == (uint64_t)rows * columns && t->rank >= 1 &&
           t->dims[0] == (int64_t)rows;
}

alf_status chain_wrong_output(const tensor *t, const char *what, alf_error *err)
{
    return error_set(err, ALF_E_UNSUPPORTED,
                     "%s: gave %s of rank %" PRIu32 " with %" PRIu64
                     " elements, which is not one row per input of the expected type",
                     what, onnx_type_name(t->type), t->rank, tensor_count(t));
}
