/* Connections: reading requests and keeping time. */
#include "serve/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "serve/route.h"
#include "serve/stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* LINGER: after the last answer, so that a client that is still sending reads it before it sees the
 * connection reset. RATE: bytes of a body that earn another second. */
enum { LINGER_SECONDS = 2, RATE = 16 << 10, READ_AHEAD = 64 << 10, WRITE_LOW = 1 << 20 };

static const uint64_t second = 1000000000u;

static const serve_settings *settings_of(const connection *c)
{
    return &c->worker->use->of->plan.settings;
}

static uint64_t after(uint64_t now, double seconds)
{
    return now + (uint64_t)(seconds * 1e9);
}

struct evbuffer *connection_output(connection *c)
{
    return bufferevent_get_output(c->events);
}

size_t connection_unsent(const connection *c)
{
    return evbuffer_get_length(bufferevent_get_output(c->events));
}

static void reject(connection *c, const char *reason)
{
    metrics_add_labelled(&c->worker->metrics.rejected, span_from_string(reason), SPAN_LITERAL(""),
                         1);
}

/* ---- life ---- */

void connection_kill(connection *c)
{
    worker *w = c->worker;
    if (c->state == CONNECTION_DEAD)
        return;
    c->state = CONNECTION_DEAD;
    (void)bufferevent_disable(c->events, EV_READ | EV_WRITE);
    bufferevent_setcb(c->events, NULL, NULL, NULL, NULL);
    if (c->job != NULL) {
        c->job->owner = NULL;
        if (!c->job->queued)
            job_free(w, c->job);
        c->job = NULL;
    }
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        w->connections = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    c->next = w->dead;
    w->dead = c;
    w->connection_count--;
    w->buffered -= c->charged;
}

void connection_free_dead(worker *w)
{
    while (w->dead != NULL) {
        connection *c = w->dead;
        w->dead = c->next;
        if (c->counted)
            limits_leave(w->server->limits, c->client);
        atomic_fetch_sub(&w->server->connections, 1);
        bufferevent_free(c->events);
        buf_fini(&c->body);
        mem_free(c);
    }
}

/* Counts what the connection holds; a worker's share of the memory is for all its connections. */
static void charge(connection *c)
{
    worker *w = c->worker;
    size_t now = c->body.capacity + connection_unsent(c) +
                 evbuffer_get_length(bufferevent_get_input(c->events));
    if (c->job != NULL)
        now += job_size(c->job);
    w->buffered = w->buffered - c->charged + now;
    c->charged = now;
}

/* Reads no further ahead of the work than needed. (libevent's own watermark would leave a part of a
 * TLS record inside OpenSSL, of which no event tells.) */
static void set_reading(connection *c)
{
    size_t most = (size_t)(settings_of(c)->max_header_kb * 1024) + 1;
    size_t there = evbuffer_get_length(bufferevent_get_input(c->events));
    bool wanted = there < (most > READ_AHEAD ? most : READ_AHEAD) && !c->ended;
    bool reading = (bufferevent_get_enabled(c->events) & EV_READ) != 0;
    if (wanted && !reading)
        (void)bufferevent_enable(c->events, EV_READ);
    else if (!wanted && reading)
        (void)bufferevent_disable(c->events, EV_READ);
}

static void wait_for_request(connection *c)
{
    c->state = CONNECTION_HEAD;
    c->head_began = false;
    c->scanned = 0;
    c->route = NULL;
    c->deadline = after(clock_now(), settings_of(c)->idle_seconds);
    buf_clear(&c->body);
    if (c->body.capacity > READ_AHEAD)
        buf_fini(&c->body);
}

static void finish_closing(connection *c)
{
    if (connection_unsent(c) > 0 || c->finishing)
        return;
    if (c->ended) {
        connection_kill(c);
        return;
    }
    if (c->tls != NULL)
        (void)SSL_shutdown(c->tls);
    (void)shutdown(bufferevent_getfd(c->events), SHUT_WR);
    c->finishing = true;
    c->deadline = clock_now() + LINGER_SECONDS * second;
}

static void close_after_answer(connection *c)
{
    c->state = CONNECTION_CLOSING;
    buf_fini(&c->body);
    c->deadline = 0; /* while there is something to send, its time is that of unsent_since */
    finish_closing(c);
}

