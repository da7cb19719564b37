/*
 * The text chain alone: how long its two files take to load, and how long a normalised text takes
 * with the compiled path, with and without its memo, and with the graphs run as they are.
 *
 * Usage: bench_text [-r ROUNDS] [-z] BUNDLE TEXTS
 * TEXTS: a file of one normalised text a line. -z: zeros are zeros to the classifier. Prints the
 * median of the rounds, a round being all texts once.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "engine/chain.h"
#include "engine/text_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { MAX_ROUNDS = 1000, LOADS = 21, MAX_FILE = 256 << 20, MAX_TEXTS = 1 << 21 };

typedef struct bench {
    const char *bundle;
    bool zero_is_value;
    size_t rounds, count;
    alf_span *texts;
    float *probabilities;
    uint32_t *labels, *terms;
    text_chain chain;
} bench;

static void need(alf_status status, const alf_error *err)
{
    char text[1024];
    if (status == ALF_OK)
        return;
    (void)fprintf(stderr, "bench_text: %s\n", error_text(err, text, sizeof text));
    exit(1);
}

static void read_file(const char *folder, const char *name, buf *out)
{
    char path[1024];
    alf_error err;
    need(file_join(path, sizeof path, folder, name, &err), &err);
    buf_init(out);
    need(file_read(path, MAX_FILE, out, &err), &err);
}

static void read_texts(bench *b, const char *path)
{
    static buf file;
    alf_error err;
    need(file_read(path, MAX_FILE, &file, &err), &err);
    b->texts = mem_calloc(MAX_TEXTS, sizeof *b->texts);
    for (size_t at = 0; b->texts != NULL && at < file.size && b->count < MAX_TEXTS;) {
        const char *end = memchr(file.data + at, '\n', file.size - at);
        size_t size = end != NULL ? (size_t)(end - file.data) - at : file.size - at;
        b->texts[b->count++] = span_of(file.data + at, size);
        at += size + 1;
    }
    b->probabilities = mem_calloc(b->count, CHAIN_MAX_CLASSES * sizeof(float));
    b->labels = mem_calloc(b->count, sizeof *b->labels);
    b->terms = mem_calloc(b->count, sizeof *b->terms);
    if (b->texts == NULL || b->probabilities == NULL || b->labels == NULL || b->terms == NULL)
        exit(1);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *list, size_t n)
{
    qsort(list, n, sizeof *list, by_size);
    return list[n / 2];
}

static void load(bench *b, const buf *vectorizer, const buf *classifier)
{
    double files[LOADS], chains[LOADS];
    for (size_t i = 0; i < LOADS; i++) {
        alf_error err;
        engine *v, *x;
        text_chain_fini(&b->chain);
        double begin = (double)clock_now();
        need(engine_load(buf_span(vectorizer), 0, &v, &err), &err);
        need(engine_load(buf_span(classifier), 0, &x, &err), &err);
        double middle = (double)clock_now();
        need(text_chain_init(&b->chain, v, x, !b->zero_is_value, &err), &err);
        files[i] = (middle - begin) / 1e3;
        chains[i] = ((double)clock_now() - middle) / 1e3;
    }
    printf("load: graphs %.0f us, chain %.0f us%s\n", median(files, LOADS), median(chains, LOADS),
           b->chain.path == NULL ? " (not compiled)" : "");
}

/* One round in batches; path: NULL runs the chain's session. */
static void run_round(bench *b, text_path_session *path, text_chain_session *session, size_t batch)
{
    for (size_t at = 0; at < b->count; at += batch) {
        alf_error err;
        size_t n = b->count - at < batch ? b->count - at : batch;
        float *p = b->probabilities + at * b->chain.class_count;
        need(
            path != NULL
                ? text_path_run(path, b->texts + at, n, p, b->labels + at, b->terms + at, &err)
                : text_chain_run(session, b->texts + at, n, p, b->labels + at, b->terms + at, &err),
            &err);
    }
}

static double measure(bench *b, text_path_session *path, text_chain_session *session, size_t batch,
                      size_t rounds)
{
    double times[MAX_ROUNDS];
    run_round(b, path, session, batch);
    for (size_t i = 0; i < rounds; i++) {
        double begin = (double)clock_now();
        run_round(b, path, session, batch);
        times[i] = ((double)clock_now() - begin) / 1e3 / (double)b->count;
    }
    return median(times, rounds);
}

static void compare(bench *b)
{
    static const size_t batches[] = {1, 10, 100, 1000};
    text_path_session *with = NULL, *without = NULL;
    text_chain_session graphs;
    alf_error err;
    if (b->chain.path != NULL) {
        need(text_path_session_new(b->chain.path, true, &with, &err), &err);
        need(text_path_session_new(b->chain.path, false, &without, &err), &err);
    }
    text_chain interpreted = b->chain;
    interpreted.path = NULL;
    need(text_chain_session_init(&graphs, &interpreted, &err), &err);
    printf("%8s %12s %12s %12s  us a text\n", "batch", "compiled", "no memo", "graphs");
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        double slow = b->rounds < 5 ? (double)b->rounds : 3;
        printf("%8zu", batches[i]);
        printf(" %12.3f", with != NULL ? measure(b, with, NULL, batches[i], b->rounds) : 0);
        printf(" %12.3f", without != NULL ? measure(b, without, NULL, batches[i], b->rounds) : 0);
        printf(" %12.3f\n", measure(b, NULL, &graphs, batches[i], (size_t)slow));
    }
    text_path_session_free(with);
    text_path_session_free(without);
    text_chain_session_fini(&graphs);
}

int main(int argc, char **argv)
{
    bench b = {.rounds = 21};
    buf vectorizer, classifier;
    struct rusage usage;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "-z") == 0)
            b.zero_is_value = true;
        else if (strcmp(argv[i], "-r") == 0 && i + 1 < argc)
            b.rounds = (size_t)strtoul(argv[++i], NULL, 10);
    }
    if (argc - i != 2 || b.rounds < 1 || b.rounds > MAX_ROUNDS) {
        (void)fprintf(stderr, "usage: bench_text [-r ROUNDS] [-z] BUNDLE TEXTS\n");
        return 2;
    }
    b.bundle = argv[i];
    read_file(b.bundle, "tfidf_vectorizer.onnx", &vectorizer);
    read_file(b.bundle, "xgboost.onnx", &classifier);
    read_texts(&b, argv[i + 1]);
    load(&b, &vectorizer, &classifier);
    compare(&b);
    text_chain_fini(&b.chain);
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        printf("peak memory %ld KB\n", usage.ru_maxrss);
    buf_fini(&vectorizer);
    buf_fini(&classifier);
    mem_free(b.texts);
    mem_free(b.probabilities);
    mem_free(b.labels);
    mem_free(b.terms);
    return 0;
}
