/* The memo: each vector has one place, where the latest stays. An entry: hash, number of words (and
 * one: 0 is free), label, terms, words, probabilities. */
#include "engine/text_memo.h"

#include "base/mem.h"

#include <string.h>

enum { AT_HASH, AT_COUNT, AT_LABEL, AT_TERMS, AT_WORDS };

alf_status text_memo_init(text_memo *m, uint32_t class_count, alf_error *err)
{
    *m = (text_memo){.class_count = class_count, .entry_size = AT_WORDS + MEMO_KEYS + class_count};
    uint32_t entries = 1;
    while ((size_t)entries * 2 * m->entry_size * sizeof *m->entries <= MEMO_BYTES)
        entries *= 2;
    m->mask = entries - 1;
    m->entries = mem_calloc(entries, m->entry_size * sizeof *m->entries);
    return m->entries == NULL ? error_nomem(err, "a memo") : ALF_OK;
}

void text_memo_fini(text_memo *m)
{
    mem_free(m->entries);
    *m = (text_memo){0};
}

void memo_key_make(memo_key *key, const uint32_t *columns, const uint32_t *counts, uint32_t n)
{
    uint64_t hash = n;
    key->count = UINT32_MAX;
    if (n > MEMO_KEYS)
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (counts[i] >> MEMO_COUNT_BITS != 0 || columns[i] >> (32 - MEMO_COUNT_BITS) != 0)
            return;
        key->words[i] = columns[i] << MEMO_COUNT_BITS | counts[i];
        hash = (hash ^ key->words[i]) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    key->count = n;
    key->hash = (uint32_t)hash;
}

static uint32_t *entry_of(const text_memo *m, const memo_key *key)
{
    return m->entries + (size_t)(key->hash & m->mask) * m->entry_size;
}

bool text_memo_find(const text_memo *m, const memo_key *key, memo_answer *out)
{
    if (key->count == UINT32_MAX)
        return false;
    const uint32_t *e = entry_of(m, key);
    if (e[AT_HASH] != key->hash || e[AT_COUNT] != key->count + 1 ||
        memcmp(e + AT_WORDS, key->words, key->count * sizeof *e) != 0)
        return false;
    *out = (memo_answer){e[AT_LABEL], e[AT_TERMS],
                         (const float *)(const void *)(e + AT_WORDS + MEMO_KEYS)};
    return true;
}

void text_memo_put(text_memo *m, const memo_key *key, const memo_answer *answer)
{
    if (key->count == UINT32_MAX)
        return;
    uint32_t *e = entry_of(m, key);
    e[AT_HASH] = key->hash;
    e[AT_COUNT] = key->count + 1;
    e[AT_LABEL] = answer->label;
    e[AT_TERMS] = answer->terms;
    memcpy(e + AT_WORDS, key->words, key->count * sizeof *e);
    memcpy(e + AT_WORDS + MEMO_KEYS, answer->probabilities, m->class_count * sizeof *e);
}
