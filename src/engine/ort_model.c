/* Loading a graph into ONNX Runtime, and describing it as engine.h does. */
#include "engine/ort_model.h"

#include "base/mem.h"
#include "base/span.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_VALUES = 1 << 16, MAX_METADATA = 1 << 16, RIGHT_TREES = 24 };

alf_status ort_tensor_info_read(const ort_api *api, const ort_tensor_info *info, onnx_type *type,
                                uint32_t *rank, int64_t *dims, alf_error *err)
{
    int element = 0;
    size_t count = 0;
    TRY(ort_api_check(api, api->element_type(info, &element), err));
    TRY(ort_api_check(api, api->dims_count(info, &count), err));
    *type = element > 0 && element <= (int)ONNX_UINT64 ? (onnx_type)element : ONNX_UNDEFINED;
    if (tensor_element_size(*type) == 0)
        return error_set(err, ALF_E_UNSUPPORTED, "tensors of element type %d are not handled",
                         element);
    if (count > ONNX_MAX_RANK)
        return error_set(err, ALF_E_UNSUPPORTED, "a tensor of rank %zu, at most %d", count,
                         (int)ONNX_MAX_RANK);
    *rank = (uint32_t)count;
    return count > 0 ? ort_api_check(api, api->dims(info, dims, count), err) : ALF_OK;
}

/* ---- inputs and outputs ---- */

/* Copies a text of the library into the engine's memory and gives the original back. */
static alf_status take_text(engine *e, char *text, const char **out, alf_error *err)
{
    const ort_model *m = e->ort;
    char *copy = arena_strndup(&e->memory, text, strlen(text));
    TRY(ort_api_check(&m->api, m->api.allocator_free(m->allocator, text), err));
    *out = copy;
    return copy != NULL ? ALF_OK : error_nomem(err, "the names of a graph");
}

static alf_status read_type(const ort_api *api, const ort_type_info *from, bool is_input,
                            onnx_value_info *info, alf_error *err)
{
    int kind = 0;
    const ort_tensor_info *shape = NULL;
    TRY(ort_api_check(api, api->type_kind(from, &kind), err));
    if (kind == ORT_KIND_SEQUENCE && !is_input) { /* of maps, it turns out when it runs */
        info->kind = ONNX_VALUE_SEQUENCE;
        info->type = ONNX_FLOAT;
        return ALF_OK;
    }
    if (kind != ORT_KIND_TENSOR)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "graph %s '%.*s' is neither a tensor nor a sequence of maps at the end",
                         is_input ? "input" : "output", span_width(info->name), info->name.data);
    TRY(ort_api_check(api, api->type_tensor(from, &shape), err));
    TRY(ort_tensor_info_read(api, shape, &info->type, &info->rank, info->dims, err));
    info->kind = ONNX_VALUE_TENSOR;
    info->has_shape = info->rank > 0; /* the library says 0 for a scalar and for "unknown" */
    return ALF_OK;
}

static alf_status describe_value(engine *e, size_t i, bool is_input, alf_error *err)
{
    const ort_model *m = e->ort;
    const ort_api *api = &m->api;
    onnx_value_info *info = is_input ? &e->inputs[i] : &e->outputs[i];
    const char **name = is_input ? &m->input_names[i] : &m->output_names[i];
    char *text = NULL;
    ort_type_info *type = NULL;
    TRY(ort_api_check(api,
                      is_input ? api->input_name(m->session, i, m->allocator, &text)
                               : api->output_name(m->session, i, m->allocator, &text),
                      err));
    TRY(take_text(e, text, name, err));
    info->name = span_from_string(*name);
    TRY(ort_api_check(api,
                      is_input ? api->input_type(m->session, i, &type)
                               : api->output_type(m->session, i, &type),
                      err));
    alf_status status = read_type(api, type, is_input, info, err);
    api->release_type(type);
    return status;
}

static alf_status describe(engine *e, alf_error *err)
{
    ort_model *m = e->ort;
    const ort_api *api = &m->api;
    size_t inputs = 0;
    size_t outputs = 0;
    TRY(ort_api_check(api, api->input_count(m->session, &inputs), err));
    TRY(ort_api_check(api, api->output_count(m->session, &outputs), err));
    if (inputs > MAX_VALUES || outputs > MAX_VALUES)
        return error_set(err, ALF_E_LIMIT, "%zu inputs and %zu outputs, at most %d", inputs,
                         outputs, (int)MAX_VALUES);
    TRY(arena_take(&e->memory, inputs, sizeof *e->inputs, &e->inputs, err));
    TRY(arena_take(&e->memory, outputs, sizeof *e->outputs, &e->outputs, err));
    TRY(arena_take(&e->memory, inputs, sizeof *m->input_names, &m->input_names, err));
    TRY(arena_take(&e->memory, outputs, sizeof *m->output_names, &m->output_names, err));
    e->input_count = inputs;
    e->output_count = outputs;
    for (size_t i = 0; i < inputs; i++)
        TRY(describe_value(e, i, true, err));
    for (size_t i = 0; i < outputs; i++)
        TRY(describe_value(e, i, false, err));
    return ALF_OK;
}

/* ---- metadata ---- */

