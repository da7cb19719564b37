/*
 * What a classifier has counted. Every session has counters of its own, which only its thread
 * writes, so that threads do not wait for each other; they are read, and added up, at any time.
 */
#ifndef ALF_CLASSIFY_TALLY_H
#define ALF_CLASSIFY_TALLY_H

#include "classify/ensemble.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct component_counts {
    uint64_t logs;
    uint64_t nanoseconds;
    uint64_t failures; /* logs it failed on */
} component_counts;

typedef struct classifier_counts {
    uint64_t logs, fail_open, bypassed;
    component_counts components[COMPONENTS];
} classifier_counts;

typedef struct tally_component {
    atomic_uint_fast64_t logs, nanoseconds, failures;
} tally_component;

/* The counters of a session. */
typedef struct tally {
    atomic_uint_fast64_t logs, fail_open, bypassed;
    tally_component components[COMPONENTS];
    struct tally *before, *next;
} tally;

/* All of a classifier. */
typedef struct tally_book {
    pthread_mutex_t lock; /* of the list */
    tally *open;
    tally closed; /* of sessions that are gone, and of no session */
    classifier_counts forgotten;
} tally_book;

void tally_book_init(tally_book *b);
void tally_book_fini(tally_book *b);

void tally_open(tally_book *b, tally *t); /* t must be all zero */
void tally_close(tally_book *b, tally *t);

/* By the session's thread alone. */
static inline void tally_add(atomic_uint_fast64_t *counter, uint64_t n)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + n, memory_order_relaxed);
}

/* By any thread: logs that no session has seen and that fail open. */
void tally_add_late(tally_book *b, uint64_t logs);

void tally_sum(tally_book *b, classifier_counts *out);
/* Counts begin anew. */
void tally_forget(tally_book *b);

#endif
