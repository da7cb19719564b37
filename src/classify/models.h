/*
 * The models of a bundle folder, loaded: which files there are, in which of the layouts in use, and
 * the engines made of them (docs/bundle.md). Immutable once open; shared between threads.
 */
#ifndef ALF_CLASSIFY_MODELS_H
#define ALF_CLASSIFY_MODELS_H

#include "engine/chain.h"
#include "logs/normalise.h"
#include "model/benchmark.h"
#include "model/manifest.h"

/* The files a bundle can hold, by what they are. */
typedef enum models_file {
    MODELS_ANOMALY,
    MODELS_SCALER,
    MODELS_CLASSIFIER,
    MODELS_VECTORIZER,
    MODELS_LABELS,
    MODELS_MANIFEST,
    MODELS_BENCHMARK,
    MODELS_FILE_COUNT
} models_file;

enum { MODELS_MAX_CLASSES = 16, MODELS_PATH = 1024, MODELS_PROBLEM = 256 };

/* The two components that have models. */
typedef enum models_component { MODELS_TEXT, MODELS_DETECTOR, MODELS_COMPONENTS } models_component;
extern const char *const models_component_names[MODELS_COMPONENTS]; /* "tfidf_xgboost", ... */

/* Where a component's model came from. */
typedef enum models_origin {
    MODELS_ABSENT,
    MODELS_FROM_ONNX,
    MODELS_FROM_JOBLIB, /* the user asked for it */
    MODELS_FELL_BACK    /* to joblib, because there is no ONNX file */
} models_origin;

/* "anomaly_detector", "anomaly_scaler", ...: the names `validate` prints. */
extern const char *const models_file_names[MODELS_FILE_COUNT];

/* Where each file is: a path relative to the folder (or absolute, when the user named it), empty
 * when absent. */
typedef struct models_layout {
    char path[MODELS_FILE_COUNT][MODELS_PATH];
    uint64_t size[MODELS_FILE_COUNT]; /* bytes */
} models_layout;

/* Files that the user named: absolute, or relative to the folder; NULL or "": look for it. */
typedef struct models_paths {
    const char *path[MODELS_FILE_COUNT];
} models_paths;

/* Finds the files of a bundle (named NULL: none is named; a named one must be there): the layout of
 * `convert` first, then the older ones. A folder without an ONNX model is no error here. */
alf_status models_locate(const char *folder, const models_paths *named, models_layout *out,
                         alf_error *err);

/* ALF_E_NOT_FOUND when there is no ONNX model; where there are joblib models, with the advice to
 * convert them. */
alf_status models_want_onnx(const char *folder, const models_layout *layout, alf_error *err);

/* Whether the path names a joblib file. */
bool models_is_joblib(const char *path);

/* The path of a file of the layout: as it is when absolute, else inside the folder. out: PATH_MAX
 * bytes. */
alf_status models_path(const char *folder, const models_layout *layout, models_file which,
                       char *out, alf_error *err);

/* Where engines come from. */
typedef struct models_place {
    const char *folder;
    const models_layout *layout;
    const engine_options *engine;
} models_place;

/* Reads one ONNX file of the bundle, or makes ONNX of a scaler or vectorizer kept as joblib; and
 * loads it. feature_count: set for a joblib scaler, else untouched; NULL allowed. */
alf_status models_load_engine(const models_place *from, models_file which, engine **out,
                              uint32_t *feature_count, alf_error *err);

typedef struct models_options {
    engine_options engine; /* zeroed: native */
    bool literal_zero;     /* model.absent_terms: zero. Ignored where the file itself maps zeros */
    bool profile_given;    /* by configuration or command line */
    log_profile profile;
    models_paths named;
    /* Mixed mode (model.type: safe_ensemble). Zeroed: ONNX only. */
    bool mixed;
    bool use_joblib[MODELS_COMPONENTS]; /* run the component from its joblib model */
    bool fall_back;                     /* from a missing ONNX file to the joblib model */
} models_options;

typedef struct models {
    arena memory;
    models_layout layout;
    bool has_manifest;
    manifest manifest;
    bool has_benchmark;
    benchmark benchmark;                    /* nothing depends on it */
    char benchmark_problem[MODELS_PROBLEM]; /* why it is not used; "": it is, or there is none */
    log_profile profile;
    bool labels_assumed; /* nothing names the classes: alphabetical order of the four categories */
    uint32_t class_count;
    alf_span class_names[MODELS_MAX_CLASSES];
    alf_category class_category[MODELS_MAX_CLASSES];
    bool has_text, has_anomaly;
    models_origin origin[MODELS_COMPONENTS];
    text_chain text;
    anomaly_chain anomaly;
} models;

/* Opens the bundle; a component whose files are all absent is simply not there, one that is half
 * there or broken is an error, and so is a bundle with none. The caller calls models_close in any
 * case. */
alf_status models_open(models *m, const char *folder, const models_options *options,
                       alf_error *err);

bool models_has(const models *m, models_component which); /* whether it is in the bundle */
/* The name of a component that `than` has and m does not; NULL: there is none. */
const char *models_lacks(const models *m, const models *than);

/* Whether a component runs from a joblib model. */
bool models_use_joblib(const models *m);
/* "onnx" or "joblib"; NULL for an absent component. */
const char *models_origin_name(models_origin origin);

/* How many times faster the models are that run from this bundle's ONNX files in the native engine
 * than the joblib models they were made from, as it was measured at conversion; 0: not known, or
 * none does. which: one component, or MODELS_COMPONENTS for all that were measured together. */
double models_improvement(const models *m, models_component which);

/* Reads benchmark.json, which must be of the manifest's files. */
alf_status models_read_benchmark(const char *folder, const models_layout *layout, const manifest *m,
                                 benchmark *out, alf_error *err);

/* What runs them: "native", "onnxruntime", or "native+onnxruntime" when it is not one for all. */
const char *models_run_on(const models *m);
void models_close(models *m);

#endif
