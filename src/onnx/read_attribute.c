/*
 * AttributeProto -> onnx_attribute. Graphs, sparse tensors and types are refused; an attribute that
 * carries a value of another kind than its type says is malformed.
 */
#include "onnx/internal.h"

#include "base/span.h"

#include <inttypes.h>

/* The field that carries the value of each attribute type, 0 for types that are not supported. */
static uint32_t value_field(int64_t type)
{
    switch (type) {
    case ONNX_ATTR_FLOAT:
        return ATTRIBUTE_F;
    case ONNX_ATTR_INT:
        return ATTRIBUTE_I;
    case ONNX_ATTR_STRING:
        return ATTRIBUTE_S;
    case ONNX_ATTR_TENSOR:
        return ATTRIBUTE_T;
    case ONNX_ATTR_FLOATS:
        return ATTRIBUTE_FLOATS;
    case ONNX_ATTR_INTS:
        return ATTRIBUTE_INTS;
    case ONNX_ATTR_STRINGS:
        return ATTRIBUTE_STRINGS;
    default:
        return 0;
    }
}

static const onnx_attribute_type supported[] = {
    ONNX_ATTR_FLOAT,  ONNX_ATTR_INT,  ONNX_ATTR_STRING, ONNX_ATTR_TENSOR,
    ONNX_ATTR_FLOATS, ONNX_ATTR_INTS, ONNX_ATTR_STRINGS};

static const char *unsupported_part(const field_tally *t)
{
    if (t->n[ATTRIBUTE_G] + t->n[ATTRIBUTE_GRAPHS] > 0)
        return "a subgraph";
    if (t->n[ATTRIBUTE_SPARSE_TENSOR] + t->n[ATTRIBUTE_SPARSE_TENSORS] > 0)
        return "a sparse tensor";
    if (t->n[ATTRIBUTE_TENSORS] > 0)
        return "a list of tensors";
    if (t->n[ATTRIBUTE_TP] + t->n[ATTRIBUTE_TYPE_PROTOS] > 0)
        return "a type";
    if (t->n[ATTRIBUTE_REF_ATTR_NAME] > 0)
        return "a reference to a function's attribute";
    return NULL;
}

/* The type field came with IR version 3; files without it tell the type by the field that is set.
 */
static alf_status decide_type(const pb_field *field, const field_tally *t, int64_t stated,
                              onnx_attribute *out, alf_error *err)
{
    const char *part = unsupported_part(t);
    if (part != NULL)
        return error_at(err, ALF_E_UNSUPPORTED, field->offset,
                        "attribute \"%.*s\" holds %s, which is not supported",
                        span_width(out->name), out->name.data, part);
    if (stated != 0 && value_field(stated) == 0)
        return error_at(err, ALF_E_UNSUPPORTED, field->offset,
                        "attribute \"%.*s\" is of type %" PRId64 ", which is not supported",
                        span_width(out->name), out->name.data, stated);
    size_t kinds = 0;
    int64_t found = stated;
    for (size_t i = 0; i < sizeof supported / sizeof supported[0]; i++)
        if (t->n[value_field(supported[i])] > 0) {
            kinds++;
            found = supported[i];
        }
    bool empty = found == ONNX_ATTR_TENSOR && t->n[ATTRIBUTE_T] == 0;
    if (kinds > 1 || (stated != 0 && found != stated) || found == 0 || empty)
        return error_at(err, ALF_E_FORMAT, field->offset,
                        "attribute \"%.*s\" has no value, or one of another kind than its type "
                        "%" PRId64 " says",
                        span_width(out->name), out->name.data, stated);
    out->type = (onnx_attribute_type)found;
    return ALF_OK;
}

static alf_status count_lists(const pb_field *f, size_t *count, alf_error *err)
{
    if (f->number == ATTRIBUTE_FLOATS)
        return pb_count_values(f, PB_FIXED32, "attribute floats", count, err);
    if (f->number == ATTRIBUTE_INTS)
        return pb_count_values(f, PB_VARINT, "attribute ints", count, err);
    if (f->number == ATTRIBUTE_STRINGS) {
        *count += 1;
        return pb_expect(f, PB_BYTES, "attribute strings", err);
    }
    return ALF_OK;
}

