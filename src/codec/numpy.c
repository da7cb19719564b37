/*
 * numpy dtypes, arrays and scalars as pickles describe them. A dtype is kept as the object the
 * pickle describes and read anew at each use, since BUILD completes it after it was first seen.
 */
#include "codec/numpy.h"

#include "base/unicode.h"
#include "codec/globals.h"

enum { MAX_FIELDS = 128 };

/* ------------------------------------------------------------------ dtypes */

static bool is_text(const value *v)
{
    return v != NULL && (v->kind == VALUE_STRING || v->kind == VALUE_BYTES);
}

static alf_status bad_dtype(builder *b, uint64_t offset, const char *why)
{
    return error_at(b->err, ALF_E_FORMAT, offset, "a numpy dtype %s; the file is damaged", why);
}

static alf_status unsupported_dtype(builder *b, uint64_t offset, alf_span code)
{
    return error_at(b->err, ALF_E_UNSUPPORTED, offset,
                    "an array has the numpy dtype '%.*s'; read are bool, int, uint and float of "
                    "up to 8 bytes, text, bytes, objects and records of these",
                    span_width(code), code.data);
}

static bool kind_of_letter(char letter, dtype_kind *kind)
{
    static const struct {
        char letter;
        dtype_kind kind;
    } letters[] = {{'b', DTYPE_BOOL},  {'i', DTYPE_INT},    {'u', DTYPE_UINT},
                   {'f', DTYPE_FLOAT}, {'U', DTYPE_STRING}, {'S', DTYPE_BYTES},
                   {'a', DTYPE_BYTES}, {'O', DTYPE_OBJECT}, {'V', DTYPE_RECORD}};
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].letter == letter) {
            *kind = letters[i].kind;
            return true;
        }
    return false;
}

static bool is_number_size(dtype_kind kind, uint64_t size)
{
    switch (kind) {
    case DTYPE_BOOL:
        return size == 1;
    case DTYPE_INT:
    case DTYPE_UINT:
        return size == 1 || size == 2 || size == 4 || size == 8;
    case DTYPE_FLOAT:
        return size == 2 || size == 4 || size == 8;
    default:
        return true;
    }
}

alf_status numpy_dtype_code(builder *b, alf_span code, uint64_t offset, dtype *out)
{
    *out = (dtype){0};
    size_t i = 0;
    if (code.size > 0 && strchr("<>|=", code.data[0]) != NULL && code.data[0] != '\0') {
        out->big_endian = code.data[0] == '>';
        i = 1;
    }
    if (i >= code.size || !kind_of_letter(code.data[i], &out->kind))
        return unsupported_dtype(b, offset, code);
    uint64_t size = 0;
    for (i++; i < code.size && code.data[i] >= '0' && code.data[i] <= '9' && size < 1u << 28; i++)
        size = size * 10 + (uint64_t)(code.data[i] - '0');
    if (i != code.size || size >= 1u << 28)
        return unsupported_dtype(b, offset, code);
    if (out->kind == DTYPE_STRING)
        size *= 4;
    if (out->kind == DTYPE_OBJECT)
        size = 8; /* a pointer of the machine that wrote it: never read */
    if (!is_number_size(out->kind, size))
        return unsupported_dtype(b, offset, code);
    out->item_size = (uint32_t)size;
    return ALF_OK;
}

/* The dtype a state tuple completes: (version, endian, subdtype, names, fields, size, ...). */
typedef struct dtype_state {
    alf_span endian;
    const value *subdtype;
    const value *names;
    const value *fields;
    int64_t size;
} dtype_state;

static alf_status read_state(builder *b, const value *v, dtype_state *s)
{
    const value *state = v->as.object.state;
    *s = (dtype_state){.endian = SPAN_LITERAL("|"), .size = -1};
    if (state == NULL)
        return ALF_OK;
    int64_t version;
    if (state->kind != VALUE_TUPLE || state->as.list.count < 7 || state->as.list.count > 9)
        return bad_dtype(b, v->offset, "has a state that is not a tuple of 7 to 9 items");
    value **items = state->as.list.items;
    if (!value_to_int64(items[0], &version) || version < 2 || version > 4)
        return bad_dtype(b, v->offset, "has a state of an unknown version");
    if (!is_text(items[1]) || items[1]->as.text.size != 1)
        return bad_dtype(b, v->offset, "has a byte order that is not one character");
    s->endian = items[1]->as.text;
    s->subdtype = items[2]->kind == VALUE_NONE ? NULL : items[2];
    s->names = items[3]->kind == VALUE_NONE ? NULL : items[3];
    s->fields = items[4]->kind == VALUE_NONE ? NULL : items[4];
    if (items[5]->kind != VALUE_INT)
        return bad_dtype(b, v->offset, "has an item size that is not an int");
    s->size = items[5]->as.integer;
    return ALF_OK;
}

