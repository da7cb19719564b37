/*
 * ai-log-filter: classify security logs as critical, suspicious, routine or noise.
 *
 * This is the library's only public header. Everything public starts with alf_ or ALF_.
 * All text is bytes: nothing has to be valid UTF-8 or NUL-terminated unless it says so.
 */
#ifndef AI_LOG_FILTER_H
#define AI_LOG_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* The version of this header; alf_version() tells the version of the library. */
#define ALF_VERSION "0.1.0"

/* What became of a call. Values are pinned: they never change meaning. */
typedef enum alf_status {
    ALF_OK = 0,
    ALF_E_NOMEM = 1,       /* memory could not be had */
    ALF_E_ARGUMENT = 2,    /* the caller passed something unusable */
    ALF_E_CONFIG = 3,      /* a configuration or rules file is wrong */
    ALF_E_IO = 4,          /* the system refused to read or write */
    ALF_E_NOT_FOUND = 5,   /* a file or part that is required is missing */
    ALF_E_FORMAT = 6,      /* malformed input: truncated, contradictory, out of range */
    ALF_E_LIMIT = 7,       /* well formed, but over a limit on size, count or depth */
    ALF_E_UNSUPPORTED = 8, /* well formed, but not something this program handles */
    ALF_E_REFUSED = 9,     /* forbidden on purpose, such as a pickle that wants to call code */
    ALF_E_MISMATCH = 10,   /* a proof failed: two engines disagree, a hash differs */
    ALF_E_INTERNAL = 11    /* a defect in this program */
} alf_status;

/* "no offset" in alf_error.offset */
#define ALF_NO_OFFSET UINT64_MAX

/* Details of a failure. Filled only when a call fails; unused strings are empty. */
typedef struct alf_error {
    alf_status status;
    uint64_t offset;   /* byte offset in the file, or ALF_NO_OFFSET */
    char message[512]; /* what was found, what was expected, what to do; no newline */
    char file[256];    /* the file concerned, or empty */
    char node[128];    /* the ONNX node, rule or configuration key concerned, or empty */
} alf_error;

/* Borrowed bytes. data may be NULL only when size is 0. */
typedef struct alf_span {
    const char *data;
    size_t size;
} alf_span;

/* The four categories, most urgent first. */
typedef enum alf_category {
    ALF_CRITICAL = 0,
    ALF_SUSPICIOUS = 1,
    ALF_ROUTINE = 2,
    ALF_NOISE = 3
} alf_category;

#define ALF_CATEGORIES 4

/* The name of a status ("ALF_E_FORMAT"), never NULL. Thread-safe. Since 0.1.0. */
const char *alf_status_name(alf_status status);

/* The name of a category ("critical"), never NULL. Thread-safe. Since 0.1.0. */
const char *alf_category_name(alf_category category);

/* The version of the library, such as "0.1.0". Thread-safe. Since 0.1.0. */
const char *alf_version(void);

/* ---- classifier ---- */

/*
 * A classifier is a bundle of models with rules, loaded and checked. It may be shared between
 * threads.
 */
typedef struct alf_classifier alf_classifier;

typedef struct alf_options {
    size_t size;            /* sizeof(alf_options), set by alf_options_init */
    const char *rules_path; /* NULL: rules.yaml in the bundle's folder, else the built-in rules */
    const char *profile;    /* "pipeline", "serving"; NULL: what the bundle says, else pipeline */
    double weights[3];      /* of rules, text model and anomaly detector; at least 0, not all 0 */
    bool zero_is_value; /* bundles without a manifest: a zero term is the number 0, not absent */
    const char *engine; /* "native" (NULL: the same), "onnxruntime", "auto" (docs/engines.md) */
    const char *onnx_runtime_library; /* path of libonnxruntime.so; NULL: where the loader looks */
    bool text_from_joblib;    /* run this component from the folder's joblib model, not from ONNX */
    bool anomaly_from_joblib; /* the same */
    bool fall_back_to_joblib; /* from a missing ONNX file to the joblib model */
} alf_options;

/* Fills in the defaults; options must not be NULL. Thread-safe. Since 0.1.0. */
void alf_options_init(alf_options *options);

/*
 * Opens the bundle in the folder model_path (NUL-terminated; made by `ai-log-filter convert`).
 * options: NULL for the defaults; borrowed during the call only.
 * On success *out is owned by the caller, who frees it with alf_classifier_free. On failure *out is
 * NULL and *err (NULL allowed) says why: ALF_E_ARGUMENT for options, ALF_E_CONFIG for a rules file,
 * ALF_E_NOT_FOUND for a file or a library that is missing, and what the files of the bundle deserve
 * (ALF_E_IO, ALF_E_FORMAT, ALF_E_LIMIT, ALF_E_UNSUPPORTED, ALF_E_REFUSED). Thread-safe. Since
 * 0.1.0.
 */
