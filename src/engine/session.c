/*
 * Running: the nodes in order, each result in its slot. Memory grows on the first runs and is then
 * reused; where it stands in the way of a run of another shape, it is given up once and the run
 * repeated, so that whether a run fits does not depend on the runs before it.
 */
#include "engine/graph.h"

#include "base/mem.h"
#include "base/span.h"
#include "engine/ort_model.h"
#include "engine/workspace.h"

#include <inttypes.h>
#include <string.h>

struct engine_session {
    const engine *e;
    workspace memory;
    tensor *tensors;    /* per value */
    node_memory *owned; /* per node that keeps something */
    const tensor **inputs;
    tensor **outputs;
    workspace_block *copies; /* per graph output: those that are the caller's own inputs */
    workspace_block *slots;
    ort_call *ort; /* when ONNX Runtime runs it */
};

/* The constants never change; the rest gets its shape and data as the nodes run. */
static void set_tensors(engine_session *s)
{
    for (size_t i = 0; i < s->e->value_count; i++) {
        const engine_value *v = &s->e->values[i];
        if (v->constant != NULL)
            s->tensors[i] = *v->constant;
        else
            s->tensors[i].type = v->type;
    }
}

static bool make_owned(engine_session *s)
{
    for (size_t n = 0; n < s->e->node_count; n++) {
        const engine_node *node = &s->e->nodes[n];
        if (node->own == NO_VALUE)
            continue;
        node_memory *own = &s->owned[node->own];
        const kernel_life *life = node->op->life;
        buf_init(&own->text);
        if (life == NULL || life->session_new == NULL)
            continue;
        own->extra = life->session_new(node->state);
        if (own->extra == NULL)
            return false;
    }
    return true;
}

engine_session *engine_session_new(const engine *e)
{
    engine_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->e = e;
    s->tensors = mem_calloc(e->value_count, sizeof *s->tensors);
    s->owned = mem_calloc(e->own_count, sizeof *s->owned);
    s->inputs = mem_calloc(e->most_inputs, sizeof *s->inputs);
    s->outputs = mem_calloc(e->most_outputs, sizeof *s->outputs);
    s->copies = mem_calloc(e->output_count, sizeof *s->copies);
    s->slots = mem_calloc(e->slot_count, sizeof *s->slots);
    bool complete = s->tensors != NULL && s->owned != NULL && s->inputs != NULL &&
                    s->outputs != NULL && s->copies != NULL && s->slots != NULL;
    workspace_init(&s->memory, e->max_memory, s->slots, s->slots != NULL ? e->slot_count : 0);
    s->ort = complete && e->ort != NULL ? ort_call_new(e) : NULL;
    if (!complete || !make_owned(s) || (e->ort != NULL && s->ort == NULL)) {
        engine_session_free(s);
        return NULL;
    }
    set_tensors(s);
    return s;
}

/* Gives back everything that grew. */
static void forget(engine_session *s)
{
    for (size_t i = 0; s->copies != NULL && i < s->e->output_count; i++) {
        mem_free(s->copies[i].data);
        s->copies[i] = (workspace_block){0};
    }
    for (size_t i = 0; s->owned != NULL && i < s->e->own_count; i++) {
        buf_fini(&s->owned[i].text);
        buf_init(&s->owned[i].text);
        s->owned[i].counted = 0;
    }
    workspace_fini(&s->memory);
}

void engine_session_free(engine_session *s)
{
    if (s == NULL)
        return;
    ort_call_free(s->ort);
    forget(s);
    for (size_t n = 0; s->owned != NULL && n < s->e->node_count; n++) {
        const engine_node *node = &s->e->nodes[n];
        if (node->own != NO_VALUE && node->op->life != NULL && node->op->life->session_free != NULL)
            node->op->life->session_free(s->owned[node->own].extra);
    }
    mem_free(s->tensors);
    mem_free(s->owned);
    mem_free(s->inputs);
    mem_free(s->outputs);
    mem_free(s->copies);
    mem_free(s->slots);
    mem_free(s);
}

/* ---- one run ---- */

static alf_status check_input(const onnx_value_info *info, const tensor *t, alf_error *err)
{
    uint64_t count;
    char text[DIMS_TEXT], wanted[DIMS_TEXT];
    bool fits = !info->has_shape || info->rank == t->rank;
    if (t->type != info->type)
        return error_set(err, ALF_E_ARGUMENT, "input '%.*s' is of type %s, expected %s",
                         span_width(info->name), info->name.data, onnx_type_name(t->type),
                         onnx_type_name(info->type));
    if (!dims_count(t->dims, t->rank, &count) || (count > 0 && t->data == NULL))
        return error_set(err, ALF_E_ARGUMENT, "input '%.*s' has an impossible shape or no data",
                         span_width(info->name), info->name.data);
    for (uint32_t k = 0; info->has_shape && fits && k < t->rank; k++)
        fits = info->dims[k] < 0 || info->dims[k] == t->dims[k];
    if (!fits)
        return error_set(err, ALF_E_ARGUMENT, "input '%.*s' has shape %s, expected %s",
                         span_width(info->name), info->name.data,
                         dims_text(t->dims, t->rank, text, sizeof text),
                         dims_text(info->dims, info->rank, wanted, sizeof wanted));
    return ALF_OK;
}

