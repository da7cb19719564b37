/*
 * A strict JSON checker with an explicit stack of one bit per level, and a walker that trusts what
 * the checker has accepted.
 */
#include "codec/json_scan.h"

#include "base/span.h"
#include "base/unicode.h"

#include <string.h>

typedef struct scanner {
    const char *p;
    const char *end;
    uint64_t objects; /* bit d: level d is an object, else an array */
    int depth;        /* levels that are open */
} scanner;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(scanner *s)
{
    while (s->p < s->end && is_space(*s->p))
        s->p++;
}

static bool take(scanner *s, char c)
{
    if (s->p >= s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static bool take_digits(scanner *s)
{
    const char *from = s->p;
    while (s->p < s->end && is_digit(*s->p))
        s->p++;
    return s->p > from;
}

static bool take_number(scanner *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !take_digits(s))
        return false;
    if (take(s, '.') && !take_digits(s))
        return false;
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            (void)take(s, '-');
        return take_digits(s);
    }
    return true;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* What follows a backslash. */
static bool take_escape(scanner *s)
{
    if (s->p >= s->end)
        return false;
    char c = *s->p++;
    if (c != 'u')
        return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
    for (int i = 0; i < 4; i++) {
        if (s->p >= s->end || hex_value(*s->p) < 0)
            return false;
        s->p++;
    }
    return true;
}

/* What follows an opening quote, up to and with the closing one. */
static bool take_string(scanner *s)
{
    while (s->p < s->end) {
        uint8_t c = (uint8_t)*s->p++;
        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !take_escape(s)))
            return false;
    }
    return false;
}

static bool take_word(scanner *s, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(s->end - s->p) < size || memcmp(s->p, word, size) != 0)
        return false;
    s->p += size;
    return true;
}

static bool take_scalar(scanner *s)
{
    if (take(s, '"'))
        return take_string(s);
    return take_word(s, "true") || take_word(s, "false") || take_word(s, "null") || take_number(s);
}

static bool in_object(const scanner *s)
{
    return (s->objects >> (s->depth - 1) & 1) != 0;
}

static bool open_level(scanner *s, bool object)
{
    if (s->depth == JSON_SCAN_DEPTH)
        return false;
    uint64_t bit = UINT64_C(1) << s->depth++;
    s->objects = object ? s->objects | bit : s->objects & ~bit;
    return true;
}

/* "key" and its colon; does nothing in an array. */
static bool take_key(scanner *s)
{
    if (!in_object(s))
        return true;
    skip_space(s);
    if (!take(s, '"') || !take_string(s))
        return false;
    skip_space(s);
    return take(s, ':');
}

/* Behind a value: closes levels, then takes a comma and the next key. *done at the end. */
static bool after_value(scanner *s, bool *done)
{
    for (;;) {
        *done = s->depth == 0;
        if (*done)
            return true;
        skip_space(s);
        if (take(s, ','))
            return take_key(s);
        if (!take(s, in_object(s) ? '}' : ']'))
            return false;
        s->depth--;
    }
}

bool json_scan_object(alf_span text)
{
    if (text.size < 2 || !unicode_is_valid(text))
        return false;
    scanner s = {text.data, text.data + text.size, 0, 0};
    skip_space(&s);
    if (s.p >= s.end || *s.p != '{')
        return false;
    for (bool done = false; !done;) {
        skip_space(&s);
        bool object = take(&s, '{');
        if (object || take(&s, '[')) {
            if (!open_level(&s, object))
                return false;
            skip_space(&s);
            if (!take(&s, object ? '}' : ']')) {
                if (!take_key(&s))
                    return false;
                continue;
            }
            s.depth--;
        } else if (!take_scalar(&s))
            return false;
        if (!after_value(&s, &done))
            return false;
    }
    skip_space(&s);
    return s.p == s.end;
}

/* The end of the string whose opening quote is before `at`: where its closing quote stands. */
static size_t string_end(alf_span text, size_t at)
{
    while (at < text.size && text.data[at] != '"')
        at += text.data[at] == '\\' ? 2 : 1;
    return at < text.size ? at : text.size;
}

/* The end of the object or array that starts at `at`. */
static size_t container_end(alf_span text, size_t at)
{
    for (int depth = 0; at < text.size; at++) {
        char c = text.data[at];
        if (c == '"')
            at = string_end(text, at + 1);
        else if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return at + 1;
    }
    return text.size;
}

static size_t scalar_end(alf_span text, size_t at)
{
    while (at < text.size && text.data[at] != ',' && text.data[at] != '}' && text.data[at] != ']' &&
           !is_space(text.data[at]))
        at++;
    return at;
}

/* Takes the value that starts at i. */
static void take_value(alf_span text, size_t i, size_t *at, json_member *out)
{
    out->is_string = text.data[i] == '"';
    if (out->is_string) {
        size_t end = string_end(text, i + 1);
        out->value = span_of(text.data + i + 1, end - i - 1);
        *at = end < text.size ? end + 1 : end;
        return;
    }
    bool container = text.data[i] == '{' || text.data[i] == '[';
    size_t end = container ? container_end(text, i) : scalar_end(text, i);
    out->value = span_of(text.data + i, end - i);
    *at = end;
}

bool json_scan_next(alf_span object, size_t *at, json_member *out)
{
    size_t i = *at;
    /* Between members there is only white space, a comma or the opening brace. */
    while (i < object.size && object.data[i] != '"' && object.data[i] != '}')
        i++;
    if (i >= object.size || object.data[i] == '}')
        return false;
    size_t end = string_end(object, i + 1);
    out->key = span_of(object.data + i + 1, end - i - 1);
    i = end + 1;
    while (i < object.size && (is_space(object.data[i]) || object.data[i] == ':'))
        i++;
    if (i >= object.size)
        return false;
    take_value(object, i, at, out);
    return true;
}

bool json_scan_item(alf_span array, size_t *at, json_member *out)
{
    size_t i = *at;
    out->key = span_of(NULL, 0);
    if (i == 0 && array.size > 0)
        i++; /* the opening bracket */
    while (i < array.size && (is_space(array.data[i]) || array.data[i] == ','))
        i++;
    if (i >= array.size || array.data[i] == ']')
        return false;
    take_value(array, i, at, out);
    return true;
}

/* The four digits of \uXXXX at p; -1 when there are none. */
static int32_t read_unit(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    int32_t value = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static size_t put_unicode_escape(const char **p, const char *end, char *out)
{
    int32_t first = read_unit(*p, end);
    *p += 6;
    if (first >= 0xD800 && first < 0xDC00) {
        int32_t second = read_unit(*p, end);
        if (second >= 0xDC00 && second < 0xE000) {
            *p += 6;
            return unicode_put(
                0x10000 + (((uint32_t)first & 0x3FF) << 10 | ((uint32_t)second & 0x3FF)), out);
        }
    }
    return unicode_put(first < 0 ? UNICODE_REPLACEMENT : (uint32_t)first, out);
}

size_t json_scan_unescape(alf_span text, char *out)
{
    static const char letters[] = "bfnrt";
    static const char controls[] = "\b\f\n\r\t";
    size_t size = 0;
    const char *end = text.data + text.size;
    for (const char *p = text.data; p < end;) {
        if (*p != '\\' || end - p < 2) {
            out[size++] = *p++;
            continue;
        }
        if (p[1] == 'u' && end - p >= 6) {
            size += put_unicode_escape(&p, end, out + size);
            continue;
        }
        const char *letter = memchr(letters, p[1], sizeof letters - 1);
        out[size++] = letter != NULL ? controls[letter - letters] : p[1];
        p += 2;
    }
    return size;
}
