/* Loading the models of a bundle folder. */
#include "classify/models.h"

#include "base/file.h"
#include "base/span.h"
#include "classify/models_joblib.h"
#include "convert/bundle.h"
#include "model/labels.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_FILE = 512 << 20, MAX_TEXT_FILE = 4 << 20, MAX_CANDIDATES = 4 };

const char *const models_file_names[MODELS_FILE_COUNT] = {
    "anomaly_detector", "anomaly_scaler", "xgboost",  "tfidf_vectorizer",
    "labels",           "manifest",       "benchmark"};

const char *const models_component_names[MODELS_COMPONENTS] = {"tfidf_xgboost", "anomaly_detector"};

static const char *const candidates[MODELS_FILE_COUNT][MAX_CANDIDATES] = {
    {"anomaly_detector.onnx", "anomaly_detector/model.onnx"},
    {"scaler.onnx", "anomaly_detector/scaler.onnx", "scaler.joblib",
     "anomaly_detector/scaler.joblib"},
    {"xgboost.onnx", "tfidf_xgboost/model.onnx"},
    {"tfidf_vectorizer.onnx", "tfidf_xgboost/vectorizer.onnx", "tfidf_vectorizer.joblib",
     "tfidf_xgboost/vectorizer.joblib"},
    {"labels.json", "tfidf_xgboost/labels.json"},
    {"manifest.json"},
    {"benchmark.json"},
};

bool models_is_joblib(const char *path)
{
    size_t size = strlen(path);
    return size > 7 && strcmp(path + size - 7, ".joblib") == 0;
}

static alf_status in_folder(alf_status status, const char *folder, alf_error *err)
{
    if (status != ALF_OK)
        error_file(err, folder);
    return status;
}

/* An absolute path as it is, any other inside the folder. */
static alf_status resolve(char out[PATH_MAX], const char *folder, const char *path, alf_error *err)
{
    return path[0] == '/' ? file_join(out, PATH_MAX, "/", path + 1, err)
                          : file_join(out, PATH_MAX, folder, path, err);
}

alf_status models_path(const char *folder, const models_layout *layout, models_file which,
                       char *out, alf_error *err)
{
    return resolve(out, folder, layout->path[which], err);
}

static alf_status take_named(const char *folder, models_layout *out, models_file which,
                             const char *name, alf_error *err)
{
    char path[PATH_MAX];
    TRY(resolve(path, folder, name, err));
    if (strlen(name) >= MODELS_PATH)
        return error_set(err, ALF_E_LIMIT, "the path is too long: %.100s", name);
    (void)snprintf(out->path[which], MODELS_PATH, "%s", name);
    return file_size(path, &out->size[which], err);
}

static alf_status locate_one(const char *folder, const models_paths *named, models_layout *out,
                             models_file which, alf_error *err)
{
    char path[PATH_MAX];
    const char *name = named != NULL ? named->path[which] : NULL;
    if (name != NULL && name[0] != '\0')
        return take_named(folder, out, which, name, err);
    for (size_t i = 0; i < MAX_CANDIDATES && candidates[which][i] != NULL; i++) {
        TRY(file_join(path, sizeof path, folder, candidates[which][i], err));
        if (!file_exists(path))
            continue;
        (void)snprintf(out->path[which], MODELS_PATH, "%s", candidates[which][i]);
        return file_size(path, &out->size[which], err);
    }
    return ALF_OK;
}

alf_status models_locate(const char *folder, const models_paths *named, models_layout *out,
                         alf_error *err)
{
    *out = (models_layout){0};
    if (!file_is_directory(folder))
        return in_folder(error_set(err, ALF_E_NOT_FOUND,
                                   "not a folder; name the folder of a bundle made by convert"),
                         folder, err);
    for (models_file i = 0; i < MODELS_FILE_COUNT; i++)
        TRY(locate_one(folder, named, out, i, err));
    return ALF_OK;
}

