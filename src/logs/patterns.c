/*
 * Scanners for the patterns of the preprocessing profiles.
 *
 * Each looks for a byte that every match must hold (a dot, a dash, an x, a slash) and tries only
 * there. Why one attempt per such place is enough, without backtracking, is said at each.
 */
#include "logs/patterns.h"

#include "base/unicode.h"

#include <string.h>

enum { DIGIT = 1, HEX = 2, WORD = 4, NOT_ASCII = 8 };

/* 0-9: 7, A-F and a-f: 6, other letters and _: 4, bytes from 0x80: 8. */
static const uint8_t byte_class[256] = {
    ['0'] = 7, ['1'] = 7, ['2'] = 7, ['3'] = 7, ['4'] = 7, ['5'] = 7, ['6'] = 7, ['7'] = 7,
    ['8'] = 7, ['9'] = 7, ['A'] = 6, ['B'] = 6, ['C'] = 6, ['D'] = 6, ['E'] = 6, ['F'] = 6,
    ['a'] = 6, ['b'] = 6, ['c'] = 6, ['d'] = 6, ['e'] = 6, ['f'] = 6, ['G'] = 4, ['H'] = 4,
    ['I'] = 4, ['J'] = 4, ['K'] = 4, ['L'] = 4, ['M'] = 4, ['N'] = 4, ['O'] = 4, ['P'] = 4,
    ['Q'] = 4, ['R'] = 4, ['S'] = 4, ['T'] = 4, ['U'] = 4, ['V'] = 4, ['W'] = 4, ['X'] = 4,
    ['Y'] = 4, ['Z'] = 4, ['g'] = 4, ['h'] = 4, ['i'] = 4, ['j'] = 4, ['k'] = 4, ['l'] = 4,
    ['m'] = 4, ['n'] = 4, ['o'] = 4, ['p'] = 4, ['q'] = 4, ['r'] = 4, ['s'] = 4, ['t'] = 4,
    ['u'] = 4, ['v'] = 4, ['w'] = 4, ['x'] = 4, ['y'] = 4, ['z'] = 4, ['_'] = 4,
};

static unsigned class_of(char c)
{
    uint8_t byte = (uint8_t)c;
    return byte < 0x80 ? byte_class[byte] : NOT_ASCII;
}

static bool is_hex(char c)
{
    return (class_of(c) & HEX) != 0;
}

/* The code point at `at` and, in *size, its bytes. */
static uint32_t code_point_at(alf_span text, size_t at, size_t *size)
{
    const char *p = text.data + at;
    uint32_t c = unicode_next(&p, text.data + text.size);
    *size = (size_t)(p - (text.data + at));
    return c;
}

/* Where the code point before `at` starts (at > 0). A lead byte whose sequence does not reach `at`
 * leaves stray bytes, each of which is a code point (U+FFFD) of its own. */
static size_t step_back(alf_span text, size_t at)
{
    for (size_t back = 1; back <= 4 && back <= at; back++) {
        if (((uint8_t)text.data[at - back] & 0xC0) == 0x80)
            continue;
        size_t size = 1;
        if (back > 1 || (uint8_t)text.data[at - back] >= 0x80)
            (void)code_point_at(text, at - back, &size);
        return size == back ? at - back : at - 1;
    }
    return at - 1;
}

/* Bytes of the digit (\d) at `at`, 0 when there is none. */
static size_t digit_at(alf_span text, size_t at)
{
    if (at >= text.size)
        return 0;
    unsigned class = class_of(text.data[at]);
    if (class != NOT_ASCII)
        return (class & DIGIT) != 0;
    size_t size;
    uint32_t c = code_point_at(text, at, &size);
    return unicode_is_decimal(c) ? size : 0;
}

/* Bytes of the word character (\w) at `at`, 0 when there is none. */
static size_t word_at(alf_span text, size_t at)
{
    if (at >= text.size)
        return 0;
    unsigned class = class_of(text.data[at]);
    if (class != NOT_ASCII)
        return (class & WORD) != 0;
    size_t size;
    uint32_t c = code_point_at(text, at, &size);
    return unicode_is_word(c) ? size : 0;
}

static bool word_before(alf_span text, size_t at)
{
    return at > 0 && word_at(text, step_back(text, at)) > 0;
}

