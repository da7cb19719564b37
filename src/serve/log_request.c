/* Request bodies. */
#include "serve/log_request.h"

#include "base/span.h"
#include "codec/json_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool refuse(log_refusal *why, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(log_refusal *why, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    why->status = status;
    (void)vsnprintf(why->detail, sizeof why->detail, format, args);
    va_end(args);
    return false;
}

/* What an object says that wraps a log, or logs. */
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

static bool is_log(const json_member *item)
{
    return item->is_string || (item->value.size > 0 && item->value.data[0] == '{');
}

static bool check_json(alf_span body, const char *expected, log_refusal *why)
{
    return json_scan_object(body) ||
           refuse(
               why, 400,
               "the body is not a JSON object (valid UTF-8, nested at most %d deep); expected %s",
               (int)JSON_SCAN_DEPTH, expected);
}

/* ---- parsing ---- */

static alf_status unescape(arena *scratch, alf_span text, alf_span *out)
{
    *out = text;
    if (text.size == 0 || memchr(text.data, '\\', text.size) == NULL)
        return ALF_OK;
    char *copy = arena_alloc(scratch, text.size, 1);
    if (copy == NULL)
        return ALF_E_NOMEM;
    *out = span_of(copy, json_scan_unescape(text, copy));
    return ALF_OK;
}

static alf_status parse_line(alf_span escaped, arena *scratch, log_event *event, alf_error *err)
{
    alf_span line;
    TRY(unescape(scratch, escaped, &line));
    return log_parse(line, LOG_INPUT_AUTO, scratch, event, err);
}

static alf_status parse_object(alf_span object, arena *scratch, log_event *event, alf_error *err)
{
    wrapper w;
    read_wrapper(object, &w);
    bool wraps = w.has_log && !w.has_text && is_log(&w.log);
    if (!wraps || !w.log.is_string)
        return log_parse(wraps ? w.log.value : object, LOG_INPUT_NDJSON, scratch, event, err);
    TRY(parse_line(w.log.value, scratch, event, err));
    if (event->source.size == 0)
        TRY(unescape(scratch, w.source.value, &event->source));
    if (event->timestamp.size == 0)
        TRY(unescape(scratch, w.timestamp.value, &event->timestamp));
    return ALF_OK;
}

/* ---- one log ---- */

bool log_request_check(alf_span body, log_refusal *why)
{
    static const char expected[] = "{\"log\": \"...\"} or a log as an object";
    wrapper w;
    if (!check_json(body, expected, why))
        return false;
    read_wrapper(body, &w);
    if (w.members == 0)
        return refuse(why, 422, "the object holds no log; expected %s", expected);
    if (w.has_logs && !w.has_log && !w.has_text)
        return refuse(why, 422, "for \"logs\" there is /classify/batch; expected %s", expected);
    if (w.has_log && !w.has_text && !is_log(&w.log))
        return refuse(why, 422, "\"log\" is neither a string nor an object");
    return true;
}

alf_status log_request_parse(alf_span body, arena *scratch, log_event *event, alf_error *err)
{
    return parse_object(body, scratch, event, err);
}

/* ---- many ---- */

bool log_batch_check(alf_span body, size_t most, alf_span *list, size_t *count, log_refusal *why)
{
    static const char expected[] = "{\"logs\": [\"...\", ...]}";
    wrapper w;
    json_member item;
    *count = 0;
    if (!check_json(body, expected, why))
        return false;
    read_wrapper(body, &w);
    if (!w.has_logs || w.logs.is_string || w.logs.value.data[0] != '[')
        return refuse(why, 422, "the object holds no list \"logs\"; expected %s", expected);
    *list = w.logs.value;
    for (size_t at = 0; json_scan_item(*list, &at, &item); ++*count) {
        if (*count == most)
            return refuse(why, 422, "\"logs\" holds more than %zu logs; send more as NDJSON", most);
        if (!is_log(&item))
            return refuse(why, 422, "logs[%zu] is neither a string nor an object", *count);
    }
    return true;
}

alf_status log_batch_parse(alf_span list, arena *scratch, log_event *events, alf_error *err)
{
    json_member item;
    for (size_t at = 0; json_scan_item(list, &at, &item); events++)
        TRY(item.is_string ? parse_line(item.value, scratch, events, err)
                           : parse_object(item.value, scratch, events, err));
    return ALF_OK;
}