alf_status models_want_onnx(const char *folder, const models_layout *layout, alf_error *err)
{
    bool joblib[MODELS_COMPONENTS];
    if (layout->path[MODELS_ANOMALY][0] != '\0' || layout->path[MODELS_CLASSIFIER][0] != '\0')
        return ALF_OK;
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        TRY(models_joblib_exists(folder, i, &joblib[i], err));
    return in_folder(error_set(err, ALF_E_NOT_FOUND,
                               joblib[MODELS_TEXT] || joblib[MODELS_DETECTOR]
                                   ? "holds joblib models, not ONNX; run ai-log-filter convert "
                                     "--input %.150s --output FOLDER first, or set model.type: "
                                     "safe_ensemble"
                                   : "no models found in %.150s; expected anomaly_detector.onnx "
                                     "or xgboost.onnx",
                               folder),
                     folder, err);
}

/* ---- engines ---- */

static alf_status load_onnx(const char *path, const engine_options *options, engine **out,
                            alf_error *err)
{
    buf bytes;
    buf_init(&bytes);
    alf_status status = file_read(path, MAX_FILE, &bytes, err);
    if (status == ALF_OK)
        status = engine_load_with(buf_span(&bytes), options, out, err);
    buf_fini(&bytes);
    return status;
}

/* A scaler or vectorizer inside a joblib file: the root itself, or an item of the root's dict. */
static alf_status convert_value(const value *root, models_file which, buf *bytes,
                                uint32_t *feature_count, alf_error *err)
{
    const value *object = root;
    if (root->kind == VALUE_DICT)
        object = value_get(root, which == MODELS_SCALER ? "scaler" : "vectorizer");
    if (object == NULL)
        return error_set(err, ALF_E_NOT_FOUND, "the dict in this file has no \"%s\"",
                         which == MODELS_SCALER ? "scaler" : "vectorizer");
    uint32_t ignored;
    if (which == MODELS_SCALER)
        return bundle_scaler(object, bytes, feature_count != NULL ? feature_count : &ignored, err);
    return bundle_vectorizer(object, bytes, err);
}

static alf_status load_joblib(const char *path, models_file which, const engine_options *options,
                              engine **out, uint32_t *feature_count, alf_error *err)
{
    joblib_file *file = NULL;
    buf bytes;
    buf_init(&bytes);
    alf_status status = joblib_open(path, NULL, &file, err);
    if (status == ALF_OK)
        status = convert_value(joblib_root(file), which, &bytes, feature_count, err);
    if (status == ALF_OK)
        status = engine_load_with(buf_span(&bytes), options, out, err);
    joblib_free(file);
    buf_fini(&bytes);
    return status;
}

alf_status models_load_engine(const models_place *from, models_file which, engine **out,
                              uint32_t *feature_count, alf_error *err)
{
    char path[PATH_MAX];
    *out = NULL;
    TRY(models_path(from->folder, from->layout, which, path, err));
    alf_status status = models_is_joblib(path)
                            ? load_joblib(path, which, from->engine, out, feature_count, err)
                            : load_onnx(path, from->engine, out, err);
    return in_folder(status, path, err);
}

/* ---- labels and manifest ---- */

static alf_status read_text(const char *folder, const models_layout *layout, models_file which,
                            buf *out, alf_error *err)
{
    char path[PATH_MAX];
    TRY(models_path(folder, layout, which, path, err));
    return file_read(path, MAX_TEXT_FILE, out, err);
}

static alf_status read_manifest(models *m, const char *folder, alf_error *err)
{
    buf text;
    buf_init(&text);
    alf_status status = read_text(folder, &m->layout, MODELS_MANIFEST, &text, err);
    if (status == ALF_OK)
        status = manifest_parse(buf_span(&text), &m->memory, &m->manifest, err);
    buf_fini(&text);
    m->has_manifest = status == ALF_OK;
    return in_folder(status, "manifest.json", err);
}

alf_status models_read_benchmark(const char *folder, const models_layout *layout, const manifest *m,
                                 benchmark *out, alf_error *err)
{
    char path[PATH_MAX];
    buf text;
    TRY(models_path(folder, layout, MODELS_BENCHMARK, path, err));
    buf_init(&text);
    alf_status status = file_read(path, BENCHMARK_MAX_FILE, &text, err);
    if (status == ALF_OK)
        status = benchmark_parse(buf_span(&text), out, err);
    if (status == ALF_OK && (m == NULL || !benchmark_is_of(out, m)))
        status = error_set(err, ALF_E_MISMATCH,
                           "is not about the files of the manifest; convert with --benchmark "
                           "again, or remove it");
    buf_fini(&text);
    return in_folder(status, "benchmark.json", err);
}

