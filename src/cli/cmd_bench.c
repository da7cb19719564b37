/*
 * bench: how long each component and the whole ensemble take per log, by batch size; how long
 * loading takes; how much memory.
 *
 * Every measurement is one pass over the logs with a session of its own, so that nothing
 * remembered from an earlier pass helps. Passes take turns over subjects and batch sizes, round by
 * round, so that a busy machine is busy for all of them; medians of the rounds are shown.
 */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/memo.h"
#include "base/span.h"
#include "cli/settings.h"
#include "cli/timing.h"
#include "codec/json_write.h"
#include "logs/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
    MAX_INPUT = 256 << 20,
    PIECE = 1 << 20,
    LARGEST_BATCH = 4096,
    MOST_BATCHES = 8,
    MOST_ROUNDS = 100,
    DEFAULT_ROUNDS = 5,
    DEFAULT_LOGS = 4000,
    MOST_LOGS = 1000000,
    LOADS = 5,
    SLOW_LOAD = 500 /* ms: then once more is enough */
};

static const uint64_t pass_limit = 500 * 1000000ULL; /* ns; a slower pass covers fewer logs */

typedef enum subject {
    SUBJECT_ANOMALY,
    SUBJECT_TEXT,
    SUBJECT_RULES,
    SUBJECT_PREPROCESSING,
    SUBJECT_ENSEMBLE,
    SUBJECTS
} subject;

static const char *const subject_names[SUBJECTS] = {"anomaly_detector", "tfidf_xgboost",
                                                    "rule_based", "preprocessing", "ensemble"};

typedef struct bench {
    config config;
    classifier_options settings;
    classifier *classifier;
    classifier_session *session;
    ruleset_scratch *rules;
    text_chain_session text;
    anomaly_chain_session anomaly;
    corpus logs;
    alf_span data; /* the logs as they were read */
    buf file, normalised;
    log_input input;
    arena scratch;
    size_t batch[MOST_BATCHES];
    size_t batch_count, rounds;
    double load_ms, load_again_ms;
    double times[SUBJECTS][MOST_BATCHES][MOST_ROUNDS]; /* us a log */
    double median[SUBJECTS][MOST_BATCHES];
    log_event events[LARGEST_BATCH];
    verdict verdicts[LARGEST_BATCH];
    double scores[LARGEST_BATCH], decisions[LARGEST_BATCH], features[LOG_FEATURES];
    int anomaly_labels[LARGEST_BATCH];
    uint32_t labels[LARGEST_BATCH], terms[LARGEST_BATCH];
    float probabilities[LARGEST_BATCH * MODELS_MAX_CLASSES];
} bench;

static const args_option options[] = {
    {"model", "DIR", "folder of the bundle (or model.path of the configuration, or MODEL_PATH)"},
    {"config", "FILE", "configuration (docs/configuration.md)"},
    {"rules", "FILE", "rules instead of the bundle's or the built-in ones (docs/rules.md)"},
    {"engine", "NAME", "native, onnxruntime or auto (docs/engines.md)"},
    {"input", "FILE", "logs to run; default: those of the parity proof"},
    {"logs", "N", "at most so many of them (default 4000)"},
    {"batch", "N,N,...", "batch sizes (default 1,10,100,1000)"},
    {"rounds", "N", "how often each measurement is repeated; the median counts (default 5)"},
    {"no-memo", NULL, "keep no answers to what was seen before (docs/performance.md)"},
    {"json", NULL, "print the report as JSON"},
    {NULL, NULL, NULL}};

static const char *value_of(const args_values *values, const char *name)
{
    return args_value(&command_bench, values, name);
}

/* ---- options ---- */

/* Reads a whole number within [1, high] at *text, which ends at a comma or the end. */
static alf_status take_number(const char **text, const char *option, size_t high, size_t *out,
                              alf_error *err)
{
    char *end = NULL;
    unsigned long n = **text >= '0' && **text <= '9' ? strtoul(*text, &end, 10) : 0;
    if (n < 1 || n > high || end == NULL || (*end != '\0' && *end != ','))
        return error_set(err, ALF_E_ARGUMENT, "--%s: found \"%.50s\", expected 1 to %zu", option,
                         *text, high);
    *out = n;
    *text = end;
    return ALF_OK;
}

static alf_status read_number(const args_values *values, const char *option, size_t high,
                              size_t *out, alf_error *err)
{
    const char *text = value_of(values, option);
    if (text == NULL)
        return ALF_OK;
    TRY(take_number(&text, option, high, out, err));
    if (*text == '\0')
        return ALF_OK;
    return error_set(err, ALF_E_ARGUMENT, "--%s takes one number", option);
}

