/* Building a vocabulary. The little-endian masks of the header hold on every machine that the
 * program is built for; text_vocabulary_init refuses others. */
#include "engine/text_vocabulary.h"

#include "base/hash.h"

void text_long_key(const char *token, size_t size, uint64_t seed, uint64_t *low, uint64_t *high)
{
    *low = hash_bytes(token, size, seed);
    *high = size;
}

alf_status text_vocabulary_init(text_vocabulary *v, uint32_t most, uint64_t seed, arena *memory,
                                alf_error *err)
{
    uint32_t capacity = 16;
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    if (first != 1 || most > (1U << 28))
        return error_set(err, ALF_E_UNSUPPORTED, "a vocabulary of %u tokens, or byte order",
                         (unsigned)most);
    while (capacity < most * 2)
        capacity *= 2;
    *v = (text_vocabulary){.seed = seed, .mask = capacity - 1};
    v->slots = arena_alloc(memory, capacity, sizeof *v->slots);
    v->tokens = arena_alloc(memory, most, sizeof *v->tokens);
    return v->slots == NULL || v->tokens == NULL ? error_nomem(err, "a vocabulary") : ALF_OK;
}

void text_vocabulary_add(text_vocabulary *v, alf_span token, uint32_t number)
{
    text_token *t = &v->tokens[v->count];
    char padded[TOKEN_INLINE] = {0};
    *t = (text_token){.size = (uint32_t)token.size, .number = number, .text = token.data};
    if (token.size <= TOKEN_INLINE) {
        if (token.size > 0)
            memcpy(padded, token.data, token.size);
        memcpy(&t->low, padded, sizeof t->low);
        memcpy(&t->high, padded + 8, sizeof t->high);
        if (text_vocabulary_find(v, padded, token.size) != NULL)
            return;
    } else {
        text_long_key(token.data, token.size, v->seed, &t->low, &t->high);
        if (text_vocabulary_find(v, token.data, token.size) != NULL)
            return;
    }
    uint64_t hash = text_fold(t->low ^ v->seed, t->high ^ UINT64_C(0x9E3779B97F4A7C15));
    uint32_t at = (uint32_t)hash & v->mask;
    while (v->slots[at].index != 0)
        at = (at + 1) & v->mask;
    v->slots[at] = (text_slot){(uint32_t)(hash >> 32), ++v->count};
}
