/*
 * Components straight from joblib models, for mixed mode: converted in memory when the bundle is
 * opened, so that they run in the same engine with the same answers. Nothing is written.
 */
#ifndef ALF_CLASSIFY_MODELS_JOBLIB_H
#define ALF_CLASSIFY_MODELS_JOBLIB_H

#include "classify/models.h"

/* Whether the folder holds a joblib file named for the component (its contents are not read). */
alf_status models_joblib_exists(const char *folder, models_component which, bool *out,
                                alf_error *err);

/* What a joblib model turns into. */
typedef struct joblib_component {
    engine *first, *second; /* vectorizer and classifier, or scaler and forest */
    uint32_t feature_count; /* of the scaler */
    bool zero_is_value;     /* of the classifier */
    class_labels labels;    /* of the classifier; names live in the arena that was given */
} joblib_component;

/* Reads the component's joblib files in the folder. On success the caller owns both engines. */
alf_status models_joblib_open(const char *folder, models_component which,
                              const engine_options *options, arena *memory, joblib_component *out,
                              alf_error *err);

#endif
