/*
 * Rules and compliance gate alone: how long they take to load, and to judge a log.
 *
 * Usage: bench_rules [-r ROUNDS] LOG_FILE ...
 * Each file is read as lines; a round judges every line once. Prints the best and the median round
 * per file, and the CPU time of loading the built-in rules and gate.
 */
#include "base/clock.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINES = 100000, MAX_ROUNDS = 1000, LOADS = 21, MAX_FILE = 64 << 20 };

typedef struct judge {
    ruleset *rules;
    ruleset_scratch *scratch;
} judge;

static void stop(const char *what)
{
    (void)fprintf(stderr, "bench_rules: %s\n", what);
    exit(1);
}

static void load(judge *j)
{
    alf_error err;
    if (ruleset_parse(embedded_rules, "built-in", RULESET_ALL, &j->rules, &err) != ALF_OK)
        stop(err.message);
    j->scratch = ruleset_scratch_new(j->rules);
    if (j->scratch == NULL)
        stop("out of memory");
}

static void unload(judge *j)
{
    ruleset_scratch_free(j->scratch);
    ruleset_free(j->rules);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_load(void)
{
    double us[LOADS];
    for (int i = 0; i < LOADS; i++) {
        judge j;
        uint64_t start = clock_now();
        load(&j);
        us[i] = (double)(clock_now() - start) / 1e3;
        unload(&j);
    }
    qsort(us, LOADS, sizeof *us, by_value);
    (void)printf("load: best %.0f us, median %.0f us\n", us[0], us[LOADS / 2]);
}

static size_t split(const buf *text, alf_span *lines)
{
    size_t n = 0;
    const char *at = text->data, *end = text->data + text->size;
    while (at < end && n < MAX_LINES) {
        const char *stop_at = memchr(at, '\n', (size_t)(end - at));
        if (stop_at == NULL)
            stop_at = end;
        lines[n++] = span_of(at, (size_t)(stop_at - at));
        at = stop_at + 1;
    }
    return n;
}

typedef struct tally {
    size_t matched, covered, failed;
} tally;

static void judge_all(judge *j, const alf_span *lines, size_t n, tally *t)
{
    alf_error err;
    *t = (tally){0};
    for (size_t i = 0; i < n; i++) {
        compliance_match covered;
        rule_match match;
        ruleset_scan(j->rules, j->scratch, lines[i]);
        if (ruleset_gate(j->rules, j->scratch, SPAN_LITERAL(""), &covered, &err) != ALF_OK ||
            ruleset_match(j->rules, j->scratch, &match, &err) != ALF_OK) {
            t->failed++;
            continue;
        }
        t->covered += covered.covered;
        t->matched += match.matched;
    }
}

static void bench_file(judge *j, const char *path, int rounds, alf_span *lines)
{
    alf_error err;
    buf text;
    double ns[MAX_ROUNDS];
    tally t = {0};
    buf_init(&text);
    if (file_read(path, MAX_FILE, &text, &err) != ALF_OK)
        stop(err.message);
    size_t n = split(&text, lines);
    if (n == 0)
        stop("an empty file");
    for (int r = 0; r < rounds; r++) {
        uint64_t start = clock_now();
        judge_all(j, lines, n, &t);
        ns[r] = (double)(clock_now() - start) / (double)n;
    }
    qsort(ns, (size_t)rounds, sizeof *ns, by_value);
    const char *name = strrchr(path, '/');
    (void)printf("%-20s %6zu logs of %3zu bytes: best %6.0f ns, median %6.0f ns a log; "
                 "%zu matched, %zu covered, %zu failed\n",
                 name != NULL ? name + 1 : path, n, text.size / n, ns[0], ns[rounds / 2], t.matched,
                 t.covered, t.failed);
    buf_fini(&text);
}

int main(int argc, char **argv)
{
    int rounds = 20, at = 1;
    if (argc > 2 && strcmp(argv[1], "-r") == 0) {
        rounds = atoi(argv[2]);
        at = 3;
    }
    if (rounds < 1 || rounds > MAX_ROUNDS)
        stop("between 1 and 1000 rounds");
    alf_span *lines = mem_calloc(MAX_LINES, sizeof *lines);
    if (lines == NULL)
        stop("out of memory");
    bench_load();
    judge j;
    load(&j);
    for (; at < argc; at++)
        bench_file(&j, argv[at], rounds, lines);
    unload(&j);
    mem_free(lines);
    return 0;
}