static void log_access(const connection *c, int status, uint64_t nanoseconds)
{
    log_message m;
    log_level level = status >= 500 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
    if (!settings_of(c)->log_access && status < 500)
        return;
    log_start(&m, level, "request");
    log_string(&m, "request_id", c->id);
    log_string(&m, "path", c->target);
    log_integer(&m, "status", status);
    log_number(&m, "milliseconds", (double)nanoseconds / 1e6);
    log_integer(&m, "body_bytes", (int64_t)c->body_size);
    log_send(&m);
}

void connection_request_done(connection *c, int status)
{
    char text[16];
    metrics *m = &c->worker->metrics;
    uint64_t took = clock_now() - c->started;
    int n = snprintf(text, sizeof text, "%d", status);
    alf_span path = span_from_string(c->route != NULL ? c->route->path : "other");
    metrics_add_labelled(&m->requests, path, span_of(text, n > 0 ? (size_t)n : 0), 1);
    metrics_observe(&m->request_time, &metrics_seconds, took, 1);
    log_access(c, status, took);
    bool more = c->keep_alive && c->body_ended;
    c->in_request = false;
    if (c->job != NULL) {
        job_free(c->worker, c->job);
        c->job = NULL;
    }
    if (more)
        wait_for_request(c);
    else
        close_after_answer(c);
}

/* ---- heads ---- */

static void take_id(connection *c, alf_span given)
{
    worker *w = c->worker;
    bool usable = given.size > 0 && given.size <= CONNECTION_ID;
    for (size_t i = 0; usable && i < given.size; i++) {
        char l = given.data[i];
        usable = (l >= '0' && l <= '9') || (l >= 'A' && l <= 'Z') || (l >= 'a' && l <= 'z') ||
                 l == '-' || l == '_' || l == '.';
    }
    if (usable)
        (void)snprintf(c->id, sizeof c->id, "%.*s", (int)given.size, given.data);
    else
        (void)snprintf(c->id, sizeof c->id, "%08lx%02x%06lx", (unsigned long)(w->random >> 32),
                       w->index & 0xff, (unsigned long)(w->request_number++ & 0xffffff));
}

static bool style_flag(alf_span query, const char *name)
{
    alf_span value;
    return http_query_value(query, name, &value) &&
           (value.size == 0 || span_is(value, "1") || span_is(value, "true"));
}

static connection_content content_of(alf_span type)
{
    static const struct {
        const char *type;
        connection_content content;
    } known[] = {{"application/x-ndjson", CONTENT_NDJSON},
                 {"application/ndjson", CONTENT_NDJSON},
                 {"application/jsonl", CONTENT_NDJSON},
                 {"application/x-jsonlines", CONTENT_NDJSON},
                 {"text/csv", CONTENT_CSV},
                 {"text/plain", CONTENT_TEXT}};
    const char *end = type.size > 0 ? memchr(type.data, ';', type.size) : NULL;
    if (end != NULL)
        type.size = (size_t)(end - type.data);
    while (type.size > 0 && type.data[type.size - 1] == ' ')
        type.size--;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (http_same(type, known[i].type))
            return known[i].content;
    return CONTENT_JSON; /* whatever else it is called: it must be JSON */
}

/* What a new head sets, before it is known whether it is any good. */
static void begin_request(connection *c)
{
    c->in_request = true;
    c->started = c->body_started = clock_now();
    c->route = NULL;
    c->keep_alive = false;
    c->head_only = c->old = c->chunked = false;
    c->body_ended = true;
    c->body_left = c->body_size = 0;
    c->chunks = (http_chunks){0};
    c->target[0] = c->id[0] = '\0';
}

static void take_request(connection *c, const http_request *r)
{
    c->head_only = r->method == HTTP_HEAD;
    c->old = r->minor == 0;
    c->keep_alive = r->keep_alive && !c->worker->draining;
    c->chunked = r->chunked;
    c->body_left = r->content_length;
    c->body_ended = !r->chunked && r->content_length == 0;
    c->content = content_of(http_header_value(r, "Content-Type"));
    c->style = (verdict_style){.components = style_flag(r->query, "components"),
                               .explain = style_flag(r->query, "explain"),
                               .fields = style_flag(r->query, "log")};
    take_id(c, http_header_value(r, "X-Request-ID"));
    (void)snprintf(c->target, sizeof c->target, "%.*s", span_width(r->path), r->path.data);
}

