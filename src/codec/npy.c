/*
 * .npy files, which old versions of joblib wrote beside their pickles: a magic, a header that is
 * a Python dict in text, and the raw data. The header is read by a cursor over its few forms.
 */
#include "codec/numpy.h"

enum { MAX_NPY_FIELDS = 128 };

typedef struct cursor {
    builder *b;
    const char *p;
    const char *end;
    uint64_t offset; /* of the value that names the file, for messages */
} cursor;

static alf_status bad_header(cursor *c, const char *expected)
{
    return error_at(c->b->err, ALF_E_FORMAT, c->offset,
                    "the header of a .npy file is damaged: %s was expected", expected);
}

/* Skips white space, then the character; false when it is not next. */
static bool accept(cursor *c, char wanted)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n'))
        c->p++;
    if (c->p == c->end || *c->p != wanted)
        return false;
    c->p++;
    return true;
}

static bool accept_word(cursor *c, const char *word)
{
    size_t size = strlen(word);
    (void)accept(c, ' ');
    if ((size_t)(c->end - c->p) < size || memcmp(c->p, word, size) != 0)
        return false;
    c->p += size;
    return true;
}

/* 'text' or "text", without escapes. */
static alf_status read_text(cursor *c, alf_span *out)
{
    char quote = '\'';
    if (!accept(c, quote)) {
        quote = '"';
        if (!accept(c, quote))
            return bad_header(c, "quoted text");
    }
    const char *end = memchr(c->p, quote, (size_t)(c->end - c->p));
    if (end == NULL || memchr(c->p, '\\', (size_t)(end - c->p)) != NULL)
        return bad_header(c, "quoted text without escapes");
    *out = span_of(c->p, (size_t)(end - c->p));
    c->p = end + 1;
    return ALF_OK;
}

static alf_status read_size(cursor *c, uint64_t *out)
{
    uint64_t x = 0;
    (void)accept(c, ' ');
    const char *begin = c->p;
    for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if (__builtin_mul_overflow(x, 10u, &x) ||
            __builtin_add_overflow(x, (uint64_t)(*c->p - '0'), &x))
            return bad_header(c, "a size in range");
    if (c->p == begin)
        return bad_header(c, "a size");
    (void)accept(c, 'L'); /* as Python 2 wrote longs */
    *out = x;
    return ALF_OK;
}

static alf_status read_shape(cursor *c, numpy_header *h)
{
    if (!accept(c, '('))
        return bad_header(c, "a tuple");
    while (!accept(c, ')')) {
        if (h->rank == 8)
            return error_at(c->b->err, ALF_E_UNSUPPORTED, c->offset,
                            "a .npy file has more than 8 dimensions");
        TRY(read_size(c, &h->shape[h->rank++]));
        if (!accept(c, ',')) {
            if (!accept(c, ')'))
                return bad_header(c, "the end of a tuple");
            break;
        }
    }
    return ALF_OK;
}

/* ('name', '<f8') */
static alf_status read_field(cursor *c, uint32_t offset, dtype_field *out)
{
    alf_span code;
    TRY(read_text(c, &out->name));
    if (!accept(c, ','))
        return bad_header(c, "a field's type");
    TRY(read_text(c, &code));
    if (!accept(c, ')'))
        return error_at(c->b->err, ALF_E_UNSUPPORTED, c->offset,
                        "a .npy file has a field that is itself an array");
    TRY(numpy_dtype_code(c->b, code, c->offset, &out->type));
    if (out->type.kind == DTYPE_RECORD || out->type.kind == DTYPE_OBJECT ||
        out->type.item_size == 0)
        return bad_header(c, "a field of numbers or text");
    out->offset = offset;
    return ALF_OK;
}

/* '<f8', or a list of fields, which lie one after the other. Padding has the name ''. */
static alf_status read_type(cursor *c, dtype *out)
{
    alf_span code;
    if (!accept(c, '[')) {
        TRY(read_text(c, &code));
        TRY(numpy_dtype_code(c->b, code, c->offset, out));
        return out->kind != DTYPE_RECORD ? ALF_OK : bad_header(c, "a type with fields");
    }
    void *memory;
    TRY(builder_alloc(c->b, MAX_NPY_FIELDS, sizeof(dtype_field), c->offset, &memory));
    *out = (dtype){.kind = DTYPE_RECORD, .fields = memory};
    while (!accept(c, ']')) {
        if (out->field_count == MAX_NPY_FIELDS)
            return bad_header(c, "at most 128 fields");
        if (!accept(c, '('))
            return bad_header(c, "a field");
        dtype_field *field = &out->fields[out->field_count];
        TRY(read_field(c, out->item_size, field));
        if (__builtin_add_overflow(out->item_size, field->type.item_size, &out->item_size))
            return bad_header(c, "a record of less than 4 GiB");
        out->field_count += field->name.size != 0;
        (void)accept(c, ',');
    }
    return numpy_check_fields(c->b, out, c->offset);
}

static alf_status read_dict(cursor *c, numpy_header *h)
{
    unsigned seen = 0;
    if (!accept(c, '{'))
        return bad_header(c, "a dict");
    while (!accept(c, '}')) {
        alf_span key;
        TRY(read_text(c, &key));
        if (!accept(c, ':'))
            return bad_header(c, "a colon");
        if (span_is(key, "descr") && (seen & 1) == 0) {
            TRY(read_type(c, &h->type));
            seen |= 1;
        } else if (span_is(key, "shape") && (seen & 2) == 0) {
            TRY(read_shape(c, h));
            seen |= 2;
        } else if (span_is(key, "fortran_order") && (seen & 4) == 0) {
            h->fortran_order = accept_word(c, "True");
            if (!h->fortran_order && !accept_word(c, "False"))
                return bad_header(c, "True or False");
            seen |= 4;
        } else
            return bad_header(c, "descr, shape and fortran_order, each once");
        (void)accept(c, ',');
    }
    if (seen != 7)
        return bad_header(c, "descr, shape and fortran_order");
    return numpy_finish_shape(c->b, c->offset, h);
}

alf_status numpy_npy(builder *b, alf_span file, uint64_t offset, value **out)
{
    cursor c = {.b = b, .p = file.data, .end = file.data, .offset = offset};
    const unsigned char *p = (const unsigned char *)file.data;
    if (file.size < 12 || memcmp(file.data, "\x93NUMPY", 6) != 0 || p[6] < 1 || p[6] > 3)
        return bad_header(&c, "the magic of version 1 to 3");
    size_t begin = p[6] == 1 ? 10 : 12;
    size_t size = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        size |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (size > file.size - begin)
        return bad_header(&c, "as many bytes as it says");
    c.p = file.data + begin;
    c.end = c.p + size;
    numpy_header h = {0};
    TRY(read_dict(&c, &h));
    if (h.type.kind == DTYPE_OBJECT)
        return error_at(b->err, ALF_E_UNSUPPORTED, offset, "a .npy file holds objects");
    size_t left = file.size - begin - size;
    alf_span data = span_of(c.end, left < h.bytes ? left : (size_t)h.bytes);
    return numpy_array(b, &h, data, offset, out);
}