/* What only metrics show does not keep a bundle from being used. */
static void try_benchmark(models *m, const char *folder)
{
    alf_error err = {0};
    if (m->layout.path[MODELS_BENCHMARK][0] == '\0')
        return;
    m->has_benchmark =
        models_read_benchmark(folder, &m->layout, m->has_manifest ? &m->manifest : NULL,
                              &m->benchmark, &err) == ALF_OK;
    if (!m->has_benchmark)
        (void)error_text(&err, m->benchmark_problem, sizeof m->benchmark_problem);
}

static alf_status take_labels(models *m, const class_labels *labels, alf_error *err)
{
    if (labels->count > MODELS_MAX_CLASSES)
        return error_set(err, ALF_E_LIMIT, "%u classes, at most %d", labels->count,
                         (int)MODELS_MAX_CLASSES);
    m->class_count = labels->count;
    memcpy(m->class_names, labels->names, m->class_count * sizeof *m->class_names);
    return ALF_OK;
}

static alf_status read_labels(models *m, const char *folder, alf_error *err)
{
    buf text;
    class_labels labels;
    buf_init(&text);
    alf_status status = read_text(folder, &m->layout, MODELS_LABELS, &text, err);
    if (status == ALF_OK)
        status = labels_parse(buf_span(&text), &m->memory, &labels, err);
    if (status == ALF_OK)
        status = take_labels(m, &labels, err);
    buf_fini(&text);
    return in_folder(status, m->layout.path[MODELS_LABELS], err);
}

static void assume_labels(models *m)
{
    m->class_count = LABELS_ASSUMED;
    for (size_t i = 0; i < LABELS_ASSUMED; i++)
        m->class_names[i] = span_from_string(labels_assumed[i]);
    m->labels_assumed = true;
}

static alf_status map_labels(models *m, alf_error *err)
{
    for (uint32_t i = 0; i < m->class_count; i++) {
        alf_span name = m->class_names[i];
        alf_category c = ALF_CRITICAL;
        while (c <= ALF_NOISE && (strlen(alf_category_name(c)) != name.size ||
                                  strncasecmp(alf_category_name(c), name.data, name.size) != 0))
            c++;
        if (c > ALF_NOISE)
            return error_set(
                err, ALF_E_UNSUPPORTED,
                "class label \"%.*s\" is not a category (critical, suspicious, routine, "
                "noise); name the classes in labels.json",
                span_width(name), name.data);
        m->class_category[i] = c;
    }
    return ALF_OK;
}

/* own: of a joblib model, else empty. */
static alf_status find_labels(models *m, const char *folder, const class_labels *own,
                              alf_error *err)
{
    if (m->layout.path[MODELS_LABELS][0] != '\0')
        TRY(read_labels(m, folder, err));
    else if (own->count > 0)
        TRY(take_labels(m, own, err));
    else if (m->has_manifest && m->manifest.labels.count > 0)
        TRY(take_labels(m, &m->manifest.labels, err));
    else
        assume_labels(m);
    return map_labels(m, err);
}

static alf_status find_profile(models *m, const models_options *options, alf_error *err)
{
    m->profile = options->profile_given ? options->profile : LOG_PROFILE_PIPELINE;
    if (options->profile_given || !m->has_manifest)
        return ALF_OK;
    if (log_profile_from_name(m->manifest.profile, &m->profile))
        return ALF_OK;
    return error_set(err, ALF_E_FORMAT, "manifest: profile \"%.*s\", expected pipeline or serving",
                     span_width(m->manifest.profile), m->manifest.profile.data);
}

/* ---- components ---- */

static alf_status missing_half(const models *m, models_file have, models_file want, alf_error *err)
{
    return error_set(err, ALF_E_NOT_FOUND, "%s is there but its %s is not: expected %s",
                     m->layout.path[have], models_file_names[want], candidates[want][0]);
}

