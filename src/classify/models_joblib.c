/* Joblib models of a bundle folder -> engines. */
#include "classify/models_joblib.h"

#include "base/file.h"
#include "base/span.h"
#include "convert/bundle.h"

#include <limits.h>

static const char *const candidates[MODELS_COMPONENTS][4] = {
    [MODELS_TEXT] = {"tfidf_xgboost/model.joblib", "tfidf_xgboost.joblib", "xgboost.joblib"},
    [MODELS_DETECTOR] = {"anomaly_detector/model.joblib", "anomaly_detector.joblib",
                         "isolation_forest.joblib"},
};

alf_status models_joblib_exists(const char *folder, models_component which, bool *out,
                                alf_error *err)
{
    char path[PATH_MAX];
    *out = false;
    for (size_t i = 0; !*out && candidates[which][i] != NULL; i++) {
        TRY(file_join(path, sizeof path, folder, candidates[which][i], err));
        *out = file_exists(path);
    }
    return ALF_OK;
}

static alf_status load_pair(const bundle *b, size_t first, size_t second,
                            const engine_options *options, joblib_component *out, alf_error *err)
{
    TRY(engine_load_with(buf_span(&b->files[first]), options, &out->first, err));
    alf_status status = engine_load_with(buf_span(&b->files[second]), options, &out->second, err);
    if (status != ALF_OK) {
        engine_free(out->first);
        out->first = NULL;
    }
    return status;
}

static alf_status copy_labels(const class_labels *from, arena *memory, class_labels *out,
                              alf_error *err)
{
    *out = (class_labels){0};
    if (from->count == 0)
        return ALF_OK;
    out->names = arena_alloc(memory, from->count, sizeof *out->names);
    if (out->names == NULL)
        return error_nomem(err, "class labels");
    for (uint32_t i = 0; i < from->count; i++) {
        const char *copy = arena_strndup(memory, from->names[i].data, from->names[i].size);
        if (copy == NULL)
            return error_nomem(err, "class labels");
        out->names[i] = span_of(copy, from->names[i].size);
    }
    out->count = from->count;
    return ALF_OK;
}

static alf_status build(const source *from, bundle *made, models_component which, arena *memory,
                        joblib_component *out, alf_error *err)
{
    bundle_parts parts = {.anomaly = which == MODELS_DETECTOR, .text = which == MODELS_TEXT};
    TRY(bundle_build(made, from, parts, err));
    out->feature_count = made->feature_count;
    out->zero_is_value = made->zero_is_value;
    if (made->labels_assumed)
        return ALF_OK; /* the caller assumes them too, and says so */
    return copy_labels(&made->labels, memory, &out->labels, err);
}

alf_status models_joblib_open(const char *folder, models_component which,
                              const engine_options *options, arena *memory, joblib_component *out,
                              alf_error *err)
{
    source from;
    bundle made;
    bool is_text = which == MODELS_TEXT;
    *out = (joblib_component){0};
    bundle_init(&made);
    alf_status status = source_open(&from, folder, NULL, err);
    if (status == ALF_OK)
        status = build(&from, &made, which, memory, out, err);
    if (status == ALF_OK)
        status = load_pair(&made, is_text ? BUNDLE_VECTORIZER : BUNDLE_SCALER,
                           is_text ? BUNDLE_CLASSIFIER : BUNDLE_ANOMALY, options, out, err);
    bundle_fini(&made);
    source_close(&from);
    return status;
}
