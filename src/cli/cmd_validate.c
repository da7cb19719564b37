/* validate: is this folder a bundle that can run? */
#include "cli/commands.h"

#include "base/file.h"
#include "base/span.h"
#include "classify/replay.h"
#include "cli/settings.h"
#include "cli/validate_deep.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FILE = 512 << 20, MAX_OPERATORS = 64 };

static const args_option options[] = {
    {"engine", "NAME", "the engine to try: native (default), onnxruntime or auto"},
    {"config", "FILE", "configuration; its model.* and onnx_runtime.* keys count"},
    {"deep", NULL, "also run the models and replay the manifest's parity proof"},
    {"joblib", "DIR", "with --deep: compare with these joblib models, too"},
    {"parity", "FILE", "with --deep: the logs that --parity of convert named"},
    {NULL, NULL, NULL}};

static const char rule[] = "============================================================\n";

typedef struct validation {
    const char *folder;
    models_layout layout;
    config config;
    models_options settings;
    buf details;
    bool failed;
    char problem[1100]; /* the first one */
} validation;

static void complain(validation *v, const char *text)
{
    if (!v->failed)
        (void)snprintf(v->problem, sizeof v->problem, "%s", text);
    v->failed = true;
}

static void complain_error(validation *v, const alf_error *err)
{
    char text[1024];
    complain(v, error_text(err, text, sizeof text));
    buf_printf(&v->details, "  cannot run: %s\n", text);
}

/* ---- details of one ONNX file ---- */

static void put_value(buf *out, const char *what, const onnx_value_info *info)
{
    buf_printf(out, "  %s %.*s: %s[", what, span_width(info->name), info->name.data,
               info->kind == ONNX_VALUE_TENSOR ? onnx_type_name(info->type) : "sequence of maps");
    for (uint32_t i = 0; info->has_shape && i < info->rank; i++) {
        if (info->dims[i] < 0)
            buf_printf(out, "%sN", i > 0 ? "," : "");
        else
            buf_printf(out, "%s%" PRId64, i > 0 ? "," : "", info->dims[i]);
    }
    buf_append_string(out, "]\n");
}

typedef struct operator_count {
    alf_span domain, name;
    size_t count;
} operator_count;

/* "TreeEnsemble (ai.onnx.ml) x2, Cast, ..." in order of first use. */
static void put_operators(buf *out, const onnx_model *model)
{
    operator_count seen[MAX_OPERATORS];
    size_t kinds = 0;
    for (size_t i = 0; i < model->node_count; i++) {
        const onnx_node *node = &model->nodes[i];
        size_t k = 0;
        while (k < kinds && !(span_equal(seen[k].name, node->op_type) &&
                              span_equal(seen[k].domain, node->domain)))
            k++;
        if (k == kinds && kinds < MAX_OPERATORS)
            seen[kinds++] = (operator_count){node->domain, node->op_type, 0};
        if (k < kinds)
            seen[k].count++;
    }
    buf_printf(out, "  operators (%zu nodes):", model->node_count);
    for (size_t k = 0; k < kinds; k++) {
        buf_printf(out, "%s %.*s", k > 0 ? "," : "", span_width(seen[k].name), seen[k].name.data);
        if (seen[k].count > 1)
            buf_printf(out, " x%zu", seen[k].count);
    }
    buf_append_char(out, '\n');
}

static alf_status describe_graph(validation *v, alf_span bytes, alf_error *err)
{
    onnx_model *model = NULL;
    TRY(onnx_read(bytes, &model, err));
    for (size_t i = 0; i < model->input_count; i++)
        put_value(&v->details, "input", &model->inputs[i]);
    for (size_t i = 0; i < model->output_count; i++)
        put_value(&v->details, "output", &model->outputs[i]);
    put_operators(&v->details, model);
    onnx_free(model);
    return ALF_OK;
}

