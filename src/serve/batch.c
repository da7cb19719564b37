/*
 * The queue of a worker and its batches. Jobs wait in order of arrival; a batch takes logs from the
 * front, of several jobs where they are small, and a job that is larger than a batch goes to the
 * back for its rest, so that a large request does not keep small ones waiting. What is late, by its
 * batch's time (pace.h) or by its request's, fails open.
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

/* When the job's logs have waited for timeout_seconds; 0: never. */
static uint64_t times_out(const job *j)
{
    uint64_t timeout = settings_time(j->use->of->plan.settings.timeout_seconds, 1e9);
    return timeout > 0 ? j->arrived + timeout : 0;
}

static bool is_late(const job *j, uint64_t now)
{
    uint64_t end = times_out(j);
    return end > 0 && now > end;
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

/* Says that logs fail open, and counts them where the judged ones are. */
static void report_late(const generation_use *use, log_limit *limit, const char *text, size_t logs)
{
    log_message m;
    log_start_limited(&m, limit, LOG_LEVEL_WARNING, text);
    log_integer(&m, "logs", (int64_t)logs);
    log_send(&m);
    classifier_count_late(use->of->classifier, logs);
}

static void fail_late(worker *w, job *j)
{
    static log_limit limit;
    verdict v;
    report_late(j->use, &limit, "logs fail open: they waited too long", j->count - j->at);
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
 * classified are completed at once. now: the time of the batch begins. */
static size_t gather(worker *w, part *parts, uint64_t now, size_t *logs)
{
    size_t room = w->batch_capacity;
    size_t count = 0;
    const generation_use *use = NULL;
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
        if (use == NULL)
            room = pace_room(&j->use->pace, j->use->latency, w->batch_capacity);
        use = j->use;
        size_t take = j->count - j->at < room - *logs ? j->count - j->at : room - *logs;
        memcpy(w->events + *logs, j->events + j->at, take * sizeof *w->events);
        *logs += take;
        parts[count++] = (part){j, take};
    }
    return count;
}

/* took: from the taking of the logs. */
static void measure(worker *w, const generation_use *use, size_t logs, uint64_t model_time,
                    uint64_t took)
{
    uint64_t latency = use->latency;
    bool joblib = models_use_joblib(&use->of->classifier->models);
    metrics_observe(joblib ? &w->metrics.joblib_time : &w->metrics.inference_time,
                    &metrics_milliseconds, took / logs, logs);
    if (!joblib)
        metrics_observe(&w->metrics.model_time, &metrics_milliseconds, model_time / logs, logs);
    metrics_observe(&w->metrics.batch_logs, &metrics_logs, logs, 1);
    if (latency > 0 && took > latency)
        metrics_add(&w->metrics.over_latency, 1);
}

static void judge(void *context, size_t from, size_t count)
{
    worker *w = context;
    classifier_run(w->judging->session, w->events + from, count, w->verdicts + from);
}

/* The rest of the batch, which its time did not suffice for. */
static void fail_rest(worker *w, size_t judged, size_t logs)
{
    static log_limit limit;
    report_late(w->judging, &limit, "logs fail open: their batch took longer than max_latency_ms",
                logs - judged);
    for (size_t i = judged; i < logs; i++)
        ensemble_fail_open("max_latency", &w->verdicts[i]);
}

/* The soonest timeout of the parts; 0: none. */
static uint64_t first_timeout(const part *parts, size_t count)
{
    uint64_t first = 0;
    for (size_t p = 0; p < count; p++) {
        uint64_t end = times_out(parts[p].job);
        if (first == 0 || end < first)
            first = end;
    }
    return first;
}

/* What there is for the parts of a batch. */
typedef struct outcome {
    size_t judged, done; /* verdicts in all, those of late logs too */
    uint64_t took;
} outcome;

/* Gives each part its verdicts; what is not complete goes back to the queue. */
static void hand_out(worker *w, const part *parts, size_t count, const outcome *o)
{
    size_t at = 0;
    double each = (double)o->took / 1e6 / (double)o->judged;
    for (size_t p = 0; p < count; p++) {
        job *j = parts[p].job;
        size_t n = parts[p].count < o->done - at ? parts[p].count : o->done - at;
        for (size_t i = 0; i < n; i++, at++)
            write_result(w, j, &w->events[at], &w->verdicts[at],
                         at < o->judged ? each : (double)o->took / 1e6);
        j->at += n;
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
    uint64_t start = clock_now();
    size_t count = gather(w, parts, start, &logs);
    if (logs == 0)
        return;
    generation_use *use = parts[0].job->use;
    uint64_t before = classifier_session_model_time(use->session);
    pace_batch b = {.clock = clock_now,
                    .judge = judge,
                    .context = w,
                    .events = w->events,
                    .count = logs,
                    .start = start,
                    .limit = use->latency,
                    .until = first_timeout(parts, count)};
    w->judging = use;
    outcome o;
    pace_end end = pace_run(&b, &use->pace, &o.judged);
    o.took = clock_now() - start;
    measure(w, use, o.judged, classifier_session_model_time(use->session) - before, o.took);
    if (end == PACE_LATE)
        fail_rest(w, o.judged, logs);
    /* After a timeout what was not judged goes back to the queue, where the late ones fail open. */
    o.done = end == PACE_TIMEOUT ? o.judged : logs;
    /* Copied now, since the events go with their requests; handed over after the answers. */
    shadow_take(&w->shadow, &w->server->shadow_total, use->of, w->events, w->verdicts, o.done);
    hand_out(w, parts, count, &o);
    shadow_flush(w->shadow);
}
