/*
 * What has been found for count vectors seen lately. Logs differ in words that no model knows, so
 * few texts come back but most count vectors do. A vector is compared in full; what is kept is what
 * was computed for it: an answer never depends on what the memo holds.
 */
#ifndef ALF_ENGINE_TEXT_MEMO_H
#define ALF_ENGINE_TEXT_MEMO_H

#include "base/error.h"

enum {
    MEMO_KEYS = 28, /* longer vectors are not kept */
    MEMO_COUNT_BITS = 10,
    MEMO_WAYS = 4,       /* places that a vector may have */
    MEMO_BYTES = 1 << 20 /* at most, of entries */
};

typedef struct text_memo {
    uint32_t class_count;
    uint32_t entry_size; /* in words of 4 bytes */
    uint32_t mask;       /* of sets of MEMO_WAYS entries; their number is a power of two */
    uint32_t next;       /* the way that the next vector takes */
    uint32_t *tags;      /* per entry: the hash of its vector, and a bit; 0: it is free */
    uint32_t *entries;
} text_memo;

/* A count vector packed for comparison. */
typedef struct memo_key {
    uint32_t count; /* of words; UINT32_MAX: it cannot be kept */
    uint32_t hash;
    uint32_t words[MEMO_KEYS];
} memo_key;

typedef struct memo_answer {
    uint32_t label, terms;
    const float *probabilities; /* class_count */
} memo_answer;

alf_status text_memo_init(text_memo *m, uint32_t class_count, alf_error *err);
void text_memo_fini(text_memo *m);

void memo_key_make(memo_key *key, const uint32_t *columns, const uint32_t *counts, uint32_t n);
bool text_memo_find(const text_memo *m, const memo_key *key, memo_answer *out);
void text_memo_put(text_memo *m, const memo_key *key, const memo_answer *answer);

#endif
