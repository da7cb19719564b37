/* Runs of one set of characters: the pattern's form, and the plain scanner. */
#include "engine/text_set.h"

#include "base/span.h"
#include "base/unicode.h"

enum { LONGEST_RUN = 1000 }; /* what RE2 allows in braces */

static bool take(alf_span *rest, const char *text)
{
    alf_span prefix = span_from_string(text);
    if (!span_starts(*rest, prefix))
        return false;
    *rest = span_of(rest->data + prefix.size, rest->size - prefix.size);
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\x{2f}" */
static bool take_character(alf_span *rest, uint32_t *out)
{
    uint32_t c = 0;
    size_t i = 0;
    if (!take(rest, "\\x{"))
        return false;
    for (; i < rest->size && i < 6 && hex_digit(rest->data[i]) >= 0; i++)
        c = c * 16 + (uint32_t)hex_digit(rest->data[i]);
    *rest = span_of(rest->data + i, rest->size - i);
    *out = c;
    return i > 0 && take(rest, "}");
}

/* One character or a range of them. */
static bool take_range(alf_span *rest, text_set *s)
{
    uint32_t first, last;
    if (!take_character(rest, &first))
        return false;
    last = first;
    if (take(rest, "-") && !take_character(rest, &last))
        return false;
    if (last < first || last > 127)
        return false;
    for (uint32_t c = first; c <= last; c++)
        s->ascii[c] = 1;
    return true;
}

static bool take_repeat(alf_span *rest, uint32_t *least)
{
    uint32_t n = 0;
    *least = 1;
    if (take(rest, "+"))
        return true;
    if (!take(rest, "{"))
        return false;
    while (rest->size > 0 && rest->data[0] >= '0' && rest->data[0] <= '9' && n <= LONGEST_RUN) {
        n = n * 10 + (uint32_t)(rest->data[0] - '0');
        *rest = span_of(rest->data + 1, rest->size - 1);
    }
    *least = n;
    return n >= 1 && n <= LONGEST_RUN && take(rest, ",}");
}

static void add_classes(text_set *s)
{
    for (uint32_t c = 0; c < 128; c++)
        if ((s->word && c != '_' && unicode_is_word(c)) || (s->decimal && unicode_is_decimal(c)) ||
            (s->space && unicode_is_space(c)))
            s->ascii[c] = 1;
}

bool text_set_parse(alf_span expression, text_set *out)
{
    alf_span rest = expression;
    *out = (text_set){0};
    if (!take(&rest, "["))
        return false;
    out->negated = take(&rest, "^");
    out->word = take(&rest, "\\p{L}\\p{N}");
    if (out->word && take(&rest, "_"))
        out->ascii['_'] = 1;
    out->decimal = take(&rest, "\\p{Nd}");
    /* The white space of Python's str, which RE2 has no name for. */
    out->space = take(&rest, "\\x{9}-\\x{d}\\x{1c}-\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-"
                             "\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}");
    if (!out->word && !out->decimal && !out->space && span_starts(rest, SPAN_LITERAL("]")))
        return false; /* "]" would be the first character of a class, not its end */
    while (rest.size > 0 && rest.data[0] != ']')
        if (!take_range(&rest, out))
            return false;
    if (!take(&rest, "]") || !take_repeat(&rest, &out->min_length) || rest.size != 0)
        return false;
    add_classes(out);
    for (uint32_t c = 0; c < 128 && out->negated; c++)
        out->ascii[c] = !out->ascii[c];
    return true;
}

bool text_set_has_wide(const text_set *s, uint32_t c)
{
    bool in = (s->word && unicode_is_word(c)) || (s->decimal && unicode_is_decimal(c)) ||
              (s->space && unicode_is_space(c));
    return in != s->negated;
}

/* The character at *at, which moves on; whether it is in the set. */
static bool step(const text_set *s, const char **at, const char *end)
{
    const char *from = *at;
    if ((unsigned char)*from < 128) {
        (*at)++;
        return s->ascii[(unsigned char)*from] != 0;
    }
    uint32_t c = unicode_next(at, end);
    if (c == UNICODE_REPLACEMENT &&
        !span_equal(span_of(from, (size_t)(*at - from)), SPAN_LITERAL("\xEF\xBF\xBD")))
        return false;
    return text_set_has_wide(s, c);
}

bool text_set_next(const text_set *s, const char **at, const char *end, alf_span *run)
{
    while (*at < end) {
        const char *begin = *at, *behind = begin;
        uint32_t length = 0;
        while (*at < end && step(s, at, end)) {
            length += length < s->min_length;
            behind = *at;
        }
        if (length > 0 && length >= s->min_length) {
            *at = behind;
            *run = span_of(begin, (size_t)(behind - begin));
            return true;
        }
    }
    return false;
}
