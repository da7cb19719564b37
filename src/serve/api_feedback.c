/* POST /feedback and POST /admin/reload: what the control thread does for a request. */
#include "base/span.h"
#include "codec/json_scan.h"
#include "codec/json_write.h"
#include "serve/route.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct fields {
    json_member log, category, predicted, comment;
    bool has_log, has_category, has_predicted, has_comment;
} fields;

static bool read_fields(alf_span body, fields *out)
{
    json_member m;
    *out = (fields){.has_log = false};
    for (size_t at = 0; json_scan_next(body, &at, &m);) {
        if (span_is(m.key, "log") || span_is(m.key, "message")) {
            out->log = m;
            out->has_log = true;
        } else if (span_is(m.key, "category") || span_is(m.key, "correct_category")) {
            out->category = m;
            out->has_category = true;
        } else if (span_is(m.key, "predicted") || span_is(m.key, "predicted_category")) {
            out->predicted = m;
            out->has_predicted = true;
        } else if (span_is(m.key, "comment")) {
            out->comment = m;
            out->has_comment = true;
        } else
            return false;
    }
    return true;
}

static bool is_category(const json_member *m)
{
    for (int i = 0; i < ALF_CATEGORIES; i++)
        if (m->is_string && span_is(m->value, alf_category_name((alf_category)i)))
            return true;
    return false;
}

/* Why the feedback will not do; NULL: it will. */
static const char *refusal(alf_span body, fields *f)
{
    if (!json_scan_object(body))
        return "the body is not a JSON object; expected {\"log\": ..., \"category\": \"critical\"}";
    if (!read_fields(body, f))
        return "known members are log, category, predicted and comment";
    if (!f->has_log || (!f->log.is_string && f->log.value.data[0] != '{'))
        return "\"log\" is missing, or neither a string nor an object";
    if (!f->has_category || !is_category(&f->category))
        return "\"category\" is not one of critical, suspicious, routine, noise";
    if (f->has_predicted && !is_category(&f->predicted))
        return "\"predicted\" is not one of critical, suspicious, routine, noise";
    if (f->has_comment && !f->comment.is_string)
        return "\"comment\" is not a string";
    return NULL;
}

/* The member as it came; line ends between tokens would break the line. */
static void put_member(json_writer *w, const char *key, const json_member *m)
{
    buf *out = w->out;
    json_write_key(w, key);
    if (!m->is_string) {
        json_write_raw(w, span_of(NULL, 0));
        for (size_t i = 0; i < m->value.size; i++) {
            char c = m->value.data[i];
            buf_append_char(out, c == '\n' || c == '\r' ? ' ' : c);
        }
        return;
    }
    json_write_raw(w, SPAN_LITERAL("\""));
    buf_append_span(out, m->value);
    buf_append_char(out, '"');
}

static void write_line(const connection *c, const fields *f, buf *out)
{
    json_writer w;
    char text[32] = "";
    struct tm parts;
    time_t now = time(NULL);
    if (gmtime_r(&now, &parts) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    json_write_key(&w, "time");
    json_write_cstring(&w, text);
    json_write_key(&w, "request_id");
    json_write_cstring(&w, c->id);
    json_write_key(&w, "generation");
    json_write_uint(&w, c->worker->use->of->number);
    put_member(&w, "log", &f->log);
    put_member(&w, "category", &f->category);
    if (f->has_predicted)
        put_member(&w, "predicted", &f->predicted);
    if (f->has_comment)
        put_member(&w, "comment", &f->comment);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
}

void api_ask_control(connection *c, mail_kind kind, buf *text)
{
    job *j = text == NULL || !text->failed ? job_new(c->worker, JOB_TASK) : NULL;
    if (j != NULL) {
        j->owner = c;
        c->job = j;
        if (worker_ask(c->worker, kind, j, text))
            return;
    }
    reply_error_with(c, 503, "Retry-After: 1\r\n", "out of memory");
}

void api_feedback(connection *c, alf_span body)
{
    fields f;
    buf line;
    const generation *g = c->worker->use->of;
    if (g->plan.settings.feedback_path[0] == '\0') {
        reply_error_with(c, 501, NULL, "feedback is not kept: server.feedback_path is not set");
        return;
    }
    const char *why = refusal(body, &f);
    if (why != NULL) {
        reply_error_with(c, json_scan_object(body) ? 422 : 400, NULL, why);
        return;
    }
    buf_init(&line);
    write_line(c, &f, &line);
    api_ask_control(c, MAIL_FEEDBACK, &line);
    buf_fini(&line);
}

void api_reload(connection *c, alf_span body)
{
    (void)body;
    api_ask_control(c, MAIL_RELOAD, NULL);
}
