/*
 * Looking at values. Every function here looks one step only, so shared values and cycles are
 * harmless; numbers are read byte by byte, so data need not be aligned.
 */
#include "codec/value.h"

#include "base/unicode.h"

#include <math.h>
#include <stdio.h>

/* ------------------------------------------------------------------ objects and containers */

const value *value_get(const value *dict, const char *key)
{
    if (dict == NULL || dict->kind != VALUE_DICT)
        return NULL;
    alf_span wanted = span_from_string(key);
    for (size_t i = dict->as.dict.count; i-- > 0;) {
        const value *k = dict->as.dict.pairs[i].key;
        if (k->kind == VALUE_STRING && span_equal(k->as.text, wanted))
            return dict->as.dict.pairs[i].item;
    }
    return NULL;
}

const value *value_attribute(const value *object, const char *name)
{
    if (object == NULL || object->kind != VALUE_OBJECT)
        return NULL;
    return value_get(object->as.object.state, name);
}

bool value_is_a(const value *object, const char *module, const char *name)
{
    if (object == NULL || object->kind != VALUE_OBJECT)
        return false;
    const value *class_ = object->as.object.class_;
    if (class_ == NULL || class_->kind != VALUE_GLOBAL || !span_is(class_->as.global.name, name))
        return false;
    alf_span found = class_->as.global.module;
    alf_span wanted = span_from_string(module);
    return span_starts(found, wanted) &&
           (found.size == wanted.size || found.data[wanted.size] == '.');
}

size_t value_length(const value *v)
{
    if (v == NULL)
        return 0;
    switch (v->kind) {
    case VALUE_LIST:
    case VALUE_TUPLE:
    case VALUE_SET:
        return v->as.list.count;
    case VALUE_ARRAY:
        return v->as.array.rank > 0 ? (size_t)v->as.array.shape[0] : 0;
    default:
        return 0;
    }
}

const value *value_item(const value *v, size_t i)
{
    if (v == NULL)
        return NULL;
    if (v->kind == VALUE_LIST || v->kind == VALUE_TUPLE)
        return i < v->as.list.count ? v->as.list.items[i] : NULL;
    if (v->kind == VALUE_ARRAY && v->as.array.type.kind == DTYPE_OBJECT)
        return i < v->as.array.count ? v->as.array.items[i] : NULL;
    return NULL;
}

/* ------------------------------------------------------------------ description */

static const char *dtype_word(const dtype *type, char *word, size_t size)
{
    static const char *const names[] = {"bool", "int",   "uint",   "float",
                                        "text", "bytes", "object", "records"};
    unsigned bits = type->item_size * 8;
    if (type->kind == DTYPE_INT || type->kind == DTYPE_UINT || type->kind == DTYPE_FLOAT)
        (void)snprintf(word, size, "%s%u", names[type->kind], bits);
    else
        (void)snprintf(word, size, "%s", names[type->kind]);
    return word;
}

static void describe_global(const char *before, const value *v, char *buffer, size_t size)
{
    if (v == NULL || v->kind != VALUE_GLOBAL) {
        (void)snprintf(buffer, size, "%sobject of unknown class", before);
        return;
    }
    alf_span module = v->as.global.module;
    alf_span name = v->as.global.name;
    (void)snprintf(buffer, size, "%s%.*s.%.*s", before, span_width(module), module.data,
                   span_width(name), name.data);
}

const char *value_describe(const value *v, char *buffer, size_t size)
{
    static const char *const names[] = {"None",     "bool",   "int",   "float", "str",
                                        "bytes",    "list",   "tuple", "set",   "dict",
                                        "the name", "object", "array"};
    char word[32];
    if (v == NULL)
        (void)snprintf(buffer, size, "nothing");
    else if (v->kind == VALUE_GLOBAL)
        describe_global("the name ", v, buffer, size);
    else if (v->kind == VALUE_OBJECT)
        describe_global("", v->as.object.class_, buffer, size);
    else if (v->kind == VALUE_ARRAY)
        (void)snprintf(buffer, size, "numpy.ndarray of %s",
                       dtype_word(&v->as.array.type, word, sizeof word));
    else
        (void)snprintf(buffer, size, "%s", names[v->kind]);
    return buffer;
}

/* ------------------------------------------------------------------ single numbers */

static bool real_to_int64(double x, int64_t *out)
{
    const double limit = 9223372036854775808.0; /* 2^63 */
    if (!(x >= -limit && x < limit) || x != trunc(x))
        return false;
    *out = (int64_t)x;
    return true;
}

