/*
 * The profiles for messages that are ASCII and not long: the same answers as normalise.c and
 * features.c, which stay the reference, from two looks at the text and no heap.
 *
 * The message is copied to the stack, and one pass makes bit masks of where its digits, dots,
 * dashes, slashes and x stand, from which the places where a pattern can match are computed. Each
 * step of the profile then tries its pattern at its places only. What a step finds is struck out in
 * the copy: its first byte becomes 0x80 and the number of the placeholder, the others 0xFF. To all
 * later steps such bytes are what a placeholder is: no part of any pattern, and no word character
 * at either end. So nothing is moved until all steps are done; then the text is written once, in
 * lower case, with the placeholders.
 *
 * Places are computed before anything is struck out. Striking out only takes bytes away, so every
 * later match is at one of them.
 */
#include "logs/normalise_ascii.h"

#include "base/cpu.h"
#include "logs/byte_masks.h"
#include "logs/patterns.h"

#include <string.h>

enum { LONGEST = 2048, BLOCK = 64, BLOCKS = LONGEST / BLOCK, STRUCK = 0xFF };

/* Classes of bytes. PATH: what a path goes on with. */
enum { DIGIT = 1, HEX = 2, WORD = 4, PATH = 8, SPACE = 16, ALNUM = 32 };

static const uint8_t byte_class[256] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  16, 16, 16, 16, 16, 0,  0,  0,  0,  0,  0,  0,  0,
    0,  0,  0,  0,  0,  0,  16, 16, 16, 16, 16, 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
    0,  8,  8,  8,  47, 47, 47, 47, 47, 47, 47, 47, 47, 47, 0,  0,  0,  0,  0,  0,  0,  46,
    46, 46, 46, 46, 46, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44,
    44, 44, 44, 0,  0,  0,  0,  12, 0,  46, 46, 46, 46, 46, 46, 44, 44, 44, 44, 44, 44, 44,
    44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 44, 0,  0,  0,  0,  0,
};

typedef enum placeholder {
    TO_IP,
    TO_TIMESTAMP,
    TO_HEX,
    TO_UUID,
    TO_EMAIL,
    TO_MAC,
    TO_HASH,
    TO_PATH,
    TO_LONG_NUMBER
} placeholder;

enum { PLACEHOLDER = 16 }; /* bytes of the longest, rounded up: all are copied with as many */

static const char placeholders[][PLACEHOLDER] = {
    [TO_IP] = "<ip>",     [TO_TIMESTAMP] = "<timestamp>", [TO_HEX] = "<hex>",
    [TO_UUID] = "<uuid>", [TO_EMAIL] = "<email>",         [TO_MAC] = "<mac>",
    [TO_HASH] = "<hash>", [TO_PATH] = "<path>",           [TO_LONG_NUMBER] = "<longnum>",
};

static const uint8_t placeholder_size[] = {
    [TO_IP] = 4,  [TO_TIMESTAMP] = 11, [TO_HEX] = 5,  [TO_UUID] = 6,        [TO_EMAIL] = 7,
    [TO_MAC] = 5, [TO_HASH] = 6,       [TO_PATH] = 6, [TO_LONG_NUMBER] = 9,
};

typedef uint64_t bits[BLOCKS + 1]; /* bit i of word k: byte k * 64 + i; the last word is 0 */

typedef struct scan {
    size_t size, blocks;
    bool even_space; /* all white space is single spaces, none at the ends */
    bits digit, dot, dash, slash, x;
    bits struck;                /* where a placeholder goes */
    char text[LONGEST + BLOCK]; /* 0 behind size */
} scan;

static bool is(char c, unsigned class)
{
    return (byte_class[(uint8_t)c] & class) != 0;
}

/* Bit i: whether byte i - 1 has its bit in m. */
static uint64_t before(const uint64_t *m, size_t block)
{
    return m[block] << 1 | (block > 0 ? m[block - 1] >> 63 : 0);
}

/* Bit i: whether byte i + distance (1 to 63) has its bit in m. */
static uint64_t ahead(const uint64_t *m, size_t block, int distance)
{
    return m[block] >> distance | m[block + 1] << (64 - distance);
}

/* ---- the first look ---- */