static alf_status describe_file(validation *v, alf_span bytes, alf_error *err)
{
    engine *e = NULL;
    /* A file that only ONNX Runtime can read has no list of operators. */
    alf_status status = describe_graph(v, bytes, err);
    if (status != ALF_OK && v->settings.engine.kind == ENGINE_NATIVE)
        return status;
    TRY(engine_load_with(bytes, &v->settings.engine, &e, err));
    if (engine_runtime_version(e)[0] == '\0')
        buf_append_string(&v->details, "  the native engine can run it\n");
    else
        buf_printf(&v->details, "  ONNX Runtime %s can run it\n", engine_runtime_version(e));
    engine_free(e);
    return ALF_OK;
}

static void check_onnx(validation *v, models_file which)
{
    alf_error err = {0};
    char path[PATH_MAX];
    buf bytes;
    buf_init(&bytes);
    alf_status status = models_path(v->folder, &v->layout, which, path, &err);
    if (status == ALF_OK)
        status = file_read(path, MAX_FILE, &bytes, &err);
    if (status == ALF_OK)
        status = describe_file(v, buf_span(&bytes), &err);
    if (status != ALF_OK) {
        error_file(&err, v->layout.path[which]);
        complain_error(v, &err);
    }
    buf_fini(&bytes);
}

static void check_joblib(validation *v, models_file which)
{
    alf_error err = {0};
    engine *e = NULL;
    models_place from = {v->folder, &v->layout, &v->settings.engine};
    if (models_load_engine(&from, which, &e, NULL, &err) != ALF_OK)
        complain_error(v, &err);
    else
        buf_append_string(&v->details, "  joblib, converted when it is loaded: can run\n");
    engine_free(e);
}

static void check_file(validation *v, models_file which)
{
    if (v->layout.path[which][0] == '\0')
        return;
    buf_printf(&v->details, "%s (%s)\n", models_file_names[which], v->layout.path[which]);
    if (models_is_joblib(v->layout.path[which]))
        check_joblib(v, which);
    else
        check_onnx(v, which);
    buf_append_char(&v->details, '\n');
}

/* ---- the manifest's hashes ---- */

static void check_entry(validation *v, const manifest_entry *entry)
{
    alf_error err = {0};
    if (replay_check_file(v->folder, entry, &err) != ALF_OK)
        complain_error(v, &err);
}

static void put_proof(validation *v, const manifest *m)
{
    const proof_run *p = &m->proof.all;
    buf_printf(&v->details, "  profile: %.*s\n", span_width(m->profile), m->profile.data);
    if (!m->proof.present) {
        buf_append_string(&v->details, "  no parity proof\n");
        return;
    }
    buf_printf(&v->details, "  parity proof: %" PRIu64 " logs", p->logs);
    if (p->text.present)
        buf_printf(&v->details, ", tfidf_xgboost %" PRIu64 " labels differ", p->text.mismatches);
    if (p->anomaly.present)
        buf_printf(&v->details, ", anomaly_detector %" PRIu64 " labels differ",
                   p->anomaly.mismatches);
    buf_append_char(&v->details, '\n');
}

/* m NULL: there is no manifest. */
static void check_benchmark(validation *v, const manifest *m)
{
    alf_error err = {0};
    benchmark b;
    if (v->layout.path[MODELS_BENCHMARK][0] == '\0')
        return;
    buf_append_string(&v->details, "\nbenchmark (benchmark.json)\n");
    if (models_read_benchmark(v->folder, &v->layout, m, &b, &err) != ALF_OK) {
        complain_error(v, &err);
        return;
    }
    for (size_t i = 0; i < BENCHMARK_MODELS; i++)
        if (b.models[i].present)
            buf_printf(&v->details, "  %s: joblib %.2f us a log, ONNX %.2f us, %.1f times faster\n",
                       benchmark_model_names[i], b.models[i].joblib_us, b.models[i].onnx_us,
                       b.models[i].joblib_us / b.models[i].onnx_us);
    buf_printf(&v->details,
               "  measured at conversion over %" PRIu64
               " logs on %s; both engines are those of %s\n",
               b.logs, b.cpu, b.converter);
}

