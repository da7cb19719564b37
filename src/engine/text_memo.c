/* The memo: sets of a few entries, found by hash; a new vector takes the ways of its set in turn.
 * Entry: number of words, label, terms, words, probabilities. */
#include "engine/text_memo.h"

#include "base/mem.h"

#include <string.h>

enum { AT_COUNT, AT_LABEL, AT_TERMS, AT_WORDS };

alf_status text_memo_init(text_memo *m, uint32_t class_count, alf_error *err)
{
    *m = (text_memo){.class_count = class_count, .entry_size = AT_WORDS + MEMO_KEYS + class_count};
    uint32_t entries = MEMO_WAYS;
    while ((size_t)entries * 2 * m->entry_size * sizeof *m->entries <= MEMO_BYTES)
        entries *= 2;
    m->mask = entries / MEMO_WAYS - 1;
    m->tags = mem_calloc(entries, sizeof *m->tags);
    /* An entry is looked at only where its tag is set: it need not be cleared. */
    m->entries = mem_alloc((size_t)entries * m->entry_size * sizeof *m->entries);
    if (m->tags != NULL && m->entries != NULL)
        return ALF_OK;
    text_memo_fini(m);
    return error_nomem(err, "a memo");
}

void text_memo_fini(text_memo *m)
{
    mem_free(m->tags);
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
    key->hash = (uint32_t)hash | 1U << 31;
}

bool text_memo_find(const text_memo *m, const memo_key *key, memo_answer *out)
{
    if (key->count == UINT32_MAX)
        return false;
    uint32_t first = (key->hash & m->mask) * MEMO_WAYS;
    for (uint32_t way = first; way < first + MEMO_WAYS; way++) {
        const uint32_t *e = m->entries + (size_t)way * m->entry_size;
        if (m->tags[way] != key->hash || e[AT_COUNT] != key->count ||
            memcmp(e + AT_WORDS, key->words, key->count * sizeof *e) != 0)
            continue;
        *out = (memo_answer){e[AT_LABEL], e[AT_TERMS],
                             (const float *)(const void *)(e + AT_WORDS + MEMO_KEYS)};
        return true;
    }
    return false;
}

void text_memo_put(text_memo *m, const memo_key *key, const memo_answer *answer)
{
    if (key->count == UINT32_MAX)
        return;
    uint32_t way = (key->hash & m->mask) * MEMO_WAYS + m->next++ % MEMO_WAYS;
    uint32_t *e = m->entries + (size_t)way * m->entry_size;
    m->tags[way] = key->hash;
    e[AT_COUNT] = key->count;
    e[AT_LABEL] = answer->label;
    e[AT_TERMS] = answer->terms;
    memcpy(e + AT_WORDS, key->words, key->count * sizeof *e);
    memcpy(e + AT_WORDS + MEMO_KEYS, answer->probabilities, m->class_count * sizeof *e);
}
