/*
 * The caller's thread reads and cuts: records are copied into a job until it is full or the input
 * has nothing more at hand. A worker makes events, verdicts and lines of a job; lines are written
 * by whoever completes the job that is next in order (base/ordered.h).
 *
 * Invariant: a job's form belongs to the reader of the stream that is being read, so that stream's
 * jobs are all finished before its reader goes.
 */
#include "cli/verdict_stream.h"

#include "base/cgroup.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/ordered.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* PIECE: bytes read at once. JOB_BYTES: a job that holds so many takes no more. KEPT_BYTES: larger
 * buffers are given back, so that a few huge records do not stay in memory. */
enum { PIECE = 1 << 15, JOB_BYTES = 1 << 17, KEPT_BYTES = 1 << 20 };

typedef struct job {
    buf records; /* one after the other */
    size_t *ends;
    size_t count;
    const log_form *form;
    buf lines;
    verdict_totals totals;
} job;

typedef struct worker {
    classifier_session *session;
    log_event *events;
    verdict *verdicts;
    arena scratch; /* of the events */
} worker;

struct verdict_stream {
    verdict_stream_options options;
    worker *workers;
    size_t worker_count;
    job *jobs;
    size_t job_count;
    ordered_pool *pool;
    bool broken;
    verdict_totals totals;
};

/* ---- a job, on a worker ---- */

static alf_status parse(const job *j, worker *w, alf_error *err)
{
    size_t begin = 0;
    arena_reset(&w->scratch);
    for (size_t i = 0; i < j->count; i++) {
        alf_span record = {j->records.data + begin, j->ends[i] - begin};
        TRY(log_form_parse(j->form, record, &w->scratch, &w->events[i], err));
        begin = j->ends[i];
    }
    return ALF_OK;
}

static void count(verdict_totals *t, const log_event *event, const verdict *v)
{
    t->logs++;
    t->bytes += event->raw.size;
    t->category[v->category]++;
    t->bypassed += v->compliance_bypassed;
    t->fail_open += v->fail_open_used;
    if (v->category <= ALF_SUSPICIOUS)
        t->forwarded_bytes += event->raw.size;
}

static alf_status run_job(void *context, size_t index, void *what, alf_error *err)
{
    const verdict_stream *s = context;
    worker *w = &s->workers[index];
    job *j = what;
    TRY(parse(j, w, err));
    uint64_t start = clock_now();
    classifier_run(w->session, w->events, j->count, w->verdicts);
    double each = (double)(clock_now() - start) / 1e6 / (double)j->count;
    buf_clear(&j->lines);
    verdict_print(&s->options.style, s->options.classifier, w->events, w->verdicts, j->count, each,
                  &j->lines);
    j->totals = (verdict_totals){0};
    for (size_t i = 0; i < j->count; i++)
        count(&j->totals, &w->events[i], &w->verdicts[i]);
    return buf_status(&j->lines, err);
}

/* ---- the end of a job, in order ---- */

/* A descriptor that must not block is waited for. */
static bool can_retry(int fd)
{
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN)
        return false;
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

static alf_status write_all(const verdict_stream *s, alf_span text, alf_error *err)
{
    while (text.size > 0) {
        ssize_t n = write(s->options.output, text.data, text.size);
        if (n >= 0) {
            text = (alf_span){text.data + n, text.size - (size_t)n};
            continue;
        }
        if (can_retry(s->options.output))
            continue;
        error_set(err, ALF_E_IO, "cannot write: %s", strerror(errno));
        error_file(err, s->options.output_name);
        return ALF_E_IO;
    }
    return ALF_OK;
}

static void give_back_if_large(buf *b)
{
    if (b->capacity > KEPT_BYTES)
        buf_fini(b);
}

static alf_status finish_job(void *context, void *what, alf_error *err)
{
    verdict_stream *s = context;
    job *j = what;
    TRY(write_all(s, buf_span(&j->lines), err));
    verdict_totals *all = &s->totals;
    all->logs += j->totals.logs;
    all->bytes += j->totals.bytes;
    all->forwarded_bytes += j->totals.forwarded_bytes;
    all->bypassed += j->totals.bypassed;
    all->fail_open += j->totals.fail_open;
    for (int c = 0; c < ALF_CATEGORIES; c++)
        all->category[c] += j->totals.category[c];
    give_back_if_large(&j->records);
    give_back_if_large(&j->lines);
    return ALF_OK;
}

/* ---- life ---- */

static alf_status make_workers(verdict_stream *s, alf_error *err)
{
    size_t batch = s->options.batch;
    s->workers = mem_calloc(s->worker_count, sizeof *s->workers);
    if (s->workers == NULL)
        return error_nomem(err, "workers");
    for (size_t i = 0; i < s->worker_count; i++) {
        worker *w = &s->workers[i];
        arena_init(&w->scratch, 0);
        TRY(classifier_session_new(s->options.classifier, &w->session, err));
        w->events = mem_calloc(batch, sizeof *w->events);
        w->verdicts = mem_calloc(batch, sizeof *w->verdicts);
        if (w->events == NULL || w->verdicts == NULL)
            return error_nomem(err, "a batch");
    }
    return ALF_OK;
}