static alf_status read_tensor(onnx_model *m, const pb_field *f, onnx_attribute *out, alf_error *err)
{
    if (out->t != NULL)
        return error_at(err, ALF_E_FORMAT, f->offset, "attribute \"%.*s\" has two tensors",
                        span_width(out->name), out->name.data);
    onnx_tensor *t = arena_alloc(&m->memory, 1, sizeof *t);
    if (t == NULL)
        return onnx_no_room(m, 1, sizeof *t, "a tensor", err);
    out->t = t;
    return onnx_read_tensor(m, f, t, err);
}

static alf_status read_float(const pb_field *f, float *out, alf_error *err)
{
    TRY(pb_expect(f, PB_FIXED32, "attribute f", err));
    uint32_t bits = (uint32_t)f->value;
    memcpy(out, &bits, sizeof bits);
    return ALF_OK;
}

/* The arrays of a list attribute, filled by the second pass. */
typedef struct list_room {
    float *floats;
    int64_t *ints;
    alf_span *strings;
    size_t taken;
} list_room;

static alf_status make_room(onnx_model *m, onnx_attribute *out, list_room *room, alf_error *err)
{
    size_t size = out->type == ONNX_ATTR_FLOATS    ? sizeof(float)
                  : out->type == ONNX_ATTR_INTS    ? sizeof(int64_t)
                  : out->type == ONNX_ATTR_STRINGS ? sizeof(alf_span)
                                                   : 0;
    if (size == 0 || out->count == 0)
        return ALF_OK;
    void *values = arena_alloc_unset(&m->memory, out->count, size);
    if (values == NULL)
        return onnx_no_room(m, out->count, size, "an attribute", err);
    if (out->type == ONNX_ATTR_FLOATS)
        out->floats = room->floats = values;
    else if (out->type == ONNX_ATTR_INTS)
        out->ints = room->ints = values;
    else
        out->strings = room->strings = values;
    return ALF_OK;
}

static alf_status take_value(onnx_model *m, const pb_field *f, onnx_attribute *out, list_room *room,
                             alf_error *err)
{
    switch (f->number) {
    case ATTRIBUTE_F:
        return read_float(f, &out->f, err);
    case ATTRIBUTE_I:
        return pb_get_int(f, "attribute i", &out->i, err);
    case ATTRIBUTE_S:
        return pb_get_bytes(f, "attribute s", &out->s, err);
    case ATTRIBUTE_T:
        return read_tensor(m, f, out, err);
    case ATTRIBUTE_FLOATS:
        return room->floats == NULL
                   ? ALF_OK
                   : pb_take_values(f, PB_FIXED32, room->floats, &room->taken, err);
    case ATTRIBUTE_INTS:
        return room->ints == NULL ? ALF_OK
                                  : pb_take_values(f, PB_VARINT, room->ints, &room->taken, err);
    case ATTRIBUTE_STRINGS:
        if (room->strings != NULL)
            room->strings[room->taken++] = f->bytes;
        return ALF_OK;
    default:
        return ALF_OK;
    }
}

alf_status onnx_read_attribute(onnx_model *m, const pb_field *field, onnx_attribute *out,
                               alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "an attribute", err));
    *out = (onnx_attribute){0};
    field_tally tally = {{0}};
    int64_t stated = 0;
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number < TALLY_FIELDS)
            tally.n[f.number]++;
        if (f.number == ATTRIBUTE_NAME)
            TRY(pb_get_bytes(&f, "attribute name", &out->name, err));
        else if (f.number == ATTRIBUTE_TYPE)
            TRY(pb_get_int(&f, "attribute type", &stated, err));
        else
            TRY(count_lists(&f, &out->count, err));
    }
    if (out->name.size == 0)
        return error_at(err, ALF_E_FORMAT, field->offset, "an attribute has no name");
    TRY(decide_type(field, &tally, stated, out, err));
    list_room room = {0};
    TRY(make_room(m, out, &room, err));
    for (r = pb_enter(field); !pb_done(&r);) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        TRY(take_value(m, &f, out, &room, err));
    }
    return ALF_OK;
}
