/* Conversion of a source into the files of a bundle, and putting them on disk. */
#define _GNU_SOURCE
#include "convert/bundle.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/span.h"
#include "convert/emit.h"
#include "convert/extract.h"
#include "engine/engine.h"
#include "model/labels.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const bundle_file_names[BUNDLE_FILES] = {"scaler.onnx", "anomaly_detector.onnx",
                                                     "tfidf_vectorizer.onnx", "xgboost.onnx"};

void bundle_init(bundle *b)
{
    *b = (bundle){0};
    arena_init(&b->memory, (size_t)1 << 30);
}

void bundle_fini(bundle *b)
{
    for (size_t i = 0; i < BUNDLE_FILES; i++)
        buf_fini(&b->files[i]);
    arena_fini(&b->memory);
}

/* Writes the model's bytes and frees it. */
static alf_status finish(onnx_model *model, buf *out, alf_error *err)
{
    alf_status status = onnx_write(model, out, err);
    onnx_free(model);
    return status;
}

alf_status bundle_scaler(const value *object, buf *out, uint32_t *feature_count, alf_error *err)
{
    arena a;
    arena_init(&a, 1 << 24);
    scaler model;
    onnx_model *graph = NULL;
    alf_status status = extract_scaler(object, &a, &model, err);
    if (status == ALF_OK)
        status = emit_scaler(&model, &graph, err);
    if (status == ALF_OK) {
        *feature_count = model.feature_count;
        status = finish(graph, out, err);
    }
    arena_fini(&a);
    return status;
}

static alf_status missing(alf_error *err, const char *component, const char *what)
{
    return error_set(
        err, ALF_E_NOT_FOUND,
        "%s: no %s found in the model files; put it into %s/model.joblib or leave this "
        "component out with --model",
        component, what, component);
}

/* Adds the file the value came from to an error about it. */
static alf_status from_file(alf_status status, const char *file, alf_error *err)
{
    if (status != ALF_OK)
        error_file(err, file);
    return status;
}

/* Takes a finished ONNX file as it is (borrowed bytes, copied), after the engine has loaded it: for
 * sources that keep anomaly_detector.onnx or xgboost.onnx beside their joblib parts. labels stay
 * those of a LabelEncoder in the source, if any. */
static alf_status adopt_file(bundle *b, size_t which, alf_span file, alf_error *err)
{
    engine *e = NULL;
    alf_status status = engine_load(file, 0, &e, err);
    engine_free(e);
    if (status != ALF_OK) {
        error_file(err, bundle_file_names[which]);
        return status;
    }
    b->adopted[which] = true;
    buf_append_span(&b->files[which], file);
    return buf_status(&b->files[which], err);
}

static alf_status build_anomaly(bundle *b, const source *s, alf_span adopt, alf_error *err)
{
    if (s->isolation == NULL && adopt.size == 0)
        return missing(err, "anomaly_detector", "IsolationForest");
    if (s->scaler == NULL)
        return missing(err, "anomaly_detector", "StandardScaler");
    isolation_forest model;
    onnx_model *graph = NULL;
    TRY(from_file(bundle_scaler(s->scaler, &b->files[BUNDLE_SCALER], &b->feature_count, err),
                  s->scaler_file, err));
    if (s->isolation == NULL)
        return adopt_file(b, BUNDLE_ANOMALY, adopt, err);
    TRY(from_file(extract_isolation_forest(s->isolation, &b->memory, &model, err),
                  s->isolation_file, err));
    if (model.trees.feature_count != b->feature_count)
        return error_set(err, ALF_E_FORMAT,
                         "anomaly_detector: the scaler has %" PRIu32
                         " features, the isolation forest %" PRIu32,
                         b->feature_count, model.trees.feature_count);
    TRY(emit_isolation_forest(&model, &graph, err));
    return finish(graph, &b->files[BUNDLE_ANOMALY], err);
}

/* The vectorizer's rows in the type that the classifier takes. */
static alf_status write_vectorizer(const value *object, bool wide, buf *out, text_steps *steps,
                                   alf_error *err)
{
    arena a;
    arena_init(&a, (size_t)1 << 30);
    text_vectorizer model;
    onnx_model *graph = NULL;
    alf_status status = extract_vectorizer(object, &a, &model, err);
    if (status == ALF_OK) {
        *steps = text_steps_of(&model);
        status =
            wide ? emit_vectorizer_wide(&model, &graph, err) : emit_vectorizer(&model, &graph, err);
    }
    if (status == ALF_OK)
        status = finish(graph, out, err);
    arena_fini(&a);
    return status;
}

