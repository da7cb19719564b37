/* JSON output. */
#include "codec/json_write.h"

#include "base/span.h"
#include "base/unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_write_init(json_writer *w, buf *out, bool pretty)
{
    *w = (json_writer){.out = out, .pretty = pretty, .first = true};
}

static void new_line(json_writer *w)
{
    buf_append_char(w->out, '\n');
    for (unsigned i = 0; i < w->depth; i++)
        buf_append(w->out, "  ", 2);
}

/* What goes before an item or a key: a comma and, when pretty, a new line. */
static void separate(json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (!w->first)
        buf_append_char(w->out, ',');
    if (w->pretty && w->depth > 0)
        new_line(w);
    w->first = false;
}

static void open_level(json_writer *w, char bracket)
{
    separate(w);
    buf_append_char(w->out, bracket);
    w->depth++;
    w->first = true;
}

static void close_level(json_writer *w, char bracket)
{
    if (w->depth > 0)
        w->depth--;
    if (w->pretty && !w->first)
        new_line(w);
    buf_append_char(w->out, bracket);
    w->first = false;
}

void json_write_begin_object(json_writer *w)
{
    open_level(w, '{');
}

void json_write_end_object(json_writer *w)
{
    close_level(w, '}');
}

void json_write_begin_array(json_writer *w)
{
    open_level(w, '[');
}

void json_write_end_array(json_writer *w)
{
    close_level(w, ']');
}

static void put_escaped(buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        buf_append(out, "\\\"", 2);
        break;
    case '\\':
        buf_append(out, "\\\\", 2);
        break;
    case '\n':
        buf_append(out, "\\n", 2);
        break;
    case '\r':
        buf_append(out, "\\r", 2);
        break;
    case '\t':
        buf_append(out, "\\t", 2);
        break;
    default:
        buf_printf(out, "\\u%04x", c);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_string(buf *out, alf_span text)
{
    const char *p = text.data;
    const char *end = p + text.size;
    buf_append_char(out, '"');
    while (p < end) {
        const char *start = p;
        while (p < end && is_plain((unsigned char)*p))
            p++;
        buf_append(out, start, (size_t)(p - start));
        if (p == end)
            break;
        if ((unsigned char)*p < 0x80) {
            put_escaped(out, (unsigned char)*p++);
            continue;
        }
        char bytes[4];
        buf_append(out, bytes, unicode_put(unicode_next(&p, end), bytes));
    }
    buf_append_char(out, '"');
}

void json_write_key_span(json_writer *w, alf_span key)
{
    separate(w);
    put_string(w->out, key);
    buf_append_string(w->out, w->pretty ? ": " : ":");
    w->after_key = true;
}

void json_write_key(json_writer *w, const char *key)
{
    json_write_key_span(w, span_from_string(key));
}

void json_write_string(json_writer *w, alf_span text)
{
    separate(w);
    put_string(w->out, text);
}

void json_write_cstring(json_writer *w, const char *text)
{
    json_write_string(w, span_from_string(text));
}

void json_write_int(json_writer *w, int64_t number)
{
    separate(w);
    buf_printf(w->out, "%" PRId64, number);
}

void json_write_uint(json_writer *w, uint64_t number)
{
    separate(w);
    buf_printf(w->out, "%" PRIu64, number);
}

/* A program that embeds the library may have set a locale whose decimal mark is a comma. */
static size_t finish_number(char *buffer, int n)
{
    if (n <= 0)
        return 0;
    char *comma = memchr(buffer, ',', (size_t)n);
    if (comma != NULL)
        *comma = '.';
    return (size_t)n;
}

size_t json_format_double(double number, char *buffer)
{
    if (!isfinite(number)) {
        memcpy(buffer, "null", 5);
        return 4;
    }
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(buffer, 32, "%.*g", digits, number);
        if (strtod(buffer, NULL) == number)
            break;
    }
    return finish_number(buffer, n);
}

size_t json_format_float(float number, char *buffer)
{
    if (!isfinite(number)) {
        memcpy(buffer, "null", 5);
        return 4;
    }
    int n = 0;
    for (int digits = 6; digits <= 9; digits++) {
        n = snprintf(buffer, 32, "%.*g", digits, (double)number);
        if (strtof(buffer, NULL) == number)
            break;
    }
    return finish_number(buffer, n);
}

void json_write_double(json_writer *w, double number)
{
    char text[32];
    separate(w);
    buf_append(w->out, text, json_format_double(number, text));
}

void json_write_float(json_writer *w, float number)
{
    char text[32];
    separate(w);
    buf_append(w->out, text, json_format_float(number, text));
}

void json_write_bool(json_writer *w, bool flag)
{
    separate(w);
    buf_append_string(w->out, flag ? "true" : "false");
}

void json_write_null(json_writer *w)
{
    separate(w);
    buf_append_string(w->out, "null");
}

void json_write_raw(json_writer *w, alf_span json)
{
    separate(w);
    buf_append_span(w->out, json);
}
