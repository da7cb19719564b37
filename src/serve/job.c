/* Jobs and their pool. */
#include "serve/job.h"

#include "base/clock.h"
#include "base/mem.h"

/* What is larger than KEEP is not kept for reuse. */
enum { POOL = 64, KEEP = 1 << 18 };

job *job_new(worker *w, job_kind kind)
{
    job *j = w->pool;
    if (j != NULL) {
        w->pool = j->next;
        w->pool_size--;
    } else {
        j = mem_calloc(1, sizeof *j);
        if (j == NULL)
            return NULL;
        arena_init(&j->memory, 0);
        buf_init(&j->input);
        buf_init(&j->output);
    }
    j->next = NULL;
    j->owner = NULL;
    j->kind = kind;
    j->queued = false;
    j->style = (verdict_style){.text = false};
    j->arrived = clock_now();
    j->count = j->at = j->logs = 0;
    j->reader_ended = j->header_sent = false;
    j->use = w->use;
    j->use->users++;
    return j;
}

void job_destroy(job *j)
{
    log_reader_free(j->reader);
    arena_fini(&j->memory);
    buf_fini(&j->input);
    buf_fini(&j->output);
    mem_free(j->events);
    mem_free(j);
}

size_t job_size(const job *j)
{
    return j->memory.used + j->input.capacity + j->output.capacity +
           j->capacity * sizeof *j->events;
}

void job_free(worker *w, job *j)
{
    generation_use_leave(j->use);
    j->use = NULL;
    j->owner = NULL;
    if (w->pool_size >= POOL || job_size(j) > KEEP) {
        job_destroy(j);
        return;
    }
    log_reader_free(j->reader);
    j->reader = NULL;
    arena_reset(&j->memory);
    buf_clear(&j->input);
    buf_clear(&j->output);
    j->next = w->pool;
    w->pool = j;
    w->pool_size++;
}

bool job_reserve(job *j, size_t n)
{
    if (n <= j->capacity)
        return true;
    log_event *events = mem_realloc(j->events, n, sizeof *events);
    if (events == NULL)
        return false;
    j->events = events;
    j->capacity = n;
    return true;
}
