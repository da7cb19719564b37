/* Numbers and strings that pickles of protocols 0 and 1 write as text. */
#include "codec/pickle_text.h"

#include "base/unicode.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

static alf_status bad_line(builder *b, uint64_t offset, const char *what, alf_span line)
{
    return error_at(b->err, ALF_E_FORMAT, offset, "'%.*s' is not %s; the pickle is damaged",
                    span_width(line) < 40 ? span_width(line) : 40, line.data, what);
}

/* ------------------------------------------------------------------ numbers */

/* false: not a decimal integer; *fits: whether it is in range. */
static bool parse_int(alf_span text, int64_t *out, bool *fits)
{
    size_t i = 0;
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+'))
        i = 1;
    if (i == text.size)
        return false;
    int64_t x = 0;
    *fits = true;
    for (; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9)
            return false;
        *fits = *fits && !__builtin_mul_overflow(x, 10, &x) &&
                !__builtin_add_overflow(x, negative ? -digit : digit, &x);
    }
    *out = x;
    return true;
}

static alf_status make_int(builder *b, alf_span line, uint64_t offset, value **out)
{
    int64_t x;
    bool fits;
    if (!parse_int(line, &x, &fits))
        return bad_line(b, offset, "an integer", line);
    return fits ? builder_int(b, x, offset, out) : builder_text(b, VALUE_BYTES, line, offset, out);
}

alf_status pickle_text_index(builder *b, alf_span line, uint64_t offset, uint64_t *out)
{
    int64_t x;
    bool fits;
    if (!parse_int(line, &x, &fits) || !fits || x < 0)
        return bad_line(b, offset, "a memo index", line);
    *out = (uint64_t)x;
    return ALF_OK;
}

alf_status pickle_text_int(builder *b, alf_span line, uint64_t offset, value **out)
{
    if (span_is(line, "00") || span_is(line, "01"))
        return builder_bool(b, line.data[1] == '1', offset, out);
    return make_int(b, line, offset, out);
}

alf_status pickle_text_long(builder *b, alf_span line, uint64_t offset, value **out)
{
    if (line.size > 0 && line.data[line.size - 1] == 'L')
        line.size--;
    return make_int(b, line, offset, out);
}

/* Python's words for what has no digits. */
static bool parse_word(alf_span line, double *out)
{
    if (span_is(line, "nan") || span_is(line, "-nan"))
        *out = (double)NAN;
    else if (span_is(line, "inf"))
        *out = (double)INFINITY;
    else if (span_is(line, "-inf"))
        *out = -(double)INFINITY;
    else
        return false;
    return true;
}

alf_status pickle_text_float(builder *b, alf_span line, uint64_t offset, value **out)
{
    double x;
    if (parse_word(line, &x))
        return builder_real(b, x, offset, out);
    char text[64];
    if (line.size == 0 || line.size >= sizeof text ||
        strspn(line.data, "0123456789+-.eE") < line.size)
        return bad_line(b, offset, "a float", line);
    memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    /* strtod wants the decimal point of the locale that the process happens to have. */
    char *point = memchr(text, '.', line.size);
    if (point != NULL)
        *point = localeconv()->decimal_point[0];
    char *end;
    x = strtod(text, &end);
    if (end != text + line.size)
        return bad_line(b, offset, "a float", line);
    return builder_real(b, x, offset, out);
}

/* ------------------------------------------------------------------ strings */

alf_status pickle_old_string(builder *b, alf_span bytes, uint64_t offset, value **out)
{
    value_kind kind = unicode_is_valid(bytes) ? VALUE_STRING : VALUE_BYTES;
    return builder_text(b, kind, bytes, offset, out);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* count hexadecimal digits at *p; false when they are not there. */
static bool parse_hex(const char **p, const char *end, int count, uint32_t *out)
{
    uint32_t x = 0;
    if (end - *p < count)
        return false;
    for (int i = 0; i < count; i++) {
        int digit = hex_digit((*p)[i]);
        if (digit < 0)
            return false;
        x = x << 4 | (uint32_t)digit;
    }
    *p += count;
    *out = x;
    return true;
}

/* One escape after its backslash, appended to to[*size]; false when it is malformed. */
static bool unescape(const char **p, const char *end, char *to, size_t *size)
{
    static const char from[] = "\\'\"nrtabfv";
    static const char into[] = "\\'\"\n\r\t\a\b\f\v";
    char c = *(*p)++;
    const char *found = c != '\0' ? strchr(from, c) : NULL;
    uint32_t x = 0;
    if (found != NULL) {
        to[(*size)++] = into[found - from];
    } else if (c == 'x') {
        if (!parse_hex(p, end, 2, &x))
            return false;
        to[(*size)++] = (char)(unsigned char)x;
    } else if (c >= '0' && c <= '7') {
        x = (uint32_t)(c - '0');
        for (int i = 0; i < 2 && *p < end && **p >= '0' && **p <= '7'; i++)
            x = x << 3 | (uint32_t)(*(*p)++ - '0');
        to[(*size)++] = (char)(unsigned char)x;
    } else { /* Python keeps escapes that it does not know */
        to[(*size)++] = '\\';
        to[(*size)++] = c;
    }
    return true;
}

alf_status pickle_text_string(builder *b, alf_span line, uint64_t offset, value **out)
{
    while (line.size > 0 && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\r'))
        line.size--;
    char quote = line.size > 0 ? line.data[0] : '\0';
    if (line.size < 2 || (quote != '\'' && quote != '"') || line.data[line.size - 1] != quote)
        return bad_line(b, offset, "a quoted string", line);
    const char *p = line.data + 1;
    const char *end = line.data + line.size - 1;
    void *memory;
    TRY(builder_alloc(b, line.size, 1, offset, &memory));
    char *to = memory;
    size_t size = 0;
    while (p < end) {
        if (*p != '\\') {
            to[size++] = *p++;
            continue;
        }
        p++;
        if (p == end || !unescape(&p, end, to, &size))
            return bad_line(b, offset, "a string with well-formed escapes", line);
    }
    return pickle_old_string(b, span_of(to, size), offset, out);
}

alf_status pickle_text_unicode(builder *b, alf_span line, uint64_t offset, value **out)
{
    size_t capacity;
    void *memory;
    if (__builtin_mul_overflow(line.size, 2, &capacity)) /* Latin-1 doubles at most */
        return error_nomem(b->err, "a string");
    TRY(builder_alloc(b, capacity, 1, offset, &memory));
    char *to = memory;
    size_t size = 0;
    const char *end = line.data + line.size;
    for (const char *p = line.data; p < end;) {
        uint32_t c = (unsigned char)*p++;
        if (c == '\\' && p < end && (*p == 'u' || *p == 'U')) {
            int digits = *p++ == 'u' ? 4 : 8;
            if (!parse_hex(&p, end, digits, &c) || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
                return bad_line(b, offset, "a string with well-formed escapes", line);
        } else if (c == '\\' && p < end) { /* a pair stays a pair, and starts no escape */
            to[size++] = '\\';
            c = (unsigned char)*p++;
        }
        size += unicode_put(c, to + size);
    }
    return builder_text(b, VALUE_STRING, span_of(to, size), offset, out);
}
