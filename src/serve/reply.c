/* Answers. */
#include "serve/connection.h"

#include "base/span.h"
#include "codec/json_write.h"

#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {204, "No Content"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {413, "Content Too Large"},
                   {415, "Unsupported Media Type"},
                   {417, "Expectation Failed"},
                   {422, "Unprocessable Content"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"},
                   {505, "HTTP Version Not Supported"},
                   {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

static const char *date_now(worker *w)
{
    time_t now = time(NULL);
    struct tm parts;
    if ((int64_t)now != w->date_second && gmtime_r(&now, &parts) != NULL) {
        w->date_second = (int64_t)now;
        if (strftime(w->date, sizeof w->date, "%a, %d %b %Y %H:%M:%S GMT", &parts) == 0)
            w->date[0] = '\0';
    }
    return w->date;
}

static void put(connection *c, alf_span bytes)
{
    metrics_add(&c->worker->metrics.bytes_out, bytes.size);
    /* Out of memory here: the answer cannot be kept apart from the next. */
    if (bytes.size > 0 && evbuffer_add(connection_output(c), bytes.data, bytes.size) != 0)
        connection_kill(c);
}

/* The head; length -1: in chunks, or up to the end of the connection for HTTP/1.0. */
static void put_head(connection *c, int status, const char *type, int64_t length, const char *extra)
{
    char head[1024];
    char size[64] = "";
    if (c->worker->draining)
        c->keep_alive = false;
    bool stays = c->keep_alive && c->body_ended;
    if (length >= 0)
        (void)snprintf(size, sizeof size, "Content-Length: %lld\r\n", (long long)length);
    else if (!c->old)
        (void)snprintf(size, sizeof size, "Transfer-Encoding: chunked\r\n");
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s%s%sX-Request-ID: %s\r\n"
                     "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s%s\r\n",
                     status, reason_of(status), date_now(c->worker),
                     status == 204 ? "" : "Content-Type: ", status == 204 ? "" : type,
                     status == 204 ? "" : "\r\n", status == 204 ? "" : size, c->id,
                     extra != NULL ? extra : "",
                     !stays   ? "Connection: close\r\n"
                     : c->old ? "Connection: keep-alive\r\n"
                              : "");
    put(c, span_of(head, n > 0 && (size_t)n < sizeof head ? (size_t)n : 0));
}

void reply_send(connection *c, const reply *r)
{
    put_head(c, r->status, r->type != NULL ? r->type : "application/json", (int64_t)r->body.size,
             r->extra);
    if (c->state != CONNECTION_DEAD && !c->head_only)
        put(c, r->body);
    if (c->state != CONNECTION_DEAD)
        connection_request_done(c, r->status);
}

void reply_json(connection *c, int status, const buf *body)
{
    if (body->failed)
        reply_error_with(c, 503, "Retry-After: 1\r\n", "out of memory");
    else
        reply_send(c, &(reply){.status = status, .body = buf_span(body)});
}

void reply_error_with(connection *c, int status, const char *extra, const char *detail)
{
    buf body;
    json_writer w;
    buf_init(&body);
    json_write_init(&w, &body, false);
    json_write_begin_object(&w);
    json_write_key(&w, "detail");
    json_write_cstring(&w, detail);
    json_write_end_object(&w);
    buf_append_char(&body, '\n');
    alf_span text =
        body.failed ? SPAN_LITERAL("{\"detail\":\"out of memory\"}\n") : buf_span(&body);
    reply_send(c, &(reply){.status = status, .body = text, .extra = extra});
    buf_fini(&body);
}

void reply_error(connection *c, int status, const char *format, ...)
{
    char detail[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    reply_error_with(c, status, NULL, detail);
}

void reply_continue(connection *c)
{
    put(c, SPAN_LITERAL("HTTP/1.1 100 Continue\r\n\r\n"));
}

/* ---- streams ---- */

void reply_stream_begin(connection *c, const char *type)
{
    /* Whether the connection stays is promised before the body has ended. */
    bool ended = c->body_ended;
    if (c->old)
        c->keep_alive = false;
    c->body_ended = true;
    put_head(c, 200, type, -1, NULL);
    c->body_ended = ended;
}

void reply_stream_put(connection *c, alf_span bytes)
{
    char size[32];
    if (c->state == CONNECTION_DEAD || bytes.size == 0)
        return;
    if (c->old) {
        put(c, bytes);
        return;
    }
    int n = snprintf(size, sizeof size, "%zx\r\n", bytes.size);
    put(c, span_of(size, n > 0 ? (size_t)n : 0));
    if (c->state != CONNECTION_DEAD)
        put(c, bytes);
    if (c->state != CONNECTION_DEAD)
        put(c, SPAN_LITERAL("\r\n"));
}

void reply_stream_end(connection *c)
{
    if (c->state != CONNECTION_DEAD && !c->old)
        put(c, SPAN_LITERAL("0\r\n\r\n"));
    if (c->state != CONNECTION_DEAD)
        connection_request_done(c, 200);
}

void reply_stream_break(connection *c)
{
    c->keep_alive = false;
    if (c->state != CONNECTION_DEAD)
        connection_request_done(c, 200);
}
