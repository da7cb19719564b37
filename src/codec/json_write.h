/*
 * JSON output into a buf. Commas and, when asked, indentation are kept by the writer; the caller
 * only opens, closes and puts. Output is always valid JSON: bytes that are not UTF-8 become U+FFFD,
 * NaN and infinities become null. Failure is the buffer's (sticky).
 */
#ifndef ALF_CODEC_JSON_WRITE_H
#define ALF_CODEC_JSON_WRITE_H

#include "base/buf.h"

/* JSON_NUMBER_SIZE: room for the text of any number. */
enum { JSON_WRITE_DEPTH = 32, JSON_NUMBER_SIZE = 40 };

typedef struct json_writer {
    buf *out;
    bool pretty; /* two spaces per level, one item a line */
    bool first;
    bool after_key;
    unsigned depth; /* at most JSON_WRITE_DEPTH */
} json_writer;

void json_write_init(json_writer *w, buf *out, bool pretty);

void json_write_begin_object(json_writer *w);
void json_write_end_object(json_writer *w);
void json_write_begin_array(json_writer *w);
void json_write_end_array(json_writer *w);
void json_write_key(json_writer *w, const char *key);
void json_write_key_span(json_writer *w, alf_span key);
void json_write_string(json_writer *w, alf_span text);
void json_write_cstring(json_writer *w, const char *text);
void json_write_int(json_writer *w, int64_t number);
void json_write_uint(json_writer *w, uint64_t number);
void json_write_double(json_writer *w, double number); /* the shortest text that reads back equal */
void json_write_bool(json_writer *w, bool flag);
void json_write_null(json_writer *w);
void json_write_raw(json_writer *w, alf_span json); /* text that is JSON already */

/* Without a writer: the caller keeps the commas. */
void json_put_string(buf *out, alf_span text);
void json_put_double(buf *out, double number);
void json_put_float(buf *out, float number);

/* The number as JSON text in buffer; returns its length. */
size_t json_format_double(double number, char buffer[JSON_NUMBER_SIZE]);
size_t json_format_float(float number, char buffer[JSON_NUMBER_SIZE]);

#endif
