/* classify: logs in, one verdict per log out, a summary at the end. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/ordered.h"
#include "base/span.h"
#include "cli/settings.h"
#include "cli/verdict_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const args_option options[] = {
    {"model", "DIR", "folder of the bundle (or model.path of the configuration, or MODEL_PATH)"},
    {"config", "FILE", "configuration (docs/configuration.md)"},
    {"rules", "FILE", "rules instead of the bundle's or the built-in ones (docs/rules.md)"},
    {"profile", "NAME", "preprocessing: pipeline or serving; default: what the bundle says"},
    {"engine", "NAME", "native, onnxruntime or auto (docs/engines.md)"},
    {"format", "NAME", "input format: auto (default), text, ndjson or csv"},
    {"output", "FILE", "write the verdicts there instead of to standard output"},
    {"components", NULL, "add what each component said"},
    {"explain", NULL, "add the votes and their weights"},
    {"text", NULL, "one readable line per log instead of JSON"},
    {"threads", "N",
     "worker threads; 0: one per core (default: onnx_runtime.intra_op_num_threads)"},
    {"quiet", NULL, "no summary"},
    {NULL, NULL, NULL}};

typedef struct classification {
    config config;
    classifier *classifier;
    log_input input;
    verdict_stream_options options;
    verdict_stream *stream;
    uint64_t started;
} classification;

static const char *value_of(const args_values *values, const char *name)
{
    return args_value(&command_classify, values, name);
}

/* ---- setting up ---- */

static alf_status read_format(const char *name, log_input *out, alf_error *err)
{
    static const char *const names[] = {"auto", "text", "ndjson", "csv"};
    static const log_input inputs[] = {LOG_INPUT_AUTO, LOG_INPUT_TEXT, LOG_INPUT_NDJSON,
                                       LOG_INPUT_CSV};
    *out = LOG_INPUT_AUTO;
    if (name == NULL)
        return ALF_OK;
    for (size_t i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = inputs[i];
            return ALF_OK;
        }
    return error_set(err, ALF_E_ARGUMENT,
                     "--format is \"%.50s\", expected auto, text, ndjson or csv", name);
}

/* The configuration's number goes to ONNX Runtime, which shares out the work of a batch by itself,
 * where that is what runs the models. */
static alf_status read_threads(const char *text, const config *from, engine_kind kind, size_t *out,
                               alf_error *err)
{
    char *end = NULL;
    *out = kind == ENGINE_ONNX_RUNTIME ? 1 : (size_t)from->intra_op_num_threads;
    if (text == NULL)
        return ALF_OK;
    unsigned long n = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || n > ORDERED_MAX_WORKERS)
        return error_set(err, ALF_E_ARGUMENT, "--threads is \"%.50s\", expected 0 to %d", text,
                         ORDERED_MAX_WORKERS);
    *out = n;
    return ALF_OK;
}

/* What the configuration and the command line say about the classifier. */
static alf_status read_settings(classification *c, const args_values *values,
                                classifier_options *out, alf_error *err)
{
    TRY(config_load(&c->config, value_of(values, "config"), err));
    TRY(read_format(value_of(values, "format"), &c->input, err));
    c->options.batch = (size_t)c->config.serve.batch_size;
    settings_options given = {.model = value_of(values, "model"),
                              .rules = value_of(values, "rules"),
                              .profile = value_of(values, "profile"),
                              .engine = value_of(values, "engine")};
    TRY(settings_classifier(&c->config, &given, out, err));
    return read_threads(value_of(values, "threads"), &c->config, out->models.engine.kind,
                        &c->options.threads, err);
}

/* Writing over a file that is to be read would lose its logs. */
static alf_status check_not_input(const char *path, const args_values *values, alf_error *err)
{
    struct stat output;
    struct stat input;
    if (stat(path, &output) != 0 || !S_ISREG(output.st_mode))
        return ALF_OK;
    for (int i = 0; i < values->file_count || i == 0; i++) {
        const char *file = values->file_count > 0 ? values->files[i] : "-";
        int found = strcmp(file, "-") == 0 ? fstat(STDIN_FILENO, &input) : stat(file, &input);
        if (found == 0 && input.st_dev == output.st_dev && input.st_ino == output.st_ino)
            return error_set(err, ALF_E_ARGUMENT,
                             "--output \"%.200s\" is an input too and would be overwritten; name "
                             "another file",
                             path);
    }
    return ALF_OK;
}

static alf_status open_output(verdict_stream_options *o, const char *path,
                              const args_values *values, alf_error *err)
{
    o->output = STDOUT_FILENO;
    o->output_name = "standard output";
    if (path == NULL || strcmp(path, "-") == 0)
        return ALF_OK;
    TRY(check_not_input(path, values, err));
    o->output_name = path;
    o->output = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (o->output >= 0)
        return ALF_OK;
    error_set(err, ALF_E_IO, "cannot create: %s", strerror(errno));
    error_file(err, path);
    return ALF_E_IO;
}

static alf_status set_up(classification *c, const args_values *values, alf_error *err)
{
    classifier_options settings;
    TRY(read_settings(c, values, &settings, err));
    TRY(classifier_open(&settings, &c->classifier, err));
    c->options.classifier = c->classifier;
    c->options.style = (verdict_style){.components = value_of(values, "components") != NULL,
                                       .explain = value_of(values, "explain") != NULL,
                                       .text = value_of(values, "text") != NULL,
                                       .fields = true};
    TRY(open_output(&c->options, value_of(values, "output"), values, err));
    return verdict_stream_new(&c->options, &c->stream, err);
}

/* ---- inputs ---- */

