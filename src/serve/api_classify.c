/*
 * POST /classify and POST /classify/batch: JSON -> events -> job -> JSON (docs/api.md).
 *
 * A log is a string, read as a line would be (syslog, CEF, LEEF, JSON and plain text are told
 * apart), or an object, read as a JSON log. {"log": LOG, ...} is the log inside; a "source" and a
 * "timestamp" beside a string belong to it.
 */
#include "base/clock.h"
#include "base/span.h"
#include "codec/json_scan.h"
#include "serve/batch.h"
#include "serve/route.h"

#include <stdio.h>
#include <string.h>

/* ---- JSON -> events ---- */

static alf_status unescape(arena *memory, alf_span text, alf_span *out)
{
    *out = text;
    if (text.size == 0 || memchr(text.data, '\\', text.size) == NULL)
        return ALF_OK;
    char *copy = arena_alloc(memory, text.size, 1);
    if (copy == NULL)
        return ALF_E_NOMEM;
    *out = span_of(copy, json_scan_unescape(text, copy));
    return ALF_OK;
}

/* What an object says that wraps a log. */
typedef struct wrapper {
    json_member log, logs, source, timestamp;
    bool has_log, has_logs, has_text; /* text: a "message" and the like */
    size_t members;
} wrapper;

static void read_wrapper(alf_span object, wrapper *out)
{
    json_member m;
    *out = (wrapper){.members = 0};
    for (size_t at = 0; json_scan_next(object, &at, &m); out->members++) {
        if (span_is(m.key, "log")) {
            out->log = m;
            out->has_log = true;
        } else if (span_is(m.key, "logs")) {
            out->logs = m;
            out->has_logs = true;
        } else if (span_is(m.key, "source") && m.is_string)
            out->source = m;
        else if (span_is(m.key, "timestamp") && m.is_string)
            out->timestamp = m;
        else if (span_is(m.key, "message") || span_is(m.key, "msg") || span_is(m.key, "text"))
            out->has_text = true;
    }
}

static alf_status parse_line(job *j, alf_span escaped, log_event *event, alf_error *err)
{
    alf_span line;
    TRY(unescape(&j->memory, escaped, &line));
    return log_parse(line, LOG_INPUT_AUTO, &j->memory, event, err);
}

/* One item: a string or an object. */
static alf_status parse_log(job *j, const json_member *item, log_event *event, alf_error *err)
{
    if (item->is_string)
        return parse_line(j, item->value, event, err);
    wrapper w;
    read_wrapper(item->value, &w);
    bool wraps = w.has_log && !w.has_text;
    if (!wraps || !w.log.is_string) {
        bool inner = wraps && w.log.value.data[0] == '{';
        return log_parse(inner ? w.log.value : item->value, LOG_INPUT_NDJSON, &j->memory, event,
                         err);
    }
    TRY(parse_line(j, w.log.value, event, err));
    if (event->source.size == 0)
        TRY(unescape(&j->memory, w.source.value, &event->source));
    if (event->timestamp.size == 0)
        TRY(unescape(&j->memory, w.timestamp.value, &event->timestamp));
    return ALF_OK;
}

static bool is_log(const json_member *item)
{
    return item->is_string || (item->value.size > 0 && item->value.data[0] == '{');
}

/* ---- requests ---- */

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
    c->job = j;
    buf keep = j->input;
    j->input = c->body;
    buf_clear(&keep);
    c->body = keep;
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

/* A body that is not JSON but the log itself. */
static void classify_text(connection *c)
{
    alf_error err;
    job *j = take_job(c, JOB_ONE, 1);
    if (j == NULL)
        return;
    alf_span line = j->input.size > 0 ? buf_span(&j->input) : SPAN_LITERAL("");
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r'))
        line.size--;
    j->count = 1;
    submit(c, j, log_parse(line, LOG_INPUT_AUTO, &j->memory, &j->events[0], &err));
}

static bool refuse_json(connection *c, alf_span body, const char *expected)
{
    if (json_scan_object(body))
        return false;
    reply_error(c, 400,
                "the body is not a JSON object (valid UTF-8, nested at most %d deep); expected %s",
                (int)JSON_SCAN_DEPTH, expected);
    return true;
}

void api_classify(connection *c, alf_span body)
{
    static const char expected[] = "{\"log\": \"...\"} or a log as an object";
    alf_error err;
    wrapper w;
    if (c->content == CONTENT_TEXT) {
        classify_text(c);
        return;
    }
    if (refuse_json(c, body, expected))
        return;
    read_wrapper(body, &w);
    if (w.members == 0 || (w.has_logs && !w.has_log && !w.has_text)) {
        reply_error(c, 422, "the object holds no log; expected %s%s", expected,
                    w.has_logs ? "; for \"logs\" there is /classify/batch" : "");
        return;
    }
    if (w.has_log && !w.has_text && !is_log(&w.log)) {
        reply_error(c, 422, "\"log\" is neither a string nor an object");
        return;
    }
    job *j = take_job(c, JOB_ONE, 1);
    if (j == NULL)
        return;
    json_member whole = {.value = buf_span(&j->input)};
    j->count = 1;
    submit(c, j, parse_log(j, &whole, &j->events[0], &err));
}

/* How many items the list has; false: the request is answered. */
static bool count_logs(connection *c, alf_span list, size_t *count)
{
    size_t most = (size_t)c->worker->use->of->plan.settings.max_batch_logs;
    json_member item;
    *count = 0;
    for (size_t at = 0; json_scan_item(list, &at, &item); ++*count) {
        if (*count == most) {
            reply_error(c, 422, "\"logs\" holds more than %zu logs; send more as NDJSON", most);
            return false;
        }
        if (!is_log(&item)) {
            reply_error(c, 422, "logs[%zu] is neither a string nor an object", *count);
            return false;
        }
    }
    return true;
}

void api_classify_batch(connection *c, alf_span body)
{
    static const char expected[] = "{\"logs\": [\"...\", ...]}";
    alf_error err;
    wrapper w;
    size_t count;
    if (refuse_json(c, body, expected))
        return;
    read_wrapper(body, &w);
    if (!w.has_logs || w.logs.is_string || w.logs.value.data[0] != '[') {
        reply_error(c, 422, "the object holds no list \"logs\"; expected %s", expected);
        return;
    }
    if (!count_logs(c, w.logs.value, &count))
        return;
    /* The body's bytes stay where they are when the job takes them over. */
    alf_span list = w.logs.value;
    job *j = take_job(c, JOB_BATCH, count);
    if (j == NULL)
        return;
    json_member item;
    alf_status status = ALF_OK;
    for (size_t at = 0; status == ALF_OK && json_scan_item(list, &at, &item);)
        status = parse_log(j, &item, &j->events[j->count++], &err);
    buf_append_string(&j->output, "{\"results\":[");
    submit(c, j, status);
}

void api_classified(connection *c, job *j)
{
    if (j->kind == JOB_BATCH)
        buf_printf(&j->output, "],\"processing_time_ms\":%.3f,\"total_logs\":%zu}",
                   (double)(clock_now() - j->arrived) / 1e6, j->logs);
    buf_append_char(&j->output, '\n');
    reply_json(c, 200, &j->output);
}
