/* Finding estimators in a folder of joblib files. */
#include "convert/source.h"

#include "base/file.h"
#include "base/span.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *const candidates[] = {
    "anomaly_detector/model.joblib",
    "anomaly_detector/scaler.joblib",
    "tfidf_xgboost/model.joblib",
    "tfidf_xgboost/vectorizer.joblib",
    "tfidf_xgboost/label_encoder.joblib",
    "anomaly_detector.joblib",
    "isolation_forest.joblib",
    "tfidf_xgboost.joblib",
    "xgboost.joblib",
    "model.joblib",
    "scaler.joblib",
    "tfidf_vectorizer.joblib",
    "vectorizer.joblib",
    "label_encoder.joblib",
};

static bool is_vectorizer(const value *v)
{
    return value_is_a(v, "sklearn.feature_extraction.text", "TfidfVectorizer") ||
           value_is_a(v, "sklearn.feature_extraction.text", "CountVectorizer");
}

/* A Pipeline whose first step is a vectorizer is one vectorizer to us. */
static bool is_vectorizer_pipeline(const value *v)
{
    if (!value_is_a(v, "sklearn.pipeline", "Pipeline"))
        return false;
    const value *first = value_item(value_attribute(v, "steps"), 0);
    return first != NULL && is_vectorizer(value_item(first, 1));
}

static void take(const value **slot, const char **file, const value *v, const char *path)
{
    if (*slot == NULL) {
        *slot = v;
        *file = path;
    }
}

static void note_library(source *s, const char *name, alf_span version)
{
    for (size_t i = 0; i < s->library_count; i++)
        if (span_is(s->libraries[i].name, name) && span_equal(s->libraries[i].version, version))
            return;
    if (s->library_count < sizeof s->libraries / sizeof s->libraries[0])
        s->libraries[s->library_count++] = (manifest_library){span_from_string(name), version};
}

/* Puts v into the slot its class belongs to. */
static void classify_object(source *s, const value *v, const char *path)
{
    if (v == NULL || v->kind != VALUE_OBJECT)
        return;
    if (value_is_a(v, "sklearn.preprocessing", "StandardScaler"))
        take(&s->scaler, &s->scaler_file, v, path);
    else if (value_is_a(v, "sklearn.ensemble", "IsolationForest"))
        take(&s->isolation, &s->isolation_file, v, path);
    else if (is_vectorizer(v) || is_vectorizer_pipeline(v))
        take(&s->vectorizer, &s->vectorizer_file, v, path);
    else if (value_is_a(v, "xgboost", "XGBClassifier") || value_is_a(v, "xgboost", "Booster"))
        take(&s->classifier, &s->classifier_file, v, path);
    else if (value_is_a(v, "sklearn.preprocessing", "LabelEncoder"))
        take(&s->labels, &s->labels_file, v, path);
    const value *version = value_attribute(v, "_sklearn_version");
    if (version != NULL && version->kind == VALUE_STRING)
        note_library(s, "scikit-learn", version->as.text);
}

/* The root itself, the items of a dict, and the steps of a pipeline: one level, no recursion. */
static void look_into(source *s, const value *root, const char *path)
{
    classify_object(s, root, path);
    if (root->kind == VALUE_DICT)
        for (size_t i = 0; i < root->as.dict.count; i++)
            classify_object(s, root->as.dict.pairs[i].item, path);
    if (value_is_a(root, "sklearn.pipeline", "Pipeline")) {
        const value *steps = value_attribute(root, "steps");
        for (size_t i = 0; i < value_length(steps); i++)
            classify_object(s, value_item(value_item(steps, i), 1), path);
    }
}

static alf_status note_entry(source *s, size_t i, alf_span bytes, alf_error *err)
{
    char *hex = arena_alloc(&s->memory, 65, 1);
    if (hex == NULL)
        return error_nomem(err, "a source entry");
    file_sha256(bytes, hex);
    s->entries[i] = (manifest_entry){span_from_string(s->paths[i]), span_of(hex, 64), bytes.size};
    return ALF_OK;
}

static alf_status open_one(source *s, const char *folder, const char *name, alf_error *err)
{
    char path[PATH_MAX];
    TRY(file_join(path, sizeof path, folder, name, err));
    if (!file_exists(path))
        return ALF_OK;
    size_t i = s->file_count;
    buf bytes;
    buf_init(&bytes);
    (void)snprintf(s->paths[i], sizeof s->paths[i], "%s", name);
    alf_status status = file_read(path, joblib_default_limits().max_bytes, &bytes, err);
    if (status == ALF_OK)
        status = note_entry(s, i, buf_span(&bytes), err);
    buf_fini(&bytes);
    if (status == ALF_OK)
        status = joblib_open(path, NULL, &s->files[i], err);
    if (status != ALF_OK) {
        error_file(err, path);
        return status;
    }
    s->file_count++;
    look_into(s, joblib_root(s->files[i]), s->paths[i]);
    return ALF_OK;
}

alf_status source_open(source *s, const char *folder, alf_error *err)
{
    *s = (source){0};
    arena_init(&s->memory, 1 << 20);
    if (!file_is_directory(folder)) {
        error_set(err, ALF_E_NOT_FOUND, "not a folder; name the folder that holds the models");
        error_file(err, folder);
        return ALF_E_NOT_FOUND;
    }
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
        TRY(open_one(s, folder, candidates[i], err));
    if (s->file_count > 0)
        return ALF_OK;
    error_set(err, ALF_E_NOT_FOUND,
              "no joblib models found; expected anomaly_detector/model.joblib or "
              "tfidf_xgboost/model.joblib");
    error_file(err, folder);
    return ALF_E_NOT_FOUND;
}

void source_close(source *s)
{
    for (size_t i = 0; i < s->file_count; i++)
        joblib_free(s->files[i]);
    arena_fini(&s->memory);
    *s = (source){0};
}
