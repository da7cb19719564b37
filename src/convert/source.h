/*
 * A folder of joblib models as `convert` finds it: which files there are and which estimators are
 * in them. Values borrow from the open files.
 *
 * Looked for: anomaly_detector/model.joblib, tfidf_xgboost/model.joblib, and flat files beside them
 * (anomaly_detector.joblib, tfidf_xgboost.joblib, isolation_forest.joblib, xgboost.joblib,
 * model.joblib, scaler.joblib, tfidf_vectorizer.joblib, vectorizer.joblib, label_encoder.joblib).
 * An estimator is known by its class, not by the key it is under.
 */
#ifndef ALF_CONVERT_SOURCE_H
#define ALF_CONVERT_SOURCE_H

#include "codec/joblib.h"
#include "model/manifest.h"

enum { SOURCE_MAX_FILES = 16 };

typedef struct source {
    arena memory;
    joblib_file *files[SOURCE_MAX_FILES];
    char paths[SOURCE_MAX_FILES][96]; /* relative to the folder */
    manifest_entry entries[SOURCE_MAX_FILES];
    size_t file_count;
    const value *scaler, *isolation, *vectorizer, *classifier, *labels; /* NULL: not found */
    const char *scaler_file, *isolation_file, *vectorizer_file, *classifier_file, *labels_file;
    manifest_library libraries[8];
    size_t library_count;
} source;

/* Opens every file of the folder that is there. ALF_E_NOT_FOUND when there is none. The caller
 * calls source_close in any case. */
alf_status source_open(source *s, const char *folder, alf_error *err);
void source_close(source *s);

#endif