static bool boundary_at(alf_span text, size_t at)
{
    return word_before(text, at) != (word_at(text, at) > 0);
}

/* The next `c` at or after `from`; text.size when there is none. */
static size_t find_byte(alf_span text, size_t from, char c)
{
    if (from >= text.size)
        return text.size;
    const char *found = memchr(text.data + from, c, text.size - from);
    return found == NULL ? text.size : (size_t)(found - text.data);
}

/* Exactly `count` digits from *at on; moves *at past them. */
static bool take_digits(alf_span text, size_t *at, int count)
{
    for (int i = 0; i < count; i++) {
        size_t size = digit_at(text, *at);
        if (size == 0)
            return false;
        *at += size;
    }
    return true;
}

static bool take_byte(alf_span text, size_t *at, char c)
{
    if (*at >= text.size || text.data[*at] != c)
        return false;
    (*at)++;
    return true;
}

/* The start of the up to `limit` digits that end at `at`, not before `from`. */
static size_t digits_before(alf_span text, size_t at, size_t from, int limit)
{
    for (int i = 0; i < limit && at > from; i++) {
        size_t before = step_back(text, at);
        if (digit_at(text, before) == 0)
            break;
        at = before;
    }
    return at;
}

/* Every group is a whole run of digits: a dot or a boundary must follow it, and there is neither
 * between two digits. So a match is found from its first dot, trying one length per group. */
bool pattern_ip(alf_span text, size_t from, size_t *start, size_t *end)
{
    for (size_t dot = find_byte(text, from, '.'); dot < text.size;
         dot = find_byte(text, dot + 1, '.')) {
        size_t first = digits_before(text, dot, from, 3);
        if (first == dot || word_before(text, first))
            continue;
        size_t at = dot;
        int group = 1;
        while (group < 4 && take_byte(text, &at, '.') && take_digits(text, &at, 1)) {
            for (int i = 0; i < 2; i++)
                at += digit_at(text, at);
            group++;
        }
        if (group == 4 && word_at(text, at) == 0) {
            *start = first;
            *end = at;
            return true;
        }
    }
    return false;
}

static bool take_date_and_time(alf_span text, size_t *at)
{
    if (!take_digits(text, at, 4) || !take_byte(text, at, '-') || !take_digits(text, at, 2) ||
        !take_byte(text, at, '-') || !take_digits(text, at, 2))
        return false;
    return (take_byte(text, at, 'T') || take_byte(text, at, ' ')) && take_digits(text, at, 2) &&
           take_byte(text, at, ':') && take_digits(text, at, 2) && take_byte(text, at, ':') &&
           take_digits(text, at, 2);
}

/* A match is found from its first dash, which has exactly four of its digits before it. */
bool pattern_timestamp(alf_span text, size_t from, size_t *start, size_t *end)
{
    for (size_t dash = find_byte(text, from, '-'); dash < text.size;
         dash = find_byte(text, dash + 1, '-')) {
        size_t first = digits_before(text, dash, from, 4);
        size_t at = first;
        if (take_date_and_time(text, &at)) {
            *start = first;
            *end = at;
            return true;
        }
    }
    return false;
}

static bool take_zone(alf_span text, size_t *at)
{
    if (take_byte(text, at, 'Z'))
        return true;
    if (!(take_byte(text, at, '+') || take_byte(text, at, '-')) || !take_digits(text, at, 2))
        return false;
    (void)take_byte(text, at, ':');
    return take_digits(text, at, 2);
}

/* Both additions are optional and stand last, so taking them greedily is all there is to it. */
bool pattern_timestamp_zone(alf_span text, size_t from, size_t *start, size_t *end)
{
    if (!pattern_timestamp(text, from, start, end))
        return false;
    size_t at = *end;
    if (take_byte(text, &at, '.') && take_digits(text, &at, 1)) {
        for (size_t size = digit_at(text, at); size > 0; size = digit_at(text, at))
            at += size;
        *end = at;
    }
    at = *end;
    if (take_zone(text, &at))
        *end = at;
    return true;
}

static size_t skip_hex(alf_span text, size_t at)
{
    while (at < text.size && is_hex(text.data[at]))
        at++;
    return at;
}