static alf_status run_node(engine_session *s, const engine_node *node, alf_error *err)
{
    for (uint32_t i = 0; i < node->input_count; i++)
        s->inputs[i] = node->inputs[i] != NO_VALUE ? &s->tensors[node->inputs[i]] : NULL;
    for (uint32_t i = 0; i < node->output_count; i++)
        s->outputs[i] = node->outputs[i] != NO_VALUE ? &s->tensors[node->outputs[i]] : NULL;
    node_memory *own = node->own != NO_VALUE ? &s->owned[node->own] : NULL;
    if (own != NULL)
        buf_clear(&own->text);
    kernel_call c = {.op = node->op,
                     .state = node->state,
                     .input_count = node->input_count,
                     .output_count = node->output_count,
                     .inputs = s->inputs,
                     .outputs = s->outputs,
                     .slots = node->slots,
                     .own = own,
                     .memory = &s->memory,
                     .err = err};
    alf_status status = node->op->run(&c);
    if (status != ALF_OK)
        error_node(err, node->name);
    return status;
}

/* An output that is the caller's memory under another name must outlive it. */
static alf_status copy_output(engine_session *s, size_t i, const tensor *inputs, tensor *out,
                              alf_error *err)
{
    bool borrowed = false;
    for (size_t k = 0; k < s->e->input_count; k++)
        borrowed = borrowed || (out->data != NULL && out->data == inputs[k].data);
    if (!borrowed)
        return ALF_OK;
    size_t bytes = (size_t)tensor_count(out) * tensor_element_size(out->type);
    TRY(workspace_grow(&s->memory, &s->copies[i], bytes, false, err));
    if (bytes > 0)
        memcpy(s->copies[i].data, out->data, bytes);
    out->data = s->copies[i].data;
    return ALF_OK;
}

/* Runs the nodes from `first` on. inputs: the caller's memory, one tensor per graph input. */
static alf_status run_nodes(engine_session *s, size_t first, const tensor *inputs, tensor *outputs,
                            alf_error *err)
{
    const engine *e = s->e;
    for (size_t n = first; n < e->node_count; n++)
        TRY(run_node(s, &e->nodes[n], err));
    for (size_t i = 0; i < e->output_count; i++) {
        outputs[i] = s->tensors[e->output_values[i]];
        TRY(copy_output(s, i, inputs, &outputs[i], err));
    }
    return ALF_OK;
}

static alf_status run_graph(engine_session *s, const tensor *inputs, tensor *outputs,
                            alf_error *err)
{
    for (size_t i = 0; i < s->e->input_count; i++)
        s->tensors[s->e->input_values[i]] = inputs[i];
    return run_nodes(s, 0, inputs, outputs, err);
}

alf_status engine_run_behind(engine_session *s, size_t node, uint32_t value, const tensor *made,
                             tensor *outputs, alf_error *err)
{
    s->tensors[value] = *made;
    return run_nodes(s, node + 1, made, outputs, err);
}

static alf_status run_runtime(engine_session *s, const tensor *inputs, tensor *outputs,
                              alf_error *err)
{
    TRY(ort_call_run(s->ort, inputs, outputs, err));
    for (size_t i = 0; i < s->e->output_count; i++)
        TRY(copy_output(s, i, inputs, &outputs[i], err));
    return ALF_OK;
}

const tensor *engine_output_keys(const engine_session *s, size_t i)
{
    return s->ort != NULL ? ort_call_keys(s->ort, i) : s->e->values[s->e->output_values[i]].keys;
}

alf_status engine_run(engine_session *s, const tensor *inputs, tensor *outputs, alf_error *err)
{
    for (size_t i = 0; i < s->e->input_count; i++)
        TRY(check_input(&s->e->inputs[i], &inputs[i], err));
    if (s->ort != NULL)
        return run_runtime(s, inputs, outputs, err);
    bool grown_before = s->memory.used > 0;
    alf_status status = run_graph(s, inputs, outputs, err);
    if (status != ALF_E_LIMIT || !grown_before)
        return status;
    forget(s);
    return run_graph(s, inputs, outputs, err);
}
