/* classify: logs in, one verdict per log out, a summary at the end. */
#include "cli/commands.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/verdict_json.h"
#include "cli/settings.h"
#include "logs/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16, MAX_BATCH = 4096 };

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
    {"quiet", NULL, "no summary"},
    {NULL, NULL, NULL}};

typedef struct totals {
    uint64_t logs, bytes, category[ALF_CATEGORIES], forwarded_bytes, bypassed, fail_open;
} totals;

typedef struct classification {
    config config;
    classifier *classifier;
    classifier_session *session;
    verdict_style style;
    log_input input;
    FILE *output;
    const char *output_name;
    size_t batch;
    log_event *events;
    verdict *verdicts;
    arena scratch; /* the events of the current batch */
    buf lines;
    totals totals;
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

/* What the configuration and the command line say about the classifier. */
static alf_status read_settings(classification *c, const args_values *values,
                                classifier_options *out, alf_error *err)
{
    TRY(config_load(&c->config, value_of(values, "config"), err));
    TRY(read_format(value_of(values, "format"), &c->input, err));
    c->batch = (size_t)c->config.batch_size;
    settings_options given = {.model = value_of(values, "model"),
                              .rules = value_of(values, "rules"),
                              .profile = value_of(values, "profile"),
                              .engine = value_of(values, "engine")};
    return settings_classifier(&c->config, &given, out, err);
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

static alf_status open_output(classification *c, const char *path, const args_values *values,
                              alf_error *err)
{
    c->output = stdout;
    c->output_name = "standard output";
    if (path == NULL || strcmp(path, "-") == 0)
        return ALF_OK;
    c->output = NULL;
    TRY(check_not_input(path, values, err));
    c->output_name = path;
    c->output = fopen(path, "we");
    if (c->output != NULL)
        return ALF_OK;
    error_set(err, ALF_E_IO, "cannot create: %s", strerror(errno));
    error_file(err, path);
    return ALF_E_IO;
}

static alf_status set_up(classification *c, const args_values *values, alf_error *err)
{
    classifier_options settings;
    TRY(read_settings(c, values, &settings, err));
    c->style = (verdict_style){.components = value_of(values, "components") != NULL,
                               .explain = value_of(values, "explain") != NULL,
                               .text = value_of(values, "text") != NULL};
    TRY(classifier_open(&settings, &c->classifier, err));
    TRY(classifier_session_new(c->classifier, &c->session, err));
    c->events = mem_calloc(c->batch, sizeof *c->events);
    c->verdicts = mem_calloc(c->batch, sizeof *c->verdicts);
    if (c->events == NULL || c->verdicts == NULL)
        return error_nomem(err, "a batch");
    return open_output(c, value_of(values, "output"), values, err);
}

/* ---- a batch ---- */

static void add_totals(totals *t, const log_event *event, const verdict *v)
{
    t->logs++;
    t->bytes += event->raw.size;
    t->category[v->category]++;
    t->bypassed += v->compliance_bypassed;
    t->fail_open += v->fail_open_used;
    if (v->category <= ALF_SUSPICIOUS)
        t->forwarded_bytes += event->raw.size;
}

static alf_status write_lines(classification *c, alf_error *err)
{
    TRY(buf_status(&c->lines, err));
    if (fwrite(c->lines.data, 1, c->lines.size, c->output) == c->lines.size)
        return ALF_OK;
    error_set(err, ALF_E_IO, "cannot write: %s", strerror(errno));
    error_file(err, c->output_name);
    return ALF_E_IO;
}

static alf_status run_batch(classification *c, size_t n, alf_error *err)
{
    if (n == 0)
        return ALF_OK;
    uint64_t start = clock_now();
    classifier_run(c->session, c->events, n, c->verdicts);
    double each = (double)(clock_now() - start) / 1e6 / (double)n;
    buf_clear(&c->lines);
    verdict_print(&c->style, c->classifier, c->events, c->verdicts, n, each, &c->lines);
    for (size_t i = 0; i < n; i++)
        add_totals(&c->totals, &c->events[i], &c->verdicts[i]);
    arena_reset(&c->scratch);
    return write_lines(c, err);
}

/* Classifies what the reader has ready. Events borrow from the reader, so none is kept past this.
 */
static alf_status drain(classification *c, log_reader *reader, alf_error *err)
{
    size_t n = 0;
    for (;;) {
        bool got;
        TRY(log_reader_next(reader, &c->scratch, &c->events[n], &got, err));
        n += got;
        if (!got || n == c->batch) {
            TRY(run_batch(c, n, err));
            n = 0;
        }
        if (!got)
            return ALF_OK;
    }
}

/* ---- a stream ---- */

static alf_status pump(classification *c, int fd, log_reader *reader, alf_error *err)
{
    char bytes[PIECE];
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, ALF_E_IO, "cannot read: %s", strerror(errno));
        TRY(log_reader_feed(reader, (alf_span){bytes, (size_t)n}, err));
        TRY(drain(c, reader, err));
        if (n == 0)
            return ALF_OK;
    }
}

static alf_status classify_stream(classification *c, const char *path, alf_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    log_reader *reader = fd < 0 ? NULL : log_reader_new(c->input, 0);
    alf_status status;
    if (fd < 0)
        status = error_set(err, ALF_E_IO, "cannot open: %s", strerror(errno));
    else if (reader == NULL)
        status = error_nomem(err, "a log reader");
    else
        status = pump(c, fd, reader, err);
    log_reader_free(reader);
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
        if (classify_stream(c, files[i], &err) == ALF_OK)
            continue;
        int failure = command_fail(&err);
        code = code == EXIT_DONE ? failure : code;
        if (ferror(c->output))
            return EXIT_SYSTEM;
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
    const totals *t = &c->totals;
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

static int close_output(classification *c)
{
    if (c->output == NULL)
        return EXIT_DONE;
    bool reported = ferror(c->output) != 0;
    bool failed = fflush(c->output) != 0 || reported;
    if (c->output != stdout && fclose(c->output) != 0)
        failed = true;
    if (failed && !reported)
        (void)fprintf(stderr, "ai-log-filter: cannot write to %s\n", c->output_name);
    return failed ? EXIT_SYSTEM : EXIT_DONE;
}

static int run(const args_values *values)
{
    alf_error err = {0};
    classification c = {.started = clock_now()};
    config_init(&c.config);
    arena_init(&c.scratch, 0);
    buf_init(&c.lines);
    int code;
    if (set_up(&c, values, &err) != ALF_OK)
        code = command_fail(&err);
    else {
        warn(&c);
        code = classify_all(&c, values);
        int closed = close_output(&c);
        code = code == EXIT_DONE ? closed : code;
        if (value_of(values, "quiet") == NULL)
            summarize(&c);
    }
    mem_free(c.events);
    mem_free(c.verdicts);
    buf_fini(&c.lines);
    arena_fini(&c.scratch);
    classifier_session_free(c.session);
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
