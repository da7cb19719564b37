/* convert: joblib models and model files -> a bundle of ONNX files, proved equal. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "cli/commands.h"

#include "base/cpu.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/span.h"
#include "codec/json_write.h"
#include "convert/bundle.h"
#include "convert/parity.h"
#include "logs/corpus.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARITY_FILE = 256 << 20, MAX_ONNX_FILE = 512 << 20 };

typedef struct conversion {
    const char *input, *output;
    log_profile profile;
    source from;
    bundle to;
    manifest manifest;
    corpus logs;
    buf anomaly_onnx, classifier_onnx; /* finished files beside the joblib parts */
    parity_result parity;
    bool timed; /* --benchmark, and there is something to time */
    benchmark times;
    size_t built_in; /* of the logs */
    char texts_sha256[65], built_in_sha256[65];
} conversion;

static const args_option options[] = {
    {"input", "PATH", "folder of the models, or one model file (required)"},
    {"output", "DIR", "folder of the bundle to make (required)"},
    {"labels", "NAMES", "names of the classes in the model's order, separated by commas"},
    {"model", "NAME", "convert only this component: anomaly or xgboost"},
    {"profile", "NAME",
     "preprocessing the models were trained with: pipeline (default) or serving"},
    {"parity", "FILE", "logs to prove the conversion on, beside the built-in ones"},
    {"absent-terms", "HOW",
     "with a finished xgboost.onnx: whether to it a zero is missing (default) or zero"},
    {"benchmark", NULL, "also time the two engines; writes benchmark.json beside the manifest"},
    {"force", NULL, "replace a bundle that is already there"},
    {"json", NULL, "print the report as JSON"},
    {NULL, NULL, NULL}};

static const char *value_of(const args_values *values, const char *name)
{
    return args_value(&command_convert, values, name);
}

static alf_status wrong_value(alf_error *err, const char *option, const char *found,
                              const char *expected)
{
    return error_set(err, ALF_E_ARGUMENT, "--%s is \"%.50s\", expected %s", option, found,
                     expected);
}

/* Replacing a folder removes what is in it, so the models must not be in there. */
static alf_status check_apart(const char *input, const char *output, alf_error *err)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    if (realpath(input, from) == NULL || realpath(output, to) == NULL)
        return ALF_OK;
    size_t size = strlen(to);
    if (strncmp(from, to, size) != 0 || (from[size] != '\0' && from[size] != '/'))
        return ALF_OK;
    return error_set(
        err, ALF_E_ARGUMENT,
        "--input %.150s is inside --output %.150s, which is replaced as a whole; choose "
        "another output folder",
        input, output);
}

static alf_status read_options(conversion *c, const args_values *values, alf_error *err)
{
    c->input = value_of(values, "input");
    c->output = value_of(values, "output");
    if (c->input == NULL || c->output == NULL)
        return error_set(err, ALF_E_ARGUMENT, "--input and --output are required; see --help");
    TRY(check_apart(c->input, c->output, err));
    const char *profile = value_of(values, "profile");
    c->profile = LOG_PROFILE_PIPELINE;
    if (profile != NULL && !log_profile_from_name(span_from_string(profile), &c->profile))
        return wrong_value(err, "profile", profile, "pipeline or serving");
    return ALF_OK;
}

/* Reads folder/name when it is there. */
static alf_status read_beside(const char *folder, const char *name, buf *out, alf_error *err)
{
    char path[PATH_MAX];
    TRY(file_join(path, sizeof path, folder, name, err));
    return file_exists(path) ? file_read(path, MAX_ONNX_FILE, out, err) : ALF_OK;
}

/* A file that is there for a component must hold its model: a bundle that quietly lacks the
 * component would be worse than none. */
static alf_status check_files(const source *s, bundle_parts parts, alf_error *err)
{
    static const struct {
        const char *path;
        bool is_anomaly;
    } files[] = {{"anomaly_detector/model.joblib", true}, {"anomaly_detector.joblib", true},
                 {"isolation_forest.joblib", true},       {"tfidf_xgboost/model.joblib", false},
                 {"tfidf_xgboost.joblib", false},         {"xgboost.joblib", false}};
    for (size_t i = 0; i < s->file_count; i++)
        for (size_t k = 0; k < sizeof files / sizeof files[0]; k++) {
            bool wanted = files[k].is_anomaly ? parts.anomaly : parts.text;
            if (wanted || strcmp(s->paths[i], files[k].path) != 0)
                continue;
            error_set(err, ALF_E_FORMAT,
                      "holds no %s, and neither does any other file; put the model there, or leave "
                      "this component out with --model %s",
                      files[k].is_anomaly ? "IsolationForest" : "classifier",
                      files[k].is_anomaly ? "xgboost" : "anomaly");
            error_file(err, s->paths[i]);
            return ALF_E_FORMAT;
        }
    return ALF_OK;
}

