/* Finding estimators in a folder of joblib files. */
#include "convert/source.h"

#include "base/file.h"
#include "base/span.h"
#include "convert/extract.h"

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
    if (extract_is_scaler(v))
        take(&s->scaler, &s->scaler_file, v, path);
    else if (value_is_a(v, "sklearn.ensemble", "IsolationForest"))
        take(&s->isolation, &s->isolation_file, v, path);
    else if (is_vectorizer(v) || is_vectorizer_pipeline(v))
        take(&s->vectorizer, &s->vectorizer_file, v, path);
    else if (value_is_a(v, "sklearn.preprocessing", "LabelEncoder"))
        take(&s->labels, &s->labels_file, v, path);
    else if (extract_is_classifier(v))
        take(&s->classifier, &s->classifier_file, v, path);
    const value *version = value_attribute(v, "_sklearn_version");
    if (version != NULL && version->kind == VALUE_STRING)
        note_library(s, "scikit-learn", version->as.text);
}

static bool is_pipeline(const value *v)
{
    return value_is_a(v, "sklearn.pipeline", "Pipeline");
}

static bool does_nothing(const value *step)
{
    return step == NULL || step->kind == VALUE_NONE ||
           (step->kind == VALUE_STRING && span_is(step->as.text, "passthrough"));
}

static value *new_value(source *s, value_kind kind, uint64_t offset, alf_error *err)
{
    value *v = arena_alloc(&s->memory, 1, sizeof *v);
    if (v == NULL) {
        (void)error_nomem(err, "a pipeline");
        return NULL;
    }
    v->kind = kind;
    v->offset = offset;
    return v;
}

/* A Pipeline like `whole` of its first `count` steps, without those that do nothing. */
static alf_status first_steps(source *s, const value *whole, size_t count, const value **out,
                              alf_error *err)
{
    const value *steps = value_attribute(whole, "steps");
    value *object = new_value(s, VALUE_OBJECT, whole->offset, err);
    value *state = new_value(s, VALUE_DICT, whole->offset, err);
    value *list = new_value(s, VALUE_LIST, whole->offset, err);
    value *key = new_value(s, VALUE_STRING, whole->offset, err);
    value_pair *pair = arena_alloc(&s->memory, 1, sizeof *pair);
    value **items = arena_alloc(&s->memory, count + 1, sizeof *items);
    if (object == NULL || state == NULL || list == NULL || key == NULL || pair == NULL ||
        items == NULL)
        return error_nomem(err, "a pipeline");
    list->as.list.items = items;
    for (size_t i = 0; i < count; i++)
        if (!does_nothing(value_item(value_item(steps, i), 1)))
            items[list->as.list.count++] = steps->as.list.items[i];
    key->as.text = SPAN_LITERAL("steps");
    *pair = (value_pair){key, list};
    state->as.dict.pairs = pair;
    state->as.dict.count = 1;
    object->as.object = whole->as.object;
    object->as.object.state = state;
    *out = object;
    return ALF_OK;
}

/* A Pipeline of a vectorizer and a classifier becomes the two. Any other that ends in a classifier
 * is left whole, to be refused for what it is. */
static alf_status split_pipeline(source *s, const value *v, const char *path, alf_error *err)
{
    const value *steps = value_attribute(v, "steps");
    const value *front, *inner;
    if (steps == NULL || steps->kind != VALUE_LIST || steps->as.list.count > 1000) {
        classify_object(s, v, path);
        return ALF_OK;
    }
    size_t last = steps->as.list.count - 1; /* it has a last step: extract_is_classifier */
    TRY(first_steps(s, v, last, &front, err));
    const value *kept = value_attribute(front, "steps");
    const value *first = value_item(value_item(kept, 0), 1);
    if (kept->as.list.count > 0 && !is_vectorizer(first)) {
        take(&s->classifier, &s->classifier_file, v, path);
        return ALF_OK;
    }
    inner = value_item(steps->as.list.items[last], 1);
    if (kept->as.list.count > 0)
        take(&s->vectorizer, &s->vectorizer_file, kept->as.list.count == 1 ? first : front, path);
    classify_object(s, inner, path);
    return ALF_OK;
}

/* Puts an object, or the parts of a Pipeline, into their slots. */
static alf_status look_at(source *s, const value *v, const char *path, alf_error *err)
{
    if (is_pipeline(v) && extract_is_classifier(v))
        return split_pipeline(s, v, path, err);
    classify_object(s, v, path);
    return ALF_OK;
}

/* The root itself, the items of a dict, and the steps of a pipeline: one level, no recursion. */
static alf_status look_into(source *s, const value *root, const char *path, alf_error *err)
{
    TRY(look_at(s, root, path, err));
    if (root->kind == VALUE_DICT)
        for (size_t i = 0; i < root->as.dict.count; i++)
            TRY(look_at(s, root->as.dict.pairs[i].item, path, err));
    if (is_pipeline(root) && !extract_is_classifier(root)) {
        const value *steps = value_attribute(root, "steps");
        for (size_t i = 0; i < value_length(steps); i++)
            classify_object(s, value_item(value_item(steps, i), 1), path);
    }
    return ALF_OK;
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
    return look_into(s, joblib_root(s->files[i]), s->paths[i], err);
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
