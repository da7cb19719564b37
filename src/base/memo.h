/*
 * What was computed for inputs seen lately. Inputs are compared in full, and what is kept is what
 * was computed for them: an answer never depends on what the memo holds. One thread at a time.
 *
 * Sets of MEMO_WAYS entries, found by hash; a new input takes the ways of its set in turn.
 */
#ifndef ALF_BASE_MEMO_H
#define ALF_BASE_MEMO_H

#include "base/error.h"

#include <stdbool.h>

enum { MEMO_WAYS = 4 };

typedef struct memo {
    size_t key_bytes;   /* room for a key in an entry */
    size_t entry_bytes; /* the key's length, answer, key */
    uint32_t mask;      /* of sets; their number is a power of two */
    uint32_t next;      /* the way that the next input takes */
    uint32_t *tags;     /* per entry: the hash of its key, and a bit; 0: it is free */
    unsigned char *entries;
} memo;

/* An input; its bytes are borrowed. */
typedef struct memo_key {
    const void *data;
    size_t size; /* at most key_bytes */
    uint32_t hash;
} memo_key;

/* Entries for keys of at most key_bytes and answers of answer_bytes, `bytes` in all at most (one
 * set at least). */
alf_status memo_init(memo *m, size_t key_bytes, size_t answer_bytes, size_t bytes, alf_error *err);
void memo_fini(memo *m);

/* Benchmarks: whether what is made from now on in this process is to have a memo; at first, yes. */
void memo_allow(bool allowed);
bool memo_allowed(void);

memo_key memo_key_of(const void *data, size_t size);

/* What was put for this key, or NULL; valid until the next memo_put. Answers are aligned for
 * numbers of 8 bytes. */
const void *memo_find(const memo *m, const memo_key *key);
/* Room for the answer, to be filled at once. */
void *memo_put(memo *m, const memo_key *key);

#endif