/* What to convert: what --model names, else all that is there. */
static alf_status choose_parts(conversion *c, const args_values *values, bundle_parts *parts,
                               alf_error *err)
{
    TRY(read_beside(c->from.folder, "anomaly_detector.onnx", &c->anomaly_onnx, err));
    TRY(read_beside(c->from.folder, "xgboost.onnx", &c->classifier_onnx, err));
    *parts = (bundle_parts){.anomaly_onnx = buf_span(&c->anomaly_onnx),
                            .classifier_onnx = buf_span(&c->classifier_onnx)};
    const char *model = value_of(values, "model");
    if (model == NULL) {
        parts->anomaly = c->from.isolation != NULL || c->anomaly_onnx.size > 0;
        parts->text = c->from.classifier != NULL || c->classifier_onnx.size > 0;
        if (parts->anomaly || parts->text)
            return check_files(&c->from, *parts, err);
        return error_set(err, ALF_E_NOT_FOUND,
                         "no IsolationForest and no classifier in the model files of %.200s",
                         c->input);
    }
    parts->anomaly = strcmp(model, "anomaly") == 0;
    parts->text = strcmp(model, "xgboost") == 0;
    return parts->anomaly || parts->text ? ALF_OK
                                         : wrong_value(err, "model", model, "anomaly or xgboost");
}

static alf_status read_logs(conversion *c, const args_values *values, alf_error *err)
{
    TRY(corpus_add(&c->logs, embedded_parity, LOG_INPUT_TEXT, c->profile, 0, err));
    const char *path = value_of(values, "parity");
    c->built_in = c->logs.count;
    TRY(corpus_sha256(&c->logs, c->built_in_sha256, err));
    if (path != NULL) {
        buf text;
        buf_init(&text);
        alf_status status = file_read(path, MAX_PARITY_FILE, &text, err);
        if (status == ALF_OK)
            status = corpus_add(&c->logs, buf_span(&text), LOG_INPUT_AUTO, c->profile, 0, err);
        buf_fini(&text);
        TRY(status);
    }
    return corpus_sha256(&c->logs, c->texts_sha256, err);
}

/* A finished classifier does not say what an absent term is to it; a converted one does. */
static alf_status read_absent_terms(conversion *c, const args_values *values, alf_error *err)
{
    const char *text = value_of(values, "absent-terms");
    if (text == NULL)
        return ALF_OK;
    if (strcmp(text, "missing") != 0 && strcmp(text, "zero") != 0)
        return wrong_value(err, "absent-terms", text, "missing or zero");
    if (!c->to.adopted[BUNDLE_CLASSIFIER])
        return error_set(err, ALF_E_ARGUMENT,
                         "--absent-terms is for a finished xgboost.onnx; what is converted here "
                         "says itself what an absent term is");
    c->to.zero_is_value = strcmp(text, "zero") == 0;
    return ALF_OK;
}

static alf_status prove(conversion *c, bool timed, alf_error *err)
{
    answer_logs logs = {c->logs.count, c->logs.texts, c->logs.features, c->built_in};
    TRY(parity_check(&c->from, &c->to, &logs, timed ? PARITY_ROUNDS : 1, &c->parity, err));
    c->parity.proof.all.texts_sha256 = span_of(c->texts_sha256, 64);
    c->parity.proof.built_in.texts_sha256 = span_of(c->built_in_sha256, 64);
    return ALF_OK;
}

/* A clock that saw nothing go by is taken for a nanosecond. */
static void take_times(conversion *c, size_t which, bool present, uint64_t joblib_ns,
                       uint64_t onnx_ns)
{
    double logs = (double)c->logs.count * 1000;
    c->times.models[which] =
        (benchmark_model){.present = present,
                          .joblib_us = (double)(joblib_ns > 0 ? joblib_ns : 1) / logs,
                          .onnx_us = (double)(onnx_ns > 0 ? onnx_ns : 1) / logs};
    c->timed = c->timed || present;
}

static void describe_times(conversion *c)
{
    char cpu[BENCHMARK_TEXT];
    char text[BENCHMARK_TEXT + 32];
    const parity_result *p = &c->parity;
    cpu_name(cpu, sizeof cpu - 32);
    (void)snprintf(text, sizeof text, "%s (%s)", cpu, cpu_level_name(cpu_best()));
    benchmark_set_text(c->times.cpu, text);
    benchmark_set_text(c->times.converter, "ai-log-filter " ALF_VERSION);
    c->times.logs = c->logs.count;
    take_times(c, 0, p->proof.all.text.present, p->text_joblib_ns, p->text_onnx_ns);
    take_times(c, 1, p->proof.all.anomaly.present, p->anomaly_joblib_ns, p->anomaly_onnx_ns);
}