bool value_to_double(const value *v, double *out)
{
    if (v == NULL)
        return false;
    switch (v->kind) {
    case VALUE_BOOL:
        *out = v->as.boolean ? 1.0 : 0.0;
        return true;
    case VALUE_INT:
        *out = (double)v->as.integer;
        return true;
    case VALUE_FLOAT:
        *out = v->as.real;
        return true;
    case VALUE_ARRAY:
        return v->as.array.count == 1 && value_array_double(&v->as.array, 0, out);
    default:
        return false;
    }
}

bool value_to_int64(const value *v, int64_t *out)
{
    if (v == NULL)
        return false;
    switch (v->kind) {
    case VALUE_BOOL:
        *out = v->as.boolean ? 1 : 0;
        return true;
    case VALUE_INT:
        *out = v->as.integer;
        return true;
    case VALUE_FLOAT:
        return real_to_int64(v->as.real, out);
    case VALUE_ARRAY:
        return v->as.array.count == 1 && value_array_int64(&v->as.array, 0, out);
    default:
        return false;
    }
}

bool value_to_bool(const value *v, bool *out)
{
    double x;
    if (!value_to_double(v, &x))
        return false;
    *out = x != 0.0;
    return true;
}

/* ------------------------------------------------------------------ array items */

static uint64_t load_unsigned(const char *p, uint32_t size, bool big_endian)
{
    uint64_t x = 0;
    for (uint32_t i = 0; i < size; i++) {
        uint32_t at = big_endian ? i : size - 1 - i;
        x = x << 8 | (unsigned char)p[at];
    }
    return x;
}

static int64_t load_signed(const char *p, uint32_t size, bool big_endian)
{
    uint64_t x = load_unsigned(p, size, big_endian);
    if (size < 8 && (x >> (8 * size - 1) & 1) != 0)
        x |= ~(uint64_t)0 << (8 * size);
    return (int64_t)x;
}

static double half_to_double(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 0x1F);
    double mantissa = (double)(bits & 0x3FF);
    double magnitude;
    if (exponent == 31)
        magnitude = mantissa == 0.0 ? (double)INFINITY : (double)NAN;
    else if (exponent == 0)
        magnitude = ldexp(mantissa, -24);
    else
        magnitude = ldexp(mantissa + 1024.0, exponent - 25);
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

