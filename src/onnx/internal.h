/*
 * Shared by the files of this folder: field numbers of onnx.proto, memory, and the pieces of the
 * reader.
 */
#ifndef ALF_ONNX_INTERNAL_H
#define ALF_ONNX_INTERNAL_H

#include "codec/protobuf.h"
#include "onnx/onnx.h"

enum { ONNX_MIN_IR = 3, ONNX_MAX_IR = 13 };

enum model_field {
    MODEL_IR_VERSION = 1,
    MODEL_PRODUCER_NAME = 2,
    MODEL_PRODUCER_VERSION = 3,
    MODEL_DOC_STRING = 6,
    MODEL_GRAPH = 7,
    MODEL_OPSET_IMPORT = 8,
    MODEL_METADATA_PROPS = 14,
    MODEL_TRAINING_INFO = 20,
    MODEL_FUNCTIONS = 25
};

enum graph_field {
    GRAPH_NODE = 1,
    GRAPH_NAME = 2,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_VALUE_INFO = 13,
    GRAPH_SPARSE_INITIALIZER = 15
};

enum node_field {
    NODE_INPUT = 1,
    NODE_OUTPUT = 2,
    NODE_NAME = 3,
    NODE_OP_TYPE = 4,
    NODE_ATTRIBUTE = 5,
    NODE_DOMAIN = 7,
    NODE_OVERLOAD = 8
};

enum attribute_field {
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F = 2,
    ATTRIBUTE_I = 3,
    ATTRIBUTE_S = 4,
    ATTRIBUTE_T = 5,
    ATTRIBUTE_G = 6,
    ATTRIBUTE_FLOATS = 7,
    ATTRIBUTE_INTS = 8,
    ATTRIBUTE_STRINGS = 9,
    ATTRIBUTE_TENSORS = 10,
    ATTRIBUTE_GRAPHS = 11,
    ATTRIBUTE_TP = 14,
    ATTRIBUTE_TYPE_PROTOS = 15,
    ATTRIBUTE_TYPE = 20,
    ATTRIBUTE_REF_ATTR_NAME = 21,
    ATTRIBUTE_SPARSE_TENSOR = 22,
    ATTRIBUTE_SPARSE_TENSORS = 23
};

enum tensor_field {
    TENSOR_DIMS = 1,
    TENSOR_DATA_TYPE = 2,
    TENSOR_SEGMENT = 3,
    TENSOR_FLOAT_DATA = 4,
    TENSOR_INT32_DATA = 5,
    TENSOR_STRING_DATA = 6,
    TENSOR_INT64_DATA = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW_DATA = 9,
    TENSOR_DOUBLE_DATA = 10,
    TENSOR_UINT64_DATA = 11,
    TENSOR_EXTERNAL_DATA = 13,
    TENSOR_DATA_LOCATION = 14
};

enum value_info_field { VALUE_NAME = 1, VALUE_TYPE = 2 };
enum type_field { TYPE_TENSOR = 1, TYPE_SEQUENCE = 4, TYPE_MAP = 5 };
enum tensor_type_field { TENSOR_TYPE_ELEM = 1, TENSOR_TYPE_SHAPE = 2 };
enum shape_field { SHAPE_DIM = 1 };
enum dim_field { DIM_VALUE = 1, DIM_PARAM = 2 };
enum pair_field { PAIR_KEY = 1, PAIR_VALUE = 2 }; /* StringStringEntry and OperatorSetId */

/* How often each field occurs in a message; fields above the last are not counted. */
enum { TALLY_FIELDS = 32 };
typedef struct field_tally {
    size_t n[TALLY_FIELDS];
} field_tally;

/* Tells why arena_alloc(&m->memory, count, size) gave NULL: over the limit, or out of memory. */
alf_status onnx_no_room(const onnx_model *m, size_t count, size_t size, const char *what,
                        alf_error *err);

/* TensorProto and AttributeProto. The caller names the node in the error. */
alf_status onnx_read_tensor(onnx_model *m, const pb_field *field, onnx_tensor *out, alf_error *err);
alf_status onnx_read_attribute(onnx_model *m, const pb_field *field, onnx_attribute *out,
                               alf_error *err);

/* The number of elements of a shape; false when a dimension is negative or the product overflows.
 */
bool onnx_element_count(uint32_t rank, const int64_t *dims, uint64_t *out);

/* The imported version of a domain, or 0. */
int64_t onnx_opset_version(const onnx_model *m, alf_span domain);

#endif