/* false: not ASCII. */
static bool look(scan *s, alf_span message)
{
    s->size = message.size;
    s->blocks = (s->size + BLOCK - 1) / BLOCK;
    memset(s->text + s->size / BLOCK * BLOCK, 0, BLOCK);
    if (s->size > 0)
        memcpy(s->text, message.data, s->size);
    uint64_t uneven = 0;
    uint64_t last = 1; /* what stands before the text counts as white space */
    uint64_t high = 0;
    for (size_t i = 0; i < s->blocks; i++) {
        place_masks m = masks_places(s->text + i * BLOCK);
        s->digit[i] = m.digit;
        s->dot[i] = m.dot;
        s->dash[i] = m.dash;
        s->slash[i] = m.slash;
        s->x[i] = m.x;
        s->struck[i] = 0;
        uneven |= m.other_space | (m.space & (m.space << 1 | last));
        last = m.space >> 63;
        high |= m.high;
    }
    size_t end = s->blocks;
    s->digit[end] = s->dot[end] = s->dash[end] = s->slash[end] = s->x[end] = s->struck[end] = 0;
    s->even_space = uneven == 0 && (s->size == 0 || s->text[s->size - 1] != ' ');
    return high == 0;
}

/* ---- patterns: each tries one place; a match must not start before `from` ---- */

static bool try_ip(const char *text, size_t dot, size_t from, size_t *start, size_t *end)
{
    size_t at = dot;
    while (at > from && dot - at < 3 && is(text[at - 1], DIGIT))
        at--;
    if (at == dot || (at > 0 && is(text[at - 1], WORD)))
        return false;
    *start = at;
    at = dot;
    for (int group = 0; group < 3; group++) {
        if (text[at] != '.' || !is(text[at + 1], DIGIT))
            return false;
        at += 2;
        for (int i = 0; i < 2 && is(text[at], DIGIT); i++)
            at++;
    }
    *end = at;
    return !is(text[at], WORD);
}

/* dash: the first of the date. */
static bool try_timestamp(const char *text, size_t dash, size_t from, size_t *start, size_t *end)
{
    static const char form[] = "dddd-dd-dd dd:dd:dd";
    enum { SIZE = sizeof form - 1 };
    if (dash < from + 4)
        return false;
    const char *p = text + dash - 4;
    for (size_t i = 0; i < SIZE; i++) {
        bool fits = form[i] == 'd'   ? is(p[i], DIGIT)
                    : form[i] == ' ' ? p[i] == ' ' || p[i] == 'T'
                                     : p[i] == form[i];
        if (!fits)
            return false;
    }
    *start = dash - 4;
    *end = *start + SIZE;
    return true;
}

static size_t skip(const char *text, size_t at, unsigned class)
{
    while (is(text[at], class))
        at++;
    return at;
}

static size_t skip_zone(const char *text, size_t at)
{
    if (text[at] == 'Z')
        return at + 1;
    if ((text[at] != '+' && text[at] != '-') || !is(text[at + 1], DIGIT) ||
        !is(text[at + 2], DIGIT))
        return at;
    size_t minutes = at + 3 + (text[at + 3] == ':');
    return is(text[minutes], DIGIT) && is(text[minutes + 1], DIGIT) ? minutes + 2 : at;
}

static bool try_timestamp_zone(const char *text, size_t dash, size_t from, size_t *start,
                               size_t *end)
{
    if (!try_timestamp(text, dash, from, start, end))
        return false;
    size_t at = *end;
    if (text[at] == '.' && is(text[at + 1], DIGIT))
        at = skip(text, at + 1, DIGIT);
    *end = skip_zone(text, at);
    return true;
}

static bool try_hex(const char *text, size_t x, size_t from, size_t *start, size_t *end)
{
    if (x == from || text[x - 1] != '0' || !is(text[x + 1], HEX))
        return false;
    *start = x - 1;
    *end = skip(text, x + 1, HEX);
    return true;
}

/* dash: the first. */
static bool try_uuid(const char *text, size_t dash, size_t from, size_t *start, size_t *end)
{
    if (dash < from + 8)
        return false;
    const char *p = text + dash - 8;
    for (size_t i = 0; i < 36; i++) {
        bool at_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (at_dash ? p[i] != '-' : !is(p[i], HEX))
            return false;
    }
    *start = dash - 8;
    *end = dash + 28;
    return true;
}

static bool try_path(const char *text, size_t slash, size_t from, size_t *start, size_t *end)
{
    (void)from;
    if (text[slash] != '/' || !is(text[slash + 1], PATH))
        return false;
    *start = slash;
    *end = skip(text, slash + 1, PATH);
    return true;
}

