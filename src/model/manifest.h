/*
 * manifest.json: what a bundle is, where it came from and the proof that it equals its source
 * (docs/bundle.md). Read with every size and type checked; written in one canonical form.
 */
#ifndef ALF_MODEL_MANIFEST_H
#define ALF_MODEL_MANIFEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/model.h"
#include "model/text_steps.h"

enum { MANIFEST_FORMAT = 1, MANIFEST_MAX_ENTRIES = 64 };

typedef struct manifest_entry {
    alf_span path;   /* relative to the source or bundle folder */
    alf_span sha256; /* 64 hexadecimal digits */
    uint64_t size;   /* bytes */
} manifest_entry;

typedef struct manifest_library {
    alf_span name; /* "scikit-learn", "xgboost" */
    alf_span version;
} manifest_library;

/* What comparing the joblib engine with the ONNX engine gave for one component. */
typedef struct proof_part {
    bool present;
    uint64_t mismatches;   /* of labels */
    double max_difference; /* of a probability or score */
    /* What the ONNX engine said, so that the proof can be replayed without the joblib models:
     * 64 hexadecimal digits each (answers_sha256); empty in older manifests. */
    alf_span labels_sha256, numbers_sha256;
} proof_part;

/* On which logs, and what came out. */
typedef struct proof_run {
    uint64_t logs;
    proof_part text, anomaly;
    alf_span texts_sha256; /* of the texts compared, joined by newlines */
} proof_run;

typedef struct manifest_proof {
    bool present;
    proof_run all;
    /* The same of the logs alone that are built into the program, where there were others, too:
     * what can be replayed without a file. logs 0: there is no such part. */
    proof_run built_in;
} manifest_proof;

typedef struct manifest {
    int64_t format;
    alf_span converter; /* "ai-log-filter 0.1.0" */
    alf_span profile;   /* "pipeline" or "serving" */
    bool zero_is_value; /* absent_terms: "zero"; else "missing", also where nothing says */
    text_steps steps;   /* for readers; the vectorizer's file says them itself */
    class_labels labels;
    alf_span feature_names[16];
    size_t feature_name_count;
    double threshold[ALF_CATEGORIES]; /* least probability that raises to the category; NaN: none */
    manifest_library libraries[MANIFEST_MAX_ENTRIES];
    size_t library_count;
    manifest_entry sources[MANIFEST_MAX_ENTRIES];
    size_t source_count;
    manifest_entry files[MANIFEST_MAX_ENTRIES];
    size_t file_count;
    manifest_proof proof;
} manifest;

void manifest_init(manifest *m); /* empty, thresholds NaN */
alf_status manifest_parse(alf_span json, arena *a, manifest *out, alf_error *err);
alf_status manifest_write(const manifest *m, buf *out, alf_error *err);

#endif
