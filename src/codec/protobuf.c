/*
 * The protobuf wire format. Every length is checked against what is left of the enclosing message,
 * so a reader never leaves the bytes it was opened over.
 */
#include "codec/protobuf.h"

#include <inttypes.h>
#include <string.h>

enum { LONGEST_VARINT = 10 };

pb_reader pb_open(alf_span message, uint64_t offset)
{
    return (pb_reader){message, offset};
}

pb_reader pb_enter(const pb_field *field)
{
    return pb_open(field->bytes, field->bytes_offset);
}

static void advance(pb_reader *r, size_t n)
{
    r->rest.data += n;
    r->rest.size -= n;
    r->offset += n;
}

static alf_status read_varint(pb_reader *r, uint64_t *out, alf_error *err)
{
    uint64_t number = 0;
    for (size_t i = 0; i < LONGEST_VARINT; i++) {
        if (i >= r->rest.size)
            return error_at(err, ALF_E_FORMAT, r->offset,
                            "truncated protobuf: a varint is cut off after %zu bytes", i);
        uint64_t byte = (unsigned char)r->rest.data[i];
        if (i == LONGEST_VARINT - 1 && byte > 1)
            break;
        number |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            advance(r, i + 1);
            *out = number;
            return ALF_OK;
        }
    }
    return error_at(err, ALF_E_FORMAT, r->offset, "malformed protobuf: a varint over 64 bits");
}

static uint64_t get_fixed(const unsigned char *p, size_t width)
{
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++)
        number |= (uint64_t)p[i] << (8 * i);
    return number;
}

static alf_status read_fixed(pb_reader *r, size_t width, uint64_t *out, alf_error *err)
{
    if (r->rest.size < width)
        return error_at(err, ALF_E_FORMAT, r->offset,
                        "truncated protobuf: %zu bytes of a %zu-byte number", r->rest.size, width);
    *out = get_fixed((const unsigned char *)r->rest.data, width);
    advance(r, width);
    return ALF_OK;
}

static alf_status read_bytes(pb_reader *r, pb_field *field, alf_error *err)
{
    uint64_t size;
    TRY(read_varint(r, &size, err));
    if (size > r->rest.size)
        return error_at(err, ALF_E_FORMAT, field->offset,
                        "truncated protobuf: field %" PRIu32 " claims %" PRIu64
                        " bytes, %zu are left",
                        field->number, size, r->rest.size);
    field->bytes = (alf_span){r->rest.data, (size_t)size};
    field->bytes_offset = r->offset;
    advance(r, (size_t)size);
    return ALF_OK;
}

alf_status pb_next(pb_reader *r, pb_field *field, alf_error *err)
{
    *field = (pb_field){.offset = r->offset};
    uint64_t tag;
    TRY(read_varint(r, &tag, err));
    uint64_t number = tag >> 3;
    if (number == 0 || number >= (1U << 29))
        return error_at(err, ALF_E_FORMAT, field->offset,
                        "malformed protobuf: field number %" PRIu64, number);
    field->number = (uint32_t)number;
    switch (tag & 7) {
    case PB_VARINT:
        field->wire = PB_VARINT;
        return read_varint(r, &field->value, err);
    case PB_FIXED64:
        field->wire = PB_FIXED64;
        return read_fixed(r, 8, &field->value, err);
    case PB_BYTES:
        field->wire = PB_BYTES;
        return read_bytes(r, field, err);
    case PB_FIXED32:
        field->wire = PB_FIXED32;
        return read_fixed(r, 4, &field->value, err);
    default:
        return error_at(err, ALF_E_FORMAT, field->offset,
                        "malformed protobuf: field %" PRIu32
                        " has wire type %d; groups are not supported",
                        field->number, (int)(tag & 7));
    }
}

alf_status pb_expect(const pb_field *field, pb_wire wire, const char *what, alf_error *err)
{
    if (field->wire == wire)
        return ALF_OK;
    return error_at(err, ALF_E_FORMAT, field->offset,
                    "%s (field %" PRIu32 ") is stored with wire type %d, expected %d", what,
                    field->number, (int)field->wire, (int)wire);
}

alf_status pb_get_bytes(const pb_field *field, const char *what, alf_span *out, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, what, err));
    *out = field->bytes;
    return ALF_OK;
}

alf_status pb_get_int(const pb_field *field, const char *what, int64_t *out, alf_error *err)
{
    TRY(pb_expect(field, PB_VARINT, what, err));
    *out = (int64_t)field->value;
    return ALF_OK;
}

static size_t fixed_width(pb_wire element)
{
    return element == PB_FIXED64 ? 8 : 4;
}

/* A varint ends at each byte without the top bit; overlong ones are found when they are taken. */
static size_t count_varints(alf_span bytes)
{
    size_t n = 0, i = 0;
    for (; i + 8 <= bytes.size; i += 8) {
        uint64_t eight;
        memcpy(&eight, bytes.data + i, sizeof eight);
        uint64_t ends = (~eight >> 7) & UINT64_C(0x0101010101010101);
        n += ends * UINT64_C(0x0101010101010101) >> 56;
    }
    for (; i < bytes.size; i++)
        n += (unsigned char)bytes.data[i] < 0x80;
    return n;
}

alf_status pb_count_values(const pb_field *field, pb_wire element, const char *what, size_t *count,
                           alf_error *err)
{
    if (field->wire == element) {
        *count += 1;
        return ALF_OK;
    }
    TRY(pb_expect(field, PB_BYTES, what, err));
    alf_span bytes = field->bytes;
    if (element == PB_VARINT) {
        *count += count_varints(bytes);
        return ALF_OK;
    }
    if (bytes.size % fixed_width(element) != 0)
        return error_at(err, ALF_E_FORMAT, field->offset,
                        "%s: %zu bytes are not a whole number of %zu-byte values", what, bytes.size,
                        fixed_width(element));
    *count += bytes.size / fixed_width(element);
    return ALF_OK;
}

