/*
 * A value as one canonical line of text, for comparison with what Python wrote about the same
 * object (scripts/fixtures/make_joblib_fixtures.py says the form). Depth is bounded, so cycles end.
 */
#ifndef TESTS_UNIT_CODEC_VALUE_DUMP_H
#define TESTS_UNIT_CODEC_VALUE_DUMP_H

#include "base/buf.h"
#include "codec/value.h"

#include <inttypes.h>
#include <stdlib.h>

static void dump_value(const value *v, int depth, buf *out);

static inline void dump_text(alf_span text, buf *out)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c > 0x7E || c == '"' || c == '\\')
            buf_printf(out, "\\x%02x", c);
        else
            buf_append_char(out, (char)c);
    }
    buf_append_char(out, '"');
}

static inline void dump_real(double x, buf *out)
{
    uint64_t bits;
    if (x != x) {
        buf_append_string(out, "nan");
        return;
    }
    memcpy(&bits, &x, sizeof bits);
    buf_printf(out, "f%016" PRIx64, bits);
}

/* Item i of an array, or of one field of it. */
static inline void dump_item(const value_array *a, const dtype_field *field, uint64_t i, buf *out)
{
    const dtype *type = field != NULL ? &field->type : &a->type;
    double real = 0;
    int64_t integer = 0;
    bool ok;
    if (type->kind == DTYPE_FLOAT) {
        ok = field != NULL ? value_record_double(a, field, i, &real)
                           : value_array_double(a, i, &real);
        dump_real(real, out);
    } else {
        ok = field != NULL ? value_record_int64(a, field, i, &integer)
                           : value_array_int64(a, i, &integer);
        buf_printf(out, "%" PRId64, integer);
    }
    if (!ok)
        buf_append_string(out, "?");
}

static inline void dump_array_text(const value_array *a, uint64_t i, buf *out)
{
    arena memory;
    arena_init(&memory, 0);
    alf_span text = {0};
    if (value_array_string(a, i, &memory, &text, NULL) != ALF_OK)
        buf_append_string(out, "?");
    dump_text(text, out);
    arena_fini(&memory);
}

static inline void dump_array(const value_array *a, int depth, buf *out)
{
    static const char letters[] = "biufUSOV";
    buf_printf(out, "array %c%u (", letters[a->type.kind],
               a->type.kind == DTYPE_OBJECT ? 0 : a->type.item_size);
    for (uint32_t i = 0; i < a->rank; i++)
        buf_printf(out, "%s%" PRIu64, i > 0 ? "," : "", a->shape[i]);
    buf_append_string(out, ")[");
    for (uint64_t i = 0; i < a->count; i++) {
        buf_append_string(out, i > 0 ? " " : "");
        if (a->type.kind == DTYPE_OBJECT)
            dump_value(a->items[i], depth + 1, out);
        else if (a->type.kind == DTYPE_STRING || a->type.kind == DTYPE_BYTES)
            dump_array_text(a, i, out);
        else if (a->type.kind == DTYPE_RECORD)
            for (size_t k = 0; k < a->type.field_count; k++) {
                buf_append_string(out, k > 0 ? ";" : "");
                buf_append_span(out, a->type.fields[k].name);
                buf_append_char(out, '=');
                dump_item(a, &a->type.fields[k], i, out);
            }
        else
            dump_item(a, NULL, i, out);
    }
    buf_append_char(out, ']');
}

static inline int dump_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sets have no order: sorted by their text. At most 64 items. */
static inline void dump_set(const value *v, int depth, buf *out)
{
    char *texts[64];
    size_t count = v->as.list.count < 64 ? v->as.list.count : 64;
    for (size_t i = 0; i < count; i++) {
        buf one;
        buf_init(&one);
        dump_value(v->as.list.items[i], depth + 1, &one);
        buf_append_char(&one, '\0');
        texts[i] = one.data;
    }
    qsort(texts, count, sizeof texts[0], dump_compare);
    buf_append_string(out, "set(");
    for (size_t i = 0; i < count; i++) {
        buf_append_string(out, i > 0 ? " " : "");
        buf_append_string(out, texts[i]);
        buf owner = {.data = texts[i]};
        buf_fini(&owner);
    }
    buf_append_char(out, ')');
}

static inline void dump_list(const value *v, int depth, char open, char close, buf *out)
{
    buf_append_char(out, open);
    for (size_t i = 0; i < v->as.list.count; i++) {
        buf_append_string(out, i > 0 ? " " : "");
        dump_value(v->as.list.items[i], depth + 1, out);
    }
    buf_append_char(out, close);
}

static inline void dump_dict(const value *v, int depth, buf *out)
{
    buf_append_char(out, '{');
    for (size_t i = 0; i < v->as.dict.count; i++) {
        buf_append_string(out, i > 0 ? " " : "");
        dump_value(v->as.dict.pairs[i].key, depth + 1, out);
        buf_append_char(out, ':');
        dump_value(v->as.dict.pairs[i].item, depth + 1, out);
    }
    buf_append_char(out, '}');
}

static inline void dump_object(const value *v, int depth, buf *out)
{
    dump_value(v->as.object.class_, depth + 1, out);
    dump_value(v->as.object.arguments, depth + 1, out);
    if (v->as.object.state != NULL)
        dump_value(v->as.object.state, depth + 1, out);
}

static void dump_value(const value *v, int depth, buf *out)
{
    if (depth > 40) {
        buf_append_string(out, "...");
        return;
    }
    switch (v->kind) {
    case VALUE_NONE:
        buf_append_string(out, "None");
        break;
    case VALUE_BOOL:
        buf_append_string(out, v->as.boolean ? "True" : "False");
        break;
    case VALUE_INT:
        buf_printf(out, "%" PRId64, v->as.integer);
        break;
    case VALUE_FLOAT:
        dump_real(v->as.real, out);
        break;
    case VALUE_STRING:
        dump_text(v->as.text, out);
        break;
    case VALUE_BYTES:
        buf_append_char(out, 'b');
        dump_text(v->as.text, out);
        break;
    case VALUE_LIST:
        dump_list(v, depth, '[', ']', out);
        break;
    case VALUE_TUPLE:
        dump_list(v, depth, '(', ')', out);
        break;
    case VALUE_SET:
        dump_set(v, depth, out);
        break;
    case VALUE_DICT:
        dump_dict(v, depth, out);
        break;
    case VALUE_GLOBAL:
        buf_append_char(out, '<');
        buf_append_span(out, v->as.global.module);
        buf_append_char(out, '.');
        buf_append_span(out, v->as.global.name);
        buf_append_char(out, '>');
        break;
    case VALUE_OBJECT:
        dump_object(v, depth, out);
        break;
    case VALUE_ARRAY:
        dump_array(&v->as.array, depth, out);
        break;
    }
}

#endif