static alf_status read_batches(bench *b, const char *text, alf_error *err)
{
    for (;;) {
        if (b->batch_count == MOST_BATCHES)
            return error_set(err, ALF_E_ARGUMENT, "--batch: more than %d sizes", (int)MOST_BATCHES);
        TRY(take_number(&text, "batch", LARGEST_BATCH, &b->batch[b->batch_count++], err));
        if (*text++ == '\0')
            return ALF_OK;
    }
}

/* The first `limit` logs, and what the models see of them. */
static alf_status read_logs(bench *b, const char *path, size_t limit, alf_error *err)
{
    b->input = path == NULL ? LOG_INPUT_TEXT : LOG_INPUT_AUTO;
    b->data = embedded_parity;
    if (path != NULL) {
        TRY(file_read(path, MAX_INPUT, &b->file, err));
        b->data = buf_span(&b->file);
    }
    TRY(corpus_add(&b->logs, b->data, b->input, b->classifier->models.profile, limit, err));
    if (b->logs.count > 0)
        return ALF_OK;
    error_set(err, ALF_E_FORMAT, "holds no logs");
    error_file(err, path);
    return ALF_E_FORMAT;
}

/* ---- loading ---- */

/* Bundle and rules from their files to a session that can run. */
static alf_status load_once(bench *b, double *ms, alf_error *err)
{
    classifier_session_free(b->session);
    classifier_free(b->classifier);
    b->session = NULL;
    b->classifier = NULL;
    uint64_t start = clock_now();
    TRY(classifier_open(&b->settings, &b->classifier, err));
    TRY(classifier_session_new(b->classifier, &b->session, err));
    *ms = (double)(clock_now() - start) / 1e6;
    return ALF_OK;
}

static alf_status load(bench *b, alf_error *err)
{
    double again[LOADS];
    size_t n = 0;
    TRY(load_once(b, &b->load_ms, err));
    do
        TRY(load_once(b, &again[n++], err));
    while (n < LOADS && b->load_ms < SLOW_LOAD);
    b->load_again_ms = timing_median(again, n);
    return ALF_OK;
}

static alf_status set_up(bench *b, const args_values *values, alf_error *err)
{
    settings_options given = {.model = value_of(values, "model"),
                              .rules = value_of(values, "rules"),
                              .engine = value_of(values, "engine")};
    const char *sizes = value_of(values, "batch");
    size_t limit = DEFAULT_LOGS;
    b->rounds = DEFAULT_ROUNDS;
    memo_allow(value_of(values, "no-memo") == NULL);
    TRY(read_batches(b, sizes != NULL ? sizes : "1,10,100,1000", err));
    TRY(read_number(values, "rounds", MOST_ROUNDS, &b->rounds, err));
    TRY(read_number(values, "logs", MOST_LOGS, &limit, err));
    TRY(config_load(&b->config, value_of(values, "config"), err));
    TRY(settings_classifier(&b->config, &given, &b->settings, err));
    TRY(load(b, err));
    return read_logs(b, value_of(values, "input"), limit, err);
}

/* ---- passes ---- */

static bool has_subject(const bench *b, subject which)
{
    return (which != SUBJECT_TEXT || b->classifier->models.has_text) &&
           (which != SUBJECT_ANOMALY || b->classifier->models.has_anomaly);
}

static alf_status renew(bench *b, alf_error *err)
{
    classifier *c = b->classifier;
    classifier_session_free(b->session);
    b->session = NULL;
    ruleset_scratch_free(b->rules);
    text_chain_session_fini(&b->text);
    anomaly_chain_session_fini(&b->anomaly);
    b->text = (text_chain_session){0};
    b->anomaly = (anomaly_chain_session){0};
    b->rules = ruleset_scratch_new(c->rules);
    if (b->rules == NULL)
        return error_nomem(err, "a session");
    if (c->models.has_text)
        TRY(text_chain_session_init(&b->text, &c->models.text, err));
    if (c->models.has_anomaly)
        TRY(anomaly_chain_session_init(&b->anomaly, &c->models.anomaly, err));
    return classifier_session_new(c, &b->session, err);
}

