/*
 * Token patterns. Python's re backtracks and knows Unicode word boundaries, RE2 and the Tokenizer
 * operator do not; but on patterns that find runs of one character set the two agree, and those are
 * what people use. Accepted: an optional (?u), an optional \b on both sides, and between them one
 * set, repeated as \w\w+, \w+, \w{3,}; a set is \w \d \S or a class of those and ASCII characters.
 */
#include "convert/emit_internal.h"

#include "base/span.h"
#include "base/unicode.h"

#include <string.h>

enum { LONGEST_REPEAT = 1000 }; /* what RE2 allows */

typedef struct parser {
    const char *p, *end;
    alf_span pattern;
    alf_error *err;
} parser;

static alf_status refuse(const parser *s, const char *why)
{
    return error_set(s->err, ALF_E_UNSUPPORTED,
                     "token_pattern \"%.*s\" cannot be written in ONNX exactly: %s",
                     span_width(s->pattern), s->pattern.data, why);
}

static bool take(parser *s, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, text, n) != 0)
        return false;
    s->p += n;
    return true;
}

/* After a backslash: a class letter, or a character that stands for itself. */
static alf_status parse_escape(parser *s, token_pattern *set, int *literal)
{
    *literal = -1;
    if (s->p == s->end)
        return refuse(s, "it ends in a backslash");
    char c = *s->p++;
    switch (c) {
    case 'w':
        set->word = true;
        return ALF_OK;
    case 'd':
        set->digit = true;
        return ALF_OK;
    case 's':
        set->space = true;
        return ALF_OK;
    case 't':
        *literal = '\t';
        return ALF_OK;
    case 'n':
        *literal = '\n';
        return ALF_OK;
    case 'r':
        *literal = '\r';
        return ALF_OK;
    default:
        break;
    }
    if ((unsigned char)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
        (c >= 'A' && c <= 'Z'))
        return refuse(s, "it has an escape other than \\w \\d \\s \\t \\n \\r in a set");
    *literal = (unsigned char)c;
    return ALF_OK;
}

/* One member of a class; *literal is -1 for \w, \d and \s. */
static alf_status parse_member(parser *s, token_pattern *set, int *literal)
{
    if (take(s, "\\"))
        return parse_escape(s, set, literal);
    *literal = (unsigned char)*s->p++;
    if (*literal >= 0x80)
        return refuse(s, "a set names a character outside ASCII");
    if (*literal == '[')
        return refuse(s, "a set holds an unescaped [");
    return ALF_OK;
}

static alf_status parse_class(parser *s, token_pattern *set)
{
    set->negated = take(s, "^");
    for (bool first = true;; first = false) {
        if (s->p == s->end)
            return refuse(s, "a set is not closed");
        if (!first && take(s, "]"))
            return ALF_OK;
        int low, high;
        TRY(parse_member(s, set, &low));
        high = low;
        if (s->end - s->p >= 2 && s->p[0] == '-' && s->p[1] != ']') {
            s->p++;
            TRY(parse_member(s, set, &high));
            if (low < 0 || high < low)
                return refuse(s, "a range in a set is not of two characters in order");
        }
        for (int c = low; c >= 0 && c <= high; c++)
            set->ascii[c] = true;
    }
}

static alf_status parse_set(parser *s, token_pattern *set)
{
    *set = (token_pattern){0};
    if (take(s, "["))
        return parse_class(s, set);
    if (take(s, "\\S")) {
        set->space = set->negated = true;
        return ALF_OK;
    }
    if (take(s, "\\w"))
        set->word = true;
    else if (take(s, "\\d"))
        set->digit = true;
    else
        return refuse(s, "it is not a run of one character set");
    return ALF_OK;
}

/* "{3,}" or "{2}"; the caller has seen the brace. */
static alf_status parse_braces(parser *s, uint32_t *least, bool *open)
{
    uint32_t n = 0;
    const char *begin = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9' && n <= LONGEST_REPEAT)
        n = n * 10 + (uint32_t)(*s->p++ - '0');
    if (s->p == begin || n > LONGEST_REPEAT)
        return refuse(s, "a repeat count is missing or too large");
    *open = take(s, ",");
    if (!take(s, "}"))
        return refuse(s, "a repeat has an upper bound");
    *least = n;
    return ALF_OK;
}

