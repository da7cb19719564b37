/*
 * The anomaly chain alone (scaler and forest, features excluded): microseconds per row for every
 * CPU level this machine has and batches of 1, 10, 100 and 1000 rows.
 *
 * Usage: bench_forest [-r ROUNDS] BUNDLE LOG_FILE ...
 * Each line of the files is a log. A round is ROUND_ROWS rows, in batches; the contenders take
 * turns round by round, and what counts is the CPU time of the thread, so that a busy machine does
 * little harm. Prints the median and the best round, and how long the forest takes to load. The
 * last contender runs the graphs node by node.
 */
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "engine/chain.h"
#include "logs/normalise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROWS = 20000, ROUND_ROWS = 2000, MAX_ROUNDS = 5000, BATCHES = 4, LOADS = 15 };
enum { MAX_FILE = 64 << 20 };

static const size_t batches[BATCHES] = {1, 10, 100, 1000};

typedef struct rows {
    double *features; /* LOG_FEATURES each */
    size_t count;
} rows;

typedef struct contender {
    const char *name;
    anomaly_chain chain;
    anomaly_chain_session session;
    double load_us;
    double rounds[BATCHES][MAX_ROUNDS]; /* us per row */
} contender;

static double cpu_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_forest: %s\n", what);
    exit(1);
}

static void add_file(rows *r, const char *path)
{
    buf text, normalised;
    alf_error err = {0};
    buf_init(&text);
    buf_init(&normalised);
    if (file_read(path, MAX_FILE, &text, &err) != ALF_OK)
        stop(err.message);
    alf_span rest = buf_span(&text);
    while (rest.size > 0 && r->count < MAX_ROWS) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t size = end != NULL ? (size_t)(end - rest.data) : rest.size;
        alf_span line = span_of(rest.data, size);
        if (log_normalise(LOG_PROFILE_PIPELINE, line, &normalised, &err) != ALF_OK)
            stop(err.message);
        log_features(LOG_PROFILE_PIPELINE, line, buf_span(&normalised), -1,
                     r->features + r->count++ * LOG_FEATURES);
        size += end != NULL;
        rest = span_of(rest.data + size, rest.size - size);
    }
    buf_fini(&text);
    buf_fini(&normalised);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static engine *load(const char *bundle, const char *name)
{
    char path[1024];
    buf bytes;
    engine *e = NULL;
    alf_error err = {0};
    (void)snprintf(path, sizeof path, "%s/%s", bundle, name);
    buf_init(&bytes);
    if (file_read(path, MAX_FILE, &bytes, &err) != ALF_OK ||
        engine_load(buf_span(&bytes), 0, &e, &err) != ALF_OK)
        stop(err.message);
    buf_fini(&bytes);
    return e;
}

static void start(contender *c, cpu_level level, bool fused, const char *bundle)
{
    alf_error err = {0};
    double times[LOADS];
    c->name = fused ? cpu_level_name(level) : "node by node";
    cpu_limit(level);
    for (size_t i = 0; i < LOADS; i++) {
        double begin = cpu_us();
        engine *forest = load(bundle, "anomaly_detector.onnx");
        times[i] = cpu_us() - begin;
        if (i + 1 < LOADS) {
            engine_free(forest);
            continue;
        }
        if (anomaly_chain_init(&c->chain, load(bundle, "scaler.onnx"), forest, LOG_FEATURES,
                               &err) != ALF_OK)
            stop(err.message);
        if (!fused)
            anomaly_chain_unfuse(&c->chain);
        if (anomaly_chain_session_init(&c->session, &c->chain, &err) != ALF_OK)
            stop(err.message);
    }
    qsort(times, LOADS, sizeof times[0], by_value);
    c->load_us = times[LOADS / 2];
}

static double time_round(contender *c, const rows *r, size_t first, size_t batch)
{
    static double scores[1000], decisions[1000];
    static int labels[1000];
    alf_error err = {0};
    double begin = cpu_us();
    for (size_t i = first; i < first + ROUND_ROWS; i += batch)
        if (anomaly_chain_run(&c->session, r->features + i * LOG_FEATURES, batch, scores, decisions,
                              labels, &err) != ALF_OK)
            stop(err.message);
    return (cpu_us() - begin) / ROUND_ROWS;
}

static void report(contender *c, size_t rounds)
{
    (void)printf("%-12s load %5.0f us ", c->name, c->load_us);
    for (size_t b = 0; b < BATCHES; b++) {
        qsort(c->rounds[b], rounds, sizeof(double), by_value);
        (void)printf("  %4zu: %6.3f (%6.3f)", batches[b], c->rounds[b][rounds / 2],
                     c->rounds[b][0]);
    }
    (void)printf("\n");
}

int main(int argc, char **argv)
{
    static contender contenders[CPU_LEVELS + 1];
    rows r = {mem_alloc(MAX_ROWS * LOG_FEATURES * sizeof(double)), 0};
    int first = argc > 2 && strcmp(argv[1], "-r") == 0 ? 3 : 1;
    size_t rounds = first == 3 ? (size_t)strtoul(argv[2], NULL, 10) : 201, count = 0;
    if (argc < first + 2 || rounds < 1 || rounds > MAX_ROUNDS || r.features == NULL)
        stop("usage: bench_forest [-r ROUNDS] BUNDLE LOG_FILE ...");
    for (int i = first + 1; i < argc; i++)
        add_file(&r, argv[i]);
    if (r.count < ROUND_ROWS)
        stop("2,000 lines or more are needed");
    for (int level = 0; level < CPU_LEVELS; level++) {
        cpu_limit(CPU_AVX512VBMI);
        if (cpu_has((cpu_level)level))
            start(&contenders[count++], (cpu_level)level, true, argv[first]);
    }
    start(&contenders[count++], CPU_AVX512VBMI, false, argv[first]);
    for (size_t k = 0; k < rounds; k++)
        for (size_t b = 0; b < BATCHES; b++)
            for (size_t i = 0; i < count; i++)
                contenders[i].rounds[b][k] = time_round(
                    &contenders[i], &r, k * ROUND_ROWS % (r.count - ROUND_ROWS + 1), batches[b]);
    (void)printf("%zu rows; us of CPU time per row by batch: median (best) of %zu rounds\n",
                 r.count, rounds);
    for (size_t i = 0; i < count; i++) {
        report(&contenders[i], rounds);
        anomaly_chain_session_fini(&contenders[i].session);
        anomaly_chain_fini(&contenders[i].chain);
    }
    mem_free(r.features);
    return 0;
}
