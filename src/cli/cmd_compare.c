/*
 * compare: the joblib engine against the ONNX files of a bundle, in our engine and, where it is
 * there, in ONNX Runtime: labels, numbers, time.
 */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/models.h"
#include "cli/config.h"
#include "cli/timing.h"
#include "codec/json_write.h"
#include "convert/answers.h"
#include "logs/corpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUT = 256 << 20, MOST_ITERATIONS = 1000, DEFAULT_ITERATIONS = 5 };

/* ONNX Runtime adds a forest up in another order; a decision closer to 0 may fall either way. */
static const double near_tie = 1e-6;

typedef enum side_name { SIDE_JOBLIB, SIDE_NATIVE, SIDE_RUNTIME, SIDES } side_name;

/* One component in one engine. */
typedef struct side {
    answerer *engine; /* NULL: not there */
    answers answers;
    double *times; /* milliseconds for all logs, one per iteration, sorted at the end */
    double median;
    answers_difference difference; /* from the joblib engine */
} side;

enum { TEXT, ANOMALY, COMPARED };

static const char *const component_names[COMPARED] = {"tfidf_xgboost", "anomaly_detector"};

typedef struct comparison {
    const char *joblib, *onnx;
    size_t iterations;
    source from;
    config config;
    corpus logs;
    models native, runtime;
    bool has_runtime;
    char no_runtime[400]; /* why not */
    side sides[COMPARED][SIDES];
} comparison;

static const args_option options[] = {
    {"joblib", "DIR", "folder of the joblib models (required)"},
    {"onnx", "DIR", "folder of the bundle (required)"},
    {"input", "FILE", "logs to compare on; default: those of the parity proof"},
    {"iterations", "N", "how often each engine runs all logs; the median is shown (default 5)"},
    {"onnxruntime", "PATH", "library of ONNX Runtime; default: where the loader looks"},
    {"json", NULL, "print the report as JSON"},
    {NULL, NULL, NULL}};

static const char *value_of(const args_values *values, const char *name)
{
    return args_value(&command_compare, values, name);
}

/* ---- setting up ---- */

static alf_status read_options(comparison *c, const args_values *values, alf_error *err)
{
    c->joblib = value_of(values, "joblib");
    c->onnx = value_of(values, "onnx");
    if (c->joblib == NULL || c->onnx == NULL)
        return error_set(err, ALF_E_ARGUMENT, "--joblib and --onnx are required; see --help");
    const char *text = value_of(values, "iterations");
    char *end = NULL;
    unsigned long n =
        text != NULL && text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;
    c->iterations = text != NULL ? n : DEFAULT_ITERATIONS;
    if (c->iterations < 1 || c->iterations > MOST_ITERATIONS || (end != NULL && *end != '\0'))
        return error_set(err, ALF_E_ARGUMENT, "--iterations is \"%.50s\", expected 1 to %d", text,
                         (int)MOST_ITERATIONS);
    return config_load(&c->config, NULL, err);
}

static alf_status read_logs(comparison *c, const args_values *values, alf_error *err)
{
    const char *path = value_of(values, "input");
    log_profile profile = c->native.profile;
    if (path == NULL)
        return corpus_add(&c->logs, embedded_parity, LOG_INPUT_TEXT, profile, 0, err);
    buf text;
    buf_init(&text);
    alf_status status = file_read(path, MAX_INPUT, &text, err);
    if (status == ALF_OK)
        status = corpus_add(&c->logs, buf_span(&text), LOG_INPUT_AUTO, profile, 0, err);
    buf_fini(&text);
    if (status == ALF_OK && c->logs.count == 0) {
        status = error_set(err, ALF_E_FORMAT, "holds no logs");
        error_file(err, path);
    }
    return status;
}

/* The bundle once more, in ONNX Runtime. Not having it is an error only when it was named. */
static alf_status open_runtime(comparison *c, const args_values *values, alf_error *err)
{
    alf_error reason = {0};
    models_options settings = {0};
    const char *library = value_of(values, "onnxruntime");
    config_engine(&c->config, &settings.engine);
    settings.engine.kind = ENGINE_ONNX_RUNTIME;
    if (library != NULL)
        settings.engine.library = library;
    alf_status status = models_open(&c->runtime, c->onnx, &settings, &reason);
    c->has_runtime = status == ALF_OK;
    if (status == ALF_OK)
        return ALF_OK;
    if (library != NULL) {
        *err = reason;
        return status;
    }
    error_text(&reason, c->no_runtime, sizeof c->no_runtime);
    return ALF_OK;
}

