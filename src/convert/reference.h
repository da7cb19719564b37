/*
 * The joblib engine: evaluates estimators straight on the values read from joblib files, slowly and
 * plainly, in float64 (float32 where the library uses it). It shares nothing with extract.h, the
 * plain models, ONNX or the engine, so that agreement between the two is a proof and not an echo.
 * Every function checks what it reads; the values must outlive what is made from them.
 */
#ifndef ALF_CONVERT_REFERENCE_H
#define ALF_CONVERT_REFERENCE_H

#include "codec/value.h"

/* transform of StandardScaler, MinMaxScaler, RobustScaler, MaxAbsScaler, Normalizer, or a Pipeline
 * of them, float64. */
alf_status reference_scale(const value *scaler, const double *x, size_t feature_count, double *out,
                           alf_error *err);

typedef struct reference_isolation reference_isolation;
alf_status reference_isolation_new(const value *forest, reference_isolation **out, alf_error *err);
/* x: feature_count scaled values, rounded to float32 inside as scikit-learn does. */
alf_status reference_isolation_run(const reference_isolation *r, const double *x,
                                   size_t feature_count, double *score, double *decision,
                                   int *label, alf_error *err);
void reference_isolation_free(reference_isolation *r);

/* One sparse row: columns ascending, distinct, values not zero. */
typedef struct reference_row {
    uint32_t *columns;
    double *values;
    size_t count;
    size_t capacity;
} reference_row;
void reference_row_fini(reference_row *row);

typedef struct reference_text reference_text;
alf_status reference_text_new(const value *vectorizer, reference_text **out, alf_error *err);
alf_status reference_text_run(const reference_text *r, alf_span text, reference_row *row,
                              alf_error *err);
void reference_text_free(reference_text *r);

typedef struct reference_boosted reference_boosted;
alf_status reference_boosted_new(const value *classifier, reference_boosted **out, alf_error *err);
size_t reference_boosted_classes(const reference_boosted *r);
/* row values are rounded to float32; absent columns are missing. probabilities: one per class.
 * *label: the class index XGBClassifier.predict gives before decoding labels. */
alf_status reference_boosted_run(const reference_boosted *r, const reference_row *row,
                                 float *probabilities, uint32_t *label, alf_error *err);
void reference_boosted_free(reference_boosted *r);

/* Any classifier of a bundle: one of the above, or scikit-learn's. For those an absent column is
 * zero. Not for several threads at a time. */
typedef struct reference_classifier reference_classifier;
alf_status reference_classifier_new(const value *classifier, reference_classifier **out,
                                    alf_error *err);
size_t reference_classifier_classes(const reference_classifier *r);
/* probabilities: one per class, as predict_proba gives them; *label: the index of what predict
 * gives. */
alf_status reference_classifier_run(reference_classifier *r, const reference_row *row,
                                    double *probabilities, uint32_t *label, alf_error *err);
void reference_classifier_free(reference_classifier *r);

#endif
