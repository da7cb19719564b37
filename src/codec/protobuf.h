/*
 * The protobuf wire format: a bounded pull reader over borrowed bytes, and a writer into a buf.
 * There is no recursion and nothing is allocated while reading: nested messages are entered by the
 * caller, one reader each. Groups (wire types 3 and 4) are refused.
 * Source: the protobuf encoding guide.
 */
#ifndef ALF_CODEC_PROTOBUF_H
#define ALF_CODEC_PROTOBUF_H

#include "base/buf.h"
#include "base/error.h"

typedef enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 } pb_wire;

typedef struct pb_field {
    uint32_t number;       /* 1 .. 2^29-1 */
    pb_wire wire;          /* how it is stored */
    uint64_t value;        /* PB_VARINT, PB_FIXED32, PB_FIXED64 */
    alf_span bytes;        /* PB_BYTES: the content */
    uint64_t offset;       /* of the tag, in the file */
    uint64_t bytes_offset; /* of the content, in the file */
} pb_field;

typedef struct pb_reader {
    alf_span rest;   /* what is not read yet */
    uint64_t offset; /* of rest in the file */
} pb_reader;

/* A reader over message, which begins at byte offset of the file. */
pb_reader pb_open(alf_span message, uint64_t offset);
/* A reader over a PB_BYTES field's content. */
pb_reader pb_enter(const pb_field *field);

static inline bool pb_done(const pb_reader *r)
{
    return r->rest.size == 0;
}

/* The next field; the reader must not be done. Unknown fields are simply not looked at. */
alf_status pb_next(pb_reader *r, pb_field *field, alf_error *err);

/* Fails unless field is stored as wire; what names it in the error ("node name"). */
alf_status pb_expect(const pb_field *field, pb_wire wire, const char *what, alf_error *err);
alf_status pb_get_bytes(const pb_field *field, const char *what, alf_span *out, alf_error *err);
alf_status pb_get_int(const pb_field *field, const char *what, int64_t *out, alf_error *err);

/*
 * Repeated numbers, packed or not. element is PB_VARINT (read as uint64_t), PB_FIXED32 or
 * PB_FIXED64. pb_count_values adds the field's values to *count; pb_take_values appends them at
 * out[*count], where the caller has made room for what was counted.
 */
alf_status pb_count_values(const pb_field *field, pb_wire element, const char *what, size_t *count,
                           alf_error *err);
alf_status pb_take_values(const pb_field *field, pb_wire element, void *out, size_t *count,
                          alf_error *err);

/* ---- writing; failures are the buf's ---- */

void pb_put_varint(buf *out, uint64_t number);
void pb_put_int(buf *out, uint32_t field, int64_t number);
void pb_put_bytes(buf *out, uint32_t field, alf_span bytes);
void pb_put_float(buf *out, uint32_t field, float number);
void pb_put_packed_ints(buf *out, uint32_t field, const int64_t *numbers, size_t count);
void pb_put_packed_floats(buf *out, uint32_t field, const float *numbers, size_t count);

/* A nested message: what is appended between the two calls becomes the field's content. */
size_t pb_begin(buf *out, uint32_t field);
void pb_end(buf *out, size_t begun);

#endif