/* The two ONNX files of a component, loaded: both, or none. */
static alf_status load_pair(const models_place *from, models_file first, models_file second,
                            joblib_component *out, alf_error *err)
{
    out->feature_count = LOG_FEATURES;
    TRY(models_load_engine(from, first, &out->first, &out->feature_count, err));
    alf_status status = models_load_engine(from, second, &out->second, NULL, err);
    if (status != ALF_OK)
        engine_free(out->first);
    return status;
}

static alf_status load_component(models *m, const char *folder, models_component which,
                                 const models_options *options, joblib_component *out,
                                 alf_error *err)
{
    models_file first = which == MODELS_TEXT ? MODELS_VECTORIZER : MODELS_SCALER;
    models_file second = which == MODELS_TEXT ? MODELS_CLASSIFIER : MODELS_ANOMALY;
    engine_options plain = options->engine;
    plain.plain = true; /* a chain compiles what it does not replace */
    models_place from = {folder, &m->layout, &plain};
    *out = (joblib_component){0};
    if (m->origin[which] != MODELS_FROM_ONNX)
        return models_joblib_open(folder, which, &plain, &m->memory, out, err);
    if (m->layout.path[first][0] == '\0')
        return missing_half(m, second, first, err);
    out->zero_is_value = m->has_manifest ? m->manifest.zero_is_value : options->literal_zero;
    return load_pair(&from, first, second, out, err);
}

static alf_status open_text(models *m, const char *folder, const models_options *options,
                            alf_error *err)
{
    joblib_component loaded;
    TRY(load_component(m, folder, MODELS_TEXT, options, &loaded, err));
    alf_status status = find_labels(m, folder, &loaded.labels, err);
    if (status != ALF_OK) {
        engine_free(loaded.first);
        engine_free(loaded.second);
        return status;
    }
    TRY(text_chain_init(&m->text, loaded.first, loaded.second, !loaded.zero_is_value, err));
    text_chain_trim(&m->text);
    m->has_text = true;
    if (m->labels_assumed && m->text.classes.names != NULL) { /* the file itself names them */
        class_labels named = {m->text.class_count, m->text.classes.names};
        TRY(take_labels(m, &named, err));
        m->labels_assumed = false;
        TRY(map_labels(m, err));
    }
    if (m->text.class_count != m->class_count)
        return error_set(
            err, ALF_E_FORMAT,
            "the classifier gives %u classes, %u labels are known; name the classes in "
            "labels.json",
            m->text.class_count, m->class_count);
    return ALF_OK;
}

static alf_status open_anomaly(models *m, const char *folder, const models_options *options,
                               alf_error *err)
{
    joblib_component loaded;
    TRY(load_component(m, folder, MODELS_DETECTOR, options, &loaded, err));
    if (loaded.feature_count != LOG_FEATURES) {
        engine_free(loaded.first);
        engine_free(loaded.second);
        return error_set(err, ALF_E_UNSUPPORTED,
                         "the scaler takes %u features, the preprocessing profiles give %d",
                         loaded.feature_count, (int)LOG_FEATURES);
    }
    TRY(anomaly_chain_init(&m->anomaly, loaded.first, loaded.second, LOG_FEATURES, err));
    anomaly_chain_trim(&m->anomaly);
    m->has_anomaly = true;
    return ALF_OK;
}

/* ---- ONNX or joblib ---- */

static alf_status refuse_joblib(const char *path, models_component which, alf_error *err)
{
    return error_set(err, ALF_E_CONFIG,
                     "%.150s is a joblib model, and this key names an ONNX file; convert it, or "
                     "set model.type: safe_ensemble and model.%s.use_onnx: false",
                     path, models_component_names[which]);
}

static alf_status choose_origin(models *m, const char *folder, models_component which,
                                const models_options *options, alf_error *err)
{
    const char *onnx = m->layout.path[which == MODELS_TEXT ? MODELS_CLASSIFIER : MODELS_ANOMALY];
    bool joblib = false;
    if (models_is_joblib(onnx))
        return refuse_joblib(onnx, which, err);
    if (options->mixed)
        TRY(models_joblib_exists(folder, which, &joblib, err));
    if (options->use_joblib[which])
        m->origin[which] = MODELS_FROM_JOBLIB; /* if it is not there, opening says so */
    else if (onnx[0] != '\0')
        m->origin[which] = MODELS_FROM_ONNX;
    else if (joblib && options->fall_back)
        m->origin[which] = MODELS_FELL_BACK;
    else if (joblib)
        return error_set(err, ALF_E_NOT_FOUND,
                         "%s has a joblib model but no ONNX file; convert it, or set "
                         "model.%s.use_onnx: false, or model.fallback_to_joblib: true",
                         models_component_names[which], models_component_names[which]);
    return ALF_OK;
}