/* Runs one component on logs [at, at + n). */
static alf_status run_rows(bench *b, subject which, size_t at, size_t n, alf_error *err)
{
    const classifier *c = b->classifier;
    const corpus *l = &b->logs;
    switch (which) {
    case SUBJECT_TEXT:
        return text_chain_run(&b->text, l->texts + at, n, b->probabilities, b->labels, b->terms,
                              err);
    case SUBJECT_ANOMALY:
        return anomaly_chain_run(&b->anomaly, l->features + at * LOG_FEATURES, n, b->scores,
                                 b->decisions, b->anomaly_labels, err);
    case SUBJECT_RULES:
        for (size_t i = at; i < at + n; i++) {
            rule_match match;
            ruleset_scan(c->rules, b->rules, l->messages[i]);
            TRY(ruleset_match(c->rules, b->rules, &match, err));
        }
        return ALF_OK;
    case SUBJECT_PREPROCESSING:
        for (size_t i = at; i < at + n; i++)
            TRY(log_prepare(c->models.profile, l->messages[i], -1, &b->normalised, b->features,
                            err));
        return ALF_OK;
    case SUBJECT_ENSEMBLE:
    case SUBJECTS:
        break;
    }
    return ALF_OK;
}

static alf_status pass_rows(bench *b, subject which, size_t batch, size_t *done, alf_error *err)
{
    uint64_t start = clock_now();
    *done = 0;
    while (*done < b->logs.count && clock_now() - start < pass_limit) {
        size_t n = b->logs.count - *done < batch ? b->logs.count - *done : batch;
        TRY(run_rows(b, which, *done, n, err));
        *done += n;
    }
    return ALF_OK;
}

/* Classifies what the reader has ready, batch by batch. */
static alf_status drain(bench *b, log_reader *reader, size_t batch, size_t *done, alf_error *err)
{
    size_t n = 0;
    for (bool got = true; got && *done < b->logs.count;) {
        TRY(log_reader_next(reader, &b->scratch, &b->events[n], &got, err));
        n += got;
        if (n == batch || !got || *done + n == b->logs.count) {
            classifier_run(b->session, b->events, n, b->verdicts);
            arena_reset(&b->scratch);
            *done += n;
            n = 0;
        }
    }
    return ALF_OK;
}

/* From raw bytes to verdicts, as `classify` does it, without its output. */
static alf_status pass_ensemble(bench *b, size_t batch, size_t *done, alf_error *err)
{
    uint64_t start = clock_now();
    log_reader *reader = log_reader_new(b->input, 0);
    alf_status status = reader != NULL ? ALF_OK : error_nomem(err, "a log reader");
    *done = 0;
    for (size_t at = 0; status == ALF_OK && *done < b->logs.count; at += PIECE) {
        size_t left = at < b->data.size ? b->data.size - at : 0;
        alf_span piece = {b->data.data + (b->data.size - left), left < PIECE ? left : PIECE};
        status = log_reader_feed(reader, piece, err);
        if (status == ALF_OK)
            status = drain(b, reader, batch, done, err);
        if (piece.size == 0 || clock_now() - start > pass_limit)
            break;
    }
    log_reader_free(reader);
    return status;
}

static alf_status measure(bench *b, subject which, size_t k, size_t round, alf_error *err)
{
    size_t done;
    TRY(renew(b, err));
    uint64_t start = clock_now();
    if (which == SUBJECT_ENSEMBLE)
        TRY(pass_ensemble(b, b->batch[k], &done, err));
    else
        TRY(pass_rows(b, which, b->batch[k], &done, err));
    b->times[which][k][round] = (double)(clock_now() - start) / 1e3 / (double)done;
    return ALF_OK;
}

static alf_status measure_all(bench *b, alf_error *err)
{
    for (size_t round = 0; round < b->rounds; round++)
        for (size_t k = 0; k < b->batch_count; k++)
            for (subject i = 0; i < SUBJECTS; i++)
                if (has_subject(b, i))
                    TRY(measure(b, i, k, round, err));
    for (size_t k = 0; k < b->batch_count; k++)
        for (subject i = 0; i < SUBJECTS; i++)
            b->median[i][k] = timing_median(b->times[i][k], b->rounds);
    return ALF_OK;
}

/* ---- the report ---- */

static uint64_t peak_kb(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss : 0;
}

static void put_json_times(const bench *b, json_writer *w, subject which)
{
    json_write_key(w, subject_names[which]);
    json_write_begin_object(w);
    for (size_t k = 0; k < b->batch_count; k++) {
        char size[24];
        (void)snprintf(size, sizeof size, "%zu", b->batch[k]);
        json_write_key(w, size);
        json_write_double(w, b->median[which][k]);
    }
    json_write_end_object(w);
}