static alf_status open_text(comparison *c, alf_error *err)
{
    side *s = c->sides[TEXT];
    if (!c->native.has_text || c->from.vectorizer == NULL || c->from.classifier == NULL)
        return ALF_OK;
    TRY(answerer_joblib_text(&c->from, &s[SIDE_JOBLIB].engine, err));
    TRY(answerer_text_chain(&c->native.text, &s[SIDE_NATIVE].engine, err));
    return c->has_runtime ? answerer_text_chain(&c->runtime.text, &s[SIDE_RUNTIME].engine, err)
                          : ALF_OK;
}

static alf_status open_anomaly(comparison *c, alf_error *err)
{
    side *s = c->sides[ANOMALY];
    if (!c->native.has_anomaly || c->from.scaler == NULL || c->from.isolation == NULL)
        return ALF_OK;
    TRY(answerer_joblib_anomaly(&c->from, LOG_FEATURES, &s[SIDE_JOBLIB].engine, err));
    TRY(answerer_anomaly_chain(&c->native.anomaly, &s[SIDE_NATIVE].engine, err));
    return c->has_runtime
               ? answerer_anomaly_chain(&c->runtime.anomaly, &s[SIDE_RUNTIME].engine, err)
               : ALF_OK;
}

static alf_status open_all(comparison *c, const args_values *values, alf_error *err)
{
    models_options settings = {0};
    TRY(read_options(c, values, err));
    TRY(source_open(&c->from, c->joblib, NULL, err));
    TRY(models_open(&c->native, c->onnx, &settings, err));
    TRY(open_runtime(c, values, err));
    TRY(read_logs(c, values, err));
    TRY(open_text(c, err));
    TRY(open_anomaly(c, err));
    if (c->sides[TEXT][SIDE_JOBLIB].engine != NULL || c->sides[ANOMALY][SIDE_JOBLIB].engine != NULL)
        return ALF_OK;
    return error_set(err, ALF_E_NOT_FOUND,
                     "nothing to compare: no component is both in %.150s and in %.150s", c->joblib,
                     c->onnx);
}

/* ---- running ---- */

static alf_status make_room(comparison *c, side *s, size_t width, alf_error *err)
{
    if (answerer_width(s->engine) != width)
        return error_set(err, ALF_E_MISMATCH,
                         "the joblib model has %zu classes, the ONNX file %zu; they do not belong "
                         "together",
                         width, answerer_width(s->engine));
    s->times = mem_calloc(c->iterations, sizeof *s->times);
    if (s->times == NULL)
        return error_nomem(err, "times");
    return answers_init(&s->answers, c->logs.count, width, err);
}

static alf_status time_side(comparison *c, side *s, size_t iteration, alf_error *err)
{
    answer_logs logs = {c->logs.count, c->logs.texts, c->logs.features, 0};
    uint64_t start = clock_now();
    TRY(answerer_run(s->engine, &logs, &s->answers, err));
    s->times[iteration] = (double)(clock_now() - start) / 1e6;
    return ALF_OK;
}

static void conclude(const comparison *c, side *sides, side_name name)
{
    side *s = &sides[name];
    bool may_tie = name == SIDE_RUNTIME && sides == c->sides[ANOMALY];
    s->median = timing_median(s->times, c->iterations);
    answers_compare(&sides[SIDE_JOBLIB].answers, &s->answers, may_tie ? near_tie : 0,
                    &s->difference);
}

/* The engines take turns, so that a busy machine is busy for all of them. */
static alf_status run_component(comparison *c, side *sides, alf_error *err)
{
    if (sides[SIDE_JOBLIB].engine == NULL)
        return ALF_OK;
    size_t width = answerer_width(sides[SIDE_JOBLIB].engine);
    for (side_name i = SIDE_JOBLIB; i < SIDES; i++)
        if (sides[i].engine != NULL)
            TRY(make_room(c, &sides[i], width, err));
    for (size_t k = 0; k < c->iterations; k++)
        for (side_name i = SIDE_JOBLIB; i < SIDES; i++)
            if (sides[i].engine != NULL)
                TRY(time_side(c, &sides[i], k, err));
    for (side_name i = SIDE_JOBLIB; i < SIDES; i++)
        if (sides[i].engine != NULL)
            conclude(c, sides, i);
    return ALF_OK;
}

static alf_status compare(comparison *c, const args_values *values, alf_error *err)
{
    TRY(open_all(c, values, err));
    for (size_t k = 0; k < COMPARED; k++)
        TRY(run_component(c, c->sides[k], err));
    return ALF_OK;
}

/* ---- what came out ---- */

/* Whether our engine gives every label that the joblib engine gives. */
static bool matches(const comparison *c)
{
    return c->sides[TEXT][SIDE_NATIVE].difference.mismatches == 0 &&
           c->sides[ANOMALY][SIDE_NATIVE].difference.mismatches == 0;
}

