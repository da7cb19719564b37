/* An entry: the number of words of its key, the words, the answer. */
#include "engine/memo.h"

#include "base/mem.h"

#include <string.h>

alf_status memo_init(memo *m, uint32_t key_words, uint32_t answer_words, size_t bytes,
                     alf_error *err)
{
    *m = (memo){.key_words = key_words, .entry_words = 1 + key_words + answer_words};
    uint32_t entries = MEMO_WAYS;
    while ((size_t)entries * 2 * m->entry_words * sizeof *m->entries <= bytes)
        entries *= 2;
    m->mask = entries / MEMO_WAYS - 1;
    m->tags = mem_calloc(entries, sizeof *m->tags);
    /* An entry is looked at only where its tag is set: it need not be cleared. */
    m->entries = mem_alloc((size_t)entries * m->entry_words * sizeof *m->entries);
    if (m->tags != NULL && m->entries != NULL)
        return ALF_OK;
    memo_fini(m);
    return error_nomem(err, "a memo");
}

void memo_fini(memo *m)
{
    mem_free(m->tags);
    mem_free(m->entries);
    *m = (memo){0};
}

memo_key memo_key_of(const uint32_t *words, uint32_t count)
{
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i += 2) {
        uint64_t two = (uint64_t)words[i] << 32 | (i + 1 < count ? words[i + 1] : 0);
        hash = (hash ^ two) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
    }
    return (memo_key){words, count, (uint32_t)hash | 1U << 31};
}

static uint32_t *entry_at(const memo *m, uint32_t way)
{
    return m->entries + (size_t)way * m->entry_words;
}

const uint32_t *memo_find(const memo *m, const memo_key *key)
{
    uint32_t first = (key->hash & m->mask) * MEMO_WAYS;
    for (uint32_t way = first; way < first + MEMO_WAYS; way++) {
        const uint32_t *entry = entry_at(m, way);
        if (m->tags[way] == key->hash && entry[0] == key->count &&
            memcmp(entry + 1, key->words, key->count * sizeof *entry) == 0)
            return entry + 1 + m->key_words;
    }
    return NULL;
}

uint32_t *memo_put(memo *m, const memo_key *key)
{
    uint32_t way = (key->hash & m->mask) * MEMO_WAYS + m->next++ % MEMO_WAYS;
    uint32_t *entry = entry_at(m, way);
    m->tags[way] = key->hash;
    entry[0] = key->count;
    memcpy(entry + 1, key->words, key->count * sizeof *entry);
    return entry + 1 + m->key_words;
}
