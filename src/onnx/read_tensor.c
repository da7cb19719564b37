/*
 * TensorProto -> onnx_tensor. The shape is checked before anything is allocated, the number of
 * values found must equal it, and every value is in range of its type. Data stays in the file's
 * bytes where it is aligned there, else it is copied.
 */
#include "onnx/internal.h"

#include "base/span.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are little-endian in memory");

/* Where an empty tensor's data points. */
static const uint64_t no_data = 0;

bool onnx_element_count(uint32_t rank, const int64_t *dims, uint64_t *out)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < rank; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(count, (uint64_t)dims[i], &count))
            return false;
    *out = count;
    return true;
}

/* What one pass over the message finds. */
typedef struct tensor_parts {
    size_t rank;
    int64_t type;
    bool has_raw;
    alf_span raw;
    size_t floats, int32s, int64s, doubles, uint64s, strings;
    uint64_t offset;
} tensor_parts;

/* The *_data field a type is kept in when it is not raw, and how its values are stored there. */
typedef struct typed_field {
    uint32_t number;
    pb_wire element;
    const char *name;
} typed_field;

static typed_field field_of_type(onnx_type type)
{
    switch (type) {
    case ONNX_FLOAT:
        return (typed_field){TENSOR_FLOAT_DATA, PB_FIXED32, "float_data"};
    case ONNX_DOUBLE:
        return (typed_field){TENSOR_DOUBLE_DATA, PB_FIXED64, "double_data"};
    case ONNX_INT64:
        return (typed_field){TENSOR_INT64_DATA, PB_VARINT, "int64_data"};
    case ONNX_UINT32:
    case ONNX_UINT64:
        return (typed_field){TENSOR_UINT64_DATA, PB_VARINT, "uint64_data"};
    case ONNX_STRING:
        return (typed_field){TENSOR_STRING_DATA, PB_BYTES, "string_data"};
    default:
        return (typed_field){TENSOR_INT32_DATA, PB_VARINT, "int32_data"};
    }
}

static alf_status refuse_part(const pb_field *f, const char *what, alf_error *err)
{
    return error_at(err, ALF_E_UNSUPPORTED, f->offset,
                    "a tensor with %s is not supported; save the model as one file with its data "
                    "inside",
                    what);
}

static alf_status scan_field(const pb_field *f, tensor_parts *parts, onnx_tensor *out,
                             alf_error *err)
{
    switch (f->number) {
    case TENSOR_DIMS:
        return pb_count_values(f, PB_VARINT, "tensor dims", &parts->rank, err);
    case TENSOR_DATA_TYPE:
        return pb_get_int(f, "tensor data_type", &parts->type, err);
    case TENSOR_NAME:
        return pb_get_bytes(f, "tensor name", &out->name, err);
    case TENSOR_RAW_DATA:
        parts->has_raw = true;
        return pb_get_bytes(f, "raw_data", &parts->raw, err);
    case TENSOR_FLOAT_DATA:
        return pb_count_values(f, PB_FIXED32, "float_data", &parts->floats, err);
    case TENSOR_INT32_DATA:
        return pb_count_values(f, PB_VARINT, "int32_data", &parts->int32s, err);
    case TENSOR_STRING_DATA:
        parts->strings++;
        return pb_expect(f, PB_BYTES, "string_data", err);
    case TENSOR_INT64_DATA:
        return pb_count_values(f, PB_VARINT, "int64_data", &parts->int64s, err);
    case TENSOR_DOUBLE_DATA:
        return pb_count_values(f, PB_FIXED64, "double_data", &parts->doubles, err);
    case TENSOR_UINT64_DATA:
        return pb_count_values(f, PB_VARINT, "uint64_data", &parts->uint64s, err);
    case TENSOR_SEGMENT:
        return refuse_part(f, "segments", err);
    case TENSOR_EXTERNAL_DATA:
        return refuse_part(f, "external data", err);
    case TENSOR_DATA_LOCATION:
        return f->wire == PB_VARINT && f->value == 0 ? ALF_OK
                                                     : refuse_part(f, "external data", err);
    default:
        return ALF_OK;
    }
}

