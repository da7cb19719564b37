/* An entry: the size of its key, the answer, the key. */
#include "base/memo.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <string.h>

enum { WORD = 8 };

_Static_assert(sizeof(size_t) <= WORD, "the size of a key takes a word");

static atomic_bool forbidden;

void memo_allow(bool allowed)
{
    atomic_store(&forbidden, !allowed);
}

bool memo_allowed(void)
{
    return !atomic_load(&forbidden);
}

static size_t whole_words(size_t bytes)
{
    return (bytes + WORD - 1) / WORD * WORD;
}

alf_status memo_init(memo *m, size_t key_bytes, size_t answer_bytes, size_t bytes, alf_error *err)
{
    size_t entry = WORD + whole_words(answer_bytes) + whole_words(key_bytes);
    *m = (memo){.key_bytes = key_bytes, .entry_bytes = entry};
    uint32_t entries = MEMO_WAYS;
    while ((size_t)entries * 2 * entry <= bytes)
        entries *= 2;
    m->mask = entries / MEMO_WAYS - 1;
    m->tags = mem_calloc(entries, sizeof *m->tags);
    /* An entry is looked at only where its tag is set: it need not be cleared. */
    m->entries = mem_alloc(entries * entry);
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

memo_key memo_key_of(const void *data, size_t size)
{
    return (memo_key){data, size, (uint32_t)hash_bytes(data, size, 0) | 1U << 31};
}

static unsigned char *entry_at(const memo *m, uint32_t way)
{
    return m->entries + way * m->entry_bytes;
}

static unsigned char *key_at(const memo *m, unsigned char *entry)
{
    return entry + m->entry_bytes - whole_words(m->key_bytes);
}

const void *memo_find(const memo *m, const memo_key *key)
{
    uint32_t first = (key->hash & m->mask) * MEMO_WAYS;
    for (uint32_t way = first; way < first + MEMO_WAYS; way++) {
        if (m->tags[way] != key->hash)
            continue;
        unsigned char *entry = entry_at(m, way);
        size_t size;
        memcpy(&size, entry, sizeof size);
        if (size == key->size && memcmp(key_at(m, entry), key->data, size) == 0)
            return entry + WORD;
    }
    return NULL;
}

void *memo_put(memo *m, const memo_key *key)
{
    uint32_t way = (key->hash & m->mask) * MEMO_WAYS + m->next++ % MEMO_WAYS;
    unsigned char *entry = entry_at(m, way);
    m->tags[way] = key->hash;
    memcpy(entry, &key->size, sizeof key->size);
    memcpy(key_at(m, entry), key->data, key->size);
    return entry + WORD;
}