alf_status alf_classifier_open(const char *model_path, const alf_options *options,
                               alf_classifier **out, alf_error *err);

/* Frees the classifier (NULL allowed). All its batches must have been freed, and no other thread
 * may use it any more. Since 0.1.0. */
void alf_classifier_free(alf_classifier *classifier);

/* ---- classifying ---- */

/* What the classifier says about one log. Strings are static or live as long as the classifier. */
typedef struct alf_result {
    alf_category category;
    double confidence;                    /* 0..1; 0 when fail_open_used */
    double probabilities[ALF_CATEGORIES]; /* by alf_category; sum 1, or all 0 when fail_open_used */
    const char *model;      /* "ensemble", "rule_based", "compliance_bypass", "fail_open" */
    const char *decided_by; /* "vote", "rule_safety", "rule_floor", "threshold", ... */
    alf_span matched_rule;  /* empty: none matched */
    bool compliance_bypassed;
    bool fail_open_used;
    const char *fail_open_reason; /* NULL unless fail_open_used */
    bool has_text;                /* the text model answered */
    alf_span text_label;          /* its class */
    float text_probability;       /* of that class */
    bool has_anomaly;             /* the anomaly detector answered */
    int anomaly_label;            /* -1 anomalous, 1 normal */
    double anomaly_score;    /* score_samples of scikit-learn; NaN where the model gives none */
    double anomaly_decision; /* decision_function of scikit-learn; below 0 is anomalous */
} alf_result;

/*
 * The working memory of one thread, and the results of its last batch. A batch is used by one
 * thread at a time; any number of batches may use one classifier at once.
 */
typedef struct alf_batch alf_batch;

/*
 * A batch for the classifier, which must outlive it. On success *out is owned by the caller, who
 * frees it with alf_batch_free. On failure (ALF_E_NOMEM, ALF_E_ARGUMENT) *out is NULL and *err
 * (NULL allowed) says why. Thread-safe. Since 0.1.0.
 */
alf_status alf_batch_new(alf_classifier *classifier, alf_batch **out, alf_error *err);

/* Frees the batch (NULL allowed) and its results. Since 0.1.0. */
void alf_batch_free(alf_batch *batch);

/*
 * Classifies count logs. Each is one record without its line end: plain text, syslog, CEF, LEEF or
 * JSON, recognised one by one; any bytes, also none. The logs are borrowed during the call only. A
 * log that cannot be judged gets fail_open_used and the category critical: no log is without a
 * result. Only ALF_E_NOMEM and ALF_E_ARGUMENT are possible, and then there are no results. Since
 * 0.1.0.
 */
alf_status alf_batch_classify(alf_batch *batch, const alf_span *logs, size_t count, alf_error *err);

/* The result of log `index` of the last alf_batch_classify, counted from 0; NULL when there is no
 * such log. It belongs to the batch and stays valid until its next alf_batch_classify. Since 0.1.0.
 */
const alf_result *alf_batch_result(const alf_batch *batch, size_t index);

/* How many results there are: the count of the last alf_batch_classify, 0 before it and when it
 * failed. Since 0.1.0. */
size_t alf_batch_count(const alf_batch *batch);

/* ---- health and statistics ---- */

enum { ALF_COMPONENTS = 3 };

typedef struct alf_component_health {
    const char *name; /* "rule_based", "tfidf_xgboost", "anomaly_detector" */
    bool loaded;
    bool circuit_open; /* it failed repeatedly and is not tried for a while; logs fail open */
    const char *model_format; /* what it was loaded from: "onnx" or "joblib"; NULL: no model */
    bool fell_back;           /* to joblib, because there is no ONNX file */
} alf_component_health;

typedef struct alf_health {
    bool healthy; /* something is loaded and no circuit is open */
    alf_component_health components[ALF_COMPONENTS];
    const char *inference_engine; /* "native", "onnxruntime", or "native+onnxruntime" */
} alf_health;

/* Fills *out with the state of now; neither pointer may be NULL. Its strings are static.
 * Thread-safe. Since 0.1.0. */
void alf_get_health_status(const alf_classifier *classifier, alf_health *out);

typedef struct alf_component_statistics {
    const char *name;
    uint64_t logs;                /* it was asked about */
    uint64_t failures;            /* logs it failed on */
    double avg_inference_time_ms; /* per log; 0 before the first */
} alf_component_statistics;

typedef struct alf_statistics {
    uint64_t logs, fail_open, compliance_bypassed;
    alf_component_statistics components[ALF_COMPONENTS];
} alf_statistics;

/* Fills *out with what was counted since the classifier was opened, over all its batches; neither
 * pointer may be NULL. Its strings are static. Thread-safe. Since 0.1.0. */
void alf_get_performance_statistics(const alf_classifier *classifier, alf_statistics *out);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif

#endif