bool pattern_hex(alf_span text, size_t from, size_t *start, size_t *end)
{
    for (size_t x = find_byte(text, from, 'x'); x < text.size; x = find_byte(text, x + 1, 'x')) {
        if (x == from || text.data[x - 1] != '0')
            continue;
        size_t at = skip_hex(text, x + 1);
        if (at > x + 1) {
            *start = x - 1;
            *end = at;
            return true;
        }
    }
    return false;
}

static bool is_uuid(const char *p)
{
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? p[i] != '-' : !is_hex(p[i]))
            return false;
    }
    return true;
}

bool pattern_uuid(alf_span text, size_t from, size_t *start, size_t *end)
{
    if (text.size - from < 36)
        return false;
    for (size_t dash = find_byte(text, from + 8, '-'); dash < text.size && text.size - dash >= 28;
         dash = find_byte(text, dash + 1, '-')) {
        if (is_uuid(text.data + dash - 8)) {
            *start = dash - 8;
            *end = dash + 28;
            return true;
        }
    }
    return false;
}

/* Bytes of the character at `at` if it is \w or one of `others`, else 0. */
static size_t word_or_at(alf_span text, size_t at, const char *others)
{
    if (at >= text.size)
        return 0;
    char c = text.data[at];
    if (c != '\0' && strchr(others, c) != NULL)
        return 1;
    return word_at(text, at);
}

/* The end of an e-mail address whose domain starts at `at`, 0 when it is none. The match ends
 * behind the last dot of [\w.-]+ that has a character before it and two word characters after it:
 * the greedy domain gives back dots from the right, and \w{2,} then takes its whole run. */
static size_t email_end(alf_span text, size_t domain)
{
    size_t end = 0;
    size_t run = 0; /* word characters since the last dot or dash */
    bool after_dot = false;
    for (size_t at = domain, size; (size = word_or_at(text, at, ".-")) > 0; at += size) {
        char c = text.data[at];
        if (c == '.' || c == '-') {
            after_dot = c == '.' && at > domain;
            run = 0;
        } else if (++run >= 2 && after_dot)
            end = at + size;
    }
    return end;
}

/* [\w.%+-]+ must reach the @, so a match starts at the first boundary in the run before one. */
bool pattern_email(alf_span text, size_t from, size_t *start, size_t *end)
{
    for (size_t sign = find_byte(text, from, '@'); sign < text.size;
         sign = find_byte(text, sign + 1, '@')) {
        size_t finish = email_end(text, sign + 1);
        if (finish == 0)
            continue;
        size_t first = sign;
        while (first > from) {
            size_t before = step_back(text, first);
            if (word_or_at(text, before, ".%+-") == 0)
                break;
            first = before;
        }
        while (first < sign && !boundary_at(text, first))
            first += word_or_at(text, first, ".%+-");
        if (first < sign) {
            *start = first;
            *end = finish;
            return true;
        }
    }
    return false;
}

static bool is_mac(const char *p)
{
    for (size_t i = 0; i < 17; i++) {
        if (i % 3 == 2 ? p[i] != ':' : !is_hex(p[i]))
            return false;
    }
    return true;
}

bool pattern_mac(alf_span text, size_t from, size_t *start, size_t *end)
{
    for (size_t colon = find_byte(text, from, ':'); colon < text.size;
         colon = find_byte(text, colon + 1, ':')) {
        if (colon - from < 2 || text.size - colon < 15)
            continue;
        size_t first = colon - 2;
        if (is_mac(text.data + first) && !word_before(text, first) &&
            word_at(text, first + 17) == 0) {
            *start = first;
            *end = first + 17;
            return true;
        }
    }
    return false;
}

/* Exactly `count` hexadecimal digits that are a whole word. */
static bool find_hash(alf_span text, size_t from, size_t count, size_t *start, size_t *end)
{
    size_t at = from;
    while (text.size - at >= count) {
        if (!is_hex(text.data[at])) {
            at++;
            continue;
        }
        size_t stop = skip_hex(text, at);
        if (stop - at == count && !word_before(text, at) && word_at(text, stop) == 0) {
            *start = at;
            *end = stop;
            return true;
        }
        at = stop;
    }
    return false;
}

bool pattern_sha256(alf_span text, size_t from, size_t *start, size_t *end)
{
    return find_hash(text, from, 64, start, end);
}