static void put_json(const bench *b, buf *out)
{
    json_writer w;
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    json_write_key(&w, "load_ms");
    json_write_double(&w, b->load_ms);
    json_write_key(&w, "load_again_ms");
    json_write_double(&w, b->load_again_ms);
    json_write_key(&w, "peak_rss_kb");
    json_write_uint(&w, peak_kb());
    json_write_key(&w, "inference_engine");
    json_write_cstring(&w, models_run_on(&b->classifier->models));
    json_write_key(&w, "logs");
    json_write_uint(&w, b->logs.count);
    json_write_key(&w, "rounds");
    json_write_uint(&w, b->rounds);
    json_write_key(&w, "files");
    json_write_begin_object(&w);
    for (models_file i = 0; i < MODELS_FILE_COUNT; i++)
        if (b->classifier->models.layout.path[i][0] != '\0') {
            json_write_key(&w, models_file_names[i]);
            json_write_uint(&w, b->classifier->models.layout.size[i]);
        }
    json_write_end_object(&w);
    json_write_key(&w, "components");
    json_write_begin_object(&w);
    for (subject i = 0; i < SUBJECT_PREPROCESSING; i++)
        if (has_subject(b, i))
            put_json_times(b, &w, i);
    json_write_end_object(&w);
    put_json_times(b, &w, SUBJECT_PREPROCESSING);
    put_json_times(b, &w, SUBJECT_ENSEMBLE);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
}

static void put_table(const bench *b, buf *out)
{
    buf_printf(out, "%zu logs, %s engine, median of %zu rounds, microseconds per log\n\n%-18s",
               b->logs.count, models_run_on(&b->classifier->models), b->rounds, "batch");
    for (size_t k = 0; k < b->batch_count; k++)
        buf_printf(out, " %10zu", b->batch[k]);
    for (subject i = 0; i < SUBJECTS; i++) {
        if (!has_subject(b, i))
            continue;
        buf_printf(out, "\n%-18s", subject_names[i]);
        for (size_t k = 0; k < b->batch_count; k++)
            buf_printf(out, " %10.3f", b->median[i][k]);
    }
    buf_printf(out, "\n\nload: %.2f ms at first, %.2f ms again\npeak memory: %" PRIu64 " kB\n",
               b->load_ms, b->load_again_ms, peak_kb());
    buf_append_string(out, "files:");
    for (models_file i = 0; i < MODELS_FILE_COUNT; i++)
        if (b->classifier->models.layout.path[i][0] != '\0')
            buf_printf(out, " %s %.1f KB", models_file_names[i],
                       (double)b->classifier->models.layout.size[i] / 1024);
    buf_append_char(out, '\n');
}

static int report(const bench *b, bool json)
{
    buf out;
    buf_init(&out);
    if (json)
        put_json(b, &out);
    else
        put_table(b, &out);
    bool printed = !out.failed && command_print(buf_span(&out));
    buf_fini(&out);
    return printed ? EXIT_DONE : EXIT_SYSTEM;
}

/* ---- the command ---- */

static void bench_fini(bench *b)
{
    ruleset_scratch_free(b->rules);
    text_chain_session_fini(&b->text);
    anomaly_chain_session_fini(&b->anomaly);
    classifier_session_free(b->session);
    classifier_free(b->classifier);
    corpus_fini(&b->logs);
    buf_fini(&b->file);
    buf_fini(&b->normalised);
    arena_fini(&b->scratch);
    config_fini(&b->config);
}

static int run(const args_values *values)
{
    alf_error err = {0};
    bench *b = mem_calloc(1, sizeof *b);
    if (b == NULL) {
        (void)error_nomem(&err, "a benchmark");
        return command_fail(&err);
    }
    config_init(&b->config);
    corpus_init(&b->logs);
    arena_init(&b->scratch, 0);
    buf_init(&b->file);
    buf_init(&b->normalised);
    bool done = set_up(b, values, &err) == ALF_OK && measure_all(b, &err) == ALF_OK;
    int code = done ? report(b, value_of(values, "json") != NULL) : command_fail(&err);
    bench_fini(b);
    mem_free(b);
    return code;
}

const args_command command_bench = {
    .name = "bench",
    .summary = "Measure the time per log, the time to load, and memory.",
    .positional = "",
    .min_files = 0,
    .max_files = 0,
    .options = options,
    .description =
        "Runs each component of a bundle, and the whole ensemble from raw line to verdict, on the\n"
        "same logs in batches of several sizes, on one thread. Every measurement begins with a\n"
        "fresh session. \"preprocessing\" is normalisation and features. Logs repeat, and a "
        "session\n"
        "keeps answers to what it has seen; --no-memo shows what logs cost that do not repeat.\n\n"
        "Figures of one machine mean little alone: compare engines, bundles or releases measured\n"
        "in one run (docs/benchmarks.md).",
    .examples = "ai-log-filter bench --model build/sample\n"
                "ai-log-filter bench --model build/sample --engine onnxruntime --batch 1,1000\n"
                "ai-log-filter bench --model build/sample --input my.log --json",
    .run = run};
