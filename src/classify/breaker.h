/*
 * A circuit breaker around something that may fail: after some failures in a row it stays open
 * (the caller does not try and fails open) for a while, then lets a few trials through; enough
 * successes close it, one failure opens it again. Time is the caller's monotonic clock, in
 * nanoseconds. Thread-safe.
 */
#ifndef ALF_CLASSIFY_BREAKER_H
#define ALF_CLASSIFY_BREAKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Values are those of the metric ai_filter_circuit_breaker_state. */
typedef enum breaker_state {
    BREAKER_CLOSED = 0,
    BREAKER_OPEN = 1,
    BREAKER_HALF_OPEN = 2
} breaker_state;

typedef struct breaker_config {
    uint32_t failures_to_open;   /* in a row */
    uint32_t successes_to_close; /* while half open; also how many trials may be under way */
    uint64_t open_ns;            /* how long it stays open */
} breaker_config;

extern const breaker_config breaker_default; /* 5, 3, 30 s */

typedef struct breaker {
    breaker_config config;
    atomic_bool calm;     /* closed, and the last answer was no failure; written under the lock */
    pthread_mutex_t lock; /* over everything below */
    breaker_state state;
    uint32_t failures;  /* closed: in a row */
    uint32_t successes; /* half open */
    uint32_t trials;    /* half open: let through and not reported yet */
    uint64_t since;     /* open, half open: when it became so; half open: or the last trial */
} breaker;

void breaker_init(breaker *b, const breaker_config *config); /* NULL: breaker_default */
void breaker_fini(breaker *b);

/* Whether the circuit is closed and no failure was reported last: trying is allowed, and reporting
 * a success would change nothing. Takes no lock and needs no time, so that threads do not wait for
 * one another as long as all goes well. */
static inline bool breaker_is_calm(breaker *b)
{
    return atomic_load_explicit(&b->calm, memory_order_relaxed);
}

/* Whether to try now. Every true must be answered by breaker_success or breaker_failure; a trial
 * that is never answered is forgotten after open_ns. */
bool breaker_allow(breaker *b, uint64_t now);
void breaker_success(breaker *b, uint64_t now);
void breaker_failure(breaker *b, uint64_t now);

/* The state at that time: an open breaker whose time is up counts as half open. */
breaker_state breaker_state_at(breaker *b, uint64_t now);

#endif