static alf_status open_components(models *m, const char *folder, const models_options *options,
                                  alf_error *err)
{
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        TRY(choose_origin(m, folder, i, options, err));
    if (m->origin[MODELS_TEXT] == MODELS_ABSENT && m->origin[MODELS_DETECTOR] == MODELS_ABSENT)
        return models_want_onnx(folder, &m->layout, err);
    if (m->origin[MODELS_TEXT] != MODELS_ABSENT)
        TRY(open_text(m, folder, options, err));
    if (m->origin[MODELS_DETECTOR] != MODELS_ABSENT)
        TRY(open_anomaly(m, folder, options, err));
    return ALF_OK;
}

alf_status models_open(models *m, const char *folder, const models_options *options, alf_error *err)
{
    *m = (models){0};
    arena_init(&m->memory, 64 << 20);
    TRY(models_locate(folder, &options->named, &m->layout, err));
    if (!options->mixed)
        TRY(models_want_onnx(folder, &m->layout, err));
    if (m->layout.path[MODELS_MANIFEST][0] != '\0')
        TRY(in_folder(read_manifest(m, folder, err), folder, err));
    try_benchmark(m, folder);
    TRY(in_folder(find_profile(m, options, err), folder, err));
    return in_folder(open_components(m, folder, options, err), folder, err);
}

bool models_has(const models *m, models_component which)
{
    return which == MODELS_TEXT ? m->has_text : m->has_anomaly;
}

const char *models_lacks(const models *m, const models *than)
{
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        if (models_has(than, i) && !models_has(m, i))
            return models_component_names[i];
    return NULL;
}

bool models_use_joblib(const models *m)
{
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        if (m->origin[i] == MODELS_FROM_JOBLIB || m->origin[i] == MODELS_FELL_BACK)
            return true;
    return false;
}

/* Whether a component runs as it was measured: from the bundle's own files, in the native engine.
 */
static bool runs_as_measured(const models *m, models_component which)
{
    models_file first = which == MODELS_TEXT ? MODELS_VECTORIZER : MODELS_SCALER;
    models_file second = which == MODELS_TEXT ? MODELS_CLASSIFIER : MODELS_ANOMALY;
    return m->origin[which] == MODELS_FROM_ONNX && strcmp(models_run_on(m), "native") == 0 &&
           strcmp(m->layout.path[first], benchmark_file_names[which][0]) == 0 &&
           strcmp(m->layout.path[second], benchmark_file_names[which][1]) == 0;
}

double models_improvement(const models *m, models_component which)
{
    bool use[BENCHMARK_MODELS] = {false};
    if (!m->has_benchmark)
        return 0;
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        use[i] = (which == i || which == MODELS_COMPONENTS) && runs_as_measured(m, i);
    return benchmark_improvement(&m->benchmark, use);
}

const char *models_origin_name(models_origin origin)
{
    return origin == MODELS_ABSENT ? NULL : origin == MODELS_FROM_ONNX ? "onnx" : "joblib";
}

const char *models_run_on(const models *m)
{
    const engine *engines[] = {
        m->has_text ? m->text.vectorizer : NULL, m->has_text ? m->text.classifier : NULL,
        m->has_anomaly ? m->anomaly.scaler : NULL, m->has_anomaly ? m->anomaly.forest : NULL};
    const char *found = NULL;
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (engines[i] == NULL)
            continue;
        const char *one = engine_runs_on(engines[i]);
        if (found != NULL && strcmp(found, one) != 0)
            return "native+onnxruntime";
        found = one;
    }
    return found != NULL ? found : "native";
}

void models_close(models *m)
{
    if (m->has_text)
        text_chain_fini(&m->text);
    if (m->has_anomaly)
        anomaly_chain_fini(&m->anomaly);
    arena_fini(&m->memory);
    *m = (models){0};
}