static void describe(conversion *c)
{
    manifest *m = &c->manifest;
    manifest_init(m);
    m->converter = SPAN_LITERAL("ai-log-filter " ALF_VERSION);
    m->profile = span_from_string(log_profile_name(c->profile));
    m->zero_is_value = c->to.zero_is_value;
    m->steps = c->to.steps;
    m->labels = c->to.labels;
    m->feature_name_count = LOG_FEATURES;
    for (size_t i = 0; i < LOG_FEATURES; i++)
        m->feature_names[i] = span_from_string(log_feature_names[c->profile][i]);
    m->library_count = c->from.library_count;
    memcpy(m->libraries, c->from.libraries, sizeof c->from.libraries);
    m->source_count = c->from.file_count;
    memcpy(m->sources, c->from.entries, c->from.file_count * sizeof *m->sources);
    m->proof = c->parity.proof;
}

/* ---- report ---- */

static const char *label_name(const conversion *c, int label, char number[16])
{
    if (label >= 0 && (uint32_t)label < c->to.labels.count)
        return c->to.labels.names[label].data;
    (void)snprintf(number, 16, "%d", label);
    return number;
}

static void put_examples(const conversion *c, buf *out)
{
    for (size_t i = 0; i < c->parity.example_count; i++) {
        const parity_example *e = &c->parity.examples[i];
        char one[16];
        char two[16];
        alf_span text = c->logs.texts[e->row];
        buf_printf(out, "  log %zu: joblib says %s (%.9g), ONNX says %s (%.9g): %.*s\n", e->row + 1,
                   e->is_text        ? label_name(c, e->expected, one)
                   : e->expected < 0 ? "-1"
                                     : "1",
                   e->expected_number,
                   e->is_text     ? label_name(c, e->found, two)
                   : e->found < 0 ? "-1"
                                  : "1",
                   e->found_number, span_width(text), text.data);
    }
}

static void put_proof_line(buf *out, const char *name, uint64_t mismatches, const char *what,
                           double difference)
{
    buf_printf(out, "  %-18s %" PRIu64 " labels differ, largest difference of a %s %.3g\n", name,
               mismatches, what, difference);
}

static void put_report(const conversion *c, buf *out)
{
    buf_printf(out, "Converted %s (profile %s)\n\n", c->input, log_profile_name(c->profile));
    for (size_t i = 0; i < c->from.file_count; i++)
        buf_printf(out, "  from  %-34.*s %8.1f KB\n", (int)c->from.entries[i].path.size,
                   c->from.entries[i].path.data, (double)c->from.entries[i].size / 1024);
    for (size_t i = 0; i < BUNDLE_FILES; i++)
        if (c->to.files[i].size > 0)
            buf_printf(out, "  to    %-34s %8.1f KB%s\n", bundle_file_names[i],
                       (double)c->to.files[i].size / 1024,
                       c->to.adopted[i] ? "  (copied: no joblib model to prove it against)" : "");
    if (c->to.labels_assumed)
        buf_append_string(out, "\nNothing names the classes: taken for critical, noise, routine, "
                               "suspicious in this order.\nIf that is wrong, name them with "
                               "--labels or in labels.json.\n");
    const proof_run *p = &c->parity.proof.all;
    buf_printf(out, "\nProof on %" PRIu64 " logs, joblib engine against ONNX engine:\n", p->logs);
    if (p->text.present)
        put_proof_line(out, "tfidf_xgboost", p->text.mismatches, "probability",
                       p->text.max_difference);
    if (p->anomaly.present)
        put_proof_line(out, "anomaly_detector", p->anomaly.mismatches, "score",
                       p->anomaly.max_difference);
    put_examples(c, out);
}

static void put_json(const conversion *c, buf *out)
{
    json_writer w;
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    json_write_key(&w, "match");
    json_write_bool(&w, parity_holds(&c->parity));
    json_write_key(&w, "output");
    json_write_cstring(&w, c->output);
    json_write_key(&w, "labels_assumed");
    json_write_bool(&w, c->to.labels_assumed);
    json_write_key(&w, "manifest");
    buf text;
    alf_error ignored;
    buf_init(&text);
    if (manifest_write(&c->manifest, &text, &ignored) == ALF_OK)
        json_write_raw(&w, span_of(text.data, text.size - 1));
    else
        out->failed = true;
    buf_fini(&text);
    if (c->timed) {
        json_write_key(&w, "benchmark");
        benchmark_put(&c->times, &w);
    }
    json_write_end_object(&w);
    buf_append_char(out, '\n');
}