static bool is_dtype_object(const value *v)
{
    return v != NULL && value_is_a(v, "numpy", "dtype");
}

/* A dtype that may not be a record. */
static alf_status plain_dtype(builder *b, const value *v, dtype *out, dtype_state *state)
{
    if (!is_dtype_object(v))
        return bad_dtype(b, v->offset, "was expected where something else is");
    const value *code = value_item(v->as.object.arguments, 0);
    if (!is_text(code))
        return bad_dtype(b, v->offset, "does not name its type");
    TRY(numpy_dtype_code(b, code->as.text, v->offset, out));
    TRY(read_state(b, v, state));
    if (state->subdtype != NULL)
        return error_at(b->err, ALF_E_UNSUPPORTED, v->offset,
                        "a numpy dtype has a subarray; only plain fields are read");
    if (strchr("<>|=", state->endian.data[0]) == NULL || state->endian.data[0] == '\0')
        return bad_dtype(b, v->offset, "has a byte order that is none of < > | =");
    if (state->endian.data[0] == '>')
        out->big_endian = true;
    if (state->size != -1 && state->size != (int64_t)out->item_size && out->kind != DTYPE_OBJECT)
        return bad_dtype(b, v->offset, "has an item size that contradicts its name");
    return ALF_OK;
}

/* fields[name], which is usually at the same place as the name. */
static const value *field_entry(const value *fields, size_t i, alf_span name)
{
    for (size_t n = fields->as.dict.count, k = 0; k < n; k++) {
        const value_pair *pair = &fields->as.dict.pairs[(i + k) % n];
        if (is_text(pair->key) && span_equal(pair->key->as.text, name))
            return pair->item;
    }
    return NULL;
}

static alf_status read_field(builder *b, const value *entry, uint32_t item_size, dtype_field *out)
{
    int64_t offset;
    if (entry == NULL || entry->kind != VALUE_TUPLE || entry->as.list.count < 2 ||
        !value_to_int64(entry->as.list.items[1], &offset))
        return bad_dtype(b, entry != NULL ? entry->offset : ALF_NO_OFFSET,
                         "has a field without type and offset");
    dtype_state state;
    TRY(plain_dtype(b, entry->as.list.items[0], &out->type, &state));
    if (out->type.kind == DTYPE_RECORD || out->type.kind == DTYPE_OBJECT || state.names != NULL)
        return error_at(b->err, ALF_E_UNSUPPORTED, entry->offset,
                        "a numpy record has a field that is itself a record or an object; only "
                        "numbers and text are read");
    if (out->type.item_size == 0 || offset < 0 || offset > (int64_t)item_size ||
        out->type.item_size > item_size - (uint64_t)offset)
        return bad_dtype(b, entry->offset, "has a field outside its record");
    out->offset = (uint32_t)offset;
    return ALF_OK;
}

alf_status numpy_check_fields(builder *b, const dtype *type, uint64_t offset)
{
    for (size_t i = 0; i < type->field_count; i++)
        for (size_t k = 0; k < i; k++) {
            const dtype_field *x = &type->fields[i];
            const dtype_field *y = &type->fields[k];
            if (span_equal(x->name, y->name))
                return bad_dtype(b, offset, "has two fields of the same name");
            if (x->offset < y->offset + y->type.item_size &&
                y->offset < x->offset + x->type.item_size)
                return bad_dtype(b, offset, "has fields that overlap");
        }
    return ALF_OK;
}

