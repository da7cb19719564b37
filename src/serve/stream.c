/* Streams of logs. */
#include "serve/stream.h"

#include "base/clock.h"
#include "base/span.h"
#include "serve/batch.h"
#include "serve/route.h"

/* UNSENT: what a client that does not read lets pile up before no more of its logs are taken; also
 * at most a quarter of the worker's share of server.buffer_mb. PIECE: bytes that the reader gets at
 * once. */
enum { UNSENT = 64 << 20, PIECE = 64 << 10 };

static const serve_settings *settings_of(const connection *c)
{
    return &c->job->use->of->plan.settings;
}

void stream_give_up(connection *c, int status, const char *why)
{
    job *j = c->job;
    c->keep_alive = false;
    if (j != NULL && j->header_sent)
        reply_stream_break(c);
    else
        reply_error(c, status, "%s", why);
}

void api_stream(connection *c)
{
    static const log_input inputs[] = {LOG_INPUT_NDJSON, LOG_INPUT_NDJSON, LOG_INPUT_CSV,
                                       LOG_INPUT_AUTO};
    job *j = job_new(c->worker, JOB_STREAM);
    log_reader *reader = j != NULL ? log_reader_new(inputs[c->content], 0) : NULL;
    if (j != NULL)
        j->reader = reader;
    if (reader == NULL || !job_reserve(j, c->worker->batch_capacity)) {
        if (j != NULL)
            job_free(c->worker, j);
        c->body_ended = false;
        reply_error_with(c, 503, "Retry-After: 1\r\n", "out of memory");
        return;
    }
    j->owner = c;
    j->style = c->style;
    c->job = j;
}

/* Whether so much waits to be sent, or is in memory at all, that reading must wait. */
static bool must_wait(const connection *c)
{
    double share = settings_of(c)->buffer_mb * 1024 * 1024 / c->worker->server->worker_count;
    size_t unsent = connection_unsent(c);
    if (unsent > UNSENT || (double)unsent > share / 4)
        return true;
    return unsent > 0 && (double)c->worker->buffered > share;
}

/* Takes from the reader what it has ready, up to a batch. */
static alf_status fill(connection *c, job *j)
{
    alf_error err;
    arena_reset(&j->memory);
    j->at = j->count = 0;
    for (bool got = true; got && j->count < c->worker->batch_capacity;) {
        TRY(log_reader_next(j->reader, &j->memory, &j->events[j->count], &got, &err));
        j->count += got;
    }
    return ALF_OK;
}

/* Gives the reader the next part of the body. false: there is none yet, or the stream is over. */
static bool feed(connection *c, job *j)
{
    alf_error err;
    size_t used;
    alf_span data;
    if (c->body_ended) {
        j->reader_ended = true;
        return log_reader_feed(j->reader, span_of(NULL, 0), &err) == ALF_OK;
    }
    http_chunks_result result = connection_take_body(c, &used, &data);
    double most = settings_of(c)->max_stream_mb * 1024 * 1024;
    bool fed = data.size == 0 || log_reader_feed(j->reader, data, &err) == ALF_OK;
    connection_drop_body(c, used);
    if (result == HTTP_CHUNKS_BAD)
        stream_give_up(c, 400, "the chunks of the body are malformed");
    else if (most > 0 && (double)c->body_size > most)
        stream_give_up(c, 413, "the body is larger than server.max_stream_mb");
    else if (!fed)
        stream_give_up(c, 503, "out of memory");
    else if (result == HTTP_CHUNKS_MORE && c->ended)
        stream_give_up(c, 400, "the body ends before its announced end");
    else {
        if (data.size > 0)
            c->deadline = clock_now() + (uint64_t)(settings_of(c)->body_seconds * 1e9);
        return result != HTTP_CHUNKS_MORE;
    }
    return false;
}

static void finish(connection *c, job *j)
{
    if (!j->header_sent)
        reply_stream_begin(c, "application/x-ndjson");
    reply_stream_end(c);
}

void stream_advance(connection *c)
{
    while (c->state == CONNECTION_STREAM) {
        job *j = c->job;
        if (j->queued)
            return;
        if (must_wait(c)) {
            c->deadline = 0; /* the client is late with reading, not with sending */
            return;
        }
        if (c->deadline == 0)
            c->deadline = clock_now() + (uint64_t)(settings_of(c)->body_seconds * 1e9);
        if (fill(c, j) != ALF_OK) {
            stream_give_up(c, 503, "out of memory");
            return;
        }
        if (j->count > 0) {
            c->deadline = 0;
            j->arrived = clock_now();
            batch_enqueue(c->worker, j);
            return;
        }
        if (j->reader_ended) {
            finish(c, j);
            return;
        }
        if (!feed(c, j))
            return;
    }
}

void stream_classified(connection *c, job *j)
{
    j->at = j->count = 0;
    if (!j->header_sent) {
        reply_stream_begin(c, "application/x-ndjson");
        j->header_sent = true;
    }
    if (j->output.failed) {
        stream_give_up(c, 503, "out of memory");
        return;
    }
    reply_stream_put(c, buf_span(&j->output));
    buf_clear(&j->output);
}