static alf_status read_dims(pb_reader r, const tensor_parts *parts, onnx_tensor *out,
                            alf_error *err)
{
    if (parts->rank > ONNX_MAX_RANK)
        return error_at(err, ALF_E_LIMIT, parts->offset,
                        "tensor \"%.*s\" has %zu dimensions, at most %d are supported",
                        span_width(out->name), out->name.data, parts->rank, ONNX_MAX_RANK);
    size_t rank = 0;
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == TENSOR_DIMS)
            TRY(pb_take_values(&f, PB_VARINT, out->dims, &rank, err));
    }
    out->rank = (uint32_t)rank;
    if (!onnx_element_count(out->rank, out->dims, &out->count))
        return error_at(err, ALF_E_FORMAT, parts->offset,
                        "tensor \"%.*s\" has a negative dimension, or more elements than 64 bits "
                        "count",
                        span_width(out->name), out->name.data);
    return ALF_OK;
}

static alf_status wrong_count(const tensor_parts *parts, const onnx_tensor *t, uint64_t found,
                              const char *what, alf_error *err)
{
    return error_at(
        err, ALF_E_FORMAT, parts->offset,
        "tensor \"%.*s\" of type %s has %" PRIu64 " elements by its shape, but %" PRIu64 " %s",
        span_width(t->name), t->name.data, onnx_type_name(t->type), t->count, found, what);
}

static alf_status check_bools(const tensor_parts *parts, const onnx_tensor *t, alf_error *err)
{
    const unsigned char *bytes = t->data;
    for (uint64_t i = 0; i < t->count; i++)
        if (bytes[i] > 1)
            return error_at(err, ALF_E_FORMAT, parts->offset,
                            "tensor \"%.*s\": a bool is %d, expected 0 or 1", span_width(t->name),
                            t->name.data, bytes[i]);
    return ALF_OK;
}

static alf_status read_raw(onnx_model *m, const tensor_parts *parts, onnx_tensor *out,
                           alf_error *err)
{
    size_t size = onnx_type_size(out->type);
    if (size == 0)
        return error_at(err, ALF_E_FORMAT, parts->offset,
                        "tensor \"%.*s\": strings cannot be raw_data", span_width(out->name),
                        out->name.data);
    if (parts->raw.size % size != 0 || parts->raw.size / size != out->count)
        return wrong_count(parts, out, parts->raw.size, "bytes of raw_data", err);
    if (out->count == 0)
        return ALF_OK;
    if ((uintptr_t)parts->raw.data % size == 0) {
        out->data = parts->raw.data;
    } else {
        void *copy = arena_alloc_unset(&m->memory, parts->raw.size, 1);
        if (copy == NULL)
            return onnx_no_room(m, parts->raw.size, 1, "a tensor", err);
        out->data = memcpy(copy, parts->raw.data, parts->raw.size);
    }
    return out->type == ONNX_BOOL ? check_bools(parts, out, err) : ALF_OK;
}

/* The values a type can hold when it is stored in a wider field. */
static bool in_range(onnx_type type, uint64_t bits)
{
    int64_t n = (int64_t)(int32_t)(uint32_t)bits; /* int32_data: as protobuf truncates it */
    switch (type) {
    case ONNX_UINT8:
        return n >= 0 && n <= UINT8_MAX;
    case ONNX_INT8:
        return n >= INT8_MIN && n <= INT8_MAX;
    case ONNX_UINT16:
    case ONNX_FLOAT16:
        return n >= 0 && n <= UINT16_MAX;
    case ONNX_INT16:
        return n >= INT16_MIN && n <= INT16_MAX;
    case ONNX_BOOL:
        return n == 0 || n == 1;
    case ONNX_UINT32:
        return bits <= UINT32_MAX;
    default:
        return true;
    }
}

