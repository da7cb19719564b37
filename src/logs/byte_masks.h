/*
 * 64 bytes at a time as bit masks: bit i tells of byte i. With SSE2, which every x86-64 has, or
 * from a table of classes, eight bytes at a time. Internal to logs.
 */
#ifndef ALF_LOGS_BYTE_MASKS_H
#define ALF_LOGS_BYTE_MASKS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Their many results would go through memory in a call. */
#define MASKS_INLINE static inline __attribute__((always_inline))

/* What the patterns look for. */
typedef struct place_masks {
    uint64_t digit, dot, dash, slash, x; /* x: the small letter */
    uint64_t space;                      /* ' ' */
    uint64_t other_space;                /* white space that is not ' ' */
    uint64_t high;                       /* not ASCII */
} place_masks;

/* What the features count, and where a keyword may begin. */
typedef struct count_masks {
    uint64_t digit, alnum, word, space, dot;
    uint64_t upper;
    uint64_t initial; /* C, E or F in any case */
    uint64_t high;    /* not ASCII */
} count_masks;

/* ALF_PORTABLE: build without it all the same. */
#if defined(__SSE2__) && !defined(ALF_PORTABLE)
#define MASKS_SSE2
#include <emmintrin.h>

typedef struct masks_block {
    __m128i part[4];
} masks_block;

static inline masks_block masks_load(const char *p)
{
    masks_block b;
    for (size_t i = 0; i < 4; i++)
        b.part[i] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
    return b;
}

static inline uint64_t masks_join(const __m128i *part)
{
    uint64_t bits = 0;
    for (int i = 0; i < 4; i++)
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(part[i]) << (16 * i);
    return bits;
}

static inline uint64_t masks_equal(const masks_block *b, char c)
{
    __m128i found[4];
    for (int i = 0; i < 4; i++)
        found[i] = _mm_cmpeq_epi8(b->part[i], _mm_set1_epi8(c));
    return masks_join(found);
}

/* low <= byte <= low + range, as unsigned bytes. */
static inline uint64_t masks_range(const masks_block *b, char low, char range)
{
    __m128i found[4];
    for (int i = 0; i < 4; i++) {
        __m128i offset = _mm_sub_epi8(b->part[i], _mm_set1_epi8(low));
        found[i] = _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(range)), offset);
    }
    return masks_join(found);
}

static inline masks_block masks_lower(const masks_block *b)
{
    masks_block lower;
    for (int i = 0; i < 4; i++)
        lower.part[i] = _mm_or_si128(b->part[i], _mm_set1_epi8(0x20));
    return lower;
}

MASKS_INLINE place_masks masks_places(const char *p)
{
    masks_block b = masks_load(p);
    return (place_masks){.digit = masks_range(&b, '0', 9),
                         .dot = masks_equal(&b, '.'),
                         .dash = masks_equal(&b, '-'),
                         .slash = masks_equal(&b, '/'),
                         .x = masks_equal(&b, 'x'),
                         .space = masks_equal(&b, ' '),
                         .other_space = masks_range(&b, 0x09, 4) | masks_range(&b, 0x1C, 3),
                         .high = masks_join(b.part)};
}

MASKS_INLINE count_masks masks_counts(const char *p)
{
    masks_block b = masks_load(p);
    masks_block lower = masks_lower(&b);
    uint64_t digit = masks_range(&b, '0', 9);
    uint64_t letter = masks_range(&lower, 'a', 25);
    return (count_masks){.digit = digit,
                         .alnum = digit | letter,
                         .word = digit | letter | masks_equal(&b, '_'),
                         .space = masks_range(&b, 0x09, 4) | masks_range(&b, 0x1C, 4),
                         .dot = masks_equal(&b, '.'),
                         .upper = masks_range(&b, 'A', 25),
                         .initial = masks_range(&lower, 'e', 1) | masks_equal(&lower, 'c'),
                         .high = masks_join(b.part)};
}

/* Sixteen bytes to lower case; reads and writes all sixteen. */
static inline void masks_lower_16(char *to, const char *from)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m128i offset = _mm_sub_epi8(v, _mm_set1_epi8('A'));
    __m128i upper = _mm_cmpeq_epi8(_mm_min_epu8(offset, _mm_set1_epi8(25)), offset);
    v = _mm_or_si128(v, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
    _mm_storeu_si128((__m128i *)(void *)to, v);
}

#else

/* One bit per member, in their order. */
extern const uint8_t masks_place_class[256];
extern const uint8_t masks_count_class[256];

/* Bit `bit` of each of eight class bytes, as eight bits. */
static inline uint64_t masks_gather(uint64_t classes, int bit)
{
    return ((classes >> bit & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56;
}

static inline uint64_t masks_classes(const char *p, const uint8_t *table)
{
    uint64_t classes = 0;
    for (int i = 0; i < 8; i++)
        classes |= (uint64_t)table[(uint8_t)p[i]] << (8 * i);
    return classes;
}

MASKS_INLINE place_masks masks_places(const char *p)
{
    place_masks m = {0};
    for (int i = 0; i < 64; i += 8) {
        uint64_t c = masks_classes(p + i, masks_place_class);
        m.digit |= masks_gather(c, 0) << i;
        m.dot |= masks_gather(c, 1) << i;
        m.dash |= masks_gather(c, 2) << i;
        m.slash |= masks_gather(c, 3) << i;
        m.x |= masks_gather(c, 4) << i;
        m.space |= masks_gather(c, 5) << i;
        m.other_space |= masks_gather(c, 6) << i;
        m.high |= masks_gather(c, 7) << i;
    }
    return m;
}

MASKS_INLINE count_masks masks_counts(const char *p)
{
    count_masks m = {0};
    for (int i = 0; i < 64; i += 8) {
        uint64_t c = masks_classes(p + i, masks_count_class);
        m.digit |= masks_gather(c, 0) << i;
        m.alnum |= masks_gather(c, 1) << i;
        m.word |= masks_gather(c, 2) << i;
        m.space |= masks_gather(c, 3) << i;
        m.dot |= masks_gather(c, 4) << i;
        m.upper |= masks_gather(c, 5) << i;
        m.initial |= masks_gather(c, 6) << i;
        m.high |= masks_gather(c, 7) << i;
    }
    return m;
}

static inline void masks_lower_16(char *to, const char *from)
{
    for (int i = 0; i < 16; i++)
        to[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] + ('a' - 'A') : from[i]);
}

#endif
#endif
