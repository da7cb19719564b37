/*
 * The tokens of a vectorizer: bytes of a token -> its number. Open addressing; a token of up to 16
 * bytes is two words and is compared as such. A slot holds part of the hash, so that a token that
 * is not there seldom costs more than one look.
 *
 * Whoever looks up guarantees that 16 bytes from the token's start can be read.
 */
#ifndef ALF_ENGINE_TEXT_VOCABULARY_H
#define ALF_ENGINE_TEXT_VOCABULARY_H

#include "base/arena.h"
#include "base/error.h"

#include <string.h>

enum { TEXT_PADDING = 16, TOKEN_INLINE = 16 };

typedef struct text_token {
    uint64_t low, high; /* the bytes, filled up with zeros; a longer token: its hash and its size */
    uint32_t size, number;
    const char *text;
} text_token;

typedef struct text_slot {
    uint32_t tag;
    uint32_t index; /* of a token, from 1; 0: free */
} text_slot;

typedef struct text_vocabulary {
    text_slot *slots; /* capacity: a power of two */
    text_token *tokens;
    uint32_t count, mask;
    uint64_t seed;
} text_vocabulary;

/* Room for up to `most` tokens, in memory that outlives the vocabulary. seed: drawn by the caller,
 * so that a file cannot be made whose tokens collide. */
alf_status text_vocabulary_init(text_vocabulary *v, uint32_t most, uint64_t seed, arena *memory,
                                alf_error *err);
/* A token that is there keeps its number. The bytes are borrowed. */
void text_vocabulary_add(text_vocabulary *v, alf_span token, uint32_t number);

/* What is compared of a token: see text_token. */
void text_long_key(const char *token, size_t size, uint64_t seed, uint64_t *low, uint64_t *high);

static inline uint64_t text_fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The token's entry, or NULL. */
static inline const text_token *text_vocabulary_find(const text_vocabulary *v, const char *token,
                                                     size_t size)
{
    static const uint64_t masks[TOKEN_INLINE + 9] = {0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0,
                                                     0xFF,
                                                     0xFFFF,
                                                     0xFFFFFF,
                                                     0xFFFFFFFF,
                                                     0xFFFFFFFFFF,
                                                     0xFFFFFFFFFFFF,
                                                     0xFFFFFFFFFFFFFF,
                                                     UINT64_MAX,
                                                     UINT64_MAX,
                                                     UINT64_MAX,
                                                     UINT64_MAX,
                                                     UINT64_MAX,
                                                     UINT64_MAX,
                                                     UINT64_MAX,
                                                     UINT64_MAX,
                                                     UINT64_MAX};
    uint64_t low, high;
    if (size <= TOKEN_INLINE) {
        memcpy(&low, token, sizeof low);
        memcpy(&high, token + 8, sizeof high);
        low &= masks[size + 8];
        high &= masks[size];
    } else {
        text_long_key(token, size, v->seed, &low, &high);
    }
    uint64_t hash = text_fold(low ^ v->seed, high ^ UINT64_C(0x9E3779B97F4A7C15));
    uint32_t at = (uint32_t)hash & v->mask, tag = (uint32_t)(hash >> 32);
    for (;; at = (at + 1) & v->mask) {
        text_slot slot = v->slots[at];
        if (slot.index == 0)
            return NULL;
        if (slot.tag != tag)
            continue;
        const text_token *t = &v->tokens[slot.index - 1];
        if (t->low == low && t->high == high && t->size == size &&
            (size <= TOKEN_INLINE || memcmp(t->text, token, size) == 0))
            return t;
    }
}

#endif