static alf_status record_dtype(builder *b, const value *v, const dtype_state *s, dtype *out)
{
    if (s->names == NULL || s->names->kind != VALUE_TUPLE || s->fields == NULL ||
        s->fields->kind != VALUE_DICT)
        return error_at(b->err, ALF_E_UNSUPPORTED, v->offset,
                        "a numpy dtype is raw memory without fields, which is not read");
    size_t count = s->names->as.list.count;
    if (count == 0 || count > MAX_FIELDS || s->fields->as.dict.count > (size_t)2 * MAX_FIELDS)
        return error_at(b->err, ALF_E_LIMIT, v->offset,
                        "a numpy record has %zu fields; 1 to %d are read", count, MAX_FIELDS);
    void *memory;
    TRY(builder_alloc(b, count, sizeof(dtype_field), v->offset, &memory));
    out->fields = memory;
    out->field_count = count;
    for (size_t i = 0; i < count; i++) {
        const value *name = s->names->as.list.items[i];
        if (!is_text(name))
            return bad_dtype(b, v->offset, "has a field name that is not text");
        out->fields[i].name = name->as.text;
        TRY(read_field(b, field_entry(s->fields, i, name->as.text), out->item_size,
                       &out->fields[i]));
    }
    return numpy_check_fields(b, out, v->offset);
}

alf_status numpy_dtype(builder *b, const value *v, dtype *out)
{
    dtype_state state;
    TRY(plain_dtype(b, v, out, &state));
    if (out->kind == DTYPE_RECORD)
        return record_dtype(b, v, &state, out);
    if (state.names != NULL)
        return bad_dtype(b, v->offset, "has fields but is not a record");
    return ALF_OK;
}

/* ------------------------------------------------------------------ arrays */

alf_status numpy_finish_shape(builder *b, uint64_t offset, numpy_header *h)
{
    uint64_t count = 1;
    uint64_t bytes = h->type.item_size;
    bool empty = false;
    for (uint32_t i = 0; i < h->rank; i++) {
        if (h->shape[i] == 0) {
            empty = true;
            continue;
        }
        if (__builtin_mul_overflow(count, h->shape[i], &count) ||
            __builtin_mul_overflow(bytes, h->shape[i], &bytes) || count > INT64_MAX ||
            bytes > INT64_MAX)
            return error_at(b->err, ALF_E_FORMAT, offset,
                            "an array's shape multiplies to more than any memory can hold");
    }
    if (h->type.item_size == 0 && !empty)
        return error_at(b->err, ALF_E_FORMAT, offset, "an array has items of 0 bytes");
    h->count = empty ? 0 : count;
    h->bytes = empty ? 0 : bytes;
    return ALF_OK;
}

alf_status numpy_shape(builder *b, const value *shape, uint64_t offset, numpy_header *h)
{
    value *const *items = NULL;
    size_t rank = 1;
    value *single[1];
    if (shape != NULL && shape->kind == VALUE_TUPLE) {
        items = shape->as.list.items;
        rank = shape->as.list.count;
    } else if (shape != NULL && shape->kind == VALUE_INT) {
        single[0] = (value *)(uintptr_t)shape;
        items = single;
    } else
        return error_at(b->err, ALF_E_FORMAT, offset, "an array's shape is not a tuple");
    if (rank > 8)
        return error_at(b->err, ALF_E_UNSUPPORTED, offset,
                        "an array has %zu dimensions; up to 8 are read", rank);
    h->rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        if (items[i]->kind != VALUE_INT || items[i]->as.integer < 0)
            return error_at(b->err, ALF_E_FORMAT, offset,
                            "an array's shape holds something that is not a size");
        h->shape[i] = (uint64_t)items[i]->as.integer;
    }
    return numpy_finish_shape(b, offset, h);
}

static void fill_array(value *v, const numpy_header *h)
{
    value_array *a = &v->as.array;
    a->type = h->type;
    a->rank = h->rank;
    memcpy(a->shape, h->shape, sizeof a->shape);
    a->count = h->count;
    a->fortran_order = h->fortran_order;
}

static alf_status check_data(builder *b, const numpy_header *h, alf_span data, uint64_t offset)
{
    if (h->type.kind == DTYPE_OBJECT)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "an array of objects holds raw bytes; a list was expected");
    if (data.size != h->bytes)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "an array of %llu items needs %llu bytes, %zu are there",
                        (unsigned long long)h->count, (unsigned long long)h->bytes, data.size);
    return ALF_OK;
}

