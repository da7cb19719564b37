/*
 * Tokens of a text. In an ASCII text the marks of its characters say where tokens begin and end:
 * where a mark differs from the one before. Reading them costs a step per token, not per character.
 */
#include "engine/text_tokens.h"

#include "base/span.h"
#include "base/unicode.h"

#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { BLOCK = 64 };

void text_room_init(text_room *r)
{
    buf_init(&r->text);
    buf_init(&r->marks);
}

void text_room_fini(text_room *r)
{
    buf_fini(&r->text);
    buf_fini(&r->marks);
}

/* Ranges of the set as it meets lower-cased text; capitals need none there. */
void text_tokens_set_ranges(text_tokens *t)
{
    t->range_count = 0;
    for (unsigned c = 0; c < 128; c++) {
        unsigned last = c;
        if (!t->set.ascii[c])
            continue;
        while (last + 1 < 128 && t->set.ascii[last + 1])
            last++;
        if (!(t->lowercase && c >= 'A' && last <= 'Z')) {
            if (t->range_count < TEXT_MOST_RANGES) {
                memset(t->first[t->range_count], (int)c, sizeof t->first[0]);
                memset(t->span[t->range_count], (int)(last - c), sizeof t->span[0]);
            }
            t->range_count++;
            if (t->range_count > TEXT_MOST_RANGES)
                return;
        }
        c = last;
    }
}

/* ---- marks ---- */

/* One block: its lower-case copy and its marks. Gives whether all of it is ASCII. */
static bool mark_plain(const text_tokens *t, const char *from, char *to, uint64_t *marks)
{
    unsigned char all = 0;
    uint64_t found = 0;
    for (unsigned i = 0; i < BLOCK; i++) {
        unsigned char c = (unsigned char)from[i];
        all |= c;
        if (t->lowercase && c >= 'A' && c <= 'Z')
            c = (unsigned char)(c + ('a' - 'A'));
        to[i] = (char)c;
        found |= (uint64_t)t->set.ascii[c & 127] << i;
    }
    *marks = found;
    return all < 128;
}

#if defined(__SSE2__)
static __m128i load16(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

static bool mark_ranges(const text_tokens *t, const char *from, char *to, uint64_t *marks)
{
    const __m128i before_a = _mm_set1_epi8('A' - 1), behind_z = _mm_set1_epi8('Z' + 1);
    const __m128i bit = _mm_set1_epi8(t->lowercase ? 'a' - 'A' : 0);
    uint64_t found = 0;
    int high = 0;
    for (unsigned i = 0; i < BLOCK; i += 16) {
        __m128i c = load16(from + i);
        __m128i capital = _mm_and_si128(_mm_cmpgt_epi8(c, before_a), _mm_cmplt_epi8(c, behind_z));
        __m128i in = _mm_setzero_si128();
        high |= _mm_movemask_epi8(c);
        c = _mm_or_si128(c, _mm_and_si128(capital, bit));
        _mm_storeu_si128((__m128i *)(void *)(to + i), c);
        for (unsigned r = 0; r < t->range_count; r++) {
            __m128i above = _mm_sub_epi8(c, load16(t->first[r]));
            in = _mm_or_si128(in, _mm_cmpeq_epi8(above, _mm_min_epu8(above, load16(t->span[r]))));
        }
        found |= (uint64_t)(unsigned)_mm_movemask_epi8(in) << i;
    }
    *marks = found;
    return high == 0;
}
#endif

static bool mark_block(const text_tokens *t, const char *from, char *to, uint64_t *marks)
{
#if defined(__SSE2__)
    if (t->range_count <= TEXT_MOST_RANGES)
        return mark_ranges(t, from, to, marks);
#endif
    return mark_plain(t, from, to, marks);
}

/* The text's copy and marks in the room; false: it is not ASCII. */
static bool mark_text(const text_tokens *t, alf_span text, char *to, uint64_t *marks)
{
    size_t whole = text.size / BLOCK * BLOCK, rest = text.size - whole;
    for (size_t at = 0; at < whole; at += BLOCK)
        if (!mark_block(t, text.data + at, to + at, marks++))
            return false;
    if (rest == 0)
        return true;
    char last[BLOCK] = {0};
    memcpy(last, text.data + whole, rest);
    bool ascii = mark_block(t, last, to + whole, marks);
    *marks &= (UINT64_C(1) << rest) - 1;
    return ascii;
}

/* ---- tokens ---- */

static bool is_outside(const text_tokens *t, alf_span token)
{
    const char *at = token.data;
    alf_span found;
    return text_set_next(&t->outside, &at, token.data + token.size, &found);
}

static inline void count_token(const text_tokens *t, ngram_counter *counter, const char *token,
                               size_t size)
{
    if (t->drops && is_outside(t, span_of(token, size)))
        return;
    const text_token *found = text_vocabulary_find(&t->vocabulary, token, size);
    if (found == NULL)
        ngram_break(counter);
    else if (found->number != TOKEN_DROPPED)
        ngram_token(&t->ngrams, counter, found->number);
}

static void count_marked(const text_tokens *t, ngram_counter *counter, const char *text,
                         size_t size, const uint64_t *marks)
{
    size_t begin = 0, least = t->set.min_length;
    uint64_t before = 0; /* the mark before the block: 1 within a token */
    for (size_t at = 0; at < size; at += BLOCK) {
        uint64_t mark = *marks++, edges = mark ^ (mark << 1 | before);
        if (before != 0 && edges != 0) {
            size_t end = at + (size_t)__builtin_ctzll(edges);
            edges &= edges - 1;
            if (end - begin >= least)
                count_token(t, counter, text + begin, end - begin);
        }
        while (edges != 0) {
            begin = at + (size_t)__builtin_ctzll(edges);
            edges &= edges - 1;
            if (edges == 0)
                break;
            size_t end = at + (size_t)__builtin_ctzll(edges);
            edges &= edges - 1;
            if (end - begin >= least)
                count_token(t, counter, text + begin, end - begin);
        }
        before = mark >> 63;
    }
    if (before != 0 && size - begin >= least)
        count_token(t, counter, text + begin, size - begin);
}

/* Any text. Without lower-casing the bytes stay as they are: invalid ones part tokens. */
static alf_status count_wide(const text_tokens *t, text_room *room, ngram_counter *counter,
                             alf_span text, alf_error *err)
{
    alf_span token;
    buf_clear(&room->text);
    if (t->lowercase)
        unicode_lower(text, &room->text);
    else
        buf_append_span(&room->text, text);
    if (buf_reserve(&room->text, TEXT_PADDING) == NULL)
        return buf_status(&room->text, err);
    const char *at = room->text.data, *end = at + room->text.size;
    memset(room->text.data + room->text.size, 0, TEXT_PADDING);
    while (text_set_next(&t->set, &at, end, &token))
        count_token(t, counter, token.data, token.size);
    return ALF_OK;
}

alf_status text_tokens_count(const text_tokens *t, text_room *room, ngram_counter *counter,
                             alf_span text, alf_error *err)
{
    size_t blocks = text.size / BLOCK + 1;
    buf_clear(&room->text);
    buf_clear(&room->marks);
    char *copy = buf_reserve(&room->text, blocks * BLOCK + TEXT_PADDING);
    uint64_t *marks = (uint64_t *)(void *)buf_reserve(&room->marks, blocks * sizeof *marks);
    if (copy == NULL || marks == NULL)
        return error_nomem(err, "a text");
    if (!mark_text(t, text, copy, marks))
        return count_wide(t, room, counter, text, err);
    count_marked(t, counter, copy, text.size, marks);
    return ALF_OK;
}