/* A first look at the speed; `bench` measures properly. */
static void put_benchmark(const conversion *c, buf *out)
{
    if (!c->timed) {
        buf_append_string(out, "\nNothing to time: no file here was made from a joblib model.\n");
        return;
    }
    buf_printf(out,
               "\nMicroseconds per log over the %zu logs of the proof, median of %d rounds, joblib "
               "engine\nagainst ONNX engine, both of this program:\n",
               c->logs.count, (int)PARITY_ROUNDS);
    buf_printf(out, "  %-18s %10s %10s %9s\n", "", "joblib", "ONNX", "speedup");
    for (size_t i = 0; i < BENCHMARK_MODELS; i++) {
        const benchmark_model *m = &c->times.models[i];
        if (m->present)
            buf_printf(out, "  %-18s %10.2f %10.2f %8.1fx\n", benchmark_model_names[i],
                       m->joblib_us, m->onnx_us, m->joblib_us / m->onnx_us);
    }
}

/* ---- the command ---- */

static alf_status convert(conversion *c, const args_values *values, alf_error *err)
{
    bundle_parts parts;
    TRY(read_options(c, values, err));
    TRY(source_open(&c->from, c->input, value_of(values, "labels"), err));
    TRY(choose_parts(c, values, &parts, err));
    TRY(bundle_build(&c->to, &c->from, parts, err));
    TRY(read_absent_terms(c, values, err));
    TRY(read_logs(c, values, err));
    bool timed = args_flag(&command_convert, values, "benchmark");
    TRY(prove(c, timed, err));
    describe(c);
    if (timed)
        describe_times(c);
    if (!parity_holds(&c->parity))
        return ALF_OK; /* reported by the caller; nothing is written */
    return bundle_save(&c->to, &c->manifest, c->timed ? &c->times : NULL, c->output,
                       args_flag(&command_convert, values, "force"), err);
}

static int report(conversion *c, const args_values *values)
{
    buf out;
    buf_init(&out);
    bool json = args_flag(&command_convert, values, "json");
    bool holds = parity_holds(&c->parity);
    int code = holds ? EXIT_DONE : EXIT_CHECK;
    if (json)
        put_json(c, &out);
    else {
        put_report(c, &out);
        if (args_flag(&command_convert, values, "benchmark"))
            put_benchmark(c, &out);
        if (holds)
            buf_printf(&out, "\nBundle written to %s\n", c->output);
        else
            buf_append_string(&out, "\nThe engines disagree: no bundle was written.\n");
    }
    if (out.failed || !command_print(buf_span(&out)))
        code = EXIT_SYSTEM;
    buf_fini(&out);
    return code;
}

static int run(const args_values *values)
{
    alf_error err = {0};
    conversion c = {0};
    bundle_init(&c.to);
    corpus_init(&c.logs);
    alf_status status = convert(&c, values, &err);
    int code = status == ALF_OK ? report(&c, values) : command_fail(&err);
    corpus_fini(&c.logs);
    buf_fini(&c.anomaly_onnx);
    buf_fini(&c.classifier_onnx);
    bundle_fini(&c.to);
    source_close(&c.from);
    return code;
}

const args_command command_convert = {
    .name = "convert",
    .summary = "Convert joblib models to ONNX, without Python, proved equal to the original.",
    .positional = "",
    .min_files = 0,
    .max_files = 0,
    .options = options,
    .description =
        "Reads anomaly_detector/model.joblib and tfidf_xgboost/model.joblib (or flat joblib "
        "files)\n"
        "as data: no pickle is executed. The classifier may also be a model file of XGBoost or\n"
        "LightGBM: tfidf_xgboost/model.json, .ubj, .model or .txt, or xgboost.json or "
        "lightgbm.txt\n"
        "beside the joblib files; or give the file itself as --input, with its vectorizer beside "
        "it. Its classes are named by\n"
        "--labels or labels.json. Writes scaler.onnx, anomaly_detector.onnx,\n"
        "tfidf_vectorizer.onnx, xgboost.onnx and manifest.json, all or nothing.\n\n"
        "Before anything is written, the joblib models and the ONNX files are run on the same "
        "logs.\n"
        "If one label differs, the exit code is 1, the logs are shown and no bundle is written.",
    .examples = "ai-log-filter convert --input models/sample --output build/sample\n"
                "ai-log-filter convert --input models/v3 --output v3 --parity my.log --json\n"
                "ai-log-filter convert --input xgboost.ubj --labels "
                "critical,noise,routine,suspicious --output b",
    .run = run};
