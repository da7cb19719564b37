/* LEEF 1.0 and 2.0. One pass, no allocation. */
#include "codec/leef.h"

#include "base/span.h"
#include "base/unicode.h"

#include <string.h>

const char *const leef_header_names[LEEF_HEADER] = {"version", "vendor", "product",
                                                    "productVersion", "eventId"};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static void set_delimiter(leef_record *out, uint32_t c)
{
    out->delimiter_size = unicode_put(c, out->delimiter);
}

/* Whether text is a delimiter as the sixth field of LEEF 2.0 gives it. */
static bool read_delimiter(alf_span text, leef_record *out)
{
    if (text.size == 0)
        return true;
    const char *p = text.data;
    uint32_t c = unicode_next(&p, text.data + text.size);
    if (p == text.data + text.size) {
        memcpy(out->delimiter, text.data, text.size); /* one code point: at most 4 bytes */
        out->delimiter_size = text.size;
        return true;
    }
    size_t digits = span_starts(text, SPAN_LITERAL("0x")) || span_starts(text, SPAN_LITERAL("0X"))
                        ? 2
                        : (c == 'x' || c == 'X');
    if (digits == 0 || text.size == digits || text.size - digits > 4)
        return false;
    uint32_t value = 0;
    for (size_t i = digits; i < text.size; i++) {
        int digit = hex_value(text.data[i]);
        if (digit < 0)
            return false;
        value = value * 16 + (uint32_t)digit;
    }
    set_delimiter(out, value);
    return true;
}

static bool is_version(alf_span text, char major)
{
    return text.size >= 1 && text.data[0] == major && (text.size == 1 || text.data[1] == '.');
}

bool leef_read(alf_span text, leef_record *out)
{
    if (!span_starts(text, SPAN_LITERAL("LEEF:")))
        return false;
    size_t start = 5;
    for (int field = 0; field < LEEF_HEADER; field++) {
        const char *bar = memchr(text.data + start, '|', text.size - start);
        if (bar == NULL)
            return false;
        size_t end = (size_t)(bar - text.data);
        out->header[field] = span_of(text.data + start, end - start);
        start = end + 1;
    }
    set_delimiter(out, '\t');
    bool second = is_version(out->header[0], '2');
    if (!second && !is_version(out->header[0], '1'))
        return false;
    const char *bar = memchr(text.data + start, '|', text.size - start);
    if (second && bar != NULL) {
        size_t end = (size_t)(bar - text.data);
        if (read_delimiter(span_of(text.data + start, end - start), out))
            start = end + 1;
    }
    out->attributes = span_of(text.data + start, text.size - start);
    alf_span rest = out->attributes;
    alf_span key;
    alf_span value;
    return rest.size == 0 || leef_next(out, &rest, &key, &value);
}

static bool delimiter_at(const leef_record *record, alf_span text, size_t at)
{
    return text.size - at >= record->delimiter_size &&
           memcmp(text.data + at, record->delimiter, record->delimiter_size) == 0;
}

/* The size of a key that starts at `at` and is followed by =, 0 when there is none. */
static size_t key_size(const leef_record *record, alf_span text, size_t at)
{
    size_t end = at;
    while (end < text.size && text.data[end] != '=' && (uint8_t)text.data[end] > 32 &&
           !delimiter_at(record, text, end))
        end++;
    return end < text.size && text.data[end] == '=' ? end - at : 0;
}

bool leef_next(const leef_record *record, alf_span *rest, alf_span *key, alf_span *value)
{
    size_t step = record->delimiter_size;
    size_t from = 0;
    while (delimiter_at(record, *rest, from))
        from += step;
    size_t size = key_size(record, *rest, from);
    if (size == 0)
        return false;
    *key = span_of(rest->data + from, size);
    size_t start = from + size + 1;
    size_t at = start;
    size_t end = rest->size;
    size_t next = end; /* where the next key begins */
    while (at < rest->size) {
        if (!delimiter_at(record, *rest, at)) {
            at++;
            continue;
        }
        size_t behind = at + step;
        while (behind < rest->size && delimiter_at(record, *rest, behind))
            behind += step;
        if (behind >= rest->size || key_size(record, *rest, behind) > 0) {
            end = at;
            next = behind;
            break;
        }
        at = behind;
    }
    *value = span_of(rest->data + start, end - start);
    *rest = span_of(rest->data + next, rest->size - next);
    return true;
}