/* Only a whole run of digits will do; the first place of a run is its first digit. */
static bool try_long_number(const char *text, size_t at, size_t from, size_t *start, size_t *end)
{
    (void)from;
    if (!is(text[at], DIGIT) || (at > 0 && is(text[at - 1], WORD)))
        return false;
    *start = at;
    *end = skip(text, at, DIGIT);
    return *end - at >= 5 && !is(text[*end], WORD);
}

/* ---- places: where in a block the patterns can match ---- */

static uint64_t ip_places(const scan *s, size_t block)
{
    return s->dot[block] & before(s->digit, block) & ahead(s->digit, block, 1);
}

static uint64_t timestamp_places(const scan *s, size_t block)
{
    return s->dash[block] & before(s->digit, block) & ahead(s->dash, block, 3);
}

static uint64_t hex_places(const scan *s, size_t block)
{
    return s->x[block] & before(s->digit, block);
}

static uint64_t uuid_places(const scan *s, size_t block)
{
    return s->dash[block] & ahead(s->dash, block, 5) & ahead(s->dash, block, 10) &
           ahead(s->dash, block, 15);
}

static uint64_t path_places(const scan *s, size_t block)
{
    return s->slash[block];
}

static uint64_t long_number_places(const scan *s, size_t block)
{
    const uint64_t *d = s->digit;
    return d[block] & ahead(d, block, 1) & ahead(d, block, 2) & ahead(d, block, 3) &
           ahead(d, block, 4);
}

/* ---- steps ---- */

static void strike(scan *s, size_t start, size_t end, placeholder with)
{
    memset(s->text + start, STRUCK, end - start);
    s->text[start] = (char)(0x80 | with);
    s->struck[start / BLOCK] |= UINT64_C(1) << (start % BLOCK);
}

typedef uint64_t find_places(const scan *s, size_t block);
typedef bool try_place(const char *text, size_t at, size_t from, size_t *start, size_t *end);

/* One substitution. Returns whether there was a match. */
static inline bool replace(scan *s, find_places *places, try_place *try, placeholder with)
{
    size_t from = 0;
    for (size_t block = 0; block < s->blocks; block++) {
        for (uint64_t left = places(s, block); left != 0; left &= left - 1) {
            size_t at = block * BLOCK + (size_t)__builtin_ctzll(left);
            size_t start;
            size_t end;
            if (at < from || !try(s->text, at, from, &start, &end))
                continue;
            strike(s, start, end, with);
            from = end;
        }
    }
    return from > 0;
}

/* The same with a scanner of the reference path, to which a byte that is struck out is a byte that
 * is not UTF-8: no word character and no part of a pattern. What it finds is struck out at the end,
 * for \b to see the text of before this step. false: too much found. */
static bool replace_found(scan *s, pattern_find *find, placeholder with)
{
    enum { MOST = 64 };
    size_t found[MOST][2];
    size_t count = 0;
    alf_span text = {s->text, s->size};
    for (size_t at = 0; find(text, at, &found[count][0], &found[count][1]);) {
        at = found[count][1];
        if (++count == MOST)
            return false;
    }
    for (size_t i = 0; i < count; i++)
        strike(s, found[i][0], found[i][1], with);
    return true;
}

/* Whether there may be 32 hexadecimal digits in a row: they hold four eighth places. */
static bool may_have_hash(const scan *s)
{
    int run = 0;
    for (size_t at = 0; at < s->size; at += 8) {
        run = is(s->text[at], HEX) ? run + 1 : 0;
        if (run == 4)
            return true;
    }
    return false;
}

/* The steps of the serving profile between UUID and path, and the one behind it. */
static bool replace_serving_only(scan *s)
{
    return replace_found(s, pattern_email, TO_EMAIL) && replace_found(s, pattern_mac, TO_MAC) &&
           (!may_have_hash(s) ||
            (replace_found(s, pattern_sha256, TO_HASH) && replace_found(s, pattern_sha1, TO_HASH) &&
             replace_found(s, pattern_md5, TO_HASH)));
}