alf_status numpy_array(builder *b, const numpy_header *h, alf_span data, uint64_t offset,
                       value **out)
{
    TRY(check_data(b, h, data, offset));
    TRY(builder_new(b, VALUE_ARRAY, offset, out));
    fill_array(*out, h);
    (*out)->as.array.data = data;
    return ALF_OK;
}

alf_status numpy_reconstruct(builder *b, const value *arguments, uint64_t offset, value **out)
{
    const value *class_ = value_item(arguments, 0);
    if (class_ == NULL || class_->kind != VALUE_GLOBAL)
        return error_at(b->err, ALF_E_FORMAT, offset, "an array does not name its class");
    alf_span name = class_->as.global.name;
    if (builder_tag(class_) != ROLE_NDARRAY)
        return error_at(b->err, ALF_E_UNSUPPORTED, offset,
                        "an array of the class %.*s; only numpy.ndarray is read", span_width(name),
                        name.data);
    TRY(builder_new(b, VALUE_ARRAY, offset, out));
    (*out)->as.array.type = (dtype){.kind = DTYPE_UINT, .item_size = 1};
    (*out)->as.array.rank = 1;
    builder_set_tag(*out, 1); /* waits for its state */
    return ALF_OK;
}

/* The items of an object array, which numpy lists in C order even if it says Fortran. */
static alf_status set_objects(builder *b, value *array, const value *list, numpy_header *h,
                              uint64_t offset)
{
    if (list->kind != VALUE_LIST || list->as.list.count != h->count)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "an array of %llu objects does not come with a list of as many",
                        (unsigned long long)h->count);
    void *memory;
    TRY(builder_alloc(b, list->as.list.count, sizeof(value *), offset, &memory));
    value **items = memory;
    for (size_t i = 0; i < list->as.list.count; i++) {
        items[i] = list->as.list.items[i];
        TRY(builder_nest(b, array, items[i]));
    }
    h->fortran_order = false;
    fill_array(array, h);
    array->as.array.items = items;
    return ALF_OK;
}

alf_status numpy_set_state(builder *b, value *array, const value *state, uint64_t offset)
{
    if (builder_tag(array) != 1)
        return error_at(b->err, ALF_E_FORMAT, offset, "an array is given its state twice");
    size_t n = state->kind == VALUE_TUPLE ? state->as.list.count : 0;
    if (n != 5 && n != 4)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "an array's state is not (version, shape, dtype, order, data)");
    value *const *items = state->as.list.items + (n - 4); /* the version came later */
    numpy_header h = {0};
    TRY(numpy_dtype(b, items[1], &h.type));
    TRY(numpy_shape(b, items[0], offset, &h));
    if (!value_to_bool(items[2], &h.fortran_order))
        return error_at(b->err, ALF_E_FORMAT, offset, "an array's order is not a bool");
    builder_set_tag(array, 0);
    if (h.type.kind == DTYPE_OBJECT)
        return set_objects(b, array, items[3], &h, offset);
    if (!is_text(items[3]))
        return error_at(b->err, ALF_E_FORMAT, offset, "an array's data is not bytes");
    TRY(check_data(b, &h, items[3]->as.text, offset));
    fill_array(array, &h);
    array->as.array.data = items[3]->as.text;
    return ALF_OK;
}

/* The axes of a transposed array: order[i] is the stored axis that becomes axis i. */
static alf_status read_axes(builder *b, const value *axes, uint32_t rank, uint64_t offset,
                            uint32_t order[8])
{
    unsigned seen = 0;
    for (uint32_t i = 0; i < rank; i++) {
        int64_t axis;
        if (!value_to_int64(value_item(axes, i), &axis) || axis < 0 || axis >= (int64_t)rank ||
            (seen >> axis & 1) != 0)
            return error_at(b->err, ALF_E_FORMAT, offset,
                            "an array's axis order is not a permutation");
        seen |= 1u << axis;
        order[i] = (uint32_t)axis;
    }
    return ALF_OK;
}

