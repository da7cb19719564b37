/*
 * What was computed for inputs seen lately. Inputs are compared in full, and what is kept is what
 * was computed for them: an answer never depends on what the memo holds. One thread at a time.
 *
 * Sets of MEMO_WAYS entries, found by hash; a new input takes the ways of its set in turn.
 */
#ifndef ALF_ENGINE_MEMO_H
#define ALF_ENGINE_MEMO_H

#include "base/error.h"

enum { MEMO_WAYS = 4 };

typedef struct memo {
    uint32_t key_words;   /* of an entry, in words of 4 bytes */
    uint32_t entry_words; /* its length, key and answer */
    uint32_t mask;        /* of sets; their number is a power of two */
    uint32_t next;        /* the way that the next input takes */
    uint32_t *tags;       /* per entry: the hash of its key, and a bit; 0: it is free */
    uint32_t *entries;
} memo;

/* An input as words. */
typedef struct memo_key {
    const uint32_t *words;
    uint32_t count; /* at most key_words */
    uint32_t hash;
} memo_key;

/* Entries of keys of at most key_words and answers of answer_words, `bytes` in all at most (one
 * set at least). */
alf_status memo_init(memo *m, uint32_t key_words, uint32_t answer_words, size_t bytes,
                     alf_error *err);
void memo_fini(memo *m);

/* The words are borrowed. */
memo_key memo_key_of(const uint32_t *words, uint32_t count);

/* What was put for this key, or NULL; valid until the next memo_put. */
const uint32_t *memo_find(const memo *m, const memo_key *key);
/* Room for the answer, to be filled at once. */
uint32_t *memo_put(memo *m, const memo_key *key);

#endif
