/*
 * JSON reader. Sources: RFC 8259; XGBoost's model files for NaN and Infinity.
 *
 * Invariants: one pass, except that an array which begins with a number is looked through once to
 * see whether it holds numbers only (that look stops at the first byte that is not of a number, so
 * the whole stays linear); depth never exceeds DEPTH_LIMIT; strings without escapes are borrowed.
 */
#include "codec/json.h"

#include "base/unicode.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_LIMIT = 100, NUMBER_LIMIT = 400 };

typedef struct reader {
    const char *start;
    const char *p;
    const char *end;
    arena *a;
    alf_error *err;
    unsigned depth;
} reader;

static alf_status read_value(reader *r, value **out);

static uint64_t offset_of(const reader *r)
{
    return (uint64_t)(r->p - r->start);
}

static alf_status bad(const reader *r, const char *expected)
{
    if (r->p == r->end)
        return error_at(r->err, ALF_E_FORMAT, offset_of(r),
                        "the JSON ends early, expected %s; the file is truncated", expected);
    return error_at(r->err, ALF_E_FORMAT, offset_of(r), "the JSON has '%c' (0x%02x), expected %s",
                    *r->p >= 0x20 && *r->p < 0x7f ? *r->p : '?', (unsigned char)*r->p, expected);
}

static void *allocate(reader *r, size_t count, size_t size, alf_status *status)
{
    void *memory = arena_alloc(r->a, count, size);
    *status = ALF_OK;
    if (memory == NULL && arena_over_limit(r->a, count, size))
        *status = error_at(r->err, ALF_E_LIMIT, offset_of(r),
                           "the JSON needs more than the %zu bytes of memory allowed", r->a->limit);
    else if (memory == NULL)
        *status = error_nomem(r->err, "JSON values");
    return memory;
}

static alf_status new_value(reader *r, value_kind kind, value **out)
{
    alf_status status;
    *out = allocate(r, 1, sizeof **out, &status);
    TRY(status);
    (*out)->kind = kind;
    (*out)->offset = offset_of(r);
    return ALF_OK;
}

static void skip_space(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
        r->p++;
}

/* Whether text stands here; then it is taken. */
static bool take(reader *r, const char *text)
{
    size_t size = strlen(text);
    if ((size_t)(r->end - r->p) < size || memcmp(r->p, text, size) != 0)
        return false;
    r->p += size;
    return true;
}

/* ---- numbers ---- */

typedef struct number {
    bool integral; /* written as an integer and fits */
    int64_t integer;
    double real;
} number;

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