/* Narrows 64-bit values to the type's size in place: writing never overtakes reading. */
static alf_status narrow(const tensor_parts *parts, const onnx_tensor *t, void *values,
                         alf_error *err)
{
    size_t size = onnx_type_size(t->type);
    char *bytes = values;
    for (size_t i = 0; i < t->count; i++) {
        uint64_t bits;
        memcpy(&bits, bytes + 8 * i, sizeof bits);
        if (!in_range(t->type, bits))
            return error_at(err, ALF_E_FORMAT, parts->offset,
                            "tensor \"%.*s\": element %zu is %" PRId64 ", out of range of %s",
                            span_width(t->name), t->name.data, i, (int64_t)bits,
                            onnx_type_name(t->type));
        memmove(bytes + size * i, bytes + 8 * i, size);
    }
    return ALF_OK;
}

static alf_status read_numbers(onnx_model *m, pb_reader r, const tensor_parts *parts,
                               onnx_tensor *out, alf_error *err)
{
    typed_field from = field_of_type(out->type);
    size_t width = from.element == PB_FIXED32 ? 4 : 8;
    size_t count = (size_t)out->count; /* equals what was counted in the file */
    char *values = arena_alloc_unset(&m->memory, count, width);
    if (values == NULL)
        return onnx_no_room(m, count, width, "a tensor", err);
    size_t taken = 0;
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == from.number)
            TRY(pb_take_values(&f, from.element, values, &taken, err));
    }
    out->data = values;
    return onnx_type_size(out->type) < width ? narrow(parts, out, values, err) : ALF_OK;
}

static alf_status read_strings(onnx_model *m, pb_reader r, onnx_tensor *out, alf_error *err)
{
    size_t count = (size_t)out->count;
    out->strings = arena_alloc(&m->memory, count, sizeof *out->strings);
    if (out->strings == NULL)
        return onnx_no_room(m, count, sizeof *out->strings, "a string tensor", err);
    out->data = out->strings;
    for (size_t i = 0; !pb_done(&r);) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == TENSOR_STRING_DATA)
            out->strings[i++] = f.bytes;
    }
    return ALF_OK;
}

static alf_status read_data(onnx_model *m, pb_reader r, const tensor_parts *parts, onnx_tensor *out,
                            alf_error *err)
{
    size_t all = parts->floats + parts->int32s + parts->int64s + parts->doubles + parts->uint64s +
                 parts->strings;
    typed_field from = field_of_type(out->type);
    size_t found = from.number == TENSOR_FLOAT_DATA    ? parts->floats
                   : from.number == TENSOR_DOUBLE_DATA ? parts->doubles
                   : from.number == TENSOR_INT64_DATA  ? parts->int64s
                   : from.number == TENSOR_UINT64_DATA ? parts->uint64s
                   : from.number == TENSOR_STRING_DATA ? parts->strings
                                                       : parts->int32s;
    if (found != all || (parts->has_raw && all != 0))
        return error_at(err, ALF_E_FORMAT, parts->offset,
                        "tensor \"%.*s\" of type %s has data in more than one field, or not in %s",
                        span_width(out->name), out->name.data, onnx_type_name(out->type),
                        from.name);
    out->data = &no_data;
    if (parts->has_raw)
        return read_raw(m, parts, out, err);
    if (found != out->count)
        return wrong_count(parts, out, found, from.name, err);
    if (out->type == ONNX_STRING)
        return read_strings(m, r, out, err);
    return found == 0 ? ALF_OK : read_numbers(m, r, parts, out, err);
}

alf_status onnx_read_tensor(onnx_model *m, const pb_field *field, onnx_tensor *out, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "a tensor", err));
    *out = (onnx_tensor){0};
    tensor_parts parts = {.offset = field->offset};
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        TRY(scan_field(&f, &parts, out, err));
    }
    if (parts.type < ONNX_FLOAT || parts.type > ONNX_UINT64)
        return error_at(err, ALF_E_UNSUPPORTED, field->offset,
                        "tensor \"%.*s\" has element type %" PRId64 ", supported are 1 to 13",
                        span_width(out->name), out->name.data, parts.type);
    out->type = (onnx_type)parts.type;
    TRY(read_dims(pb_enter(field), &parts, out, err));
    return read_data(m, pb_enter(field), &parts, out, err);
}