/* By memcpy: the caller's array may be of floats or of signed numbers. */
static void store_wide(char *out, size_t at, uint64_t number)
{
    memcpy(out + at * sizeof number, &number, sizeof number);
}

static void store_narrow(char *out, size_t at, uint32_t number)
{
    memcpy(out + at * sizeof number, &number, sizeof number);
}

static void take_fixed(alf_span bytes, pb_wire element, char *out, size_t *count)
{
    const unsigned char *p = (const unsigned char *)bytes.data;
    size_t n = bytes.size / fixed_width(element);
    for (size_t i = 0; i < n; i++)
        if (element == PB_FIXED32)
            store_narrow(out, *count + i, (uint32_t)get_fixed(p + 4 * i, 4));
        else
            store_wide(out, *count + i, get_fixed(p + 8 * i, 8));
    *count += n;
}

enum { SHORT_RUN = 8 }; /* varints of one byte each that are taken at once */

static bool is_short_run(const unsigned char *p)
{
    uint64_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    return (bytes & UINT64_C(0x8080808080808080)) == 0;
}

/* Most numbers of a model are small: one byte or two. */
static alf_status take_varints(const pb_field *field, char *out, size_t *count, alf_error *err)
{
    size_t at = *count;
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        const unsigned char *p = (const unsigned char *)r.rest.data;
        uint64_t number;
        if (r.rest.size >= SHORT_RUN && is_short_run(p)) {
            for (size_t i = 0; i < SHORT_RUN; i++)
                store_wide(out, at + i, p[i]);
            at += SHORT_RUN;
            advance(&r, SHORT_RUN);
        } else if (p[0] < 0x80) {
            store_wide(out, at++, p[0]);
            advance(&r, 1);
        } else if (r.rest.size > 1 && p[1] < 0x80) {
            store_wide(out, at++, (p[0] & 0x7fU) | (uint64_t)p[1] << 7);
            advance(&r, 2);
        } else {
            TRY(read_varint(&r, &number, err));
            store_wide(out, at++, number);
        }
    }
    *count = at;
    return ALF_OK;
}

alf_status pb_take_values(const pb_field *field, pb_wire element, void *out, size_t *count,
                          alf_error *err)
{
    if (field->wire == PB_BYTES && element == PB_VARINT)
        return take_varints(field, out, count, err);
    if (field->wire == PB_BYTES)
        take_fixed(field->bytes, element, out, count);
    else if (element == PB_FIXED32)
        store_narrow(out, (*count)++, (uint32_t)field->value);
    else
        store_wide(out, (*count)++, field->value);
    return ALF_OK;
}

/* ---- writing ---- */

static size_t encode_varint(uint64_t number, char out[LONGEST_VARINT])
{
    size_t n = 0;
    while (number >= 0x80) {
        out[n++] = (char)(unsigned char)((number & 0x7f) | 0x80);
        number >>= 7;
    }
    out[n++] = (char)number;
    return n;
}

void pb_put_varint(buf *out, uint64_t number)
{
    char bytes[LONGEST_VARINT];
    buf_append(out, bytes, encode_varint(number, bytes));
}

static void put_tag(buf *out, uint32_t field, pb_wire wire)
{
    pb_put_varint(out, (uint64_t)field << 3 | (uint64_t)wire);
}

void pb_put_int(buf *out, uint32_t field, int64_t number)
{
    put_tag(out, field, PB_VARINT);
    pb_put_varint(out, (uint64_t)number);
}

void pb_put_bytes(buf *out, uint32_t field, alf_span bytes)
{
    put_tag(out, field, PB_BYTES);
    pb_put_varint(out, bytes.size);
    buf_append_span(out, bytes);
}

static void put_fixed32(buf *out, float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    char bytes[4];
    for (size_t i = 0; i < 4; i++)
        bytes[i] = (char)(unsigned char)(bits >> (8 * i));
    buf_append(out, bytes, sizeof bytes);
}

void pb_put_float(buf *out, uint32_t field, float number)
{
    put_tag(out, field, PB_FIXED32);
    put_fixed32(out, number);
}

void pb_put_packed_ints(buf *out, uint32_t field, const int64_t *numbers, size_t count)
{
    size_t begun = pb_begin(out, field);
    for (size_t i = 0; i < count; i++)
        pb_put_varint(out, (uint64_t)numbers[i]);
    pb_end(out, begun);
}

void pb_put_packed_floats(buf *out, uint32_t field, const float *numbers, size_t count)
{
    size_t begun = pb_begin(out, field);
    for (size_t i = 0; i < count; i++)
        put_fixed32(out, numbers[i]);
    pb_end(out, begun);
}

size_t pb_begin(buf *out, uint32_t field)
{
    put_tag(out, field, PB_BYTES);
    return out->size;
}

/* The length goes before content already written; messages nest a few levels, so moving it is
 * cheap and saves a second walk over the model to compute sizes. */
void pb_end(buf *out, size_t begun)
{
    char length[LONGEST_VARINT];
    if (out->failed)
        return;
    size_t content = out->size - begun;
    size_t n = encode_varint(content, length);
    if (buf_reserve(out, n) == NULL)
        return;
    memmove(out->data + begun + n, out->data + begun, content);
    memcpy(out->data + begun, length, n);
    out->size += n;
}
