/* JSON output. */
#include "codec/json_write.h"

#include "base/span.h"
#include "base/unicode.h"

#include <inttypes.h>
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

/* Whether one of the eight bytes is zero. */
static uint64_t has_zero(uint64_t word)
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* Whether all of the eight bytes are plain. (A borrow can mark a byte above a marked one only.) */
static bool eight_plain(const char *p)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, p, sizeof word);
    uint64_t odd = has_zero(word ^ each * '"') | has_zero(word ^ each * '\\') |
                   has_zero(word ^ each * 0x7f) | ((word - each * 0x20) & ~word) | word;
    return (odd & each * 0x80) == 0;
}

static const char *skip_plain(const char *p, const char *end)
{
    while (end - p >= 8 && eight_plain(p))
        p += 8;
    while (p < end && is_plain((unsigned char)*p))
        p++;
    return p;
}

/* A text that is plain as a whole, between quotes. */
static void put_plain(buf *out, alf_span text)
{
    char *to = buf_reserve(out, text.size + 2);
    if (to == NULL)
        return;
    *to++ = '"';
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    to[text.size] = '"';
    out->size += text.size + 2;
}

void json_put_string(buf *out, alf_span text)
{
    const char *p = text.data;
    const char *end = p + text.size;
    const char *stop = skip_plain(p, end);
    if (stop == end) {
        put_plain(out, text);
        return;
    }
    buf_append_char(out, '"');
    while (p < end) {
        buf_append(out, p, (size_t)(stop - p));
        p = stop;
        if (p == end)
            break;
        if ((unsigned char)*p < 0x80)
            put_escaped(out, (unsigned char)*p++);
        else {
            char bytes[4];
            buf_append(out, bytes, unicode_put(unicode_next(&p, end), bytes));
        }
        stop = skip_plain(p, end);
    }
    buf_append_char(out, '"');
}

void json_write_key_span(json_writer *w, alf_span key)
{
    separate(w);
    json_put_string(w->out, key);
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
    json_put_string(w->out, text);
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

void json_put_double(buf *out, double number)
{
    char *to = buf_reserve(out, JSON_NUMBER_SIZE);
    if (to != NULL)
        out->size += json_format_double(number, to);
}

void json_put_float(buf *out, float number)
{
    char *to = buf_reserve(out, JSON_NUMBER_SIZE);
    if (to != NULL)
        out->size += json_format_float(number, to);
}

void json_write_double(json_writer *w, double number)
{
    separate(w);
    json_put_double(w->out, number);
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