static alf_status classify_file(classification *c, const char *path, alf_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    alf_status status;
    if (fd < 0)
        status = error_set(err, ALF_E_IO, "cannot open: %s", strerror(errno));
    else
        status = verdict_stream_read(c->stream, fd, c->input, err);
    if (fd >= 0 && !standard)
        close(fd);
    if (status != ALF_OK)
        error_file(err, standard ? "standard input" : path);
    return status;
}

/* Every file is tried; the first failure decides the exit code. */
static int classify_all(classification *c, const args_values *values)
{
    static char dash[] = "-";
    char *only_stdin[] = {dash};
    char **files = values->file_count > 0 ? values->files : only_stdin;
    int count = values->file_count > 0 ? values->file_count : 1;
    int code = EXIT_DONE;
    for (int i = 0; i < count; i++) {
        alf_error err = {0};
        if (classify_file(c, files[i], &err) == ALF_OK)
            continue;
        int failure = command_fail(&err);
        if (verdict_stream_broken(c->stream))
            return EXIT_SYSTEM;
        code = code == EXIT_DONE ? failure : code;
    }
    return code;
}

/* ---- summary ---- */

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void summarize(const classification *c)
{
    const verdict_totals *t = verdict_stream_totals(c->stream);
    double seconds = (double)(clock_now() - c->started) / 1e9;
    (void)fprintf(stderr, "\n%" PRIu64 " logs in %.2f s: %.0f logs per second\n\n", t->logs,
                  seconds, seconds > 0 ? (double)t->logs / seconds : 0);
    for (alf_category i = ALF_CRITICAL; i <= ALF_NOISE; i++)
        (void)fprintf(stderr, "  %-12s %10" PRIu64 "  %5.1f %%\n", alf_category_name(i),
                      t->category[i], share(t->category[i], t->logs));
    uint64_t forwarded = t->category[ALF_CRITICAL] + t->category[ALF_SUSPICIOUS];
    (void)fprintf(stderr,
                  "\n  forwarded to the SIEM  %10" PRIu64 "  %5.1f %% of logs, %5.1f %% of bytes\n"
                  "  saved                  %10" PRIu64 "  %5.1f %% of logs, %5.1f %% of bytes\n",
                  forwarded, share(forwarded, t->logs), share(t->forwarded_bytes, t->bytes),
                  t->logs - forwarded, share(t->logs - forwarded, t->logs),
                  share(t->bytes - t->forwarded_bytes, t->bytes));
    if (t->bypassed > 0)
        (void)fprintf(stderr, "  covered by regulation  %10" PRIu64 "\n", t->bypassed);
    if (t->fail_open > 0)
        (void)fprintf(stderr, "  forwarded by fail-open %10" PRIu64 "\n", t->fail_open);
}

static void warn(const classification *c)
{
    const models *m = &c->classifier->models;
    if (m->has_text && m->labels_assumed)
        (void)fprintf(stderr,
                      "ai-log-filter: warning: nothing in the bundle names its classes; assumed "
                      "critical, noise, routine, suspicious\n");
    if (!m->has_text)
        (void)fprintf(stderr,
                      "ai-log-filter: warning: the bundle has no xgboost.onnx; the text model "
                      "abstains\n");
    if (!m->has_anomaly)
        (void)fprintf(stderr,
                      "ai-log-filter: warning: the bundle has no anomaly_detector.onnx; the "
                      "anomaly detector abstains\n");
    if (m->origin[MODELS_TEXT] == MODELS_FELL_BACK)
        (void)fprintf(stderr, "ai-log-filter: warning: no xgboost.onnx; fell back to joblib\n");
    if (m->origin[MODELS_DETECTOR] == MODELS_FELL_BACK)
        (void)fprintf(stderr,
                      "ai-log-filter: warning: no anomaly_detector.onnx; fell back to joblib\n");
}

/* Some file systems tell only here that what was written is lost. */
static int close_output(const verdict_stream_options *o)
{
    if (o->output <= STDERR_FILENO || close(o->output) == 0)
        return EXIT_DONE;
    (void)fprintf(stderr, "ai-log-filter: cannot write to %s: %s\n", o->output_name,
                  strerror(errno));
    return EXIT_SYSTEM;
}

static int run(const args_values *values)
{
    alf_error err = {0};
    classification c = {.options = {.output = -1}, .started = clock_now()};
    config_init(&c.config);
    command_die_of_pipe();
    int code;
    if (set_up(&c, values, &err) != ALF_OK)
        code = command_fail(&err);
    else {
        warn(&c);
        code = classify_all(&c, values);
        if (value_of(values, "quiet") == NULL)
            summarize(&c);
    }
    int closed = close_output(&c.options);
    code = code == EXIT_DONE ? closed : code;
    verdict_stream_free(c.stream);
    classifier_free(c.classifier);
    config_fini(&c.config);
    return code;
}

const args_command command_classify = {
    .name = "classify",
    .summary = "Classify logs as critical, suspicious, routine or noise.",
    .positional = "[FILE ...]",
    .min_files = 0,
    .max_files = ARGS_MAX_FILES,
    .options = options,
    .description =
        "Reads logs from the files, or from standard input, and writes one JSON object per log, "
        "in\n"
        "order. Plain text, syslog, CEF, LEEF, JSON and CSV are understood. A summary goes to\n"
        "standard error. A log that cannot be classified is forwarded as critical, never dropped.",
    .examples =
        "ai-log-filter classify --model build/sample examples/logs/mixed.log\n"
        "tail -n 1000 /var/log/syslog | ai-log-filter classify --model build/sample --text -\n"
        "ai-log-filter classify --config config.yaml --components --output out.ndjson "
        "app.csv",
    .run = run};