/* Copies data whose axes are stored in another order into C order. */
static alf_status transpose(builder *b, const uint32_t order[8], uint64_t offset, numpy_header *h,
                            alf_span *data)
{
    uint64_t stride[8];
    uint64_t shape[8] = {0};
    uint64_t step = h->type.item_size;
    for (uint32_t i = h->rank; i-- > 0;) {
        stride[i] = step;
        step *= h->shape[i];
    }
    void *memory;
    TRY(builder_alloc(b, data->size, 1, offset, &memory));
    char *to = memory;
    for (uint32_t i = 0; i < h->rank; i++)
        shape[i] = h->shape[order[i]];
    for (uint64_t item = 0; item < h->count; item++) {
        uint64_t rest = item;
        uint64_t from = 0;
        for (uint32_t i = h->rank; i-- > 0;) {
            from += rest % shape[i] * stride[order[i]];
            rest /= shape[i];
        }
        memcpy(to + item * h->type.item_size, data->data + from, h->type.item_size);
    }
    memcpy(h->shape, shape, sizeof shape);
    *data = span_of(to, data->size);
    return ALF_OK;
}

alf_status numpy_frombuffer(builder *b, const value *arguments, uint64_t offset, value **out)
{
    const value *bytes = value_item(arguments, 0);
    const value *type = value_item(arguments, 1);
    const value *shape = value_item(arguments, 2);
    const value *order = value_item(arguments, 3);
    const value *axes = value_item(arguments, 4);
    if (!is_text(bytes) || type == NULL || !is_text(order) || order->as.text.size != 1)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "an array is not made from (bytes, dtype, shape, order)");
    numpy_header h = {.fortran_order = order->as.text.data[0] == 'F'};
    TRY(numpy_dtype(b, type, &h.type));
    TRY(numpy_shape(b, shape, offset, &h));
    alf_span data = bytes->as.text;
    TRY(check_data(b, &h, data, offset));
    if (order->as.text.data[0] == 'K' && axes != NULL && axes->kind != VALUE_NONE) {
        uint32_t permutation[8];
        TRY(read_axes(b, axes, h.rank, offset, permutation));
        TRY(transpose(b, permutation, offset, &h, &data));
    }
    return numpy_array(b, &h, data, offset, out);
}

/* ------------------------------------------------------------------ scalars */

alf_status numpy_scalar(builder *b, value *callable, value *arguments, uint64_t offset, value **out)
{
    value *type_value = (value *)(uintptr_t)value_item(arguments, 0);
    value *data = (value *)(uintptr_t)value_item(arguments, 1);
    if (type_value == NULL || !is_dtype_object(type_value) || data == NULL)
        return error_at(b->err, ALF_E_FORMAT, offset,
                        "a numpy scalar is not made from (dtype, bytes)");
    const value *code = value_item(type_value->as.object.arguments, 0);
    if (is_text(code) && code->as.text.size > 0 && strchr("VcMm", code->as.text.data[0]) != NULL)
        return builder_object(b, callable, arguments, offset, out);
    numpy_header h = {.count = 1};
    TRY(numpy_dtype(b, type_value, &h.type));
    if (h.type.kind == DTYPE_OBJECT) {
        *out = data;
        return ALF_OK;
    }
    h.bytes = h.type.item_size;
    if (!is_text(data))
        return error_at(b->err, ALF_E_FORMAT, offset, "a numpy scalar's data is not bytes");
    TRY(check_data(b, &h, data->as.text, offset));
    value_array a = {.type = h.type, .count = 1, .data = data->as.text};
    double real;
    int64_t integer;
    alf_span text;
    switch (h.type.kind) {
    case DTYPE_BOOL:
        return builder_bool(b, data->as.text.data[0] != 0, offset, out);
    case DTYPE_FLOAT:
        (void)value_array_double(&a, 0, &real);
        return builder_real(b, real, offset, out);
    case DTYPE_INT:
    case DTYPE_UINT:
        if (value_array_int64(&a, 0, &integer))
            return builder_int(b, integer, offset, out);
        return builder_text(b, VALUE_BYTES, data->as.text, offset, out);
    case DTYPE_BYTES:
        return builder_text(b, VALUE_BYTES, data->as.text, offset, out);
    default:
        TRY(value_array_string(&a, 0, b->arena, &text, b->err));
        return builder_text(b, VALUE_STRING, text, offset, out);
    }
}