/* With threads, two jobs for each: one is worked on, the other is filled or waits to be written. */
static alf_status make_pool(verdict_stream *s, alf_error *err)
{
    const ordered_work work = {run_job, finish_job, s};
    s->job_count = s->worker_count > 1 ? s->worker_count * 2 : 1;
    s->jobs = mem_calloc(s->job_count, sizeof *s->jobs);
    void **pointers = mem_calloc(s->job_count, sizeof *pointers);
    alf_status status = ALF_OK;
    if (s->jobs == NULL || pointers == NULL)
        status = error_nomem(err, "batches");
    for (size_t i = 0; i < s->job_count && status == ALF_OK; i++) {
        pointers[i] = &s->jobs[i];
        s->jobs[i].ends = mem_calloc(s->options.batch, sizeof *s->jobs[i].ends);
        if (s->jobs[i].ends == NULL)
            status = error_nomem(err, "batches");
    }
    if (status == ALF_OK)
        status = ordered_new(&work, s->worker_count, pointers, s->job_count, &s->pool, err);
    mem_free(pointers);
    return status;
}

alf_status verdict_stream_new(const verdict_stream_options *options, verdict_stream **out,
                              alf_error *err)
{
    *out = NULL;
    verdict_stream *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return error_nomem(err, "a stream");
    s->options = *options;
    s->worker_count = options->threads != 0 ? options->threads : cgroup_threads();
    if (s->worker_count > ORDERED_MAX_WORKERS)
        s->worker_count = ORDERED_MAX_WORKERS;
    alf_status status = make_workers(s, err);
    if (status == ALF_OK)
        status = make_pool(s, err);
    if (status != ALF_OK) {
        verdict_stream_free(s);
        return status;
    }
    *out = s;
    return ALF_OK;
}

void verdict_stream_free(verdict_stream *s)
{
    if (s == NULL)
        return;
    ordered_free(s->pool);
    for (size_t i = 0; s->jobs != NULL && i < s->job_count; i++) {
        buf_fini(&s->jobs[i].records);
        buf_fini(&s->jobs[i].lines);
        mem_free(s->jobs[i].ends);
    }
    for (size_t i = 0; s->workers != NULL && i < s->worker_count; i++) {
        classifier_session_free(s->workers[i].session);
        mem_free(s->workers[i].events);
        mem_free(s->workers[i].verdicts);
        arena_fini(&s->workers[i].scratch);
    }
    mem_free(s->jobs);
    mem_free(s->workers);
    mem_free(s);
}

bool verdict_stream_broken(const verdict_stream *s)
{
    return s->broken;
}

const verdict_totals *verdict_stream_totals(const verdict_stream *s)
{
    return &s->totals;
}

/* ---- reading ---- */

/* Makes jobs of what the reader has at hand. The last one may be small: nobody knows when more
 * comes, and who waits for these verdicts should have them. */
static alf_status submit_ready(verdict_stream *s, log_reader *reader, alf_error *err)
{
    for (bool got = true; got;) {
        void *free_job;
        TRY(ordered_take(s->pool, &free_job, err));
        job *j = free_job;
        buf_clear(&j->records);
        if (buf_reserve(&j->records, JOB_BYTES) == NULL)
            return error_nomem(err, "a batch");
        j->form = log_reader_form(reader);
        for (j->count = 0; j->count < s->options.batch && j->records.size < JOB_BYTES; j->count++) {
            alf_span record;
            TRY(log_reader_cut(reader, &record, &got, err));
            if (!got)
                break;
            buf_append_span(&j->records, record);
            TRY(buf_status(&j->records, err));
            j->ends[j->count] = j->records.size;
        }
        if (j->count > 0)
            TRY(ordered_submit(s->pool, err));
    }
    return ALF_OK;
}

/* *input_failed: the input could not be read; any other failure is one of the stream. */
static alf_status pump(verdict_stream *s, int input, log_reader *reader, bool *input_failed,
                       alf_error *err)
{
    char bytes[PIECE];
    for (;;) {
        ssize_t n = read(input, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        *input_failed = n < 0;
        if (n < 0)
            return error_set(err, ALF_E_IO, "cannot read: %s", strerror(errno));
        TRY(log_reader_feed(reader, (alf_span){bytes, (size_t)n}, err));
        TRY(submit_ready(s, reader, err));
        if (n == 0)
            return ALF_OK;
    }
}

alf_status verdict_stream_read(verdict_stream *s, int input, log_input format, alf_error *err)
{
    log_reader *reader = log_reader_new(format, 0);
    if (reader == NULL)
        return error_nomem(err, "a log reader");
    alf_error later = {0};
    bool input_failed = false;
    alf_status status = pump(s, input, reader, &input_failed, err);
    alf_status written = ordered_wait(s->pool, &later);
    log_reader_free(reader);
    s->broken = written != ALF_OK || (status != ALF_OK && !input_failed);
    if (written == ALF_OK)
        return status;
    if (err != NULL)
        *err = later;
    return written;
}
