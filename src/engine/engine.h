/*
 * The engine: runs an ONNX graph exactly.
 *
 * engine_load checks the graph, resolves every operator and prepares kernels (forests, text
 * vectorizers); an operator, type or attribute that cannot be run is an error that names the node.
 * A loaded engine is immutable and shared between threads; each thread runs with its own session.
 */
#ifndef ALF_ENGINE_ENGINE_H
#define ALF_ENGINE_ENGINE_H

#include "onnx/onnx.h"

typedef struct engine engine;
typedef struct engine_session engine_session;

/* A tensor at run time. Row-major. */
typedef struct tensor {
    onnx_type type;
    uint32_t rank;
    int64_t dims[ONNX_MAX_RANK];
    void *data; /* elements; for ONNX_STRING an array of alf_span */
} tensor;

uint64_t tensor_count(const tensor *t); /* product of dims */

/* Loads from the bytes of an ONNX file (borrowed only during the call). max_memory bounds what one
 * run may allocate, in bytes (0: 256 MiB). On success the caller owns *out. */
alf_status engine_load(alf_span file, size_t max_memory, engine **out, alf_error *err);
void engine_free(engine *e);

/* ---- which engine (provider.c) ---- */

typedef enum engine_kind {
    ENGINE_NATIVE,       /* ours */
    ENGINE_ONNX_RUNTIME, /* ONNX Runtime, whose library is looked for at run time */
    ENGINE_AUTO          /* ours; graphs that it does not handle: ONNX Runtime */
} engine_kind;

/* Zeroed: the native engine. All but the first three members are for ONNX Runtime, which has no
 * limit on memory. */
typedef struct engine_options {
    engine_kind kind;
    size_t max_memory;              /* as for engine_load */
    bool plain;                     /* the caller will see to engine_compile */
    const char *library;            /* path; NULL or "": where the loader looks */
    const char *optimization_level; /* "disabled", "basic", "extended", "all"; NULL: all */
    int intra_op_num_threads;       /* 0: the library's choice */
    int inter_op_num_threads;       /* other than 1: independent nodes may run side by side */
    bool enable_cpu_mem_arena, enable_mem_pattern;
    const char *providers; /* separated by spaces, tried in order; the CPU is always the last */
    void (*warn)(void *context, const char *text); /* NULL: nobody is told of missing providers */
    void *warn_context;
} engine_options;

void engine_options_init(engine_options *o); /* the defaults of docs/configuration.md */
/* "native", "onnxruntime", "auto" */
bool engine_kind_from_name(const char *name, engine_kind *out);

/* As engine_load, with the engine that options (NULL: native) ask for. */
alf_status engine_load_with(alf_span file, const engine_options *options, engine **out,
                            alf_error *err);
/* Makes the nodes fast that have a slow and a fast way, if that is not done: loading does it unless
 * options say `plain`, for who may find that they are not run at all. Before any session. */
alf_status engine_compile(engine *e, alf_error *err);
const char *engine_runs_on(const engine *e);         /* "native" or "onnxruntime" */
const char *engine_runtime_version(const engine *e); /* of ONNX Runtime; "" for the native engine */

size_t engine_input_count(const engine *e);
size_t engine_output_count(const engine *e);
const onnx_value_info *engine_input(const engine *e, size_t i);
const onnx_value_info *engine_output(const engine *e, size_t i);
/* The value of a metadata property of the file; false when absent. */
bool engine_metadata(const engine *e, const char *key, alf_span *out);

engine_session *engine_session_new(const engine *e); /* NULL: out of memory */
void engine_session_free(engine_session *s);

/*
 * Runs the graph. inputs: engine_input_count tensors in graph order (borrowed; types and declared
 * dims are checked). outputs: engine_output_count tensors, filled with borrowed memory of the
 * session that stays valid until its next run.
 */
alf_status engine_run(engine_session *s, const tensor *inputs, tensor *outputs, alf_error *err);

/*
 * An output of kind ONNX_VALUE_SEQUENCE is a sequence of maps, as ZipMap makes it. It comes as
 * float rows, one per map, and a list of keys: element k of a row belongs to key k. The list of
 * output i is int64 or string, ascending, and lives as long as the output; NULL for a tensor.
 */
const tensor *engine_output_keys(const engine_session *s, size_t i);

#endif
