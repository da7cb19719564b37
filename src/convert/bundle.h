/*
 * Conversion: estimators -> ONNX files of a bundle, in memory; and putting a bundle on disk, whole
 * or not at all (docs/bundle.md).
 */
#ifndef ALF_CONVERT_BUNDLE_H
#define ALF_CONVERT_BUNDLE_H

#include "base/buf.h"
#include "convert/source.h"
#include "model/benchmark.h"

enum { BUNDLE_SCALER, BUNDLE_ANOMALY, BUNDLE_VECTORIZER, BUNDLE_CLASSIFIER, BUNDLE_FILES };

extern const char *const bundle_file_names[BUNDLE_FILES]; /* "scaler.onnx", ... */

typedef struct bundle {
    arena memory;
    buf files[BUNDLE_FILES]; /* ONNX bytes; empty: not made */
    class_labels labels;
    bool adopted[BUNDLE_FILES]; /* taken as it was, not converted */
    uint32_t feature_count;     /* of the scaler and the isolation forest; 0 without them */
    bool labels_assumed;        /* nothing names the classes of a model file */
    text_steps steps;           /* before the vectorizer's graph */
    bool zero_is_value;         /* to the classifier an absent term is 0, not missing */
} bundle;

typedef struct bundle_parts {
    bool anomaly, text; /* which components to convert */
    alf_span anomaly_onnx,
        classifier_onnx; /* ONNX files to adopt where the joblib model is absent */
} bundle_parts;

void bundle_init(bundle *b);
void bundle_fini(bundle *b);

/* Converts the parts asked for; a part that is asked for and incomplete is ALF_E_NOT_FOUND, saying
 * what is missing. */
alf_status bundle_build(bundle *b, const source *s, bundle_parts parts, alf_error *err);

/* The ONNX bytes of one estimator alone, as older bundles need that keep scaler.joblib or
 * tfidf_vectorizer.joblib beside ONNX files. */
alf_status bundle_scaler(const value *object, buf *out, uint32_t *feature_count, alf_error *err);
alf_status bundle_vectorizer(const value *object, buf *out, alf_error *err);

/* Writes the files, the manifest (whose file entries it fills) and the benchmark (NULL: there is
 * none; its hashes are filled) into a new folder beside `folder` and renames it into place. An
 * existing folder is replaced only with `force`. */
alf_status bundle_save(bundle *b, manifest *m, benchmark *times, const char *folder, bool force,
                       alf_error *err);

#endif
