/*
 * shadow: labelled logs through the classifier, and how good its verdicts are: whether a model may
 * go into the path of real logs.
 */
#include "cli/commands.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/evaluation.h"
#include "cli/settings.h"
#include "codec/json_write.h"
#include "logs/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { PIECE = 1 << 16, BATCH = 256, MOST_MISSES = 100000, DEFAULT_MISSES = 10 };

static const double interval_confidence = 0.95;

/* A critical log that was not classified critical. */
typedef struct miss {
    uint64_t record;
    alf_category found;
    double confidence;
    alf_span message;
} miss;

typedef struct shadow_run {
    config config;
    classifier *classifier;
    classifier_session *session;
    const char *data, *label_field;
    double target_recall, most_fn; /* fn: per 1000 logs */
    uint64_t miss_limit;
    log_event events[BATCH];
    verdict verdicts[BATCH];
    alf_category labels[BATCH];
    uint64_t records; /* read so far */
    arena scratch;    /* of a batch */
    arena kept;       /* messages of misses */
    miss *misses;
    uint64_t miss_count;
    uint64_t fail_open;
    evaluation result;
} shadow_run;

static const args_option options[] = {
    {"model", "DIR", "folder of the bundle (or model.path of the configuration, or MODEL_PATH)"},
    {"data", "FILE", "labelled logs, CSV or NDJSON; - is standard input (required)"},
    {"config", "FILE", "configuration (docs/configuration.md)"},
    {"rules", "FILE", "rules instead of the bundle's or the built-in ones (docs/rules.md)"},
    {"engine", "NAME", "native, onnxruntime or auto (docs/engines.md)"},
    {"label", "NAME", "column or key of the label; default: category, else label"},
    {"target-recall", "SHARE", "least critical recall (default 0.995)"},
    {"max-fn-per-1000", "N", "most critical logs missed per 1000 logs (default 5)"},
    {"misses", "N", "how many missed critical logs to list (default 10)"},
    {"json", NULL, "print the report as JSON"},
    {NULL, NULL, NULL}};

static const char *value_of(const args_values *values, const char *name)
{
    return args_value(&command_shadow, values, name);
}

/* ---- options ---- */

static alf_status read_number(const args_values *values, const char *option, double high,
                              double *out, alf_error *err)
{
    const char *text = value_of(values, option);
    if (text == NULL)
        return ALF_OK;
    char *end = NULL;
    double number = (text[0] >= '0' && text[0] <= '9') || text[0] == '.' ? strtod(text, &end) : -1;
    if (end == NULL || *end != '\0' || !(number >= 0 && number <= high))
        return error_set(err, ALF_E_ARGUMENT, "--%s is \"%.50s\", expected 0 to %g", option, text,
                         high);
    *out = number;
    return ALF_OK;
}

static alf_status set_up(shadow_run *s, const args_values *values, alf_error *err)
{
    classifier_options settings;
    settings_options given = {.model = value_of(values, "model"),
                              .rules = value_of(values, "rules"),
                              .engine = value_of(values, "engine")};
    double misses = DEFAULT_MISSES;
    s->data = value_of(values, "data");
    s->label_field = value_of(values, "label");
    s->target_recall = 0.995;
    s->most_fn = 5;
    if (s->data == NULL)
        return error_set(err, ALF_E_ARGUMENT, "--data is required; see --help");
    TRY(read_number(values, "target-recall", 1, &s->target_recall, err));
    TRY(read_number(values, "max-fn-per-1000", 1000, &s->most_fn, err));
    TRY(read_number(values, "misses", MOST_MISSES, &misses, err));
    s->miss_limit = (uint64_t)misses;
    TRY(config_load(&s->config, value_of(values, "config"), err));
    TRY(settings_classifier(&s->config, &given, &settings, err));
    TRY(classifier_open(&settings, &s->classifier, err));
    s->misses = mem_calloc(s->miss_limit + 1, sizeof *s->misses);
    if (s->misses == NULL)
        return error_nomem(err, "the list of misses");
    return classifier_session_new(s->classifier, &s->session, err);
}

/* ---- labels ---- */

static bool is_field(const log_field *field, const char *name)
{
    return field->key.size == strlen(name) &&
           strncasecmp(field->key.data, name, field->key.size) == 0;
}

static const log_field *find_field(const log_event *event, const char *name)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (is_field(&event->fields[i], name))
            return &event->fields[i];
    return NULL;
}

