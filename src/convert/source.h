/*
 * A folder of models as `convert` finds it: which files there are and which estimators are in
 * them. Values borrow from the open files.
 *
 * Looked for: anomaly_detector/model.joblib, tfidf_xgboost/model.joblib, and flat files beside them
 * (anomaly_detector.joblib, tfidf_xgboost.joblib, isolation_forest.joblib, xgboost.joblib,
 * model.joblib, scaler.joblib, tfidf_vectorizer.joblib, vectorizer.joblib, label_encoder.joblib).
 * An estimator is known by its class, not by the key it is under. Where no joblib file holds a
 * classifier, a model file of its library (source_file.h) does. labels.json or
 * tfidf_xgboost/labels.json names the classes where no LabelEncoder does.
 */
#ifndef ALF_CONVERT_SOURCE_H
#define ALF_CONVERT_SOURCE_H

#include "base/buf.h"
#include "codec/joblib.h"
#include "model/manifest.h"

enum { SOURCE_MAX_FILES = 18, SOURCE_MAX_LABELS = 64 };

typedef struct source {
    arena memory;
    char folder[4096];
    joblib_file *files[SOURCE_MAX_FILES]; /* NULL: not joblib */
    char paths[SOURCE_MAX_FILES][256];    /* relative to the folder */
    manifest_entry entries[SOURCE_MAX_FILES];
    size_t file_count;
    const value *scaler, *isolation, *vectorizer, *classifier, *labels; /* NULL: not found */
    const char *scaler_file, *isolation_file, *vectorizer_file, *classifier_file, *labels_file;
    bool classifier_is_file; /* a library's own model file */
    buf model_file;
    const value *odd_scaler; /* not supported; the scaler where there is no other */
    const char *odd_scaler_file;
    manifest_library libraries[8];
    size_t library_count;
} source;

/* Opens every file of the folder that is there; or one model file, and those beside it as of a
 * folder. labels: names of the classes, separated by commas, that go before all others; NULL: none.
 * ALF_E_NOT_FOUND when there is no model. The caller calls source_close in any case. */
alf_status source_open(source *s, const char *path, const char *labels, alf_error *err);
void source_close(source *s);

#endif
