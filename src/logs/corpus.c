/* Logs read whole, with what the models see of them. */
#include "logs/corpus.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/mem.h"

#include <string.h>

enum { PIECE = 1 << 16 };

void corpus_init(corpus *c)
{
    *c = (corpus){0};
    arena_init(&c->memory, 0);
}

void corpus_fini(corpus *c)
{
    mem_free(c->messages);
    mem_free(c->texts);
    mem_free(c->features);
    arena_fini(&c->memory);
    *c = (corpus){0};
}

static alf_status grow(corpus *c, alf_error *err)
{
    if (c->count < c->capacity)
        return ALF_OK;
    size_t capacity = c->capacity == 0 ? 256 : c->capacity * 2;
    alf_span *messages = mem_realloc(c->messages, capacity, sizeof *messages);
    if (messages != NULL)
        c->messages = messages;
    alf_span *texts = mem_realloc(c->texts, capacity, sizeof *texts);
    if (texts != NULL)
        c->texts = texts;
    double *features = mem_realloc(c->features, capacity, LOG_FEATURES * sizeof *features);
    if (features != NULL)
        c->features = features;
    if (messages == NULL || texts == NULL || features == NULL)
        return error_nomem(err, "the logs");
    c->capacity = capacity;
    return ALF_OK;
}

static alf_status keep(corpus *c, alf_span text, alf_span *out, alf_error *err)
{
    const char *copy = arena_strndup(&c->memory, text.data, text.size);
    if (copy == NULL)
        return error_nomem(err, "the logs");
    *out = (alf_span){copy, text.size};
    return ALF_OK;
}

static alf_status add_event(corpus *c, const log_event *event, log_profile profile, buf *text,
                            alf_error *err)
{
    TRY(grow(c, err));
    double *features = c->features + c->count * LOG_FEATURES;
    TRY(log_prepare(profile, event->message, event->hour, text, features, err));
    TRY(keep(c, event->message, &c->messages[c->count], err));
    TRY(keep(c, buf_span(text), &c->texts[c->count], err));
    c->count++;
    return ALF_OK;
}

/* Takes what the reader has; stops at the limit. */
static alf_status drain(corpus *c, log_reader *reader, log_profile profile, size_t limit, buf *text,
                        alf_error *err)
{
    arena scratch;
    arena_init(&scratch, 0);
    alf_status status = ALF_OK;
    for (bool got = true; got && (limit == 0 || c->count < limit);) {
        log_event event;
        arena_reset(&scratch);
        status = log_reader_next(reader, &scratch, &event, &got, err);
        if (status == ALF_OK && got)
            status = add_event(c, &event, profile, text, err);
        if (status != ALF_OK)
            break;
    }
    arena_fini(&scratch);
    return status;
}

alf_status corpus_add(corpus *c, alf_span data, log_input input, log_profile profile, size_t limit,
                      alf_error *err)
{
    log_reader *reader = log_reader_new(input, 0);
    if (reader == NULL)
        return error_nomem(err, "a log reader");
    buf text;
    buf_init(&text);
    alf_status status = ALF_OK;
    for (size_t done = 0; status == ALF_OK && (limit == 0 || c->count < limit);) {
        size_t size = data.size - done < PIECE ? data.size - done : PIECE;
        status = log_reader_feed(reader, (alf_span){data.data + done, size}, err);
        if (status == ALF_OK)
            status = drain(c, reader, profile, limit, &text, err);
        if (size == 0)
            break;
        done += size;
    }
    buf_fini(&text);
    log_reader_free(reader);
    return status;
}

alf_status corpus_sha256(const corpus *c, char hex[65], alf_error *err)
{
    buf all;
    buf_init(&all);
    for (size_t i = 0; i < c->count; i++) {
        buf_append_span(&all, c->texts[i]);
        buf_append_char(&all, '\n');
    }
    alf_status status = buf_status(&all, err);
    if (status == ALF_OK)
        status = crypto_sha256_hex(buf_span(&all), hex, err);
    buf_fini(&all);
    return status;
}