static alf_status read_label(const shadow_run *s, const log_event *event, alf_category *out,
                             alf_error *err)
{
    const char *name = s->label_field != NULL ? s->label_field : "category";
    const log_field *field = find_field(event, name);
    if (field == NULL && s->label_field == NULL)
        field = find_field(event, "label");
    if (field == NULL)
        return error_set(err, ALF_E_FORMAT,
                         "record %" PRIu64 " has no \"%s\"%s; expected CSV with a header or "
                         "NDJSON, with a message and a label in each record",
                         s->records, name, s->label_field == NULL ? " and no \"label\"" : "");
    for (alf_category c = ALF_CRITICAL; c <= ALF_NOISE; c++) {
        const char *category = alf_category_name(c);
        if (field->value.size == strlen(category) &&
            strncasecmp(field->value.data, category, field->value.size) == 0) {
            *out = c;
            return ALF_OK;
        }
    }
    return error_set(err, ALF_E_FORMAT,
                     "record %" PRIu64 " is labelled \"%.*s\", expected critical, suspicious, "
                     "routine or noise",
                     s->records, field->value.size < 60 ? span_width(field->value) : 60,
                     field->value.data);
}

/* ---- running ---- */

static alf_status note_miss(shadow_run *s, uint64_t record, const log_event *event,
                            const verdict *v, alf_error *err)
{
    if (s->miss_count++ >= s->miss_limit)
        return ALF_OK;
    const char *copy = arena_strndup(&s->kept, event->message.data, event->message.size);
    if (copy == NULL)
        return error_nomem(err, "the list of misses");
    s->misses[s->miss_count - 1] =
        (miss){record, v->category, v->confidence, span_of(copy, event->message.size)};
    return ALF_OK;
}

static alf_status run_batch(shadow_run *s, size_t n, alf_error *err)
{
    classifier_run(s->session, s->events, n, s->verdicts);
    for (size_t i = 0; i < n; i++) {
        const verdict *v = &s->verdicts[i];
        evaluation_add(&s->result, s->labels[i], v->category);
        s->fail_open += v->fail_open_used;
        if (s->labels[i] == ALF_CRITICAL && v->category != ALF_CRITICAL)
            TRY(note_miss(s, s->records - n + i + 1, &s->events[i], v, err));
    }
    arena_reset(&s->scratch);
    return ALF_OK;
}

/* Empty lines of NDJSON are no records. */
static bool is_blank(const log_event *event)
{
    return event->raw.size == 0;
}

static alf_status drain(shadow_run *s, log_reader *reader, alf_error *err)
{
    size_t n = 0;
    for (bool got = true; got;) {
        TRY(log_reader_next(reader, &s->scratch, &s->events[n], &got, err));
        if (got && !is_blank(&s->events[n])) {
            s->records++;
            TRY(read_label(s, &s->events[n], &s->labels[n], err));
            n++;
        }
        if (n == BATCH || (!got && n > 0)) {
            TRY(run_batch(s, n, err));
            n = 0;
        }
    }
    return ALF_OK;
}

static alf_status pump(shadow_run *s, int fd, log_reader *reader, alf_error *err)
{
    char bytes[PIECE];
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_set(err, ALF_E_IO, "cannot read: %s", strerror(errno));
        TRY(log_reader_feed(reader, (alf_span){bytes, (size_t)n}, err));
        TRY(drain(s, reader, err));
        if (n == 0)
            return ALF_OK;
    }
}

