/*
 * Token patterns. Python's re backtracks and knows Unicode word boundaries, RE2 and the Tokenizer
 * operator do not; but on patterns that find runs of one character set the two agree, and those are
 * what people use. Accepted: an optional (?u), an optional \b on both sides, a group around it all,
 * and inside one set, repeated as \w\w+, \w+, \w{3,}; a set is \w \d \S, a class of those and ASCII
 * characters, or [^\W\d_] and its like.
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
    case 'W':
        set->nonword = true;
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
        return refuse(s, "it has an escape other than \\w \\W \\d \\s \\t \\n \\r in a set");
    *literal = (unsigned char)c;
    return ALF_OK;
}

/* One member of a class; *literal is -1 for \w, \W, \d and \s. */
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

static bool is_word_ascii(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Of \w, only digits and _ can be taken away. */
static alf_status check_nonword(const parser *s, const token_pattern *set)
{
    if (!set->nonword)
        return ALF_OK;
    if (!set->negated || set->word)
        return refuse(s, "\\W is in a set that is not [^\\W...]");
    for (int c = 0; c < 128; c++)
        if (set->ascii[c] && is_word_ascii(c) && c != '_')
            return refuse(s, "a set takes letters or some digits out of \\w");
    return ALF_OK;
}

static alf_status parse_class(parser *s, token_pattern *set)
{
    set->negated = take(s, "^");
    for (bool first = true;; first = false) {
        if (s->p == s->end)
            return refuse(s, "a set is not closed");
        if (!first && take(s, "]"))
            return check_nonword(s, set);
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
           a->nonword == b->nonword && a->negated == b->negated &&
           memcmp(a->ascii, b->ascii, sizeof a->ascii) == 0;
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

/* Every character of the set is in \w. */
static bool set_within_word(const token_pattern *p)
{
    if (p->nonword)
        return true;
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
    if (p->nonword)
        return !p->digit && !p->ascii['_'];
    return p->word && set_within_word(p);
}

/* A group around the rest, which findall would give: the same as the match. */
static alf_status open_group(parser *s, bool *closing)
{
    static const char ending[] = {')', '\\', 'b'};
    if (!take(s, "(?:") && !take(s, "("))
        return ALF_OK;
    *closing = s->end - s->p > 3 && memcmp(s->end - 3, ending, 3) == 0;
    s->end -= *closing ? 3 : 1;
    return s->end > s->p && *s->end == ')' ? ALF_OK : refuse(s, "a group is not around all of it");
}

alf_status token_pattern_parse(alf_span pattern, token_pattern *out, alf_error *err)
{
    *out = (token_pattern){0};
    parser s = {pattern.data, pattern.data + pattern.size, pattern, err};
    if (pattern.size == 0)
        return refuse(&s, "it is empty");
    (void)take(&s, "(?u)");
    bool opening = take(&s, "\\b"), outer = false, closing = false;
    TRY(open_group(&s, &outer));
    opening = take(&s, "\\b") || opening;
    TRY(parse_body(&s, out, &closing));
    if (s.p != s.end)
        return refuse(&s, "something follows the closing \\b");
    closing = closing || outer;
    bool word = set_is_word(out);
    if (!word && (opening != closing || (opening && !set_within_word(out))))
        return refuse(&s, "\\b is not around word characters on both sides");
    out->bounded = !word && opening;
    return ALF_OK;
}

bool token_pattern_has(const token_pattern *p, uint32_t c)
{
    bool in = (c < 128 && p->ascii[c]) || (p->word && unicode_is_word(c)) ||
              (p->digit && unicode_is_decimal(c)) || (p->space && unicode_is_space(c)) ||
              (p->nonword && !unicode_is_word(c));
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

/* The set without the brackets, or with nonword what is not in it. */
static void write_members(const token_pattern *p, buf *out)
{
    if (p->nonword) {
        buf_append_string(out, p->digit ? "\\p{L}\\p{Nl}\\p{No}" : "\\p{L}\\p{N}");
        if (!p->ascii['_'])
            buf_append_char(out, '_');
        return;
    }
    if (p->word)
        buf_append_string(out, "\\p{L}\\p{N}_");
    if (p->digit)
        buf_append_string(out, "\\p{Nd}");
    if (p->space) /* str.isspace; RE2's \s is ASCII only */
        buf_append_string(out, "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-"
                               "\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}");
    write_ascii(p, out);
}

void token_pattern_write(const token_pattern *p, buf *out)
{
    buf_append_string(out, p->negated != p->nonword ? "[^" : "[");
    write_members(p, out);
    if (p->min_length > 1)
        buf_printf(out, "]{%u,}", (unsigned)p->min_length);
    else
        buf_append_string(out, "]+");
}