/* The request has been let in: goes on with its body, if there is one. */
static void begin_body(connection *c, const http_request *r)
{
    uint64_t now = clock_now();
    c->deadline = after(now, settings_of(c)->body_seconds);
    if (r->expects_continue && !c->body_ended)
        reply_continue(c);
    bool stream = c->route->body == BODY_LOGS && c->content != CONTENT_JSON;
    c->state = stream ? CONNECTION_STREAM : CONNECTION_BODY;
    if (stream)
        api_stream(c);
}

static void refuse_head(connection *c, int status, const char *why)
{
    begin_request(c);
    take_id(c, span_of(NULL, 0));
    reject(c, "malformed_head");
    reply_error(c, status, "%s", why);
}

/* false: nothing more to do before more bytes come. */
static bool read_head(connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->events);
    size_t most = (size_t)(settings_of(c)->max_header_kb * 1024);
    size_t there = evbuffer_get_length(in);
    /* Empty lines before a request are let pass (RFC 9112, 2.2). */
    char line_end[2];
    while (c->scanned == 0 && evbuffer_copyout(in, line_end, 2) == 2 &&
           memcmp(line_end, "\r\n", 2) == 0) {
        (void)evbuffer_drain(in, 2);
        there -= 2;
    }
    if (there == 0)
        return false;
    if (!c->head_began) {
        c->head_began = true;
        c->deadline = after(clock_now(), settings_of(c)->header_seconds);
    }
    size_t look = there < most ? there : most;
    const char *bytes = (const char *)evbuffer_pullup(in, (ev_ssize_t)look);
    if (bytes == NULL) {
        connection_kill(c);
        return false;
    }
    size_t size = http_head_size(span_of(bytes, look), &c->scanned);
    if (size == 0 && look < most)
        return false;
    if (size == 0 || size == SIZE_MAX) {
        refuse_head(c, size == 0 ? 431 : 400,
                    size == 0 ? "the head of the request is too large"
                              : "a line of the request's head does not end in CR LF");
        return true;
    }
    http_request request;
    const char *why;
    int refused = http_request_parse(span_of(bytes, size), &request, &why);
    metrics_add(&c->worker->metrics.bytes_in, size);
    if (refused != 0) {
        refuse_head(c, refused, why);
        return true;
    }
    begin_request(c);
    take_request(c, &request);
    c->route = route_choose(c, &request);
    if (c->route != NULL)
        begin_body(c, &request);
    (void)evbuffer_drain(in, size); /* the request borrowed from it */
    return true;
}

/* ---- bodies ---- */

http_chunks_result connection_take_body(connection *c, size_t *used, alf_span *data)
{
    struct evbuffer *in = bufferevent_get_input(c->events);
    size_t there = evbuffer_get_contiguous_space(in);
    const char *bytes = there > 0 ? (const char *)evbuffer_pullup(in, (ev_ssize_t)there) : NULL;
    *used = 0;
    *data = span_of(NULL, 0);
    if (c->body_ended)
        return HTTP_CHUNKS_END;
    if (bytes == NULL)
        return HTTP_CHUNKS_MORE;
    http_chunks_result result = HTTP_CHUNKS_DATA;
    if (c->chunked)
        result = http_chunks_next(&c->chunks, span_of(bytes, there), used, data);
    else {
        *used = c->body_left < there ? (size_t)c->body_left : there;
        *data = span_of(bytes, *used);
        c->body_left -= *used;
    }
    metrics_add(&c->worker->metrics.bytes_in, *used);
    c->body_size += data->size;
    c->body_ended = c->chunked ? result == HTTP_CHUNKS_END : c->body_left == 0;
    return result;
}

void connection_drop_body(connection *c, size_t used)
{
    (void)evbuffer_drain(bufferevent_get_input(c->events), used);
}

/* Why the body that has come so far will not do; NULL: it will. */
static bool refuse_body(connection *c, http_chunks_result result, size_t most)
{
    if (result == HTTP_CHUNKS_BAD) {
        reject(c, "malformed_body");
        reply_error(c, 400, "the chunks of the body are malformed");
    } else if (c->body.size > most) {
        reject(c, "body_too_large");
        reply_error(c, 413, "the body is larger than %zu bytes; send logs as NDJSON", most);
    } else if (c->body.failed) {
        reject(c, "memory");
        reply_error_with(c, 503, "Retry-After: 1\r\n", "out of memory");
    } else if (result == HTTP_CHUNKS_MORE && c->ended) {
        reject(c, "body_cut_short");
        reply_error(c, 400, "the body ends after %llu bytes, before its announced end",
                    (unsigned long long)c->body_size);
    } else
        return false;
    return true;
}

