/* What every record stream must satisfy, for the fuzz targets that read one. */
#ifndef ALF_TESTS_FUZZ_LOG_STREAM_H
#define ALF_TESTS_FUZZ_LOG_STREAM_H

#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "logs/reader.h"

#include <stdint.h>
#include <stdlib.h>

typedef struct stream_result {
    size_t events;
    uint64_t bytes; /* hash of all bytes of all records, line ends left out */
    uint64_t all;   /* hash of everything the events say */
} stream_result;

static inline void stream_require(bool condition)
{
    if (!condition)
        abort();
}

static inline uint64_t stream_hash_bytes(alf_span text, uint64_t hash)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '\n' && text.data[i] != '\r')
            hash = (hash ^ (uint8_t)text.data[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

static inline uint64_t stream_hash_span(alf_span text, uint64_t seed)
{
    return hash_bytes(text.size == 0 ? "" : text.data, text.size, seed ^ text.size);
}

static inline void stream_event(const log_event *e, stream_result *r)
{
    stream_require(e->message.size > 0 || e->raw.size == 0);
    stream_require(e->hour >= -1 && e->hour < 24 && e->severity >= -1 && e->severity < 8);
    if (e->format == LOG_PLAIN)
        stream_require(span_equal(e->message, e->raw) && e->field_count == 0);
    r->events++;
    r->bytes = stream_hash_bytes(e->raw, r->bytes);
    r->all = stream_hash_span(e->raw, r->all + (uint64_t)e->format);
    r->all = stream_hash_span(e->message, r->all);
    r->all = stream_hash_span(e->source, r->all + (uint64_t)(e->severity + 1));
    r->all = stream_hash_span(e->timestamp, r->all + (uint64_t)(e->hour + 1));
    for (size_t i = 0; i < e->field_count; i++) {
        r->all = stream_hash_span(e->fields[i].key, r->all);
        r->all = stream_hash_span(e->fields[i].value, r->all + e->fields[i].is_json);
    }
}

static inline void stream_drain(log_reader *reader, stream_result *result)
{
    arena scratch;
    arena_init(&scratch, 0);
    for (bool got = true; got;) {
        log_event event;
        arena_reset(&scratch);
        stream_require(log_reader_next(reader, &scratch, &event, &got, NULL) == ALF_OK);
        if (got)
            stream_event(&event, result);
    }
    arena_fini(&scratch);
}

/* prefix is fed first, then text in pieces of that size. */
static inline stream_result stream_read(alf_span prefix, alf_span text, log_input input, size_t max,
                                        size_t piece)
{
    stream_result result = {0};
    log_reader *reader = log_reader_new(input, max);
    stream_require(reader != NULL);
    stream_require(log_reader_feed(reader, prefix, NULL) == ALF_OK);
    stream_drain(reader, &result);
    for (size_t at = 0; at < text.size; at += piece) {
        size_t n = piece < text.size - at ? piece : text.size - at;
        char *copy = mem_alloc(n);
        stream_require(copy != NULL);
        memcpy(copy, text.data + at, n);
        stream_require(log_reader_feed(reader, span_of(copy, n), NULL) == ALF_OK);
        mem_free(copy);
        stream_drain(reader, &result);
    }
    stream_require(log_reader_feed(reader, span_of(NULL, 0), NULL) == ALF_OK);
    stream_drain(reader, &result);
    log_reader_free(reader);
    return result;
}

/* Reads text whole and in pieces: the same events; all bytes in them; and, where records are lines,
 * as many events as lines. prefix: a first line, which keeps AUTO from seeing a CSV header, or a
 * CSV header. */
static inline void stream_check(alf_span text, log_input input, size_t max)
{
    bool csv = input == LOG_INPUT_CSV;
    alf_span prefix = csv ? SPAN_LITERAL("a,msg\n") : SPAN_LITERAL("-\n");
    size_t piece = text.size == 0 ? 1 : 1 + (uint8_t)text.data[0] % 17;
    stream_result whole = stream_read(prefix, text, input, max, text.size + 1);
    stream_result pieces = stream_read(prefix, text, input, max, piece);
    stream_require(whole.events == pieces.events && whole.all == pieces.all);
    uint64_t bytes = csv ? 0 : stream_hash_bytes(prefix, 0);
    stream_require(whole.bytes == stream_hash_bytes(text, bytes));
    if (csv || (max != 0 && max < text.size))
        return;
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n' || i + 1 == text.size;
    stream_require(whole.events == lines);
}

#endif
