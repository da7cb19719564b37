/*
 * UTF-8 and the Unicode classes as Python's str and re use them.
 *
 * Categories, bidirectional classes and simple case mappings come from utf8proc. The tables here
 * hold the properties it lacks: Numeric_Type=Digit beyond Nd, Other_Uppercase, Other_Lowercase
 * (only characters that are not case-ignorable) and the Word_Break part of Case_Ignorable.
 * tests/unit/base/test_unicode.c compares every code point with CPython (Unicode 15.0).
 */
#include "base/unicode.h"

#include <string.h>
#include <utf8proc.h>

typedef struct range {
    uint32_t first;
    uint32_t last;
} range;

/* Numeric_Type=Digit: superscripts, circled digits and the like. */
static const range other_digits[] = {
    {0xB2, 0xB3},       {0xB9, 0xB9},       {0x1369, 0x1371},   {0x19DA, 0x19DA},
    {0x2070, 0x2070},   {0x2074, 0x2079},   {0x2080, 0x2089},   {0x2460, 0x2468},
    {0x2474, 0x247C},   {0x2488, 0x2490},   {0x24EA, 0x24EA},   {0x24F5, 0x24FD},
    {0x24FF, 0x24FF},   {0x2776, 0x277E},   {0x2780, 0x2788},   {0x278A, 0x2792},
    {0x10A40, 0x10A43}, {0x10E60, 0x10E68}, {0x11052, 0x1105A}, {0x1F100, 0x1F10A},
};

/* Other_Uppercase. */
static const range other_upper[] = {
    {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189},
};

/* Other_Lowercase that is not also Case_Ignorable. */
static const range other_lower[] = {
    {0xAA, 0xAA},
    {0xBA, 0xBA},
    {0x2170, 0x217F},
    {0x24D0, 0x24E9},
};

/* Word_Break = MidLetter, MidNumLet or Single_Quote. */
static const range word_break_middle[] = {
    {0x27, 0x27},     {0x2E, 0x2E},     {0x3A, 0x3A},     {0xB7, 0xB7},
    {0x387, 0x387},   {0x55F, 0x55F},   {0x5F4, 0x5F4},   {0x2018, 0x2019},
    {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52},
    {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A},
};

enum {
    CLASS_ALPHA = 1,
    CLASS_DECIMAL = 2,
    CLASS_UPPER = 4,
    CLASS_SPACE = 8,
    CLASS_WORD = 16,
};

/* The classes of ASCII. Python's white space includes the separators 0x1C to 0x1F. */
static const uint8_t ascii_class[128] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  8,  8,  8,  8,  8,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  0,  0,  0,  0,  0,  8,  8,  8,  8,  8,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  0,  0,  0,  18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 0,  0,  0,  0,  0,  0,  0,  21,
    21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21, 21,
    21, 21, 21, 0,  0,  0,  0,  16, 0,  17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17,
    17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 0,  0,  0,  0,  0,
};

static bool in_ranges(const range *ranges, size_t count, uint32_t c)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && c >= ranges[low].first;
}

#define IN_RANGES(table, c) in_ranges((table), sizeof(table) / sizeof((table)[0]), (c))

static const utf8proc_property_t *property(uint32_t c)
{
    return utf8proc_get_property(c > 0x10FFFF ? -1 : (utf8proc_int32_t)c);
}

static bool is_letter(utf8proc_propval_t category)
{
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

static bool is_number(utf8proc_propval_t category)
{
    return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool unicode_is_decimal(uint32_t c)
{
    if (c < 128)
        return (ascii_class[c] & CLASS_DECIMAL) != 0;
    return property(c)->category == UTF8PROC_CATEGORY_ND;
}

bool unicode_is_digit(uint32_t c)
{
    return unicode_is_decimal(c) || (c >= 128 && IN_RANGES(other_digits, c));
}

bool unicode_is_alnum(uint32_t c)
{
    if (c < 128)
        return (ascii_class[c] & (CLASS_ALPHA | CLASS_DECIMAL)) != 0;
    utf8proc_propval_t category = property(c)->category;
    return is_letter(category) || is_number(category);
}

bool unicode_is_upper(uint32_t c)
{
    if (c < 128)
        return (ascii_class[c] & CLASS_UPPER) != 0;
    return property(c)->category == UTF8PROC_CATEGORY_LU || IN_RANGES(other_upper, c);
}

bool unicode_is_space(uint32_t c)
{
    if (c < 128)
        return (ascii_class[c] & CLASS_SPACE) != 0;
    const utf8proc_property_t *p = property(c);
    return p->category == UTF8PROC_CATEGORY_ZS || p->bidi_class == UTF8PROC_BIDI_CLASS_WS ||
           p->bidi_class == UTF8PROC_BIDI_CLASS_B || p->bidi_class == UTF8PROC_BIDI_CLASS_S;
}

bool unicode_is_word(uint32_t c)
{
    if (c < 128)
        return (ascii_class[c] & CLASS_WORD) != 0;
    return unicode_is_alnum(c);
}

/* How many bytes follow this lead byte, and the range of the first of them; -1: not a lead byte.
 * The narrower ranges keep out overlong forms, surrogates and anything above U+10FFFF. */
static int sequence_tail(uint8_t lead, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 1;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xE0)
            *low = 0xA0;
        if (lead == 0xED)
            *high = 0x9F;
        return 2;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (lead == 0xF0)
            *low = 0x90;
        if (lead == 0xF4)
            *high = 0x8F;
        return 3;
    }
    return -1;
}

