/*
 * Configuration: one table drives parsing, checking, defaults and documentation
 * (docs/configuration.md). Environment beats file, command line beats both.
 */
#ifndef ALF_CLI_CONFIG_H
#define ALF_CLI_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/engine.h"
#include "serve/settings.h"

typedef struct config {
    arena memory; /* strings below live here or are constants */
    const char *model_type;
    bool anomaly_use_onnx, text_use_onnx, fallback_to_joblib;
    const char *engine; /* "native", "onnxruntime" or "auto" */
    const char *model_path;
    const char *profile;      /* "" = what the manifest says, else pipeline */
    const char *absent_terms; /* "missing" or "zero" */
    const char *anomaly_onnx, *classifier_onnx, *scaler_path,
        *vectorizer_path; /* "" = look in path */
    double weight_rules, weight_text, weight_anomaly;
    const char *rules_path; /* "" = built in */
    const char *optimization_level;
    double intra_op_num_threads, inter_op_num_threads;
    bool enable_cpu_mem_arena, enable_mem_pattern;
    const char *providers;       /* one line, separated by spaces */
    const char *runtime_library; /* "" = where the loader looks */
    serve_settings serve;
} config;

/* Defaults. The caller calls config_fini. */
void config_init(config *c);
void config_fini(config *c);

/* Reads a YAML file over the defaults; then the environment. path NULL: the environment only.
 * ALF_E_CONFIG names file, line and key. */
alf_status config_load(config *c, const char *path, alf_error *err);

/* Reads YAML over what is there; name is for messages. */
alf_status config_parse(config *c, alf_span text, const char *name, alf_error *err);

/* What the configuration says about the engine: model.engine and onnx_runtime.*. Borrows from c.
 * Warnings go to standard error. */
void config_engine(const config *c, engine_options *out);
/* The same from the command line: --engine NAME (NULL: not given). */
alf_status config_choose_engine(const char *name, engine_options *out, alf_error *err);

/* The page docs/configuration.md. */
void config_document(buf *out);

#endif