alf_status bundle_vectorizer(const value *object, buf *out, alf_error *err)
{
    text_steps ignored;
    return write_vectorizer(object, false, out, &ignored, err);
}

/* A classifier finished elsewhere: float32 rows, and the labels of an encoder if there is one. */
static alf_status adopt_classifier(bundle *b, const source *s, alf_span adopt, alf_error *err)
{
    TRY(from_file(
        write_vectorizer(s->vectorizer, false, &b->files[BUNDLE_VECTORIZER], &b->steps, err),
        s->vectorizer_file, err));
    if (s->labels != NULL)
        TRY(from_file(extract_labels(s->labels, &b->memory, &b->labels, err), s->labels_file, err));
    return adopt_file(b, BUNDLE_CLASSIFIER, adopt, err);
}

/* A model file does not name its classes. Four are taken for the four categories, as scikit-learn's
 * LabelEncoder numbers them. */
static alf_status assume_labels(bundle *b, uint32_t class_count, alf_error *err)
{
    if (class_count != LABELS_ASSUMED)
        return error_set(err, ALF_E_NOT_FOUND,
                         "nothing names the %" PRIu32
                         " classes of the model file; name them in labels.json beside it or with "
                         "--labels",
                         class_count);
    b->labels.names = arena_alloc(&b->memory, LABELS_ASSUMED, sizeof *b->labels.names);
    if (b->labels.names == NULL)
        return error_nomem(err, "class labels");
    for (size_t i = 0; i < LABELS_ASSUMED; i++)
        b->labels.names[i] = span_from_string(labels_assumed[i]);
    b->labels.count = LABELS_ASSUMED;
    b->labels_assumed = true;
    return ALF_OK;
}

static alf_status name_classes(bundle *b, const source *s, uint32_t class_count, alf_error *err)
{
    if (s->classifier_is_file && s->labels == NULL)
        return from_file(assume_labels(b, class_count, err), s->classifier_file, err);
    return from_file(extract_classifier_labels(s->classifier, s->labels, class_count, &b->memory,
                                               &b->labels, err),
                     s->labels != NULL ? s->labels_file : s->classifier_file, err);
}

static alf_status build_text(bundle *b, const source *s, alf_span adopt, alf_error *err)
{
    if (s->vectorizer == NULL)
        return missing(err, "tfidf_xgboost", "TfidfVectorizer");
    if (s->classifier == NULL && adopt.size == 0)
        return missing(err, "tfidf_xgboost", "classifier");
    if (s->classifier == NULL)
        return adopt_classifier(b, s, adopt, err);
    text_classifier model;
    onnx_model *graph = NULL;
    TRY(from_file(extract_classifier(s->classifier, &b->memory, &model, err), s->classifier_file,
                  err));
    TRY(from_file(write_vectorizer(s->vectorizer, text_classifier_is_wide(&model),
                                   &b->files[BUNDLE_VECTORIZER], &b->steps, err),
                  s->vectorizer_file, err));
    TRY(name_classes(b, s, model.class_count, err));
    b->zero_is_value = model.kind != CLASSIFIER_BOOSTED;
    TRY(emit_classifier(&model, &graph, err));
    return finish(graph, &b->files[BUNDLE_CLASSIFIER], err);
}

alf_status bundle_build(bundle *b, const source *s, bundle_parts parts, alf_error *err)
{
    if (parts.anomaly)
        TRY(build_anomaly(b, s, parts.anomaly_onnx, err));
    if (parts.text)
        TRY(build_text(b, s, parts.classifier_onnx, err));
    return ALF_OK;
}

/* ---- saving ---- */

static alf_status save_one(bundle *b, manifest *m, size_t i, const char *folder, alf_error *err)
{
    if (b->files[i].size == 0)
        return ALF_OK;
    char path[PATH_MAX];
    TRY(file_join(path, sizeof path, folder, bundle_file_names[i], err));
    TRY(file_write(path, buf_span(&b->files[i]), err));
    char *hex = arena_alloc(&b->memory, 65, 1);
    if (hex == NULL)
        return error_nomem(err, "the manifest");
    TRY(crypto_sha256_hex(buf_span(&b->files[i]), hex, err));
    m->files[m->file_count++] = (manifest_entry){span_from_string(bundle_file_names[i]),
                                                 span_of(hex, 64), b->files[i].size};
    return ALF_OK;
}

