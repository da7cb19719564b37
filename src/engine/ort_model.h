/*
 * A graph held by ONNX Runtime behind the interface of engine.h. The model is immutable and its
 * session may run in several threads at once; each thread has an ort_call.
 */
#ifndef ALF_ENGINE_ORT_MODEL_H
#define ALF_ENGINE_ORT_MODEL_H

#include "engine/graph.h"
#include "engine/ort_api.h"

struct ort_model {
    ort_api api;
    ort_env *env;
    ort_memory_info *cpu;
    ort_allocator *allocator;
    ort_session *session;
    const char **input_names, **output_names; /* in the engine's memory, NUL-terminated */
};

/* Loads the bytes of an ONNX file into e, which is zeroed but for its memory: sets e->ort, inputs,
 * outputs and metadata. On failure e is left for engine_free. */
alf_status ort_model_load(engine *e, alf_span file, const engine_options *options, alf_error *err);
void ort_model_free(ort_model *m); /* NULL allowed */

/* The session options that the engine's options ask for (ort_options.c). The caller releases
 * *out, also on failure. */
alf_status ort_options_make(const ort_model *m, const engine_options *options,
                            ort_session_options **out, alf_error *err);

/* Type and shape of a tensor; what we cannot hold is an error. */
alf_status ort_tensor_info_read(const ort_api *api, const ort_tensor_info *info, onnx_type *type,
                                uint32_t *rank, int64_t *dims, alf_error *err);

/* ---- running (ort_run.c) ---- */

typedef struct ort_call ort_call;

ort_call *ort_call_new(const engine *e);                  /* NULL: out of memory */
void ort_call_free(ort_call *c);                          /* NULL allowed */
const tensor *ort_call_keys(const ort_call *c, size_t i); /* as engine_output_keys */
/* As engine_run; the inputs have been checked. */
alf_status ort_call_run(ort_call *c, const tensor *inputs, tensor *outputs, alf_error *err);

#endif
