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

#endif
