/*
 * One connection: reads requests, one after the other, hands each to its route and writes the
 * answer. Everything here runs in its worker's thread.
 */
#ifndef ALF_SERVE_CONNECTION_H
#define ALF_SERVE_CONNECTION_H

#include "codec/http.h"
#include "serve/job.h"
#include "serve/server.h"
#include "serve/worker.h"

struct bufferevent;
struct evbuffer;

enum { CONNECTION_ID = 64 };

typedef enum connection_state {
    CONNECTION_HEAD,    /* between requests, or reading a head */
    CONNECTION_BODY,    /* reading a body whole */
    CONNECTION_STREAM,  /* reading a body and answering it as it comes */
    CONNECTION_BUSY,    /* a job is under way */
    CONNECTION_CLOSING, /* answered for the last time: sends the rest, discards what comes */
    CONNECTION_DEAD
} connection_state;

typedef enum connection_content {
    CONTENT_JSON,
    CONTENT_NDJSON,
    CONTENT_CSV,
    CONTENT_TEXT,
} connection_content;

typedef struct route route;

struct connection {
    worker *worker;
    connection *previous, *next;
    struct bufferevent *events;
    SSL *tls; /* that of events; NULL: plain */
    connection_state state;
    uint64_t client; /* limits_client */
    bool counted;    /* limits_leave is due */
    bool ended;      /* the client sends no more */
    bool finishing;  /* CLOSING: our end is closed */
    uint64_t deadline;
    uint64_t unsent_since; /* 0: all is sent, or the client takes it */
    size_t unsent;
    size_t charged; /* bytes counted in worker.buffered */
    /* the request under way */
    const route *route; /* NULL: refused before one was found */
    uint64_t started;
    char id[CONNECTION_ID + 1];
    char target[96];                 /* path, for messages */
    bool head_only, keep_alive, old; /* HEAD; HTTP/1.0 */
    bool head_began;                 /* bytes of a head have come */
    bool in_request;                 /* a head has come and its answer is not complete */
    connection_content content;
    verdict_style style;
    size_t scanned;
    http_chunks chunks;
    bool chunked, body_ended;
    uint64_t body_left, body_size, body_started;
    buf body;
    job *job;
};

/* Takes over the socket. */
void connection_accept(worker *w, int fd, const struct sockaddr *address);

/* Goes on as far as it can: call when bytes came, a job is done, or time has passed. */
void connection_advance(connection *c);
void connection_check_time(connection *c, uint64_t now);
/* Frees those that ended; not to be called from their own functions. */
void connection_free_dead(worker *w);
void connection_kill(connection *c);

/* The job's logs are classified, or the control thread has answered. */
void connection_job_done(connection *c, job *j);
void connection_answer(connection *c, int status, alf_span body);

/* ---- answers (reply.c) ---- */

typedef struct reply {
    int status;
    const char *type; /* NULL: application/json */
    alf_span body;
    const char *extra; /* further header lines, each with its CRLF, or NULL */
} reply;

/* Each of these completes the request. */
void reply_send(connection *c, const reply *r);
void reply_json(connection *c, int status, const buf *body);
void reply_error(connection *c, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void reply_error_with(connection *c, int status, const char *extra, const char *detail);

/* An answer whose length is not known beforehand. */
void reply_stream_begin(connection *c, const char *type);
void reply_stream_put(connection *c, alf_span bytes);
void reply_stream_end(connection *c);
/* What was promised cannot be completed: the connection ends without the end of the answer. */
void reply_stream_break(connection *c);

void reply_continue(connection *c); /* 100 */
size_t connection_unsent(const connection *c);
struct evbuffer *connection_output(connection *c);
void connection_request_done(connection *c, int status); /* used by reply.c */

#endif