static void check_manifest(validation *v)
{
    if (v->layout.path[MODELS_MANIFEST][0] == '\0') {
        check_benchmark(v, NULL);
        return;
    }
    char path[PATH_MAX];
    alf_error err = {0};
    arena a;
    buf text;
    manifest *m = NULL;
    arena_init(&a, 16 << 20);
    buf_init(&text);
    buf_append_string(&v->details, "manifest (manifest.json)\n");
    alf_status status = file_join(path, sizeof path, v->folder, "manifest.json", &err);
    if (status == ALF_OK)
        status = file_read(path, 4 << 20, &text, &err);
    if (status == ALF_OK && (m = arena_alloc(&a, 1, sizeof *m)) == NULL)
        status = error_nomem(&err, "the manifest");
    if (status == ALF_OK)
        status = manifest_parse(buf_span(&text), &a, m, &err);
    if (status == ALF_OK) {
        put_proof(v, m);
        for (size_t i = 0; i < m->file_count; i++)
            check_entry(v, &m->files[i]);
        check_benchmark(v, m);
    } else
        complain_error(v, &err);
    buf_append_char(&v->details, '\n');
    buf_fini(&text);
    arena_fini(&a);
}

static void complain_deep(void *context, const char *problem)
{
    complain(context, problem);
}

static void check_deep(validation *v, const args_values *values)
{
    deep_check d = {.folder = v->folder,
                    .options = &v->settings,
                    .joblib = args_value(&command_validate, values, "joblib"),
                    .parity = args_value(&command_validate, values, "parity"),
                    .details = &v->details,
                    .complain = complain_deep,
                    .context = v};
    if (args_flag(&command_validate, values, "deep"))
        validate_deep(&d);
}

static void put_origin(validation *v, const models *m, models_component which, const char *name)
{
    if (!v->failed && m->origin[which] == MODELS_FROM_JOBLIB)
        buf_printf(&v->details, "%s runs from its joblib model, as configured\n\n", name);
    if (!v->failed && m->origin[which] == MODELS_FELL_BACK)
        buf_printf(&v->details, "%s has no ONNX file; it falls back to its joblib model\n\n", name);
}

/* Loads the bundle as classify would, which also proves that its parts fit together. */
static void check_whole(validation *v)
{
    alf_error err = {0};
    models m;
    if (models_open(&m, v->folder, &v->settings, &err) != ALF_OK && !v->failed)
        complain_error(v, &err);
    put_origin(v, &m, MODELS_TEXT, "tfidf_xgboost");
    put_origin(v, &m, MODELS_DETECTOR, "anomaly_detector");
    if (!v->failed && m.labels_assumed && m.has_text)
        buf_append_string(&v->details,
                          "note: nothing names the classes; assumed critical, noise, routine, "
                          "suspicious (labels.json can say otherwise)\n\n");
    models_close(&m);
}

/* ---- report ---- */

static void put_found(const validation *v, buf *out, models_file which, bool with_size)
{
    const char *path = v->layout.path[which];
    const char *found = path[0] != '\0' ? "✓ found" : "✗ missing";
    if (path[0] == '\0' && with_size)
        found = "- not in this bundle";
    if (with_size && path[0] != '\0')
        buf_printf(out, "  • %s: %.2f KB - %s\n", models_file_names[which],
                   (double)v->layout.size[which] / 1024, found);
    else
        buf_printf(out, "  • %s: %s\n", models_file_names[which], found);
}

