/*
 * The n-th job submitted is jobs[n % job_count]. Three counters say where each stands:
 * finished <= started <= submitted <= finished + job_count. Jobs [finished, started) run or have
 * run (`done` tells), [started, submitted) wait for a worker.
 */
#include "base/ordered.h"

#include "base/error.h"
#include "base/mem.h"

#include <pthread.h>
#include <string.h>

typedef struct slot {
    void *job;
    bool done;
    alf_status status; /* of run, and its error; they count when the job's turn comes */
    alf_error error;
} slot;

typedef struct worker {
    ordered_pool *pool;
    pthread_t thread;
    size_t index;
} worker;

struct ordered_pool {
    ordered_work work;
    slot *slots;
    size_t slot_count;
    worker *workers;
    size_t worker_count; /* 1: no threads */
    size_t thread_count; /* started */
    pthread_mutex_t lock;
    pthread_cond_t submitted_one; /* or stopping */
    pthread_cond_t finished_one;
    uint64_t submitted;
    uint64_t started;
    uint64_t finished;
    bool finishing; /* somebody finishes jobs */
    bool stopping;
    alf_status failure; /* of the first job in order that failed */
    alf_error error;
};

static slot *slot_of(const ordered_pool *p, uint64_t number)
{
    return &p->slots[number % p->slot_count];
}

/* Keeps the first failure only. */
static void fail_with(ordered_pool *p, alf_status status, const alf_error *error)
{
    if (p->failure != ALF_OK)
        return;
    p->failure = status;
    p->error = *error;
}

static alf_status answer(const ordered_pool *p, alf_error *err)
{
    if (p->failure != ALF_OK && err != NULL)
        *err = p->error;
    return p->failure;
}

/* ---- working: the lock is held where these begin and end ---- */

static void finish_job(ordered_pool *p, slot *s)
{
    if (s->status != ALF_OK) {
        fail_with(p, s->status, &s->error);
        return;
    }
    alf_error error = {0};
    (void)pthread_mutex_unlock(&p->lock);
    alf_status status = p->work.finish(p->work.context, s->job, &error);
    (void)pthread_mutex_lock(&p->lock);
    if (status != ALF_OK)
        fail_with(p, status, &error);
}

/* Finishes what is next in order, as far as it is done; after a failure it is only dropped. */
static void finish_done(ordered_pool *p)
{
    if (p->finishing)
        return; /* who is at it looks again before it stops */
    p->finishing = true;
    while (p->finished < p->started && slot_of(p, p->finished)->done) {
        slot *s = slot_of(p, p->finished);
        if (p->failure == ALF_OK)
            finish_job(p, s);
        s->done = false;
        p->finished++;
        (void)pthread_cond_signal(&p->finished_one);
    }
    p->finishing = false;
}

static void run_next(ordered_pool *p, size_t index)
{
    slot *s = slot_of(p, p->started++);
    s->status = ALF_OK;
    if (p->failure == ALF_OK) {
        (void)pthread_mutex_unlock(&p->lock);
        s->error = (alf_error){0};
        s->status = p->work.run(p->work.context, index, s->job, &s->error);
        (void)pthread_mutex_lock(&p->lock);
    }
    s->done = true;
    finish_done(p);
}

static void *work(void *argument)
{
    const worker *w = argument;
    ordered_pool *p = w->pool;
    (void)pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->started == p->submitted && !p->stopping)
            (void)pthread_cond_wait(&p->submitted_one, &p->lock);
        if (p->stopping)
            break;
        run_next(p, w->index);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ---- life ---- */

static alf_status start_threads(ordered_pool *p, alf_error *err)
{
    for (size_t i = 0; i < p->worker_count; i++) {
        p->workers[i] = (worker){.pool = p, .index = i};
        int failed = pthread_create(&p->workers[i].thread, NULL, work, &p->workers[i]);
        if (failed != 0)
            return error_set(err, ALF_E_INTERNAL, "cannot start thread %zu of %zu: %s; use fewer",
                             i + 1, p->worker_count, strerror(failed));
        p->thread_count++;
    }
    return ALF_OK;
}

static alf_status prepare(ordered_pool *p, void *const *jobs, alf_error *err)
{
    p->slots = mem_calloc(p->slot_count, sizeof *p->slots);
    p->workers = mem_calloc(p->worker_count, sizeof *p->workers);
    if (p->slots == NULL || p->workers == NULL)
        return error_nomem(err, "threads");
    for (size_t i = 0; i < p->slot_count; i++)
        p->slots[i].job = jobs[i];
    return p->worker_count > 1 ? start_threads(p, err) : ALF_OK;
}

alf_status ordered_new(const ordered_work *todo, size_t workers, void *const *jobs,
                       size_t job_count, ordered_pool **out, alf_error *err)
{
    *out = NULL;
    if (workers == 0 || workers > ORDERED_MAX_WORKERS || job_count < workers)
        return error_set(err, ALF_E_ARGUMENT,
                         "%zu threads for %zu jobs, expected 1 to %d and as many jobs", workers,
                         job_count, ORDERED_MAX_WORKERS);
    ordered_pool *p = mem_calloc(1, sizeof *p);
    if (p == NULL)
        return error_nomem(err, "threads");
    p->work = *todo;
    p->worker_count = workers;
    p->slot_count = job_count;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->submitted_one, NULL);
    (void)pthread_cond_init(&p->finished_one, NULL);
    alf_status status = prepare(p, jobs, err);
    if (status != ALF_OK) {
        ordered_free(p);
        return status;
    }
    *out = p;
    return ALF_OK;
}

void ordered_free(ordered_pool *p)
{
    if (p == NULL)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->submitted_one);
    (void)pthread_mutex_unlock(&p->lock);
    for (size_t i = 0; i < p->thread_count; i++)
        (void)pthread_join(p->workers[i].thread, NULL);
    (void)pthread_cond_destroy(&p->finished_one);
    (void)pthread_cond_destroy(&p->submitted_one);
    (void)pthread_mutex_destroy(&p->lock);
    mem_free(p->workers);
    mem_free(p->slots);
    mem_free(p);
}

/* ---- the caller's side ---- */

alf_status ordered_take(ordered_pool *p, void **job, alf_error *err)
{
    (void)pthread_mutex_lock(&p->lock);
    while (p->submitted - p->finished == p->slot_count)
        (void)pthread_cond_wait(&p->finished_one, &p->lock);
    *job = slot_of(p, p->submitted)->job;
    alf_status status = answer(p, err);
    (void)pthread_mutex_unlock(&p->lock);
    return status;
}

alf_status ordered_submit(ordered_pool *p, alf_error *err)
{
    (void)pthread_mutex_lock(&p->lock);
    p->submitted++;
    if (p->thread_count == 0)
        run_next(p, 0);
    else
        (void)pthread_cond_signal(&p->submitted_one);
    alf_status status = answer(p, err);
    (void)pthread_mutex_unlock(&p->lock);
    return status;
}

alf_status ordered_wait(ordered_pool *p, alf_error *err)
{
    (void)pthread_mutex_lock(&p->lock);
    while (p->finished < p->submitted)
        (void)pthread_cond_wait(&p->finished_one, &p->lock);
    alf_status status = answer(p, err);
    (void)pthread_mutex_unlock(&p->lock);
    return status;
}
