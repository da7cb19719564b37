/* Which engine runs a graph: ours, ONNX Runtime, or ours first and ONNX Runtime for the rest. */
#include "base/mem.h"
#include "base/span.h"
#include "engine/ort_model.h"

#include <stdio.h>
#include <string.h>

enum { DESCRIPTION_MEMORY = 64 << 20, COPIES_MEMORY = 256 << 20 };

static const char *const kind_names[] = {"native", "onnxruntime", "auto"};

void engine_options_init(engine_options *o)
{
    *o = (engine_options){.optimization_level = "all",
                          .intra_op_num_threads = 1,
                          .inter_op_num_threads = 1,
                          .enable_cpu_mem_arena = true,
                          .enable_mem_pattern = true,
                          .providers = "CPUExecutionProvider"};
}

bool engine_kind_from_name(const char *name, engine_kind *out)
{
    for (size_t i = 0; i < sizeof kind_names / sizeof kind_names[0]; i++)
        if (strcmp(name, kind_names[i]) == 0) {
            *out = (engine_kind)i;
            return true;
        }
    return false;
}

const char *engine_runs_on(const engine *e)
{
    return kind_names[e->ort != NULL ? ENGINE_ONNX_RUNTIME : ENGINE_NATIVE];
}

const char *engine_runtime_version(const engine *e)
{
    return e->ort != NULL ? e->ort->api.version : "";
}

static alf_status load_runtime(alf_span file, const engine_options *options, engine **out,
                               alf_error *err)
{
    engine *e = mem_calloc(1, sizeof *e);
    if (e == NULL)
        return error_nomem(err, "an engine");
    arena_init(&e->memory, DESCRIPTION_MEMORY);
    e->max_memory = options->max_memory != 0 ? options->max_memory : (size_t)COPIES_MEMORY;
    alf_status status = ort_model_load(e, file, options, err);
    if (status == ALF_OK)
        *out = e;
    else
        engine_free(e);
    return status;
}

/* options: NULL allowed. */
static alf_status load_native(alf_span file, const engine_options *options, engine **out,
                              alf_error *err)
{
    size_t max_memory = options != NULL ? options->max_memory : 0;
    return options != NULL && options->plain ? engine_load_plain(file, max_memory, out, err)
                                             : engine_load(file, max_memory, out, err);
}

/* Ours first. What it does not handle goes to ONNX Runtime; a file that is broken or too large
 * does not. */
static alf_status load_auto(alf_span file, const engine_options *options, engine **out,
                            alf_error *err)
{
    alf_error ours = {0};
    alf_error theirs = {0};
    char one[200];
    char two[250];
    alf_status status = load_native(file, options, out, &ours);
    if (status == ALF_E_UNSUPPORTED && load_runtime(file, options, out, &theirs) == ALF_OK)
        return ALF_OK;
    if (status != ALF_OK && err != NULL)
        *err = ours;
    if (status == ALF_E_UNSUPPORTED)
        return error_set(err, status, "the native engine: %s; and %s",
                         error_text(&ours, one, sizeof one), error_text(&theirs, two, sizeof two));
    return status;
}

alf_status engine_load_with(alf_span file, const engine_options *options, engine **out,
                            alf_error *err)
{
    *out = NULL;
    switch (options != NULL ? options->kind : ENGINE_NATIVE) {
    case ENGINE_ONNX_RUNTIME:
        return load_runtime(file, options, out, err);
    case ENGINE_AUTO:
        return load_auto(file, options, out, err);
    case ENGINE_NATIVE:
        break;
    }
    return load_native(file, options, out, err);
}