/* One past the number at p, or NULL when there is none. *plain: no fraction and no exponent. */
static const char *scan_number(const char *p, const char *end, bool *plain)
{
    *plain = true;
    if (p < end && *p == '-')
        p++;
    const char *digits = p;
    p = skip_digits(p, end);
    if (p == digits || (*digits == '0' && p - digits > 1))
        return NULL;
    if (p < end && *p == '.') {
        *plain = false;
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        *plain = false;
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    return p;
}

/* The double nearest to text that also narrows to the float32 nearest to text. */
static double round_once(const char *text)
{
    double wide = strtod(text, NULL);
    float narrow = strtof(text, NULL);
    if (isfinite(wide) && isfinite(narrow)) {
        if ((float)wide < narrow)
            return nextafter(wide, INFINITY);
        if ((float)wide > narrow)
            return nextafter(wide, -INFINITY);
    }
    return wide;
}

static bool to_integer(const char *text, const char *end, int64_t *out)
{
    bool negative = *text == '-';
    uint64_t magnitude = 0;
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (const char *p = text + negative; p < end; p++)
        if (__builtin_mul_overflow(magnitude, 10, &magnitude) ||
            __builtin_add_overflow(magnitude, (uint64_t)(*p - '0'), &magnitude) ||
            magnitude > limit)
            return false;
    *out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

static alf_status read_number(reader *r, number *out)
{
    *out = (number){0};
    if (take(r, "NaN")) {
        out->real = NAN;
        return ALF_OK;
    }
    bool negative = take(r, "-Infinity");
    if (negative || take(r, "Infinity")) {
        out->real = negative ? -INFINITY : INFINITY;
        return ALF_OK;
    }
    bool plain;
    const char *end = scan_number(r->p, r->end, &plain);
    if (end == NULL)
        return bad(r, "a number");
    size_t size = (size_t)(end - r->p);
    char text[NUMBER_LIMIT + 1];
    if (size > NUMBER_LIMIT)
        return error_at(r->err, ALF_E_LIMIT, offset_of(r),
                        "the JSON has a number of %zu digits, at most %d are read", size,
                        (int)NUMBER_LIMIT);
    memcpy(text, r->p, size);
    text[size] = '\0';
    /* "-0" is a float, to keep its sign. */
    out->integral = plain && strcmp(text, "-0") != 0 && to_integer(r->p, end, &out->integer);
    out->real = out->integral ? (double)out->integer : round_once(text);
    r->p = end;
    return ALF_OK;
}

/* Whether the array whose first item begins here holds numbers only, and how many. Text that is
 * not a number but made of the same letters is found out when it is read. */
static bool numbers_only(const reader *r, size_t *count, bool *integral)
{
    *count = 1;
    *integral = true;
    for (const char *p = r->p; p < r->end; p++) {
        if (*p >= '0' && *p <= '9')
            continue;
        if (*p == ']')
            return true;
        if (*p == ',')
            ++*count;
        else if (strchr(".eENaInfity", *p) != NULL && *p != '\0')
            *integral = false;
        else if (strchr("+- \t\r\n", *p) == NULL || *p == '\0')
            return false;
    }
    return false;
}

static alf_status read_numbers(reader *r, size_t count, bool integral, value *array)
{
    alf_status status;
    const char *begin = r->p;
    char *data = allocate(r, count, 8, &status);
    TRY(status);
    for (size_t i = 0; i < count; i++) {
        number n;
        skip_space(r);
        TRY(read_number(r, &n));
        if (integral && !n.integral) { /* over 64 bits, or -0 */
            r->p = begin;
            return read_numbers(r, count, false, array);
        }
        memcpy(data + i * 8, integral ? (const void *)&n.integer : (const void *)&n.real, 8);
        skip_space(r);
        if (!take(r, i + 1 < count ? "," : "]"))
            return bad(r, i + 1 < count ? "','" : "']'");
    }
    array->kind = VALUE_ARRAY;
    array->as.array = (value_array){
        .type = {.kind = integral ? DTYPE_INT : DTYPE_FLOAT,
                 .big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
                 .item_size = 8},
        .rank = 1,
        .shape = {count},
        .count = count,
        .data = span_of(data, count * 8),
    };
    return ALF_OK;
}

/* ---- strings ---- */

static alf_status read_hex4(reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, r->p++) {
        if (r->p == r->end)
            return bad(r, "four hexadecimal digits");
        char c = *r->p;
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return bad(r, "four hexadecimal digits");
        *out = *out << 4 | digit;
    }
    return ALF_OK;
}

/* After "\u": a code point, of two escapes where they are surrogates. */
static alf_status read_code_point(reader *r, uint32_t *out)
{
    TRY(read_hex4(r, out));
    if (*out >= 0xDC00 && *out <= 0xDFFF)
        return bad(r, "no low surrogate without a high one before it");
    if (*out < 0xD800 || *out > 0xDBFF)
        return ALF_OK;
    uint32_t low = 0;
    if (!take(r, "\\u"))
        return bad(r, "the low surrogate that completes a pair");
    TRY(read_hex4(r, &low));
    if (low < 0xDC00 || low > 0xDFFF)
        return bad(r, "the low surrogate that completes a pair");
    *out = 0x10000 + ((*out - 0xD800) << 10) + (low - 0xDC00);
    return ALF_OK;
}

/* After a backslash: appends what it stands for. */
static alf_status read_escape(reader *r, char **to)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    if (take(r, "u")) {
        uint32_t c;
        TRY(read_code_point(r, &c));
        *to += unicode_put(c, *to);
        return ALF_OK;
    }
    const char *name = r->p < r->end && *r->p != '\0' ? strchr(names, *r->p) : NULL;
    if (name == NULL)
        return bad(r, "an escape (one of \" \\ / b f n r t u)");
    r->p++;
    *(*to)++ = meanings[name - names];
    return ALF_OK;
}

/* Finds the closing quote; *escapes: whether there is a backslash before it. */
static alf_status scan_string(reader *r, const char **close, bool *escapes)
{
    *escapes = false;
    *close = r->end;
    for (const char *p = r->p; p < r->end; p++) {
        if (*p == '"') {
            *close = p;
            return ALF_OK;
        }
        if (*p == '\\') {
            *escapes = true;
            if (++p == r->end)
                break;
        } else if ((unsigned char)*p < 0x20) {
            r->p = p;
            return bad(r, "no control character within a string");
        }
    }
    r->p = r->end;
    return bad(r, "the end of a string");
}

static alf_status unescape(reader *r, const char *close, alf_span *out)
{
    alf_status status;
    /* Never longer than the text: an escape of 6 bytes gives at most 3, two of them 4. */
    char *text = allocate(r, (size_t)(close - r->p) + 4, 1, &status);
    TRY(status);
    char *to = text;
    while (r->p < close) {
        if (take(r, "\\"))
            TRY(read_escape(r, &to));
        else
            *to++ = *r->p++;
    }
    *out = span_of(text, (size_t)(to - text));
    return ALF_OK;
}