static alf_status run_data(shadow_run *s, alf_error *err)
{
    bool standard = strcmp(s->data, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(s->data, O_RDONLY | O_CLOEXEC);
    log_reader *reader = fd < 0 ? NULL : log_reader_new(LOG_INPUT_AUTO, 0);
    alf_status status;
    if (fd < 0)
        status = error_set(err, ALF_E_IO, "cannot open: %s", strerror(errno));
    else if (reader == NULL)
        status = error_nomem(err, "a log reader");
    else
        status = pump(s, fd, reader, err);
    if (status == ALF_OK && evaluation_labelled(&s->result, ALF_CRITICAL) == 0)
        status = error_set(err, ALF_E_FORMAT,
                           "%" PRIu64 " records, none labelled critical: critical recall cannot "
                           "be measured on them",
                           s->records);
    log_reader_free(reader);
    if (fd >= 0 && !standard)
        close(fd);
    if (status != ALF_OK)
        error_file(err, standard ? "standard input" : s->data);
    return status;
}

/* ---- the report ---- */

static double fn_per_1000(const shadow_run *s)
{
    return 1000.0 * (double)evaluation_false_negatives(&s->result) /
           (double)evaluation_logs(&s->result);
}

static bool meets_recall(const shadow_run *s)
{
    return evaluation_recall(&s->result, ALF_CRITICAL) >= s->target_recall;
}

static bool meets_fn(const shadow_run *s)
{
    return fn_per_1000(s) <= s->most_fn;
}

static evaluation_interval recall_interval(const shadow_run *s)
{
    return evaluation_clopper_pearson(s->result.matrix[ALF_CRITICAL][ALF_CRITICAL],
                                      evaluation_labelled(&s->result, ALF_CRITICAL),
                                      interval_confidence);
}

static void put_share(buf *out, double share)
{
    if (isnan(share))
        buf_printf(out, " %10s", "-");
    else
        buf_printf(out, " %8.2f %%", 100 * share);
}

static void put_categories(const evaluation *e, buf *out)
{
    buf_printf(out, "\n%-12s %10s %10s %10s %10s %10s\n", "", "logs", "precision", "recall", "F1",
               "forwarded");
    for (alf_category c = ALF_CRITICAL; c <= ALF_NOISE; c++) {
        buf_printf(out, "%-12s %10" PRIu64, alf_category_name(c), evaluation_labelled(e, c));
        put_share(out, evaluation_precision(e, c));
        put_share(out, evaluation_recall(e, c));
        put_share(out, evaluation_f1(e, c));
        put_share(out, evaluation_forwarded(e, c));
        buf_append_char(out, '\n');
    }
    buf_printf(out, "\n%-12s %10s %10s %10s %10s   <- classified\n", "labelled", "critical",
               "suspicious", "routine", "noise");
    for (alf_category c = ALF_CRITICAL; c <= ALF_NOISE; c++) {
        buf_printf(out, "%-12s", alf_category_name(c));
        for (alf_category k = ALF_CRITICAL; k <= ALF_NOISE; k++)
            buf_printf(out, " %10" PRIu64, e->matrix[c][k]);
        buf_append_char(out, '\n');
    }
}

static void put_misses(const shadow_run *s, buf *out)
{
    uint64_t shown = s->miss_count < s->miss_limit ? s->miss_count : s->miss_limit;
    if (s->miss_count > 0)
        buf_printf(out, "\nCritical logs missed (%" PRIu64 " of %" PRIu64 "):\n", shown,
                   s->miss_count);
    for (uint64_t i = 0; i < shown; i++) {
        const miss *m = &s->misses[i];
        buf_printf(out, "  record %" PRIu64 ", classified %s (%.2f): %.*s\n", m->record,
                   alf_category_name(m->found), m->confidence,
                   m->message.size < 200 ? span_width(m->message) : 200, m->message.data);
    }
}

static void put_report(const shadow_run *s, buf *out)
{
    const evaluation *e = &s->result;
    evaluation_interval sure = recall_interval(s);
    buf_printf(out, "Shadow run of %s on %" PRIu64 " labelled logs\n\naccuracy    ", s->data,
               evaluation_logs(e));
    put_share(out, evaluation_accuracy(e));
    buf_append_char(out, '\n');
    put_categories(e, out);
    buf_printf(out,
               "\n%s critical recall %.3f %% (target %.3f %%); with %.0f %% confidence between "
               "%.3f %% and %.3f %%\n",
               meets_recall(s) ? "✓" : "✗", 100 * evaluation_recall(e, ALF_CRITICAL),
               100 * s->target_recall, 100 * interval_confidence, 100 * sure.low, 100 * sure.high);
    buf_printf(out, "%s %.3f critical logs missed per 1000 logs (at most %g)\n",
               meets_fn(s) ? "✓" : "✗", fn_per_1000(s), s->most_fn);
    if (s->fail_open > 0)
        buf_printf(out, "  %" PRIu64 " logs failed open and count as classified critical\n",
                   s->fail_open);
    put_misses(s, out);
}

static void put_json_categories(const evaluation *e, json_writer *w)
{
    json_write_key(w, "categories");
    json_write_begin_object(w);
    for (alf_category c = ALF_CRITICAL; c <= ALF_NOISE; c++) {
        json_write_key(w, alf_category_name(c));
        json_write_begin_object(w);
        json_write_key(w, "logs");
        json_write_uint(w, evaluation_labelled(e, c));
        json_write_key(w, "precision");
        json_write_double(w, evaluation_precision(e, c));
        json_write_key(w, "recall");
        json_write_double(w, evaluation_recall(e, c));
        json_write_key(w, "f1");
        json_write_double(w, evaluation_f1(e, c));
        json_write_key(w, "forwarded");
        json_write_double(w, evaluation_forwarded(e, c));
        json_write_end_object(w);
    }
    json_write_end_object(w);
    json_write_key(w, "confusion_matrix");
    json_write_begin_object(w);
    for (alf_category c = ALF_CRITICAL; c <= ALF_NOISE; c++) {
        json_write_key(w, alf_category_name(c));
        json_write_begin_object(w);
        for (alf_category k = ALF_CRITICAL; k <= ALF_NOISE; k++) {
            json_write_key(w, alf_category_name(k));
            json_write_uint(w, e->matrix[c][k]);
        }
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

static void put_json_misses(const shadow_run *s, json_writer *w)
{
    json_write_key(w, "misses");
    json_write_begin_array(w);
    for (uint64_t i = 0; i < s->miss_count && i < s->miss_limit; i++) {
        const miss *m = &s->misses[i];
        json_write_begin_object(w);
        json_write_key(w, "record");
        json_write_uint(w, m->record);
        json_write_key(w, "category");
        json_write_cstring(w, alf_category_name(m->found));
        json_write_key(w, "confidence");
        json_write_double(w, m->confidence);
        json_write_key(w, "message");
        json_write_string(w, m->message);
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

static void put_json(const shadow_run *s, buf *out)
{
    json_writer w;
    evaluation_interval sure = recall_interval(s);
    json_write_init(&w, out, false);
    json_write_begin_object(&w);
    json_write_key(&w, "passed");
    json_write_bool(&w, meets_recall(s) && meets_fn(s));
    json_write_key(&w, "logs");
    json_write_uint(&w, evaluation_logs(&s->result));
    json_write_key(&w, "accuracy");
    json_write_double(&w, evaluation_accuracy(&s->result));
    json_write_key(&w, "critical_recall");
    json_write_double(&w, evaluation_recall(&s->result, ALF_CRITICAL));
    json_write_key(&w, "critical_recall_interval");
    json_write_begin_array(&w);
    json_write_double(&w, sure.low);
    json_write_double(&w, sure.high);
    json_write_end_array(&w);
    json_write_key(&w, "interval_confidence");
    json_write_double(&w, interval_confidence);
    json_write_key(&w, "target_recall");
    json_write_double(&w, s->target_recall);
    json_write_key(&w, "false_negatives");
    json_write_uint(&w, evaluation_false_negatives(&s->result));
    json_write_key(&w, "false_negatives_per_1000");
    json_write_double(&w, fn_per_1000(s));
    json_write_key(&w, "max_false_negatives_per_1000");
    json_write_double(&w, s->most_fn);
    json_write_key(&w, "fail_open");
    json_write_uint(&w, s->fail_open);
    put_json_categories(&s->result, &w);
    put_json_misses(s, &w);
    json_write_end_object(&w);
    buf_append_char(out, '\n');
}

/* ---- the command ---- */

static int report(const shadow_run *s, bool json)
{
    buf out;
    buf_init(&out);
    if (json)
        put_json(s, &out);
    else
        put_report(s, &out);
    bool printed = !out.failed && command_print(buf_span(&out));
    buf_fini(&out);
    if (!printed)
        return EXIT_SYSTEM;
    return meets_recall(s) && meets_fn(s) ? EXIT_DONE : EXIT_CHECK;
}

static int run(const args_values *values)
{
    alf_error err = {0};
    shadow_run *s = mem_calloc(1, sizeof *s);
    if (s == NULL) {
        (void)error_nomem(&err, "a shadow run");
        return command_fail(&err);
    }
    config_init(&s->config);
    arena_init(&s->scratch, 0);
    arena_init(&s->kept, 0);
    bool done = set_up(s, values, &err) == ALF_OK && run_data(s, &err) == ALF_OK;
    int code = done ? report(s, value_of(values, "json") != NULL) : command_fail(&err);
    classifier_session_free(s->session);
    classifier_free(s->classifier);
    mem_free(s->misses);
    arena_fini(&s->scratch);
    arena_fini(&s->kept);
    config_fini(&s->config);
    mem_free(s);
    return code;
}

const args_command command_shadow = {
    .name = "shadow",
    .summary = "Measure verdicts on labelled logs against targets.",
    .positional = "",
    .min_files = 0,
    .max_files = 0,
    .options = options,
    .description =
        "Classifies labelled logs and shows accuracy, precision, recall and F1 per category, the\n"
        "confusion matrix, and the critical logs that were missed. Logs are CSV with a header, or\n"
        "NDJSON; each has a message and a label: critical, suspicious, routine or noise.\n\n"
        "Exit code 1 when critical recall is below its target, or when more critical logs are\n"
        "missed per 1000 logs than allowed. The interval beside the recall is that of Clopper and\n"
        "Pearson: how far the true recall may lie from what so few logs show.",
    .examples = "ai-log-filter shadow --model build/sample --data labelled.csv\n"
                "ai-log-filter shadow --model build/sample --data labelled.ndjson --label severity "
                "--target-recall 0.99 --json",
    .run = run};