static void put_report(const validation *v, buf *out)
{
    const models_layout *l = &v->layout;
    bool joblib =
        models_is_joblib(l->path[MODELS_SCALER]) || models_is_joblib(l->path[MODELS_VECTORIZER]);
    buf_append_string(out, rule);
    buf_append_string(out, "ONNX-ONLY SETUP VALIDATION\n");
    buf_append_string(out, rule);
    buf_printf(out, "\nModel Path: %s\n", v->folder);
    if (v->failed)
        buf_printf(out, "Status: ❌ %s\n", v->problem);
    else if (v->settings.mixed)
        buf_append_string(out, "Status: ✅ setup valid - ready for mixed mode\n");
    else
        buf_printf(out, "Status: ✅ ONNX setup valid - ready for ONNX-only mode%s\n",
                   joblib ? " (scaler or vectorizer kept as joblib)" : "");
    buf_append_string(out, "\n✓ Models Found:\n");
    bool anomaly = l->path[MODELS_ANOMALY][0] != '\0';
    bool text = l->path[MODELS_CLASSIFIER][0] != '\0';
    put_found(v, out, MODELS_ANOMALY, true);
    if (anomaly)
        put_found(v, out, MODELS_SCALER, false);
    put_found(v, out, MODELS_CLASSIFIER, true);
    if (text)
        put_found(v, out, MODELS_VECTORIZER, false);
    buf_append_char(out, '\n');
    buf_append_string(out, rule);
    buf_append_char(out, '\n');
    buf_append_span(out, buf_span(&v->details));
}

static alf_status read_settings(validation *v, const args_values *values, alf_error *err)
{
    classifier_options found;
    settings_options given = {.model = v->folder,
                              .engine = args_value(&command_validate, values, "engine")};
    bool deep = args_flag(&command_validate, values, "deep");
    if (!deep && (args_flag(&command_validate, values, "joblib") ||
                  args_flag(&command_validate, values, "parity")))
        return error_set(err, ALF_E_ARGUMENT, "--joblib and --parity need --deep");
    TRY(config_load(&v->config, args_value(&command_validate, values, "config"), err));
    TRY(settings_classifier(&v->config, &given, &found, err));
    v->settings = found.models;
    return ALF_OK;
}

static alf_status locate(validation *v, alf_error *err)
{
    TRY(models_locate(v->folder, &v->settings.named, &v->layout, err));
    return v->settings.mixed ? ALF_OK : models_want_onnx(v->folder, &v->layout, err);
}

static int validate(validation *v, const args_values *values)
{
    alf_error err = {0};
    buf out;
    buf_init(&out);
    if (locate(v, &err) != ALF_OK)
        complain_error(v, &err);
    else {
        for (models_file i = MODELS_ANOMALY; i <= MODELS_VECTORIZER; i++)
            check_file(v, i);
        check_manifest(v);
        check_whole(v);
        if (!v->failed)
            check_deep(v, values);
    }
    put_report(v, &out);
    bool printed = !out.failed && !v->details.failed && command_print(buf_span(&out));
    buf_fini(&out);
    if (!printed)
        return EXIT_SYSTEM;
    return v->failed ? EXIT_CHECK : EXIT_DONE;
}

static int run(const args_values *values)
{
    alf_error err = {0};
    validation v = {.folder = values->files[0]};
    config_init(&v.config);
    buf_init(&v.details);
    int code =
        read_settings(&v, values, &err) == ALF_OK ? validate(&v, values) : command_fail(&err);
    buf_fini(&v.details);
    config_fini(&v.config);
    return code;
}

const args_command command_validate = {
    .name = "validate",
    .summary = "Check that a folder is a bundle that can run, and show what is in it.",
    .positional = "DIR",
    .min_files = 1,
    .max_files = 1,
    .options = options,
    .description =
        "Loads every model file of the folder, checks the hashes of the manifest, and lists\n"
        "each graph's inputs, outputs and operators. Exit code 1 when something required\n"
        "is missing or wrong.\n\n"
        "--deep runs the models on the logs of the parity proof, checks that every answer is\n"
        "within range and the same as when the bundle was proved, and with --joblib that it is\n"
        "what the joblib models say. With --engine onnxruntime both engines are compared, too.",
    .examples = "ai-log-filter validate build/sample\n"
                "ai-log-filter validate build/sample --deep --joblib models/sample",
    .run = run};