/* As unicode_next for a byte >= 0x80; *valid tells a real U+FFFD from a replaced one. */
static uint32_t decode(const char **p, const char *end, bool *valid)
{
    const uint8_t *at = (const uint8_t *)*p;
    uint8_t lead = *at++;
    uint8_t low;
    uint8_t high;
    int tail = sequence_tail(lead, &low, &high);
    uint32_t c = tail < 0 ? 0 : lead & (0x3FU >> tail);
    int seen = 0;
    while (seen < tail && at < (const uint8_t *)end && *at >= low && *at <= high) {
        c = c << 6 | (*at++ & 0x3FU);
        low = 0x80;
        high = 0xBF;
        seen++;
    }
    *p = (const char *)at;
    *valid = seen == tail;
    return *valid ? c : UNICODE_REPLACEMENT;
}

uint32_t unicode_next(const char **p, const char *end)
{
    uint8_t lead = (uint8_t)(**p);
    if (lead < 0x80) {
        (*p)++;
        return lead;
    }
    bool valid;
    return decode(p, end, &valid);
}

size_t unicode_put(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if ((c >= 0xD800 && c < 0xE000) || c > 0x10FFFF)
        c = UNICODE_REPLACEMENT;
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* The first byte from p on that is not ASCII, or end; eight bytes at a time. */
static const char *skip_ascii(const char *p, const char *end)
{
    while ((size_t)(end - p) >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
        p += 8;
    }
    while (p < end && (uint8_t)*p < 0x80)
        p++;
    return p;
}

bool unicode_is_valid(alf_span text)
{
    if (text.size == 0)
        return true;
    const char *end = text.data + text.size;
    const char *p = skip_ascii(text.data, end);
    while (p < end) {
        bool valid;
        (void)decode(&p, end, &valid);
        if (!valid)
            return false;
        p = skip_ascii(p, end);
    }
    return true;
}

size_t unicode_length(alf_span text)
{
    if (text.size == 0)
        return 0;
    size_t length = 0;
    const char *end = text.data + text.size;
    for (const char *p = text.data; p < end; length++) {
        const char *next = skip_ascii(p, end);
        length += (size_t)(next - p);
        if (next == end)
            break;
        bool valid;
        (void)decode(&next, end, &valid);
        p = next;
    }
    return length;
}

static bool is_case_ignorable(uint32_t c)
{
    if (c < 128) /* ' . : of the word-break table, and the modifier symbols ^ and ` */
        return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`';
    switch (property(c)->category) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return IN_RANGES(word_break_middle, c);
    }
}

static bool is_cased(uint32_t c)
{
    if (c < 128)
        return (ascii_class[c] & CLASS_ALPHA) != 0;
    utf8proc_propval_t category = property(c)->category;
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LT) ||
           IN_RANGES(other_upper, c) || IN_RANGES(other_lower, c);
}

/* Whether the first character that is not case-ignorable is cased. */
static bool cased_follows(const char *p, const char *end)
{
    while (p < end) {
        uint32_t c = unicode_next(&p, end);
        if (!is_case_ignorable(c))
            return is_cased(c);
    }
    return false;
}

static void append_code_point(buf *out, uint32_t c)
{
    char *to = buf_reserve(out, 4);
    if (to != NULL)
        out->size += unicode_put(c, to);
}

static void lower_ascii(const char *p, size_t size, buf *out)
{
    char *to = buf_reserve(out, size);
    if (to == NULL || size == 0)
        return;
    for (size_t i = 0; i < size; i++)
        to[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + ('a' - 'A') : p[i]);
    out->size += size;
}

void unicode_lower(alf_span text, buf *out)
{
    enum { CAPITAL_SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2, CAPITAL_I_DOT = 0x130, DOT_ABOVE = 0x307 };
    if (text.size == 0)
        return;
    const char *end = text.data + text.size;
    const char *p = text.data;
    bool after_cased = false; /* the last character that is not case-ignorable was cased */
    while (p < end && !out->failed) {
        const char *next = skip_ascii(p, end);
        lower_ascii(p, (size_t)(next - p), out);
        for (const char *q = next; q > p; q--) {
            uint32_t before = (uint8_t)q[-1];
            if (!is_case_ignorable(before)) {
                after_cased = is_cased(before);
                break;
            }
        }
        p = next;
        if (p == end)
            break;
        uint32_t c = unicode_next(&p, end);
        if (c == CAPITAL_SIGMA && after_cased && !cased_follows(p, end))
            append_code_point(out, FINAL_SIGMA);
        else
            append_code_point(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
        if (c == CAPITAL_I_DOT) /* utf8proc has given the i */
            append_code_point(out, DOT_ABOVE);
        if (!is_case_ignorable(c))
            after_cased = is_cased(c);
    }
}