static alf_status save_benchmark(benchmark *times, const manifest *m, const char *folder,
                                 alf_error *err)
{
    char path[PATH_MAX];
    buf text;
    TRY(benchmark_bind(times, m, err));
    TRY(file_join(path, sizeof path, folder, "benchmark.json", err));
    buf_init(&text);
    benchmark_write(times, &text);
    alf_status status = buf_status(&text, err);
    if (status == ALF_OK)
        status = file_write(path, buf_span(&text), err);
    buf_fini(&text);
    return status;
}

static alf_status save_all(bundle *b, manifest *m, benchmark *times, const char *folder,
                           alf_error *err)
{
    char path[PATH_MAX];
    buf text;
    TRY(file_join(path, sizeof path, folder, "manifest.json", err));
    for (size_t i = 0; i < BUNDLE_FILES; i++)
        TRY(save_one(b, m, i, folder, err));
    buf_init(&text);
    alf_status status = manifest_write(m, &text, err);
    if (status == ALF_OK)
        status = file_write(path, buf_span(&text), err);
    buf_fini(&text);
    return status == ALF_OK && times != NULL ? save_benchmark(times, m, folder, err) : status;
}

static alf_status system_error(alf_error *err, const char *what, const char *path)
{
    int number = errno;
    error_set(err, ALF_E_IO, "%s: %s", what, strerror(number));
    error_file(err, path);
    return ALF_E_IO;
}

/* Exchanges the new folder with the old one in one step where the file system can, then removes the
 * old; elsewhere moves the old aside first. */
static alf_status put_in_place(const char *temporary, const char *folder, alf_error *err)
{
    if (rename(temporary, folder) == 0) /* absent or empty */
        return ALF_OK;
    if (errno != EEXIST && errno != ENOTEMPTY)
        return system_error(err, "cannot rename the bundle into place", folder);
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, folder, RENAME_EXCHANGE) == 0) {
        file_remove_tree(temporary);
        return ALF_OK;
    }
    char old[PATH_MAX];
    int n = snprintf(old, sizeof old, "%s.old", temporary);
    if (n < 0 || (size_t)n >= sizeof old)
        return error_set(err, ALF_E_LIMIT, "the path is too long: %.100s", folder);
    if (rename(folder, old) != 0)
        return system_error(err, "cannot move the old bundle aside", folder);
    if (rename(temporary, folder) != 0) {
        alf_status status = system_error(err, "cannot rename the bundle into place", folder);
        (void)rename(old, folder);
        return status;
    }
    file_remove_tree(old);
    return ALF_OK;
}

/* Whether the folder may be replaced: absent, empty, or `force` and itself a bundle. */
static alf_status check_target(const char *folder, bool force, alf_error *err)
{
    char path[PATH_MAX];
    if (access(folder, F_OK) != 0 || rmdir(folder) == 0)
        return ALF_OK;
    TRY(file_join(path, sizeof path, folder, "manifest.json", err));
    bool is_bundle = file_exists(path);
    if (force && is_bundle)
        return ALF_OK;
    error_set(err, ALF_E_IO,
              is_bundle ? "already holds a bundle; give --force to replace it"
                        : "exists and is not a bundle; it is not replaced, choose another folder");
    error_file(err, folder);
    return ALF_E_IO;
}

alf_status bundle_save(bundle *b, manifest *m, benchmark *times, const char *folder, bool force,
                       alf_error *err)
{
    char target[PATH_MAX];
    char temporary[PATH_MAX];
    size_t size = strlen(folder);
    while (size > 1 && folder[size - 1] == '/')
        size--;
    int n = snprintf(target, sizeof target, "%.*s", (int)(size < PATH_MAX ? size : PATH_MAX - 1),
                     folder);
    int t = snprintf(temporary, sizeof temporary, "%s.new-%ld", target, (long)getpid());
    if (n <= 0 || t < 0 || (size_t)t >= sizeof temporary)
        return error_set(err, ALF_E_LIMIT, "the path is empty or too long: %.100s", folder);
    TRY(check_target(target, force, err));
    TRY(file_make_directories(temporary, err));
    alf_status status = save_all(b, m, times, temporary, err);
    if (status == ALF_OK)
        status = put_in_place(temporary, target, err);
    if (status != ALF_OK)
        file_remove_tree(temporary);
    return status;
}
