/*
 * Jobs on several threads, side by side, each finished in the order in which it was submitted: how
 * a stream is cut into batches, worked on by all cores and put together again.
 *
 * There is a fixed number of jobs, which the caller owns: it takes a free one, fills it, submits
 * it. When all are under way, taking waits: so memory is bounded and a slow reader of the output
 * slows the input down. There is no thread for finishing: whoever completes the job whose turn it
 * is finishes that and those after it that wait. All waiting is on condition variables. With one
 * worker there are no threads at all: submitting runs and finishes the job.
 *
 * The first job in order that fails, in run or in finish, ends the work: those before it are
 * finished, those after it are not, and everything that follows answers with its error.
 *
 * One thread takes, submits and waits; the pool may not be used by two at once.
 */
#ifndef ALF_BASE_ORDERED_H
#define ALF_BASE_ORDERED_H

#include "base/error.h"

typedef struct ordered_work {
    /* Side by side with other jobs. worker: below the number of workers; no two jobs at once have
     * the same. */
    alf_status (*run)(void *context, size_t worker, void *job, alf_error *err);
    /* One at a time and in order; may block. */
    alf_status (*finish)(void *context, void *job, alf_error *err);
    void *context;
} ordered_work;

typedef struct ordered_pool ordered_pool;

enum { ORDERED_MAX_WORKERS = 1024 };

/* Starts the workers (1 to ORDERED_MAX_WORKERS). jobs: job_count of them, at least as many as there
 * are workers; the array is copied, what it points to is not. */
alf_status ordered_new(const ordered_work *work, size_t workers, void *const *jobs,
                       size_t job_count, ordered_pool **out, alf_error *err);
/* Waits for the jobs that run, drops those that wait, ends the threads. NULL allowed. */
void ordered_free(ordered_pool *p);

/* The job to fill next; the same one until it is submitted. Waits until it is free. */
alf_status ordered_take(ordered_pool *p, void **job, alf_error *err);
/* Hands in the job taken last. */
alf_status ordered_submit(ordered_pool *p, alf_error *err);
/* Waits until all that was submitted is finished. */
alf_status ordered_wait(ordered_pool *p, alf_error *err);

#endif