static alf_status copy_pair(engine *e, const ort_metadata *from, const char *key, alf_error *err)
{
    const ort_model *m = e->ort;
    char *found = NULL;
    const char *text = NULL;
    onnx_metadata *to = &e->metadata[e->metadata_count];
    TRY(ort_api_check(&m->api, m->api.metadata_lookup(from, m->allocator, key, &found), err));
    if (found == NULL)
        return ALF_OK;
    TRY(take_text(e, found, &text, err));
    to->value = span_from_string(text);
    TRY(arena_copy_text(&e->memory, span_from_string(key), &to->key, err));
    e->metadata_count++;
    return ALF_OK;
}

static alf_status copy_pairs(engine *e, const ort_metadata *from, char *const *keys, int64_t count,
                             alf_error *err)
{
    if (count > MAX_METADATA)
        return error_set(err, ALF_E_LIMIT, "%" PRId64 " metadata properties", count);
    TRY(arena_take(&e->memory, (size_t)count, sizeof *e->metadata, &e->metadata, err));
    for (int64_t i = 0; i < count; i++)
        TRY(copy_pair(e, from, keys[i], err));
    return ALF_OK;
}

static alf_status read_metadata(engine *e, alf_error *err)
{
    const ort_model *m = e->ort;
    const ort_api *api = &m->api;
    ort_metadata *from = NULL;
    char **keys = NULL;
    int64_t count = 0;
    TRY(ort_api_check(api, api->session_metadata(m->session, &from), err));
    alf_status status =
        ort_api_check(api, api->metadata_keys(from, m->allocator, &keys, &count), err);
    if (status == ALF_OK && keys != NULL)
        status = copy_pairs(e, from, keys, count, err);
    alf_error ignored;
    for (int64_t i = 0; keys != NULL && i < count; i++)
        (void)ort_api_check(api, api->allocator_free(m->allocator, keys[i]), &ignored);
    if (keys != NULL)
        (void)ort_api_check(api, api->allocator_free(m->allocator, keys), &ignored);
    api->release_metadata(from);
    return status;
}

/* ---- the whole ---- */

/* Before 1.24 the library does not know TreeEnsemble of ai.onnx.ml 5 (1.20), or takes it and gives
 * other probabilities where values are missing (measured with 1.21 to 1.23). A wrong answer is
 * worse than none. A file that our reader does not take holds no such node that we know of. */
static alf_status refuse_wrong_trees(const ort_api *api, alf_span file, alf_error *err)
{
    onnx_model *model = NULL;
    alf_error ignored = {0};
    bool found = false;
    if (api->minor >= RIGHT_TREES)
        return ALF_OK;
    alf_status status = onnx_read(file, &model, &ignored);
    if (status == ALF_E_NOMEM)
        return error_nomem(err, "an ONNX file");
    if (status != ALF_OK)
        return ALF_OK;
    for (size_t i = 0; i < model->node_count; i++)
        found = found || (span_is(model->nodes[i].op_type, "TreeEnsemble") &&
                          span_is(model->nodes[i].domain, "ai.onnx.ml"));
    onnx_free(model);
    if (!found)
        return ALF_OK;
    return error_set(err, ALF_E_UNSUPPORTED,
                     "ONNX Runtime %s does not run TreeEnsemble of ai.onnx.ml 5 rightly; use 1.%d "
                     "or later, or the native engine",
                     api->version, (int)RIGHT_TREES);
}

static alf_status make_session(ort_model *m, alf_span file, const engine_options *options,
                               alf_error *err)
{
    const ort_api *api = &m->api;
    ort_session_options *settings = NULL;
    alf_status status = ort_options_make(m, options, &settings, err);
    if (status == ALF_OK)
        status = ort_api_check(
            api, api->create_session(m->env, file.data, file.size, settings, &m->session), err);
    if (settings != NULL)
        api->release_options(settings);
    return status;
}

alf_status ort_model_load(engine *e, alf_span file, const engine_options *options, alf_error *err)
{
    ort_model *m = mem_calloc(1, sizeof *m);
    if (m == NULL)
        return error_nomem(err, "an engine");
    e->ort = m;
    const ort_api *api = &m->api;
    TRY(ort_api_open(options->library, &m->api, err));
    /* The environment is one for the whole process; the library counts its users. What it would
     * log comes back as an error. */
    TRY(ort_api_check(api, api->create_env(ORT_LOG_FATAL, "ai-log-filter", &m->env), err));
    TRY(ort_api_check(api, api->default_allocator(&m->allocator), err));
    TRY(ort_api_check(
        api, api->create_memory_info(ORT_ARENA_ALLOCATOR, ORT_MEMORY_DEFAULT, &m->cpu), err));
    if (file.size == 0)
        return error_set(err, ALF_E_FORMAT, "the ONNX file is empty");
    TRY(refuse_wrong_trees(api, file, err));
    TRY(make_session(m, file, options, err));
    TRY(describe(e, err));
    return read_metadata(e, err);
}

void ort_model_free(ort_model *m)
{
    if (m == NULL)
        return;
    if (m->session != NULL)
        m->api.release_session(m->session);
    if (m->cpu != NULL)
        m->api.release_memory_info(m->cpu);
    if (m->env != NULL)
        m->api.release_env(m->env);
    mem_free(m);
}