static double ratio(double joblib, double other)
{
    return other > 0 ? joblib / other : 0;
}

static double speedup(const comparison *c)
{
    double joblib = 0;
    double native = 0;
    for (size_t k = 0; k < COMPARED; k++) {
        joblib += c->sides[k][SIDE_JOBLIB].median;
        native += c->sides[k][SIDE_NATIVE].median;
    }
    return ratio(joblib, native);
}

static const char *runtime_version(const comparison *c)
{
    if (!c->has_runtime)
        return "";
    return engine_runtime_version(c->runtime.has_text ? c->runtime.text.classifier
                                                      : c->runtime.anomaly.forest);
}

/* "critical", "-1" */
static alf_span label_name(const comparison *c, size_t component, int label)
{
    if (component == ANOMALY)
        return label < 0 ? SPAN_LITERAL("-1") : SPAN_LITERAL("1");
    return label >= 0 && (uint32_t)label < c->native.class_count ? c->native.class_names[label]
                                                                 : SPAN_LITERAL("?");
}

/* ---- as a table ---- */

static void put_side(const comparison *c, buf *out, size_t component, side_name name)
{
    const side *s = &c->sides[component][name];
    char title[64] = "joblib engine";
    if (name == SIDE_NATIVE)
        (void)snprintf(title, sizeof title, "ONNX, native");
    else if (name == SIDE_RUNTIME)
        (void)snprintf(title, sizeof title, "ONNX Runtime %s", runtime_version(c));
    if (name == SIDE_JOBLIB)
        buf_printf(out, "  %-26s %15s %20s %14.3f\n", title, "", "", s->median);
    else
        buf_printf(out, "  %-26s %15" PRIu64 " %20.3g %14.3f %9.1fx\n", title,
                   s->difference.mismatches, s->difference.largest, s->median,
                   ratio(c->sides[component][SIDE_JOBLIB].median, s->median));
}

static void put_mismatches(const comparison *c, buf *out, size_t component, side_name name)
{
    const side *joblib = &c->sides[component][SIDE_JOBLIB];
    const side *s = &c->sides[component][name];
    for (size_t i = 0; i < s->difference.example_count; i++) {
        size_t row = s->difference.examples[i];
        alf_span expected = label_name(c, component, joblib->answers.labels[row]);
        alf_span found = label_name(c, component, s->answers.labels[row]);
        alf_span text = c->logs.texts[row];
        buf_printf(out, "  log %zu: joblib says %.*s, %s says %.*s: %.*s\n", row + 1,
                   span_width(expected), expected.data,
                   name == SIDE_NATIVE ? "ONNX" : "ONNX Runtime", span_width(found), found.data,
                   span_width(text), text.data);
    }
    if (s->difference.near_ties > 0)
        buf_printf(out,
                   "  %" PRIu64 " more differ in ONNX Runtime with a decision within %g of 0: "
                   "rounding, not counted\n",
                   s->difference.near_ties, near_tie);
}

static void put_report(const comparison *c, buf *out)
{
    buf_printf(out, "Compared %s with %s on %zu logs, median of %zu runs (profile %s)\n", c->joblib,
               c->onnx, c->logs.count, c->iterations, log_profile_name(c->native.profile));
    for (size_t k = 0; k < COMPARED; k++) {
        buf_printf(out, "\n%-28s %15s %20s %14s %10s\n", component_names[k], "labels differ",
                   "largest difference", "ms, all logs", "speedup");
        for (side_name i = SIDE_JOBLIB; i < SIDES; i++)
            if (c->sides[k][i].engine != NULL)
                put_side(c, out, k, i);
        for (side_name i = SIDE_NATIVE; i < SIDES; i++)
            put_mismatches(c, out, k, i);
        if (c->sides[k][SIDE_JOBLIB].engine == NULL)
            buf_append_string(out, "  not in both folders\n");
    }
    if (!c->has_runtime)
        buf_printf(out, "\nWithout ONNX Runtime: %s\n", c->no_runtime);
    buf_printf(out, "\n%s; the native engine is %.1f times as fast as the joblib engine\n",
               matches(c) ? "Match: every label is the same" : "MISMATCH", speedup(c));
}

/* ---- as JSON ---- */

