/* Element types: sizes and names. The numbers are those of TensorProto.DataType. */
#include "onnx/onnx.h"

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [ONNX_UNDEFINED] = {"undefined", 0}, [ONNX_FLOAT] = {"float", 4},
    [ONNX_UINT8] = {"uint8", 1},         [ONNX_INT8] = {"int8", 1},
    [ONNX_UINT16] = {"uint16", 2},       [ONNX_INT16] = {"int16", 2},
    [ONNX_INT32] = {"int32", 4},         [ONNX_INT64] = {"int64", 8},
    [ONNX_STRING] = {"string", 0},       [ONNX_BOOL] = {"bool", 1},
    [ONNX_FLOAT16] = {"float16", 2},     [ONNX_DOUBLE] = {"double", 8},
    [ONNX_UINT32] = {"uint32", 4},       [ONNX_UINT64] = {"uint64", 8},
};

static bool known(onnx_type type)
{
    return (unsigned)type < sizeof types / sizeof types[0];
}

size_t onnx_type_size(onnx_type type)
{
    return known(type) ? types[type].size : 0;
}

const char *onnx_type_name(onnx_type type)
{
    return known(type) ? types[type].name : "unknown type";
}