/* All steps. *has_ip: the first found something. false: not for this path. */
static bool replace_all(scan *s, bool serving, bool *has_ip)
{
    *has_ip = replace(s, ip_places, try_ip, TO_IP);
    (void)replace(s, timestamp_places, serving ? try_timestamp_zone : try_timestamp, TO_TIMESTAMP);
    (void)replace(s, hex_places, try_hex, TO_HEX);
    (void)replace(s, uuid_places, try_uuid, TO_UUID);
    if (serving && !replace_serving_only(s))
        return false;
    (void)replace(s, path_places, try_path, TO_PATH);
    if (serving && !replace_found(s, pattern_windows_path, TO_PATH))
        return false;
    (void)replace(s, long_number_places, try_long_number, TO_LONG_NUMBER);
    return true;
}

/* ---- writing ---- */

/* Writes up to 15 bytes too many. */
static char *put_lower(char *to, const char *from, size_t size)
{
    for (size_t i = 0; i < size; i += 16)
        masks_lower_16(to + i, from + i);
    return to + size;
}

/* Writes up to 16 bytes too many; returns the size of the text. */
static size_t write_text(const scan *s, char *out)
{
    char *to = out;
    size_t from = 0;
    for (size_t block = 0; block < s->blocks; block++) {
        for (uint64_t left = s->struck[block]; left != 0; left &= left - 1) {
            size_t at = block * BLOCK + (size_t)__builtin_ctzll(left);
            to = put_lower(to, s->text + from, at - from);
            unsigned with = (uint8_t)s->text[at] & 0x7F;
            memcpy(to, placeholders[with], PLACEHOLDER);
            to += placeholder_size[with];
            for (from = at + 1; (uint8_t)s->text[from] == STRUCK; from++) {
            }
        }
    }
    to = put_lower(to, s->text + from, s->size - from);
    return (size_t)(to - out);
}

/* Makes one space of each run of white space and none at the ends. text: a block of 0 behind it.
 * Pieces move to the front; what has not been looked at yet stays. */
static size_t squeeze(char *text, size_t size)
{
    size_t to = 0;
    size_t from = 0;     /* of the piece that is to be moved */
    uint64_t before = 1; /* what stands before the text counts as white space */
    for (size_t block = 0; block < size; block += BLOCK) {
        place_masks m = masks_places(text + block);
        for (uint64_t left = m.other_space; left != 0; left &= left - 1)
            text[block + (size_t)__builtin_ctzll(left)] = ' ';
        uint64_t space = m.space | m.other_space;
        for (uint64_t left = space & (space << 1 | before); left != 0; left &= left - 1) {
            size_t at = block + (size_t)__builtin_ctzll(left);
            if (at > from)
                memmove(text + to, text + from, at - from);
            to += at - from;
            from = at + 1;
        }
        before = space >> 63;
    }
    memmove(text + to, text + from, size - from);
    to += size - from;
    return to > 0 && text[to - 1] == ' ' ? to - 1 : to;
}

/* The normalised text, with a block of 0 behind it. false: out of memory. */
static bool put_text(const scan *s, buf *out)
{
    buf_clear(out);
    /* No placeholder is longer than three times what it stands for. */
    char *to = buf_reserve(out, s->size * 3 + 2 * (size_t)BLOCK);
    if (to == NULL)
        return false;
    out->size = write_text(s, to);
    memset(to + out->size, 0, BLOCK);
    if (!s->even_space) {
        out->size = squeeze(to, out->size);
        memset(to + out->size, 0, BLOCK);
    }
    return true;
}

/* ---- features ---- */

typedef struct counts {
    size_t digits, alnum, spaces, words, upper;
    bool keyword, ip;
} counts;

/* Whether the word in small letters stands at p, in any case, and ends there. */
static bool word_at(const char *p, const char *word)
{
    for (; *word != '\0'; word++, p++)
        if ((*p | 0x20) != *word)
            return false;
    return !is(*p, WORD);
}

static bool keyword_at(const char *p, bool with_critical)
{
    switch (*p | 0x20) {
    case 'e':
        return word_at(p, (p[1] | 0x20) == 'x' ? "exception" : "error");
    case 'f':
        return word_at(p, "fail");
    default:
        return with_critical && word_at(p, "critical");
    }
}

MASKS_INLINE size_t ones(uint64_t mask)
{
    return (size_t)__builtin_popcountll(mask);
}

