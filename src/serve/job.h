/*
 * The work of one request while it is under way: logs to classify, or a task of the control thread.
 * A job outlives its connection when the client goes away; owner is NULL then. Jobs belong to one
 * worker, which keeps some for reuse.
 */
#ifndef ALF_SERVE_JOB_H
#define ALF_SERVE_JOB_H

#include "classify/verdict_json.h"
#include "logs/reader.h"
#include "serve/server.h"

typedef enum job_kind {
    JOB_ONE,    /* POST /classify */
    JOB_BATCH,  /* POST /classify/batch, JSON */
    JOB_STREAM, /* the same, a log a line */
    JOB_TASK
} job_kind;

struct job {
    job *next; /* in the queue or the pool */
    connection *owner;
    generation_use *use;
    job_kind kind;
    bool queued; /* in the queue, or with the control thread: they free it when owner is NULL */
    verdict_style style;
    uint64_t arrived; /* clock_now(); for streams: of the logs under way */
    arena memory;     /* strings of the events */
    buf input;        /* what the events borrow from */
    log_event *events;
    size_t count, at, capacity; /* events[at, count) are to be classified */
    log_reader *reader;         /* streams */
    bool reader_ended, header_sent;
    size_t logs; /* results written */
    buf output;  /* results not sent yet */
};

job *job_new(worker *w, job_kind kind); /* NULL: out of memory */
void job_free(worker *w, job *j);       /* back to the pool */
void job_destroy(job *j);               /* for good */

/* Room for n events; false: out of memory. */
bool job_reserve(job *j, size_t n);

/* Bytes that it holds. */
size_t job_size(const job *j);

#endif