static alf_status read_string(reader *r, value **out)
{
    if (!take(r, "\""))
        return bad(r, "a string");
    TRY(new_value(r, VALUE_STRING, out));
    const char *close;
    bool escapes;
    TRY(scan_string(r, &close, &escapes));
    (*out)->as.text = span_of(r->p, (size_t)(close - r->p));
    if (!unicode_is_valid((*out)->as.text))
        return error_at(r->err, ALF_E_FORMAT, offset_of(r),
                        "the JSON has a string that is not UTF-8; the file is damaged");
    if (escapes)
        TRY(unescape(r, close, &(*out)->as.text));
    r->p = close + 1;
    return ALF_OK;
}

/* ---- containers ---- */

/* Room for one more item of the given size in a table that grows in the arena. */
static alf_status grow(reader *r, void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return ALF_OK;
    alf_status status;
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *larger = allocate(r, wanted, size, &status);
    TRY(status);
    if (count > 0)
        memcpy(larger, *items, count * size);
    *items = larger;
    *capacity = wanted;
    return ALF_OK;
}

static alf_status read_list(reader *r, value *list)
{
    do {
        void *items = list->as.list.items;
        TRY(grow(r, &items, &list->as.list.capacity, list->as.list.count, sizeof(value *)));
        list->as.list.items = items;
        TRY(read_value(r, &list->as.list.items[list->as.list.count]));
        list->as.list.count++;
        skip_space(r);
    } while (take(r, ","));
    return take(r, "]") ? ALF_OK : bad(r, "',' or ']'");
}

static alf_status read_array(reader *r, value **out)
{
    TRY(new_value(r, VALUE_LIST, out));
    skip_space(r);
    if (take(r, "]"))
        return ALF_OK;
    size_t count;
    bool integral;
    if (numbers_only(r, &count, &integral))
        return read_numbers(r, count, integral, *out);
    return read_list(r, *out);
}

static alf_status read_object(reader *r, value **out)
{
    TRY(new_value(r, VALUE_DICT, out));
    value *dict = *out;
    skip_space(r);
    if (take(r, "}"))
        return ALF_OK;
    do {
        void *pairs = dict->as.dict.pairs;
        TRY(grow(r, &pairs, &dict->as.dict.capacity, dict->as.dict.count, sizeof(value_pair)));
        dict->as.dict.pairs = pairs;
        value_pair *pair = &dict->as.dict.pairs[dict->as.dict.count];
        skip_space(r);
        TRY(read_string(r, &pair->key));
        skip_space(r);
        if (!take(r, ":"))
            return bad(r, "':'");
        TRY(read_value(r, &pair->item));
        dict->as.dict.count++;
        skip_space(r);
    } while (take(r, ","));
    return take(r, "}") ? ALF_OK : bad(r, "',' or '}'");
}

static alf_status read_nested(reader *r, value **out)
{
    if (r->depth == DEPTH_LIMIT)
        return error_at(r->err, ALF_E_LIMIT, offset_of(r), "the JSON nests deeper than %d levels",
                        (int)DEPTH_LIMIT);
    r->depth++;
    alf_status status = *r->p++ == '{' ? read_object(r, out) : read_array(r, out);
    r->depth--;
    return status;
}

static alf_status read_scalar(reader *r, value **out)
{
    if (take(r, "null"))
        return new_value(r, VALUE_NONE, out);
    bool yes = take(r, "true");
    if (yes || take(r, "false")) {
        TRY(new_value(r, VALUE_BOOL, out));
        (*out)->as.boolean = yes;
        return ALF_OK;
    }
    number n;
    TRY(new_value(r, VALUE_FLOAT, out));
    if (r->p == r->end || *r->p == '\0' || strchr("-0123456789NI", *r->p) == NULL)
        return bad(r, "a value");
    TRY(read_number(r, &n));
    if (n.integral) {
        (*out)->kind = VALUE_INT;
        (*out)->as.integer = n.integer;
    } else {
        (*out)->as.real = n.real;
    }
    return ALF_OK;
}

static alf_status read_value(reader *r, value **out)
{
    skip_space(r);
    if (r->p < r->end && (*r->p == '{' || *r->p == '['))
        return read_nested(r, out);
    if (r->p < r->end && *r->p == '"')
        return read_string(r, out);
    return read_scalar(r, out);
}

static alf_status read_document(reader *r, value **out)
{
    value *root = NULL;
    TRY(read_value(r, &root));
    skip_space(r);
    if (r->p != r->end)
        return bad(r, "the end of the JSON");
    *out = root;
    return ALF_OK;
}

alf_status json_parse(alf_span data, arena *a, value **out, alf_error *err)
{
    reader r = {.start = data.size > 0 ? data.data : "", .a = a, .err = err};
    r.p = r.start;
    r.end = r.start + data.size;
    *out = NULL;
    /* strtod reads the decimal point of the thread's locale; JSON's is always a dot. */
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0)
        return error_nomem(err, "the reader of JSON numbers");
    locale_t before = uselocale(c_locale);
    alf_status status = read_document(&r, out);
    uselocale(before);
    freelocale(c_locale);
    return status;
}