static bool read_body(connection *c)
{
    size_t most = (size_t)(settings_of(c)->max_body_mb * 1024 * 1024);
    while (!c->body_ended) {
        size_t used;
        alf_span data;
        http_chunks_result result = connection_take_body(c, &used, &data);
        buf_append_span(&c->body, data);
        connection_drop_body(c, used);
        if (refuse_body(c, result, most)) {
            c->keep_alive = false;
            return true;
        }
        if (result == HTTP_CHUNKS_MORE) {
            double earned = (double)c->body_size / RATE;
            c->deadline = after(c->body_started, settings_of(c)->body_seconds + earned);
            return false;
        }
    }
    c->state = CONNECTION_BUSY;
    c->deadline = 0;
    c->route->answer(c, c->body.size > 0 ? buf_span(&c->body) : SPAN_LITERAL(""));
    return true;
}

/* ---- going on ---- */

static bool over_memory(connection *c)
{
    worker *w = c->worker;
    double share = settings_of(c)->buffer_mb * 1024 * 1024 / w->server->worker_count;
    if ((double)w->buffered <= share)
        return false;
    if (c->state != CONNECTION_BODY && !(c->state == CONNECTION_HEAD && c->head_began))
        return false;
    log_message m;
    static log_limit limit;
    log_start_limited(&m, &limit, LOG_LEVEL_WARNING,
                      "a request is refused: server.buffer_mb is used up");
    log_send(&m);
    reject(c, "memory");
    if (c->state == CONNECTION_HEAD)
        begin_request(c);
    c->keep_alive = c->body_ended = false;
    reply_error_with(c, 503, "Retry-After: 1\r\n", "too many requests are under way");
    return true;
}

static bool step(connection *c)
{
    switch (c->state) {
    case CONNECTION_HEAD:
        if (read_head(c))
            return true;
        if (c->ended)
            close_after_answer(c);
        return false;
    case CONNECTION_BODY:
        return read_body(c);
    case CONNECTION_STREAM:
        stream_advance(c);
        return c->state != CONNECTION_STREAM;
    case CONNECTION_CLOSING:
        (void)evbuffer_drain(bufferevent_get_input(c->events), SIZE_MAX);
        finish_closing(c);
        if (c->ended && connection_unsent(c) == 0)
            connection_kill(c);
        return false;
    default:
        return false;
    }
}

void connection_advance(connection *c)
{
    while (step(c))
        continue;
    if (c->state == CONNECTION_DEAD)
        return;
    charge(c);
    if (over_memory(c) && c->state != CONNECTION_DEAD)
        charge(c);
    if (c->state != CONNECTION_DEAD)
        set_reading(c);
}

void connection_job_done(connection *c, job *j)
{
    if (j->kind == JOB_STREAM)
        stream_classified(c, j);
    else
        api_classified(c, j);
    connection_advance(c);
}

void connection_answer(connection *c, int status, alf_span body)
{
    reply_send(c, &(reply){.status = status, .body = body});
    connection_advance(c);
}

/* ---- time ---- */

static bool sends_nothing(connection *c, uint64_t now)
{
    size_t unsent = connection_unsent(c);
    if (unsent == 0)
        c->unsent_since = 0;
    else if (c->unsent_since == 0 || unsent != c->unsent)
        c->unsent_since = now;
    c->unsent = unsent;
    return unsent > 0 && now > after(c->unsent_since, settings_of(c)->write_seconds);
}

static void time_is_up(connection *c)
{
    bool in_head = c->state == CONNECTION_HEAD;
    if (c->state == CONNECTION_CLOSING || (in_head && !c->head_began)) {
        connection_kill(c);
    } else if (in_head) {
        reject(c, "header_timeout");
        begin_request(c);
        reply_error(c, 408, "the head of the request did not come in time");
    } else if (c->state == CONNECTION_BODY) {
        reject(c, "body_timeout");
        reply_error(c, 408, "the body of the request did not come in time");
    } else if (c->state == CONNECTION_STREAM) {
        reject(c, "body_timeout");
        stream_give_up(c, 408, "the logs did not come in time");
    }
}