bool pattern_sha1(alf_span text, size_t from, size_t *start, size_t *end)
{
    return find_hash(text, from, 40, start, end);
}

bool pattern_md5(alf_span text, size_t from, size_t *start, size_t *end)
{
    return find_hash(text, from, 32, start, end);
}

/* The class holds the slash itself: a match is a slash and the whole run of the class after it. */
bool pattern_path(alf_span text, size_t from, size_t *start, size_t *end)
{
    for (size_t slash = find_byte(text, from, '/'); slash < text.size;
         slash = find_byte(text, slash + 1, '/')) {
        size_t at = slash + 1;
        for (size_t size = word_or_at(text, at, "-./"); size > 0;
             size = word_or_at(text, at, "-./"))
            at += size;
        if (at > slash + 1) {
            *start = slash;
            *end = at;
            return true;
        }
    }
    return false;
}

/* The class holds letters but no colon: the first part takes its whole run, behind which no letter
 * can begin a second part. */
bool pattern_windows_path(alf_span text, size_t from, size_t *start, size_t *end)
{
    for (size_t colon = find_byte(text, from, ':'); colon < text.size;
         colon = find_byte(text, colon + 1, ':')) {
        if (colon == from || (class_of(text.data[colon - 1]) & (WORD | DIGIT)) != WORD ||
            text.data[colon - 1] == '_' || colon + 1 >= text.size || text.data[colon + 1] != '\\')
            continue;
        size_t at = colon + 2;
        for (size_t size = word_or_at(text, at, "-\\./"); size > 0;
             size = word_or_at(text, at, "-\\./"))
            at += size;
        if (at > colon + 2) {
            *start = colon - 1;
            *end = at;
            return true;
        }
    }
    return false;
}

/* A match is a whole run of digits; inside a run there is no boundary. */
bool pattern_long_number(alf_span text, size_t from, size_t *start, size_t *end)
{
    size_t at = from;
    while (at < text.size) {
        if ((class_of(text.data[at]) & (DIGIT | NOT_ASCII)) == 0) {
            at++;
            continue;
        }
        size_t first = at;
        size_t count = 0;
        for (size_t size = digit_at(text, at); size > 0; size = digit_at(text, at)) {
            at += size;
            count++;
        }
        if (count >= 5 && !word_before(text, first) && word_at(text, at) == 0) {
            *start = first;
            *end = at;
            return true;
        }
        if (count == 0) {
            size_t size;
            (void)code_point_at(text, at, &size);
            at += size;
        }
    }
    return false;
}

bool pattern_has_word_path(alf_span text)
{
    for (size_t slash = find_byte(text, 0, '/'); slash < text.size;) {
        size_t at = slash + 1;
        for (size_t size = word_at(text, at); size > 0; size = word_at(text, at))
            at += size;
        if (at > slash + 1 && at < text.size && text.data[at] == '/')
            return true;
        slash = find_byte(text, at, '/');
    }
    return false;
}

/* Whether the text from `at` on is `word` in any case, and then no word character. Python's
 * IGNORECASE also takes the dotted capital and the dotless small i for an i. */
static bool keyword_at(alf_span text, size_t at, const char *word)
{
    for (; *word != '\0'; word++) {
        if (at >= text.size)
            return false;
        char c = text.data[at];
        if ((c | 0x20) == *word && (uint8_t)c < 0x80)
            at++;
        else if (*word == 'i' && text.size - at >= 2 &&
                 (memcmp(text.data + at, "\xC4\xB0", 2) == 0 ||
                  memcmp(text.data + at, "\xC4\xB1", 2) == 0))
            at += 2;
        else
            return false;
    }
    return word_at(text, at) == 0;
}

bool pattern_has_keyword(alf_span text, bool with_critical)
{
    for (size_t at = 0; at < text.size; at++) {
        const char *word;
        switch (text.data[at] | 0x20) {
        case 'e':
            word = at + 1 < text.size && (text.data[at + 1] | 0x20) == 'x' ? "exception" : "error";
            break;
        case 'f':
            word = "fail";
            break;
        case 'c':
            word = "critical";
            break;
        default:
            continue;
        }
        if ((*word != 'c' || with_critical) && !word_before(text, at) && keyword_at(text, at, word))
            return true;
    }
    return false;
}
