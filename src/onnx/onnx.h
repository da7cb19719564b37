/*
 * An ONNX model in memory: the part of onnx.proto (IR version 3 to 13) that inference uses.
 * Strings, tensors and attributes borrow from the file's bytes or live in the model's arena.
 * Source: the ONNX specification (onnx.proto, field numbers).
 */
#ifndef ALF_ONNX_ONNX_H
#define ALF_ONNX_ONNX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* TensorProto.DataType */
typedef enum onnx_type {
    ONNX_UNDEFINED = 0,
    ONNX_FLOAT = 1,
    ONNX_UINT8 = 2,
    ONNX_INT8 = 3,
    ONNX_UINT16 = 4,
    ONNX_INT16 = 5,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_STRING = 8,
    ONNX_BOOL = 9,
    ONNX_FLOAT16 = 10,
    ONNX_DOUBLE = 11,
    ONNX_UINT32 = 12,
    ONNX_UINT64 = 13
} onnx_type;

size_t onnx_type_size(onnx_type type);      /* bytes of one element; 0 for strings and unknown */
const char *onnx_type_name(onnx_type type); /* "float", "int64", ... */

enum { ONNX_MAX_RANK = 8 };

typedef struct onnx_tensor {
    alf_span name;
    onnx_type type;
    uint32_t rank;
    int64_t dims[ONNX_MAX_RANK]; /* >= 0 */
    uint64_t count;              /* product of dims, checked against the data */
    const void *data;            /* count elements, little-endian, aligned to the element */
    alf_span *strings;           /* ONNX_STRING: count strings */
} onnx_tensor;

/* AttributeProto.AttributeType */
typedef enum onnx_attribute_type {
    ONNX_ATTR_FLOAT = 1,
    ONNX_ATTR_INT = 2,
    ONNX_ATTR_STRING = 3,
    ONNX_ATTR_TENSOR = 4,
    ONNX_ATTR_FLOATS = 6,
    ONNX_ATTR_INTS = 7,
    ONNX_ATTR_STRINGS = 8
    /* graphs, sparse tensors and type protos are refused by the reader */
} onnx_attribute_type;

typedef struct onnx_attribute {
    alf_span name;
    onnx_attribute_type type;
    float f;
    int64_t i;
    alf_span s;
    onnx_tensor *t;
    size_t count; /* of floats, ints or strings */
    const float *floats;
    const int64_t *ints;
    const alf_span *strings;
} onnx_attribute;

typedef struct onnx_node {
    alf_span name; /* may be empty */
    alf_span op_type;
    alf_span domain; /* "" for ai.onnx (the alias "ai.onnx" is rewritten) */
    int64_t version; /* of the domain's operator set, from the model's imports */
    size_t input_count, output_count, attribute_count;
    alf_span *inputs; /* empty name: an optional input left out */
    alf_span *outputs;
    onnx_attribute *attributes;
} onnx_node;

/* Kinds a graph input or output can have. */
typedef enum onnx_value_kind {
    ONNX_VALUE_TENSOR,
    ONNX_VALUE_SEQUENCE,
    ONNX_VALUE_MAP
} onnx_value_kind;

typedef struct onnx_value_info {
    alf_span name;
    onnx_value_kind kind; /* sequence of maps and maps: element types are not kept */
    onnx_type type;
    bool has_shape;
    uint32_t rank;
    int64_t dims[ONNX_MAX_RANK]; /* -1: unknown or symbolic */
} onnx_value_info;

typedef struct onnx_opset {
    alf_span domain;
    int64_t version;
} onnx_opset;

typedef struct onnx_metadata {
    alf_span key;
    alf_span value;
} onnx_metadata;

typedef struct onnx_model {
    arena memory;
    int64_t ir_version;
    alf_span producer_name, producer_version, graph_name, doc_string;
    size_t opset_count, metadata_count;
    onnx_opset *opsets;
    onnx_metadata *metadata;
    size_t node_count, initializer_count, input_count, output_count;
    onnx_node *nodes; /* as in the file: topological order is checked by onnx_check */
    onnx_tensor *initializers;
    onnx_value_info *inputs; /* initializers listed as inputs too are left out */
    onnx_value_info *outputs;
    size_t value_count;
    onnx_value_info *values; /* types of values in between: written, never read */
    bool sealed;             /* read from a file: the building functions refuse it */
} onnx_model;

/*
 * Reads a model. data is borrowed and must outlive it. Everything is checked for size and range
 * before it is used; external data, subgraphs, sparse tensors, functions and training info are
 * ALF_E_UNSUPPORTED. Offsets in errors are byte offsets in data. On success the caller owns *out.
 */
alf_status onnx_read(alf_span data, onnx_model **out, alf_error *err);
void onnx_free(onnx_model *model); /* NULL allowed */

/*
 * Checks the graph: names assigned once, every input produced before it is used (so no cycle),
 * every output produced, domains imported. The error names the node.
 */
alf_status onnx_check(const onnx_model *model, alf_error *err);

/* Writes model to out in a canonical form: the same model always gives the same bytes. Integer
 * lists are packed, tensors are raw_data. */
alf_status onnx_write(const onnx_model *model, buf *out, alf_error *err);

/* The attribute of that name, or NULL. */
const onnx_attribute *onnx_find_attribute(const onnx_node *node, const char *name);

/* ---- building (used by the converter and by tests) ---- */

/* An empty model owned by the caller; NULL when out of memory. The strings given below are copied.
 */
onnx_model *onnx_new(const char *graph_name);
alf_status onnx_add_opset(onnx_model *m, const char *domain, int64_t version, alf_error *err);
alf_status onnx_add_metadata(onnx_model *m, const char *key, alf_span text, alf_error *err);
/* dims: -1 for an unknown dimension; as the first one it is written as the name "N". */
alf_status onnx_add_input(onnx_model *m, const char *name, onnx_type type, uint32_t rank,
                          const int64_t *dims, alf_error *err);
alf_status onnx_add_output(onnx_model *m, const char *name, onnx_type type, uint32_t rank,
                           const int64_t *dims, alf_error *err);
/* The type of a value in between, for readers that cannot infer it (operators outside ONNX). */
alf_status onnx_add_value(onnx_model *m, const char *name, onnx_type type, uint32_t rank,
                          const int64_t *dims, alf_error *err);
/* Copies count(dims) elements from data; for strings, data is an array of alf_span. */
alf_status onnx_add_initializer(onnx_model *m, const char *name, onnx_type type, uint32_t rank,
                                const int64_t *dims, const void *data, alf_error *err);
/* inputs / outputs: names separated by single spaces. *node stays valid until the next add_node. */
alf_status onnx_add_node(onnx_model *m, const char *domain, const char *op_type, const char *name,
                         const char *inputs, const char *outputs, onnx_node **node, alf_error *err);
alf_status onnx_set_int(onnx_model *m, onnx_node *node, const char *name, int64_t number,
                        alf_error *err);
alf_status onnx_set_string(onnx_model *m, onnx_node *node, const char *name, alf_span text,
                           alf_error *err);
alf_status onnx_set_ints(onnx_model *m, onnx_node *node, const char *name, const int64_t *numbers,
                         size_t count, alf_error *err);
alf_status onnx_set_strings(onnx_model *m, onnx_node *node, const char *name,
                            const alf_span *strings, size_t count, alf_error *err);
alf_status onnx_set_tensor(onnx_model *m, onnx_node *node, const char *name, onnx_type type,
                           uint32_t rank, const int64_t *dims, const void *data, alf_error *err);

#endif