static void put_json_mismatches(const comparison *c, json_writer *w, size_t component,
                                side_name name)
{
    const side *s = &c->sides[component][name];
    json_write_key(w, "mismatches");
    json_write_begin_array(w);
    for (size_t i = 0; i < s->difference.example_count; i++) {
        size_t row = s->difference.examples[i];
        json_write_begin_object(w);
        json_write_key(w, "log");
        json_write_uint(w, row + 1);
        json_write_key(w, "joblib");
        json_write_string(
            w, label_name(c, component, c->sides[component][SIDE_JOBLIB].answers.labels[row]));
        json_write_key(w, "onnx");
        json_write_string(w, label_name(c, component, s->answers.labels[row]));
        json_write_key(w, "text");
        json_write_string(w, c->logs.texts[row]);
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

/* The members of one ONNX engine's object. */
static void put_json_side(const comparison *c, json_writer *w, size_t component, side_name name)
{
    const side *s = &c->sides[component][name];
    json_write_key(w, "match");
    json_write_bool(w, s->difference.mismatches == 0);
    json_write_key(w, "speedup");
    json_write_double(w, ratio(c->sides[component][SIDE_JOBLIB].median, s->median));
    json_write_key(w, "label_mismatches");
    json_write_uint(w, s->difference.mismatches);
    if (name == SIDE_RUNTIME) {
        json_write_key(w, "near_ties");
        json_write_uint(w, s->difference.near_ties);
    }
    json_write_key(w, "largest_difference");
    json_write_double(w, s->difference.largest);
    json_write_key(w, "onnx_ms");
    json_write_double(w, s->median);
    put_json_mismatches(c, w, component, name);
}

static void put_json_component(const comparison *c, json_writer *w, size_t component)
{
    json_write_key(w, component_names[component]);
    json_write_begin_object(w);
    put_json_side(c, w, component, SIDE_NATIVE);
    json_write_key(w, "joblib_ms");
    json_write_double(w, c->sides[component][SIDE_JOBLIB].median);
    if (c->has_runtime) {
        json_write_key(w, "onnxruntime");
        json_write_begin_object(w);
        put_json_side(c, w, component, SIDE_RUNTIME);
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

static void put_json(const comparison *c, buf *out)
{
    json_writer w;
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    json_write_key(&w, "match");
    json_write_bool(&w, matches(c));
    json_write_key(&w, "speedup");
    json_write_double(&w, speedup(c));
    json_write_key(&w, "logs");
    json_write_uint(&w, c->logs.count);
    json_write_key(&w, "iterations");
    json_write_uint(&w, c->iterations);
    json_write_key(&w, "onnxruntime");
    if (c->has_runtime)
        json_write_cstring(&w, runtime_version(c));
    else
        json_write_null(&w);
    json_write_key(&w, "components");
    json_write_begin_object(&w);
    for (size_t k = 0; k < COMPARED; k++)
        if (c->sides[k][SIDE_JOBLIB].engine != NULL)
            put_json_component(c, &w, k);
    json_write_end_object(&w);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
}

/* ---- the command ---- */

static int report(const comparison *c, const args_values *values)
{
    buf out;
    buf_init(&out);
    if (value_of(values, "json") != NULL)
        put_json(c, &out);
    else
        put_report(c, &out);
    bool printed = !out.failed && command_print(buf_span(&out));
    buf_fini(&out);
    if (!printed)
        return EXIT_SYSTEM;
    return matches(c) ? EXIT_DONE : EXIT_CHECK;
}

static void comparison_fini(comparison *c)
{
    for (size_t k = 0; k < COMPARED; k++)
        for (side_name i = SIDE_JOBLIB; i < SIDES; i++) {
            answerer_free(c->sides[k][i].engine);
            answers_fini(&c->sides[k][i].answers);
            mem_free(c->sides[k][i].times);
        }
    models_close(&c->native);
    models_close(&c->runtime);
    corpus_fini(&c->logs);
    config_fini(&c->config);
    source_close(&c->from);
}

static int run(const args_values *values)
{
    alf_error err = {0};
    comparison *c = mem_calloc(1, sizeof *c);
    if (c == NULL) {
        (void)error_nomem(&err, "a comparison");
        return command_fail(&err);
    }
    config_init(&c->config);
    corpus_init(&c->logs);
    int code = compare(c, values, &err) == ALF_OK ? report(c, values) : command_fail(&err);
    comparison_fini(c);
    mem_free(c);
    return code;
}

const args_command command_compare = {
    .name = "compare",
    .summary = "Compare joblib models with their ONNX files: labels, numbers and time.",
    .positional = "",
    .min_files = 0,
    .max_files = 0,
    .options = options,
    .description =
        "Runs the joblib models, read as data, and the ONNX files of a bundle on the same logs,\n"
        "in the native engine and, where its library is found, in ONNX Runtime. Shows whose\n"
        "labels differ, the largest difference of a probability or score, and the time.\n\n"
        "Exit code 1 when a label of the native engine differs from the joblib model's.",
    .examples = "ai-log-filter compare --joblib models/sample --onnx build/sample\n"
                "ai-log-filter compare --joblib models/v3 --onnx v3 --input my.log --json",
    .run = run};
