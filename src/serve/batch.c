/*
 * The queue of a worker and its batches. Jobs wait in order of arrival; a batch takes logs from the
 * front, of several jobs where they are small, and a job that is larger than a batch goes to the
 * back for its rest, so that a large request does not keep small ones waiting.
 */
#include "serve/batch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/span.h"
#include "classify/ensemble.h"

#include <string.h>

/* A part of a batch: logs of one job. */
typedef struct part {
    job *job;
    size_t count;
} part;

enum { PARTS = 512 };

static const serve_settings *settings_of(const worker *w)
{
    return &w->use->of->plan.settings;
}

void batch_enqueue(worker *w, job *j)
{
    j->next = NULL;
    j->queued = true;
    if (w->queue_last != NULL)
        w->queue_last->next = j;
    else
        w->queue_first = j;
    w->queue_last = j;
    w->queued_logs += j->count - j->at;
}

static job *dequeue(worker *w)
{
    job *j = w->queue_first;
    w->queue_first = j->next;
    if (w->queue_first == NULL)
        w->queue_last = NULL;
    j->next = NULL;
    w->queued_logs -= j->count - j->at;
    return j;
}

bool batch_due(const worker *w, uint64_t now, uint64_t *wait)
{
    *wait = 0;
    if (w->queue_first == NULL)
        return false;
    uint64_t patience = (uint64_t)(settings_of(w)->max_wait_ms * 1e6);
    uint64_t due = w->queue_first->arrived + patience;
    if (patience == 0 || now >= due || w->queued_logs >= w->batch_capacity || w->draining)
        return true;
    *wait = due - now;
    return false;
}

/* How many logs a batch may have now: what is classified within max_latency_ms. */
static size_t batch_room(const worker *w)
{
    double latency = settings_of(w)->max_latency_ms * 1e6;
    if (latency <= 0 || w->log_cost <= 0)
        return w->batch_capacity;
    double fits = latency / w->log_cost;
    if (fits >= (double)w->batch_capacity)
        return w->batch_capacity;
    return fits > 1 ? (size_t)fits : 1;
}

static bool is_late(const job *j, uint64_t now)
{
    double timeout = j->use->of->plan.settings.timeout_seconds * 1e9;
    return timeout > 0 && (double)(now - j->arrived) > timeout;
}

static void write_result(worker *w, job *j, const log_event *event, const verdict *v, double ms)
{
    metrics_count(&w->metrics, v);
    if (j->kind == JOB_BATCH && j->logs > 0)
        buf_append_char(&j->output, ',');
    verdict_print_object(&j->style, j->use->of->classifier, event, v, ms, &j->output);
    if (j->kind == JOB_STREAM)
        buf_append_char(&j->output, '\n');
    j->logs++;
}

static void fail_late(worker *w, job *j)
{
    static log_limit limit;
    log_message m;
    verdict v;
    log_start_limited(&m, &limit, LOG_LEVEL_WARNING, "logs fail open: they waited too long");
    log_integer(&m, "logs", (int64_t)(j->count - j->at));
    log_send(&m);
    for (; j->at < j->count; j->at++) {
        ensemble_fail_open("timeout", &v);
        write_result(w, j, &j->events[j->at], &v, (double)(clock_now() - j->arrived) / 1e6);
    }
}

static void complete(worker *w, job *j)
{
    j->queued = false;
    if (j->owner == NULL)
        job_free(w, j);
    else
        connection_job_done(j->owner, j);
}

/* Takes jobs from the queue until the batch is full. Those that are complete without being
 * classified are completed at once. */
static size_t gather(worker *w, part *parts, size_t *logs)
{
    size_t room = batch_room(w);
    size_t count = 0;
    const generation_use *use = NULL;
    uint64_t now = clock_now();
    *logs = 0;
    while (w->queue_first != NULL && *logs < room && count < PARTS) {
        job *j = w->queue_first;
        if (use != NULL && j->use != use)
            break; /* of another generation: the next batch */
        (void)dequeue(w);
        if (j->owner != NULL && is_late(j, now))
            fail_late(w, j);
        if (j->owner == NULL || j->at == j->count) {
            complete(w, j);
            continue;
        }
        use = j->use;
        size_t take = j->count - j->at < room - *logs ? j->count - j->at : room - *logs;
        memcpy(w->events + *logs, j->events + j->at, take * sizeof *w->events);
        *logs += take;
        parts[count++] = (part){j, take};
    }
    return count;
}

static void measure(worker *w, generation_use *use, size_t logs, uint64_t model_time, uint64_t took)
{
    double each = (double)took / (double)logs;
    double latency = use->of->plan.settings.max_latency_ms * 1e6;
    w->log_cost = w->log_cost <= 0 ? each : w->log_cost * 0.9 + each * 0.1;
    bool joblib = models_use_joblib(&use->of->classifier->models);
    metrics_observe(joblib ? &w->metrics.joblib_time : &w->metrics.inference_time,
                    &metrics_milliseconds, took / logs, logs);
    if (!joblib)
        metrics_observe(&w->metrics.model_time, &metrics_milliseconds, model_time / logs, logs);
    metrics_observe(&w->metrics.batch_logs, &metrics_logs, logs, 1);
    if (latency > 0 && (double)took > latency)
        metrics_add(&w->metrics.over_latency, 1);
}

/* Gives each part its verdicts; what is not complete goes back to the queue. */
static void hand_out(worker *w, const part *parts, size_t count, double ms)
{
    size_t at = 0;
    for (size_t p = 0; p < count; p++) {
        job *j = parts[p].job;
        for (size_t i = 0; i < parts[p].count; i++, at++)
            write_result(w, j, &w->events[at], &w->verdicts[at], ms);
        j->at += parts[p].count;
        if (j->at < j->count)
            batch_enqueue(w, j);
        else
            complete(w, j);
    }
}

void batch_run(worker *w)
{
    part parts[PARTS];
    size_t logs;
    size_t count = gather(w, parts, &logs);
    if (logs == 0)
        return;
    generation_use *use = parts[0].job->use;
    uint64_t before = classifier_session_model_time(use->session);
    uint64_t start = clock_now();
    classifier_run(use->session, w->events, logs, w->verdicts);
    uint64_t took = clock_now() - start;
    measure(w, use, logs, classifier_session_model_time(use->session) - before, took);
    /* Copied now, since the events go with their requests; handed over after the answers. */
    shadow_take(&w->shadow, &w->server->shadow_total, use->of, w->events, w->verdicts, logs);
    hand_out(w, parts, count, (double)took / 1e6 / (double)logs);
    shadow_flush(w->shadow);
}
