/* POST /classify and POST /classify/batch: a body becomes a job of the queue, a job an answer. */
#include "base/clock.h"
#include "base/span.h"
#include "serve/batch.h"
#include "serve/log_request.h"
#include "serve/route.h"

/* A job that owns the body; NULL: the request is answered. */
static job *take_job(connection *c, job_kind kind, size_t logs)
{
    job *j = job_new(c->worker, kind);
    if (j == NULL || !job_reserve(j, logs > 0 ? logs : 1)) {
        if (j != NULL)
            job_free(c->worker, j);
        reply_error_with(c, 503, "Retry-After: 1\r\n", "out of memory");
        return NULL;
    }
    j->owner = c;
    j->style = c->style;
    j->arrived = c->started;
    j->count = logs;
    c->job = j;
    /* The bytes stay where they are; what borrows from the body now borrows from the job. */
    buf empty = j->input;
    j->input = c->body;
    c->body = empty;
    return j;
}

static void submit(connection *c, job *j, alf_status status)
{
    if (status != ALF_OK)
        reply_error_with(c, 503, "Retry-After: 1\r\n", "out of memory");
    else if (j->count == 0)
        api_classified(c, j);
    else
        batch_enqueue(c->worker, j);
}

static alf_span without_line_end(alf_span line)
{
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    return line;
}

void api_classify(connection *c, alf_span body)
{
    alf_error err;
    log_refusal why;
    bool text = c->content == CONTENT_TEXT; /* the log itself */
    if (!text && !log_request_check(body, &why)) {
        reply_error_with(c, why.status, NULL, why.detail);
        return;
    }
    job *j = take_job(c, JOB_ONE, 1);
    if (j == NULL)
        return;
    submit(c, j,
           text ? log_parse(without_line_end(body), LOG_INPUT_AUTO, &j->memory, j->events, &err)
                : log_request_parse(body, &j->memory, j->events, &err));
}

void api_classify_batch(connection *c, alf_span body)
{
    alf_error err;
    alf_span list;
    size_t count;
    log_refusal why;
    size_t most = (size_t)c->worker->use->of->plan.settings.max_batch_logs;
    if (!log_batch_check(body, most, &list, &count, &why)) {
        reply_error_with(c, why.status, NULL, why.detail);
        return;
    }
    job *j = take_job(c, JOB_BATCH, count);
    if (j == NULL)
        return;
    buf_append_string(&j->output, "{\"results\":[");
    submit(c, j, log_batch_parse(list, &j->memory, j->events, &err));
}

void api_classified(connection *c, job *j)
{
    if (j->kind == JOB_BATCH)
        buf_printf(&j->output, "],\"processing_time_ms\":%.3f,\"total_logs\":%zu}",
                   (double)(clock_now() - j->arrived) / 1e6, j->logs);
    buf_append_char(&j->output, '\n');
    reply_json(c, 200, &j->output);
}