static alf_status parse_repeat(parser *s, uint32_t *least, bool *open)
{
    *least = 1;
    *open = false;
    if (take(s, "+")) {
        *open = true;
    } else if (take(s, "*")) {
        *open = true;
        *least = 0;
    } else if (take(s, "{")) {
        TRY(parse_braces(s, least, open));
    }
    if (s->p < s->end && (*s->p == '?' || *s->p == '+' || *s->p == '*'))
        return refuse(s, "a repeat is lazy, possessive or optional");
    return ALF_OK;
}

static bool same_set(const token_pattern *a, const token_pattern *b)
{
    return a->word == b->word && a->digit == b->digit && a->space == b->space &&
           a->negated == b->negated && memcmp(a->ascii, b->ascii, sizeof a->ascii) == 0;
}

static alf_status parse_body(parser *s, token_pattern *out, bool *closing)
{
    bool any = false, open = false;
    uint32_t length = 0;
    while (s->p < s->end && !(*closing = take(s, "\\b"))) {
        token_pattern set;
        uint32_t least;
        bool unbounded;
        TRY(parse_set(s, &set));
        TRY(parse_repeat(s, &least, &unbounded));
        if (any && !same_set(&set, out))
            return refuse(s, "it mixes character sets");
        *out = set;
        any = true;
        open = open || unbounded;
        length += least;
        if (length > LONGEST_REPEAT)
            return refuse(s, "a repeat count is too large");
    }
    if (!any || !open || length == 0)
        return refuse(s, "it does not find runs of one or more characters");
    out->min_length = length;
    return ALF_OK;
}

static bool is_word_ascii(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Every character of the set is in \w. */
static bool set_within_word(const token_pattern *p)
{
    if (p->negated || p->space)
        return false;
    for (int c = 0; c < 128; c++)
        if (p->ascii[c] && !is_word_ascii(c))
            return false;
    return true;
}

/* The set is exactly \w. */
static bool set_is_word(const token_pattern *p)
{
    return p->word && set_within_word(p);
}

alf_status token_pattern_parse(alf_span pattern, token_pattern *out, alf_error *err)
{
    *out = (token_pattern){0};
    parser s = {pattern.data, pattern.data + pattern.size, pattern, err};
    if (pattern.size == 0)
        return refuse(&s, "it is empty");
    (void)take(&s, "(?u)");
    bool opening = take(&s, "\\b"), closing = false;
    TRY(parse_body(&s, out, &closing));
    if (s.p != s.end)
        return refuse(&s, "something follows the closing \\b");
    bool word = set_is_word(out);
    if (!word && (opening != closing || (opening && !set_within_word(out))))
        return refuse(&s, "\\b is not around word characters on both sides");
    out->bounded = !word && opening;
    return ALF_OK;
}

bool token_pattern_has(const token_pattern *p, uint32_t c)
{
    bool in = (c < 128 && p->ascii[c]) || (p->word && unicode_is_word(c)) ||
              (p->digit && unicode_is_decimal(c)) || (p->space && unicode_is_space(c));
    return in != p->negated;
}

bool token_pattern_matches(const token_pattern *p, alf_span token)
{
    uint32_t length = 0;
    const char *at = token.data, *end = token.data + token.size;
    while (at < end) {
        if (!token_pattern_has(p, unicode_next(&at, end)))
            return false;
        length++;
    }
    return length >= p->min_length;
}

static void write_ascii(const token_pattern *p, buf *out)
{
    for (unsigned c = 0; c < 128; c++) {
        if (!p->ascii[c])
            continue;
        unsigned last = c;
        while (last + 1 < 128 && p->ascii[last + 1])
            last++;
        buf_printf(out, last > c ? "\\x{%x}-\\x{%x}" : "\\x{%x}", c, last);
        c = last;
    }
}

void token_pattern_write(const token_pattern *p, buf *out)
{
    buf_append_string(out, p->negated ? "[^" : "[");
    if (p->word)
        buf_append_string(out, "\\p{L}\\p{N}_");
    if (p->digit)
        buf_append_string(out, "\\p{Nd}");
    if (p->space) /* str.isspace; RE2's \s is ASCII only */
        buf_append_string(out, "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-"
                               "\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}");
    write_ascii(p, out);
    if (p->min_length > 1)
        buf_printf(out, "]{%u,}", (unsigned)p->min_length);
    else
        buf_append_string(out, "]+");
}