/* text: a block of 0 behind its size. look_for_ip: also for \b\d{1,3}(\.\d{1,3}){3}\b. */
MASKS_INLINE counts count_any(const char *text, size_t size, bool with_critical, bool look_for_ip)
{
    counts n = {0};
    count_masks last = {.space = UINT64_C(1) << 63};
    for (size_t at = 0; at < size; at += BLOCK) {
        count_masks m = masks_counts(text + at);
        uint64_t there = size - at >= BLOCK ? UINT64_MAX : (UINT64_C(1) << (size - at)) - 1;
        n.digits += ones(m.digit);
        n.alnum += ones(m.alnum);
        n.spaces += ones(m.space);
        n.words += ones(~m.space & there & (m.space << 1 | last.space >> 63));
        n.upper += ones(m.upper);
        uint64_t left = m.initial & ~(m.word << 1 | last.word >> 63);
        for (; left != 0 && !n.keyword; left &= left - 1)
            n.keyword = keyword_at(text + at + __builtin_ctzll(left), with_critical);
        left = look_for_ip ? m.dot & (m.digit << 1 | last.digit >> 63) : 0;
        for (; left != 0 && !n.ip; left &= left - 1) {
            size_t start;
            size_t end;
            n.ip = try_ip(text, at + (size_t)__builtin_ctzll(left), 0, &start, &end);
        }
        last = m;
    }
    return n;
}

#if defined(__x86_64__)
/* The same with the instruction that counts bits. */
CPU_TARGET_AVX2 static counts count_avx2(const char *text, size_t size, bool with_critical,
                                         bool look_for_ip)
{
    return count_any(text, size, with_critical, look_for_ip);
}
#endif

static counts count_text(const char *text, size_t size, bool with_critical, bool look_for_ip)
{
#if defined(__x86_64__)
    if (cpu_has(CPU_AVX2))
        return count_avx2(text, size, with_critical, look_for_ip);
#endif
    return count_any(text, size, with_critical, look_for_ip);
}

/* The second bytes of the runs of 64 bytes; *before: the word bytes of the 64 before them. */
MASKS_INLINE uint64_t second_bytes(const char *p, uint64_t *before)
{
    count_masks m = masks_counts(p);
    uint64_t word = m.word | m.high;
    uint64_t last = *before;
    *before = word;
    return word & (word << 1 | last >> 63) & ~(word << 2 | last >> 62);
}

MASKS_INLINE size_t words_any(alf_span text)
{
    size_t words = 0;
    uint64_t last = 0;
    size_t at = 0;
    for (; text.size - at >= BLOCK; at += BLOCK)
        words += ones(second_bytes(text.data + at, &last));
    if (at < text.size) {
        char rest[BLOCK] = {0};
        memcpy(rest, text.data + at, text.size - at);
        words += ones(second_bytes(rest, &last));
    }
    return words;
}

#if defined(__x86_64__)
CPU_TARGET_AVX2 static size_t words_avx2(alf_span text)
{
    return words_any(text);
}
#endif

size_t log_count_words(alf_span text)
{
#if defined(__x86_64__)
    if (cpu_has(CPU_AVX2))
        return words_avx2(text);
#endif
    return words_any(text);
}

static void put_features(const counts *n, size_t size, double eighth, double out[LOG_FEATURES])
{
    double length = size == 0 ? 1.0 : (double)size;
    out[0] = (double)size;
    out[1] = (double)n->words;
    out[2] = (double)n->digits / length;
    out[3] = (double)(size - n->alnum - n->spaces) / length;
    out[4] = (double)n->upper / length;
    out[5] = n->keyword ? 1.0 : 0.0;
    out[6] = n->ip ? 1.0 : 0.0;
    out[7] = eighth;
}

/* The eighth feature of the pipeline profile, a slash, a word and a slash, is always 0 here: the
 * path step leaves no slash that has a word character behind it, and no later step makes one. */
bool ascii_prepare(log_profile profile, alf_span message, int hour, buf *out,
                   double features[LOG_FEATURES])
{
    bool serving = profile == LOG_PROFILE_SERVING;
    bool has_ip;
    scan s;
    if (message.size > LONGEST || !look(&s, message))
        return false;
    counts n = {0};
    if (serving) /* of the raw text, before it is changed */
        n = count_text(s.text, s.size, true, false);
    if (!replace_all(&s, serving, &has_ip) || !put_text(&s, out))
        return false;
    if (serving) {
        n.ip = has_ip;
        put_features(&n, s.size, hour < 0 ? 0.0 : (double)hour, features);
    } else {
        n = count_text(out->data, out->size, false, true);
        put_features(&n, out->size, 0.0, features);
    }
    return true;
}
