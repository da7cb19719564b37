/*
 * How a batch keeps to max_latency_ms. Its time begins when its logs are taken from the queue. It
 * is judged in steps, and once its time has passed no step begins: the rest is late. The first step
 * is always made, so that a log that is slow to judge gets its verdict when it is alone; a step
 * that has begun is finished, and what was judged stays.
 *
 * Batches are planned for half of the limit and steps for an eighth, so that only logs that are
 * suddenly slow, or a machine that stands still, make one late. The plan is what the proof took
 * when the bundle was loaded, times how much slower it has been lately. The proof tells the cost of
 * a call from that of its logs, because with some engines a call of one log takes nearly as long as
 * one of a hundred: there a step is as large as makes the call worth it, and a batch at least that.
 *
 * No state but the caller's, and the clock is given: tests bring their own.
 */
#ifndef ALF_SERVE_PACE_H
#define ALF_SERVE_PACE_H

#include "logs/event.h"

#include <stdbool.h>
#include <stdint.h>

/* A step has at most so many logs and, from its second log on, bytes of messages. */
enum { PACE_STEP_LOGS = 64, PACE_STEP_BYTES = 1 << 16 };

/* Nanoseconds that n logs take together: call + n * log. */
typedef struct pace_cost {
    double call, log;
} pace_cost;

/* The cost, where one log alone took `one` and n (at least 2) together took `all`. */
pace_cost pace_cost_of(uint64_t one, uint64_t all, size_t n);

typedef struct pace {
    pace_cost cost;  /* as it was proved */
    double slowness; /* what it has been lately, as a factor: rises at once, falls slowly */
} pace;

/* cost all zero: not known. */
void pace_init(pace *p, const pace_cost *cost);

/* How many logs a batch may take; limit: as below. At least 1. */
size_t pace_room(const pace *p, uint64_t limit, size_t capacity);

typedef struct pace_batch {
    uint64_t (*clock)(void); /* nanoseconds */
    void (*judge)(void *context, size_t from, size_t count);
    void *context;
    const log_event *events;
    size_t count;
    uint64_t start; /* of clock(): when the logs were taken */
    uint64_t limit; /* max_latency_ms in nanoseconds; 0: none */
    uint64_t until; /* of clock(): the first timeout of a log; 0: none */
} pace_batch;

typedef enum pace_end {
    PACE_DONE,
    PACE_LATE,   /* the limit passed */
    PACE_TIMEOUT /* it did not, but the first timeout did */
} pace_end;

/* Judges events[0, *judged), at least the first; count is at least 1. Corrects p. */
pace_end pace_run(const pace_batch *b, pace *p, size_t *judged);

#endif
