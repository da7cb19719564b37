/*
 * The way of a log around the models: cut from the stream, parsed, normalised with its features,
 * and the verdict printed.
 *
 * Usage: bench_logs [-r ROUNDS] LOG_FILE ...
 * The files are taken as one stream; a round does one stage for every log. Prints the best and the
 * median round per stage.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/ensemble.h"
#include "classify/verdict_json.h"
#include "logs/normalise.h"
#include "logs/reader.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_ROUNDS = 1000, MAX_FILE = 64 << 20, BATCH = 256 };

typedef struct bench {
    buf stream, text, lines;
    alf_span *records;
    log_event *events;
    size_t count, capacity;
    arena scratch;
    classifier names; /* of the classes; nothing else in it is used */
    verdict verdicts[BATCH];
    verdict_style style;
} bench;

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_logs: %s\n", what);
    exit(1);
}

/* ---- stages ---- */

/* Cuts the stream and keeps the records where they stand in it. */
static void cut(bench *b)
{
    log_reader *reader = log_reader_new(LOG_INPUT_AUTO, 0);
    b->count = 0;
    for (size_t at = 0; at < b->stream.size; at += 1 << 16) {
        size_t left = b->stream.size - at;
        alf_span record;
        bool got;
        if (log_reader_feed(reader, span_of(b->stream.data + at, left < 1 << 16 ? left : 1 << 16),
                            NULL) != ALF_OK)
            stop("out of memory");
        while (log_reader_cut(reader, &record, &got, NULL) == ALF_OK && got)
            b->count++;
    }
    log_reader_free(reader);
}

static void parse(bench *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (i % BATCH == 0)
            arena_reset(&b->scratch);
        if (log_parse(b->records[i], LOG_INPUT_AUTO, &b->scratch, &b->events[i], NULL) != ALF_OK)
            stop("out of memory");
        b->events[i].field_count = 0; /* the fields go with the arena */
    }
}

static void prepare(bench *b, log_profile profile)
{
    double features[LOG_FEATURES];
    for (size_t i = 0; i < b->count; i++)
        if (log_prepare(profile, b->events[i].message, b->events[i].hour, &b->text, features,
                        NULL) != ALF_OK)
            stop("out of memory");
}

static void prepare_pipeline(bench *b)
{
    prepare(b, LOG_PROFILE_PIPELINE);
}

static void prepare_serving(bench *b)
{
    prepare(b, LOG_PROFILE_SERVING);
}

static void decide(bench *b)
{
    static const alf_category classes[4] = {ALF_CRITICAL, ALF_NOISE, ALF_ROUTINE, ALF_SUSPICIOUS};
    const rule_match rule = {.matched = true,
                             .category = ALF_ROUTINE,
                             .confidence = 0.75,
                             .rule = SPAN_LITERAL("session_opened")};
    for (size_t i = 0; i < b->count; i++) {
        float p = (float)(i % 1009) / 1023;
        const text_result text = {.present = true,
                                  .class_count = 4,
                                  .probability = {p / 7, p / 3, 1 - p / 2, p / 42},
                                  .unfamiliar = p / 2};
        const anomaly_result anomaly = {true, 1, 0.4 + p / 9, 0.1 - p / 9};
        ensemble_decide(&ensemble_default, &(ensemble_input){&rule, &text, classes, &anomaly},
                        &b->verdicts[i % BATCH]);
    }
}

static void print(bench *b)
{
    for (size_t i = 0; i < b->count; i += BATCH) {
        size_t n = b->count - i < BATCH ? b->count - i : BATCH;
        buf_clear(&b->lines);
        verdict_print(&b->style, &b->names, b->events + i, b->verdicts, n, 0.0021, &b->lines);
    }
}

static void print_components(bench *b)
{
    b->style.components = true;
    print(b);
    b->style.components = false;
}

static const struct {
    const char *name;
    void (*run)(bench *b);
} stages[] = {{"cut", cut},
              {"parse", parse},
              {"prepare, pipeline", prepare_pipeline},
              {"prepare, serving", prepare_serving},
              {"ensemble", decide},
              {"print", print},
              {"print --components", print_components}};

/* ---- running ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run_stage(bench *b, size_t stage, int rounds)
{
    double ns[MAX_ROUNDS];
    for (int r = 0; r < rounds; r++) {
        uint64_t start = clock_now();
        stages[stage].run(b);
        ns[r] = (double)(clock_now() - start) / (double)b->count;
    }
    qsort(ns, (size_t)rounds, sizeof *ns, by_value);
    (void)printf("%-20s best %6.0f ns, median %6.0f ns a log\n", stages[stage].name, ns[0],
                 ns[rounds / 2]);
}

/* The records as the reader cuts lines. */
static void split(bench *b)
{
    const char *end = b->stream.data + b->stream.size;
    for (const char *at = b->stream.data; at < end; b->count++) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        line = line == NULL ? end : line;
        size_t size = (size_t)(line - at);
        if (b->count == b->capacity)
            stop("too many lines");
        b->records[b->count] = span_of(at, size > 0 && at[size - 1] == '\r' ? size - 1 : size);
        at = line + 1;
    }
}

int main(int argc, char **argv)
{
    static bench b = {.capacity = 1 << 20};
    alf_error err;
    int rounds = 20, at = 1;
    if (argc > 2 && strcmp(argv[1], "-r") == 0) {
        rounds = atoi(argv[2]);
        at = 3;
    }
    if (rounds < 1 || rounds > MAX_ROUNDS || at == argc)
        stop("usage: bench_logs [-r ROUNDS (1 to 1000)] LOG_FILE ...");
    for (; at < argc; at++)
        if (file_read(argv[at], MAX_FILE, &b.stream, &err) != ALF_OK)
            stop(err.message);
    b.records = mem_calloc(b.capacity, sizeof *b.records);
    b.events = mem_calloc(b.capacity, sizeof *b.events);
    if (b.records == NULL || b.events == NULL)
        stop("out of memory");
    for (int i = 0; i < 4; i++)
        b.names.models.class_names[i] = span_from_string(alf_category_name((alf_category)i));
    split(&b);
    (void)printf("%zu logs of %zu bytes\n", b.count, b.stream.size / b.count);
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++)
        run_stage(&b, i, rounds);
    arena_fini(&b.scratch);
    buf_fini(&b.stream);
    buf_fini(&b.text);
    buf_fini(&b.lines);
    mem_free(b.records);
    mem_free(b.events);
    return 0;
}