void connection_check_time(connection *c, uint64_t now)
{
    if (sends_nothing(c, now)) {
        reject(c, "write_timeout");
        connection_kill(c);
        return;
    }
    bool idle = c->state == CONNECTION_HEAD && !c->head_began;
    if (idle && c->worker->draining && now > c->worker->drain_began + second) {
        connection_kill(c);
        return;
    }
    if (c->deadline != 0 && now > c->deadline && !(idle && connection_unsent(c) > 0))
        time_is_up(c);
    if (c->state != CONNECTION_DEAD)
        connection_advance(c);
}

/* ---- events ---- */

static void on_bytes(struct bufferevent *events, void *context)
{
    (void)events;
    connection_advance(context);
}

static void on_event(struct bufferevent *events, short what, void *context)
{
    connection *c = context;
    if ((what & BEV_EVENT_ERROR) != 0) {
        if (c->tls != NULL && bufferevent_get_openssl_error(events) != 0)
            reject(c, "tls");
        connection_kill(c);
        return;
    }
    if ((what & BEV_EVENT_EOF) == 0)
        return;
    c->ended = true;
    /* After the end of a TLS stream libevent stops writing too; the answer is still due. */
    if (c->tls != NULL)
        (void)bufferevent_enable(events, EV_WRITE);
    connection_advance(c);
}

/* *tls: NULL for a plain connection. */
static struct bufferevent *make_events(worker *w, int fd, SSL **tls)
{
    SSL_CTX *context = w->use->of->tls;
    *tls = NULL;
    if (context == NULL)
        return bufferevent_socket_new(w->base, fd, BEV_OPT_CLOSE_ON_FREE);
    SSL *ssl = SSL_new(context);
    if (ssl == NULL)
        return NULL;
    struct bufferevent *events = bufferevent_openssl_socket_new(
        w->base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (events == NULL)
        SSL_free(ssl);
    else
        bufferevent_openssl_set_allow_dirty_shutdown(events, 1);
    *tls = events != NULL ? ssl : NULL;
    return events;
}

static void refuse_socket(worker *w, int fd, const char *reason)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 34\r\n"
                                 "Content-Type: application/json\r\nRetry-After: 1\r\n"
                                 "Connection: close\r\n\r\n"
                                 "{\"detail\":\"too many connections\"}\n";
    metrics_add_labelled(&w->metrics.rejected, span_from_string(reason), SPAN_LITERAL(""), 1);
    if (w->use->of->tls == NULL)
        (void)send(fd, answer, sizeof answer - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)close(fd);
}

void connection_accept(worker *w, int fd, const struct sockaddr *address)
{
    const serve_settings *s = &w->use->of->plan.settings;
    server *all = w->server;
    uint64_t client = limits_client(all->limits, address);
    bool counted;
    metrics_add(&w->metrics.accepted, 1);
    if (atomic_fetch_add(&all->connections, 1) >= (unsigned)s->max_connections) {
        atomic_fetch_sub(&all->connections, 1);
        refuse_socket(w, fd, "connections");
        return;
    }
    if (!limits_enter(all->limits, client, (uint32_t)s->connections_per_address, &counted)) {
        atomic_fetch_sub(&all->connections, 1);
        refuse_socket(w, fd, "connections_per_address");
        return;
    }
    connection *c = mem_calloc(1, sizeof *c);
    struct bufferevent *events = c != NULL ? make_events(w, fd, &c->tls) : NULL;
    if (events == NULL) {
        if (counted)
            limits_leave(all->limits, client);
        atomic_fetch_sub(&all->connections, 1);
        refuse_socket(w, fd, "memory");
        mem_free(c);
        return;
    }
    c->worker = w;
    c->events = events;
    c->client = client;
    c->counted = counted;
    buf_init(&c->body);
    c->next = w->connections;
    if (c->next != NULL)
        c->next->previous = c;
    w->connections = c;
    w->connection_count++;
    wait_for_request(c);
    c->deadline = after(clock_now(), s->header_seconds);
    bufferevent_setwatermark(events, EV_WRITE, WRITE_LOW, 0);
    bufferevent_setcb(events, on_bytes, on_bytes, on_event, c);
    if (bufferevent_enable(events, EV_READ | EV_WRITE) != 0)
        connection_kill(c);
}