static double load_real(const char *p, uint32_t size, bool big_endian)
{
    uint64_t bits = load_unsigned(p, size, big_endian);
    if (size == 2)
        return half_to_double(bits);
    if (size == 4) {
        uint32_t low = (uint32_t)bits;
        float f;
        memcpy(&f, &low, sizeof f);
        return (double)f;
    }
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool load_double(const dtype *type, const char *p, double *out)
{
    switch (type->kind) {
    case DTYPE_BOOL:
        *out = *p != 0 ? 1.0 : 0.0;
        return true;
    case DTYPE_INT:
        *out = (double)load_signed(p, type->item_size, type->big_endian);
        return true;
    case DTYPE_UINT:
        *out = (double)load_unsigned(p, type->item_size, type->big_endian);
        return true;
    case DTYPE_FLOAT:
        *out = load_real(p, type->item_size, type->big_endian);
        return true;
    default:
        return false;
    }
}

static bool load_int64(const dtype *type, const char *p, int64_t *out)
{
    uint64_t x;
    switch (type->kind) {
    case DTYPE_BOOL:
        *out = *p != 0 ? 1 : 0;
        return true;
    case DTYPE_INT:
        *out = load_signed(p, type->item_size, type->big_endian);
        return true;
    case DTYPE_UINT:
        x = load_unsigned(p, type->item_size, type->big_endian);
        *out = (int64_t)(x & INT64_MAX);
        return x <= INT64_MAX;
    case DTYPE_FLOAT:
        return real_to_int64(load_real(p, type->item_size, type->big_endian), out);
    default:
        return false;
    }
}

/* Where item i, counted in C order, is stored. */
static uint64_t storage_index(const value_array *a, uint64_t i)
{
    if (!a->fortran_order || a->rank < 2)
        return i;
    uint64_t subscript[8] = {0};
    for (uint32_t axis = a->rank; axis-- > 0;) {
        subscript[axis] = i % a->shape[axis];
        i /= a->shape[axis];
    }
    uint64_t at = 0;
    for (uint32_t axis = a->rank; axis-- > 0;)
        at = at * a->shape[axis] + subscript[axis];
    return at;
}

static const char *item_bytes(const value_array *a, uint64_t i)
{
    return a->data.data + storage_index(a, i) * a->type.item_size;
}

bool value_array_double(const value_array *a, uint64_t i, double *out)
{
    if (i >= a->count || a->type.kind > DTYPE_FLOAT)
        return false;
    return load_double(&a->type, item_bytes(a, i), out);
}

bool value_array_int64(const value_array *a, uint64_t i, int64_t *out)
{
    if (i >= a->count || a->type.kind > DTYPE_FLOAT)
        return false;
    return load_int64(&a->type, item_bytes(a, i), out);
}

bool value_record_double(const value_array *a, const dtype_field *field, uint64_t i, double *out)
{
    if (i >= a->count || a->type.kind != DTYPE_RECORD)
        return false;
    return load_double(&field->type, item_bytes(a, i) + field->offset, out);
}

bool value_record_int64(const value_array *a, const dtype_field *field, uint64_t i, int64_t *out)
{
    if (i >= a->count || a->type.kind != DTYPE_RECORD)
        return false;
    return load_int64(&field->type, item_bytes(a, i) + field->offset, out);
}

const dtype_field *value_array_field(const value_array *a, const char *name)
{
    if (a->type.kind != DTYPE_RECORD)
        return NULL;
    for (size_t i = 0; i < a->type.field_count; i++)
        if (span_is(a->type.fields[i].name, name))
            return &a->type.fields[i];
    return NULL;
}

/* ------------------------------------------------------------------ array strings */

static alf_status copy_text(alf_span text, arena *a, alf_span *out, alf_error *err)
{
    if (!unicode_is_valid(text))
        return error_set(err, ALF_E_FORMAT,
                         "an array item of %zu bytes is not valid UTF-8; text was expected",
                         text.size);
    if (arena_over_limit(a, text.size + 1, 1))
        return error_set(err, ALF_E_LIMIT, "an array's text does not fit into the memory allowed");
    char *copy = arena_strndup(a, text.data, text.size);
    if (copy == NULL)
        return error_nomem(err, "an array's text");
    *out = span_of(copy, text.size);
    return ALF_OK;
}

/* Fixed-width UTF-32, NUL padded. */
static alf_status decode_utf32(const dtype *type, const char *p, arena *a, alf_span *out,
                               alf_error *err)
{
    size_t count = type->item_size / 4;
    while (count > 0 && load_unsigned(p + 4 * (count - 1), 4, type->big_endian) == 0)
        count--;
    if (arena_over_limit(a, 4 * count + 1, 1))
        return error_set(err, ALF_E_LIMIT, "an array's text does not fit into the memory allowed");
    char *text = arena_alloc(a, 4 * count + 1, 1);
    if (text == NULL)
        return error_nomem(err, "an array's text");
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t c = load_unsigned(p + 4 * i, 4, type->big_endian);
        if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
            return error_set(err, ALF_E_FORMAT,
                             "an array of text holds 0x%llX, which is not a character",
                             (unsigned long long)c);
        size += unicode_put((uint32_t)c, text + size);
    }
    *out = span_of(text, size);
    return ALF_OK;
}

alf_status value_array_string(const value_array *array, uint64_t i, arena *a, alf_span *out,
                              alf_error *err)
{
    if (i >= array->count)
        return error_set(err, ALF_E_ARGUMENT, "array item %llu was asked for, it has %llu",
                         (unsigned long long)i, (unsigned long long)array->count);
    char word[32];
    const char *p;
    alf_span text;
    switch (array->type.kind) {
    case DTYPE_STRING:
        return decode_utf32(&array->type, item_bytes(array, i), a, out, err);
    case DTYPE_BYTES:
        p = item_bytes(array, i);
        text = span_of(p, array->type.item_size);
        while (text.size > 0 && text.data[text.size - 1] == '\0')
            text.size--;
        return copy_text(text, a, out, err);
    case DTYPE_OBJECT:
        if (array->items[i]->kind == VALUE_STRING)
            return copy_text(array->items[i]->as.text, a, out, err);
        return error_set(err, ALF_E_FORMAT, "array item %llu is %s; str was expected",
                         (unsigned long long)i, value_describe(array->items[i], word, sizeof word));
    default:
        return error_set(err, ALF_E_FORMAT, "an array of %s was found where text was expected",
                         dtype_word(&array->type, word, sizeof word));
    }
}
