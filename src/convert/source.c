/* Finding estimators in a folder of model files. */
#include "convert/source.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/span.h"
#include "convert/extract.h"
#include "convert/source_file.h"
#include "model/labels.h"

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

/* Whether v is a class of that package of scikit-learn whose name ends so. */
static bool is_like(const value *v, const char *package, const char *ending)
{
    if (v == NULL || v->kind != VALUE_OBJECT || v->as.object.class_ == NULL ||
        v->as.object.class_->kind != VALUE_GLOBAL)
        return false;
    alf_span name = v->as.object.class_->as.global.name;
    size_t size = strlen(ending);
    return span_starts(v->as.object.class_->as.global.module, span_from_string(package)) &&
           name.size >= size && span_is(span_of(name.data + name.size - size, size), ending);
}

/* Supported or not: what is not is refused by its name. */
static bool is_vectorizer(const value *v)
{
    return is_like(v, "sklearn.feature_extraction", "Vectorizer");
}

/* Looks like a scaler, but is none that is supported. */
static bool is_odd_scaler(const value *v)
{
    return is_like(v, "sklearn.preprocessing", "Scaler") ||
           is_like(v, "sklearn.preprocessing", "Transformer") ||
           is_like(v, "sklearn.preprocessing", "Features");
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
    else if (is_odd_scaler(v))
        take(&s->odd_scaler, &s->odd_scaler_file, v, path);
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

/* Whether the last step of a Pipeline is an IsolationForest. */
static bool ends_in_isolation(const value *v)
{
    const value *steps = value_attribute(v, "steps");
    size_t count = value_length(steps);
    return is_pipeline(v) && steps->kind == VALUE_LIST && count > 0 && count <= 1000 &&
           value_is_a(value_item(steps->as.list.items[count - 1], 1), "sklearn.ensemble",
                      "IsolationForest");
}

/* A Pipeline of scalers and an IsolationForest becomes the two. Steps that are no scalers are left
 * where a scaler is looked for, to be refused for what they are. */
static alf_status split_isolation(source *s, const value *v, const char *path, alf_error *err)
{
    const value *steps = value_attribute(v, "steps");
    const value *front;
    size_t last = steps->as.list.count - 1;
    TRY(first_steps(s, v, last, &front, err));
    const value *kept = value_attribute(front, "steps");
    if (kept->as.list.count == 1)
        front = value_item(value_item(kept, 0), 1);
    if (kept->as.list.count > 0)
        take(&s->scaler, &s->scaler_file, front, path);
    classify_object(s, value_item(steps->as.list.items[last], 1), path);
    return ALF_OK;
}

/* Puts an object, or the parts of a Pipeline, into their slots. */
static alf_status look_at(source *s, const value *v, const char *path, alf_error *err)
{
    if (is_pipeline(v) && extract_is_classifier(v))
        return split_pipeline(s, v, path, err);
    if (ends_in_isolation(v))
        return split_isolation(s, v, path, err);
    classify_object(s, v, path);
    return ALF_OK;
}

/* The root itself and the items of a dict: one level, no recursion. */
static alf_status look_into(source *s, const value *root, const char *path, alf_error *err)
{
    TRY(look_at(s, root, path, err));
    if (root->kind == VALUE_DICT)
        for (size_t i = 0; i < root->as.dict.count; i++)
            TRY(look_at(s, root->as.dict.pairs[i].item, path, err));
    return ALF_OK;
}

static alf_status note_entry(source *s, size_t i, alf_span bytes, alf_error *err)
{
    char *hex = arena_alloc(&s->memory, 65, 1);
    if (hex == NULL)
        return error_nomem(err, "a source entry");
    TRY(crypto_sha256_hex(bytes, hex, err));
    s->entries[i] = (manifest_entry){span_from_string(s->paths[i]), span_of(hex, 64), bytes.size};
    return ALF_OK;
}

/* Reads folder/name and notes it as a source; *there: whether it exists. */
static alf_status read_one(source *s, const char *name, buf *bytes, char path[PATH_MAX],
                           bool *there, alf_error *err)
{
    TRY(file_join(path, PATH_MAX, s->folder, name, err));
    *there = file_exists(path);
    if (!*there)
        return ALF_OK;
    if (s->file_count == SOURCE_MAX_FILES || strlen(name) >= sizeof s->paths[0])
        return error_set(err, ALF_E_LIMIT, "too many files, or too long a name: %.100s", name);
    (void)snprintf(s->paths[s->file_count], sizeof s->paths[0], "%s", name);
    TRY(file_read(path, joblib_default_limits().max_bytes, bytes, err));
    return note_entry(s, s->file_count, buf_span(bytes), err);
}

static alf_status open_joblib(source *s, const char *name, alf_error *err)
{
    char path[PATH_MAX];
    bool there;
    buf bytes;
    for (size_t i = 0; i < s->file_count; i++)
        if (strcmp(s->paths[i], name) == 0)
            return ALF_OK; /* the one that was named */
    buf_init(&bytes);
    alf_status status = read_one(s, name, &bytes, path, &there, err);
    buf_fini(&bytes);
    if (status == ALF_OK && there)
        status = joblib_open(path, NULL, &s->files[s->file_count], err);
    if (status != ALF_OK) {
        error_file(err, path);
        return status;
    }
    if (!there)
        return ALF_OK;
    s->file_count++;
    return look_into(s, joblib_root(s->files[s->file_count - 1]), s->paths[s->file_count - 1], err);
}

/* A library's own model file into the classifier's slot, if it is there. */
static alf_status open_model_file(source *s, const char *name, alf_error *err)
{
    char path[PATH_MAX];
    bool there;
    const value *object;
    alf_status status = read_one(s, name, &s->model_file, path, &there, err);
    if (status == ALF_OK && there)
        status = source_file_object(buf_span(&s->model_file), name, &s->memory, &object, err);
    if (status != ALF_OK) {
        error_file(err, path);
        return status;
    }
    if (!there)
        return ALF_OK;
    s->classifier_is_file = true;
    take(&s->classifier, &s->classifier_file, object, s->paths[s->file_count++]);
    return ALF_OK;
}

/* ---- names of the classes ---- */

static alf_status read_labels(source *s, const char *name, alf_error *err)
{
    char path[PATH_MAX];
    bool there;
    buf bytes;
    class_labels labels = {0};
    buf_init(&bytes);
    alf_status status = read_one(s, name, &bytes, path, &there, err);
    if (status == ALF_OK && there)
        status = labels_parse(buf_span(&bytes), &s->memory, &labels, err);
    if (status == ALF_OK && there)
        status = source_file_list(labels.names, labels.count, &s->memory, &s->labels, err);
    buf_fini(&bytes);
    if (status != ALF_OK)
        error_file(err, path);
    else if (there)
        s->labels_file = s->paths[s->file_count++];
    return status;
}

/* "critical,noise,...": the names of the option. */
static alf_status split_labels(source *s, const char *text, alf_error *err)
{
    alf_span names[SOURCE_MAX_LABELS];
    size_t count = 0;
    const char *copy = arena_strndup(&s->memory, text, strlen(text));
    if (copy == NULL)
        return error_nomem(err, "class labels");
    for (const char *p = copy; p != NULL; count++) {
        const char *comma = strchr(p, ',');
        size_t size = comma != NULL ? (size_t)(comma - p) : strlen(p);
        if (size == 0 || count == SOURCE_MAX_LABELS)
            return error_set(err, ALF_E_ARGUMENT,
                             "--labels is \"%.50s\", expected up to %d names separated by commas",
                             text, (int)SOURCE_MAX_LABELS);
        names[count] = span_of(p, size);
        p = comma != NULL ? comma + 1 : NULL;
    }
    s->labels_file = "--labels";
    return source_file_list(names, count, &s->memory, &s->labels, err);
}

static alf_status find_labels(source *s, const char *labels, alf_error *err)
{
    static const char *const files[] = {"labels.json", "tfidf_xgboost/labels.json"};
    if (labels != NULL)
        return split_labels(s, labels, err);
    for (size_t i = 0; s->labels == NULL && i < sizeof files / sizeof files[0]; i++)
        TRY(read_labels(s, files[i], err));
    return ALF_OK;
}

/* ---- the whole ---- */

/* The file that was named, as what it is, before those beside it. */
static alf_status open_named(source *s, const char *name, alf_error *err)
{
    char path[PATH_MAX];
    buf bytes;
    TRY(file_join(path, sizeof path, s->folder, name, err));
    buf_init(&bytes);
    alf_status status = file_read(path, joblib_default_limits().max_bytes, &bytes, err);
    bool known = status == ALF_OK && source_file_known(buf_span(&bytes), name);
    buf_fini(&bytes);
    TRY(status);
    return known ? open_model_file(s, name, err) : open_joblib(s, name, err);
}

static alf_status split_path(source *s, const char *path, const char **name, alf_error *err)
{
    bool folder = file_is_directory(path);
    const char *slash = folder ? NULL : strrchr(path, '/');
    *name = NULL;
    if (!folder && !file_exists(path)) {
        error_set(err, ALF_E_NOT_FOUND,
                  "not a folder and not a file; name the folder that holds the models");
        error_file(err, path);
        return ALF_E_NOT_FOUND;
    }
    size_t size = folder ? strlen(path) : slash != NULL ? (size_t)(slash - path) : 0;
    if (size >= sizeof s->folder)
        return error_set(err, ALF_E_LIMIT, "the path is too long: %.100s", path);
    (void)snprintf(s->folder, sizeof s->folder, "%.*s", (int)size, path);
    if (size == 0)
        (void)snprintf(s->folder, sizeof s->folder, "%s", slash != NULL ? "/" : ".");
    if (!folder)
        *name = slash != NULL ? slash + 1 : path;
    return ALF_OK;
}

alf_status source_open(source *s, const char *path, const char *labels, alf_error *err)
{
    const char *name;
    *s = (source){0};
    arena_init(&s->memory, 1 << 20);
    buf_init(&s->model_file);
    TRY(split_path(s, path, &name, err));
    if (name != NULL)
        TRY(open_named(s, name, err));
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++)
        TRY(open_joblib(s, candidates[i], err));
    for (size_t i = 0; s->classifier == NULL && source_file_names[i] != NULL; i++)
        TRY(open_model_file(s, source_file_names[i], err));
    if (s->scaler == NULL) {
        s->scaler = s->odd_scaler;
        s->scaler_file = s->odd_scaler_file;
    }
    if (s->file_count > 0)
        return find_labels(s, labels, err);
    error_set(err, ALF_E_NOT_FOUND,
              "no joblib models found; expected anomaly_detector/model.joblib or "
              "tfidf_xgboost/model.joblib");
    error_file(err, path);
    return ALF_E_NOT_FOUND;
}

void source_close(source *s)
{
    for (size_t i = 0; i < s->file_count; i++)
        joblib_free(s->files[i]);
    buf_fini(&s->model_file);
    arena_fini(&s->memory);
    *s = (source){0};
}
