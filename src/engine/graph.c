/*
 * Loading: file -> checked graph -> prepared kernels -> planned memory.
 *
 * Nodes whose inputs are all known are run here once and become constants. What the engine keeps is
 * copied into its own arena; the ONNX model and the loader's temporary arena end with the call.
 */
#include "engine/graph.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"
#include "engine/operators.h"
#include "engine/ort_model.h"
#include "engine/workspace.h"

#include <inttypes.h>
#include <string.h>

enum { DEFAULT_MEMORY = 256 << 20, MOST_OUTPUTS = 2 };

typedef struct loader {
    engine *e;
    onnx_model *model;
    arena temporary;
    strmap names; /* -> index into values */
    load_value *values;
    const graph_value **inputs; /* of the node at hand */
    alf_error *err;
} loader;

void engine_node_fini(engine_node *node)
{
    if (node->op->life != NULL && node->op->life->fini != NULL && node->state != NULL)
        node->op->life->fini(node->state);
    node->state = NULL;
    arena_fini(&node->memory);
}

static alf_status add_value(loader *l, alf_span name, uint32_t *out)
{
    uint32_t index = (uint32_t)l->e->value_count;
    bool added;
    if (!strmap_put(&l->names, name, index, &added))
        return error_nomem(l->err, "the names of a graph");
    if (!added)
        return error_set(l->err, ALF_E_FORMAT, "the name '%.*s' is given to two values",
                         span_width(name), name.data);
    l->values[index].known.name = name;
    l->values[index].known.rank = RANK_UNKNOWN;
    l->e->value_count++;
    *out = index;
    return ALF_OK;
}

/* ---- graph inputs, initializers, outputs ---- */

/* Inputs are tensors; outputs also sequences of maps. */
static alf_status check_input_info(const loader *l, const onnx_value_info *info)
{
    if (info->kind != ONNX_VALUE_TENSOR)
        return error_set(l->err, ALF_E_UNSUPPORTED,
                         "graph input '%.*s' is a sequence or map; inputs must be tensors",
                         span_width(info->name), info->name.data);
    return ALF_OK;
}

static alf_status check_output_info(const loader *l, onnx_value_info *info, const graph_value *made)
{
    onnx_value_kind kind = made->keys != NULL ? ONNX_VALUE_SEQUENCE : ONNX_VALUE_TENSOR;
    bool open = info->kind == ONNX_VALUE_TENSOR && info->type == ONNX_UNDEFINED;
    if (!open && info->kind != kind)
        return error_set(l->err, ALF_E_FORMAT, "graph output '%.*s' is declared as %s, but is %s",
                         span_width(info->name), info->name.data,
                         info->kind == ONNX_VALUE_TENSOR     ? "a tensor"
                         : info->kind == ONNX_VALUE_SEQUENCE ? "a sequence"
                                                             : "a map",
                         kind == ONNX_VALUE_TENSOR ? "a tensor" : "a sequence of maps");
    if (info->type != ONNX_UNDEFINED && info->type != made->type)
        return error_set(l->err, ALF_E_FORMAT,
                         "graph output '%.*s' is declared as %s, but its node makes %s",
                         span_width(info->name), info->name.data, onnx_type_name(info->type),
                         onnx_type_name(made->type));
    info->kind = kind;
    info->type = made->type;
    return ALF_OK;
}

static alf_status copy_infos(const loader *l, const onnx_value_info *from, size_t count,
                             onnx_value_info **out)
{
    TRY(arena_take(&l->e->memory, count, sizeof **out, out, l->err));
    for (size_t i = 0; i < count; i++) {
        (*out)[i] = from[i];
        TRY(arena_copy_text(&l->e->memory, from[i].name, &(*out)[i].name, l->err));
    }
    return ALF_OK;
}

static alf_status add_inputs(loader *l)
{
    engine *e = l->e;
    e->input_count = l->model->input_count;
    TRY(copy_infos(l, l->model->inputs, e->input_count, &e->inputs));
    TRY(arena_take(&e->memory, e->input_count, sizeof *e->input_values, &e->input_values, l->err));
    for (size_t i = 0; i < e->input_count; i++) {
        const onnx_value_info *info = &l->model->inputs[i];
        TRY(check_input_info(l, info));
        TRY(add_value(l, info->name, &e->input_values[i]));
        load_value *v = &l->values[e->input_values[i]];
        if (tensor_element_size(info->type) == 0)
            return error_set(l->err, ALF_E_UNSUPPORTED, "graph input '%.*s' has no usable type",
                             span_width(info->name), info->name.data);
        v->home = HOME_INPUT;
        v->known.type = info->type;
        if (info->has_shape) {
            v->known.rank = (int32_t)info->rank;
            memcpy(v->known.dims, info->dims, sizeof v->known.dims);
        }
    }
    return ALF_OK;
}

static void set_constant(load_value *v, const tensor *t)
{
    v->home = HOME_CONSTANT;
    v->known.type = t->type;
    v->known.rank = (int32_t)t->rank;
    memcpy(v->known.dims, t->dims, sizeof v->known.dims);
    v->known.constant = t;
}

static alf_status add_initializers(loader *l)
{
    for (size_t i = 0; i < l->model->initializer_count; i++) {
        const onnx_tensor *from = &l->model->initializers[i];
        tensor *t;
        uint32_t index;
        if (tensor_element_size(from->type) == 0)
            return error_set(l->err, ALF_E_UNSUPPORTED, "initializer '%.*s' has no usable type",
                             span_width(from->name), from->name.data);
        TRY(add_value(l, from->name, &index));
        TRY(arena_take(&l->temporary, 1, sizeof *t, &t, l->err));
        t->type = from->type;
        t->rank = from->rank;
        memcpy(t->dims, from->dims, sizeof t->dims);
        const void *data = from->type == ONNX_STRING ? (const void *)from->strings : from->data;
        t->data = (void *)data; /* only read */
        set_constant(&l->values[index], t);
    }
    return ALF_OK;
}

static alf_status add_outputs(loader *l)
{
    engine *e = l->e;
    e->output_count = l->model->output_count;
    TRY(copy_infos(l, l->model->outputs, e->output_count, &e->outputs));
    TRY(arena_take(&e->memory, e->output_count, sizeof *e->output_values, &e->output_values,
                   l->err));
    for (size_t i = 0; i < e->output_count; i++) {
        onnx_value_info *info = &e->outputs[i];
        if (!strmap_get(&l->names, info->name, &e->output_values[i]))
            return error_set(l->err, ALF_E_FORMAT, "nothing makes the graph output '%.*s'",
                             span_width(info->name), info->name.data);
        TRY(check_output_info(l, info, &l->values[e->output_values[i]].known));
    }
    return ALF_OK;
}

/* ---- nodes ---- */

static alf_status find_kernel(const loader *l, const onnx_node *node, const kernel **out)
{
    *out = operator_find(node->domain, node->op_type, node->version);
    if (*out != NULL)
        return ALF_OK;
    return error_set(l->err, ALF_E_UNSUPPORTED,
                     "operator %.*s of domain '%.*s' is not run in version %" PRId64 "%s",
                     span_width(node->op_type), node->op_type.data,
                     node->domain.size > 0 ? span_width(node->domain) : 7,
                     node->domain.size > 0 ? node->domain.data : "ai.onnx", node->version,
                     operator_known(node->domain, node->op_type) ? ", only in others" : "");
}

/* Whether name is among the words of list. */
static bool has_word(const char *list, alf_span name)
{
    while (*list != '\0') {
        size_t size = strcspn(list, " ");
        if (span_equal(name, span_of(list, size)))
            return true;
        list += size + (list[size] == ' ');
    }
    return false;
}

static alf_status check_form(const loader *l, const onnx_node *node, const kernel *op)
{
    if (node->input_count < (size_t)op->min_inputs ||
        (op->max_inputs != KERNEL_ANY && node->input_count > (size_t)op->max_inputs))
        return error_set(l->err, ALF_E_FORMAT, "%s has %zu inputs, expected %d to %d", op->name,
                         node->input_count, op->min_inputs, op->max_inputs);
    if (node->output_count < (size_t)op->min_outputs ||
        node->output_count > (size_t)op->max_outputs)
        return error_set(l->err, ALF_E_FORMAT, "%s has %zu outputs, expected %d to %d", op->name,
                         node->output_count, op->min_outputs, op->max_outputs);
    /* Optional inputs come after the required ones; of any number, all are required. */
    for (size_t i = 0; i < node->input_count; i++) {
        bool required = i < (size_t)op->min_inputs || op->max_inputs == KERNEL_ANY;
        if (required && node->inputs[i].size == 0)
            return error_set(l->err, ALF_E_FORMAT, "%s: input %zu is left out", op->name, i);
    }
    if (node->outputs[0].size == 0 && op->max_outputs == 1)
        return error_set(l->err, ALF_E_FORMAT, "%s: its only output has no name", op->name);
    for (size_t i = 0; i < node->attribute_count; i++) {
        alf_span name = node->attributes[i].name;
        if (!has_word(op->attributes, name))
            return error_set(l->err, ALF_E_UNSUPPORTED,
                             "%s has the attribute '%.*s', unknown in version %" PRId64, op->name,
                             span_width(name), name.data, node->version);
    }
    return ALF_OK;
}

static alf_status link_node(loader *l, const onnx_node *from, engine_node *node)
{
    arena *memory = &l->e->memory;
    node->input_count = (uint32_t)from->input_count;
    node->output_count = (uint32_t)from->output_count;
    node->own = NO_VALUE;
    TRY(arena_copy_text(memory, from->name.size > 0 ? from->name : from->outputs[0], &node->name,
                        l->err));
    TRY(arena_take(memory, from->input_count, sizeof *node->inputs, &node->inputs, l->err));
    TRY(arena_take(memory, from->output_count, sizeof *node->outputs, &node->outputs, l->err));
    TRY(arena_take(memory, from->output_count, sizeof *node->slots, &node->slots, l->err));
    for (size_t i = 0; i < from->input_count; i++) {
        node->inputs[i] = NO_VALUE;
        if (from->inputs[i].size > 0 && !strmap_get(&l->names, from->inputs[i], &node->inputs[i]))
            return error_set(l->err, ALF_E_FORMAT, "nothing makes the input '%.*s'",
                             span_width(from->inputs[i]), from->inputs[i].data);
    }
    for (size_t i = 0; i < from->output_count; i++) {
        node->outputs[i] = NO_VALUE;
        if (from->outputs[i].size > 0)
            TRY(add_value(l, from->outputs[i], &node->outputs[i]));
    }
    return ALF_OK;
}

static alf_status prepare_node(loader *l, const onnx_node *from, engine_node *node)
{
    graph_value *outputs[MOST_OUTPUTS] = {NULL};
    for (uint32_t i = 0; i < node->input_count; i++)
        l->inputs[i] = node->inputs[i] != NO_VALUE ? &l->values[node->inputs[i]].known : NULL;
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            outputs[i] = &l->values[node->outputs[i]].known;
    for (uint32_t i = 0; i < node->input_count; i++)
        if (l->inputs[i] != NULL && l->inputs[i]->keys != NULL)
            return error_set(l->err, ALF_E_UNSUPPORTED,
                             "%s of a sequence of maps is not run; only graph outputs may be such",
                             node->op->name);
    bool large = (node->op->flags & KERNEL_LARGE) != 0;
    if (large) /* what is left of the engine's limit */
        arena_init(&node->memory, arena_left(&l->e->memory));
    prepare p = {.node = from,
                 .op = node->op,
                 .memory = large ? &node->memory : &l->e->memory,
                 .input_count = node->input_count,
                 .output_count = node->output_count,
                 .inputs = l->inputs,
                 .outputs = outputs,
                 .err = l->err};
    alf_status status = node->op->prepare(&p);
    node->state = p.state; /* also after a failure, to be ended */
    if (large)
        l->e->memory.limit -= node->memory.used;
    return status;
}

/* ---- constants ---- */

static bool all_known(const loader *l, const engine_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_VALUE && l->values[node->inputs[i]].known.constant == NULL)
            return false;
    return node->op->life == NULL || node->op->life->session_new == NULL;
}

static alf_status fold_outputs(loader *l, const engine_node *node, kernel_call *c)
{
    TRY(node->op->run(c));
    for (uint32_t i = 0; i < node->output_count; i++) {
        tensor *t;
        if (node->outputs[i] == NO_VALUE)
            continue;
        TRY(arena_take(&l->temporary, 1, sizeof *t, &t, l->err));
        TRY(arena_copy_tensor(&l->temporary, c->outputs[i], t, l->err));
        set_constant(&l->values[node->outputs[i]], t);
    }
    return ALF_OK;
}

/* Runs a node whose inputs are known and makes constants of its outputs. */
static alf_status fold_node(loader *l, const engine_node *node)
{
    tensor made[MOST_OUTPUTS] = {{0}};
    tensor *outputs[MOST_OUTPUTS] = {NULL};
    workspace_block blocks[MOST_OUTPUTS] = {{0}};
    const uint32_t slots[MOST_OUTPUTS] = {0, 1};
    const tensor **inputs;
    node_memory own = {0};
    workspace w;
    TRY(arena_take(&l->temporary, node->input_count, sizeof(void *), &inputs, l->err));
    for (uint32_t i = 0; i < node->input_count; i++)
        inputs[i] = node->inputs[i] != NO_VALUE ? l->values[node->inputs[i]].known.constant : NULL;
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE) {
            made[i].type = l->values[node->outputs[i]].known.type;
            outputs[i] = &made[i];
        }
    workspace_init(&w, l->e->max_memory, blocks, MOST_OUTPUTS);
    buf_init(&own.text);
    kernel_call c = {.op = node->op,
                     .state = node->state,
                     .input_count = node->input_count,
                     .output_count = node->output_count,
                     .inputs = inputs,
                     .outputs = outputs,
                     .slots = slots,
                     .own = &own,
                     .memory = &w,
                     .err = l->err};
    alf_status status = fold_outputs(l, node, &c);
    buf_fini(&own.text);
    workspace_fini(&w);
    return status;
}

static alf_status check_made(const loader *l, const engine_node *node)
{
    for (uint32_t i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE &&
            l->values[node->outputs[i]].known.type == ONNX_UNDEFINED)
            return error_set(l->err, ALF_E_INTERNAL, "%s left the type of output %u open",
                             node->op->name, i);
    return ALF_OK;
}

/* One node: kept in e->nodes, or turned into constants. */
static alf_status add_node(loader *l, const onnx_node *from)
{
    engine *e = l->e;
    engine_node *node = &e->nodes[e->node_count];
    *node = (engine_node){0};
    TRY(find_kernel(l, from, &node->op));
    TRY(check_form(l, from, node->op));
    TRY(link_node(l, from, node));
    e->node_count++; /* from here on engine_free ends its state */
    TRY(prepare_node(l, from, node));
    if (node->outputs[0] != NO_VALUE &&
        l->values[node->outputs[0]].known.constant != NULL) { /* Constant */
        set_constant(&l->values[node->outputs[0]], l->values[node->outputs[0]].known.constant);
    } else {
        TRY(check_made(l, node));
        if (!all_known(l, node)) {
            if (node->input_count > e->most_inputs)
                e->most_inputs = node->input_count;
            return ALF_OK;
        }
        TRY(fold_node(l, node));
    }
    engine_node_fini(node);
    e->node_count--;
    return ALF_OK;
}

static alf_status add_nodes(loader *l)
{
    engine *e = l->e;
    TRY(arena_take(&e->memory, l->model->node_count, sizeof *e->nodes, &e->nodes, l->err));
    e->most_outputs = MOST_OUTPUTS;
    for (size_t i = 0; i < l->model->node_count; i++) {
        const onnx_node *node = &l->model->nodes[i];
        alf_status status = node->output_count == 0
                                ? error_set(l->err, ALF_E_FORMAT, "a node without outputs")
                                : add_node(l, node);
        if (status != ALF_OK) {
            error_node(l->err, node->name.size > 0      ? node->name
                               : node->output_count > 0 ? node->outputs[0]
                                                        : node->op_type);
            return status;
        }
    }
    return ALF_OK;
}

/* ---- the whole ---- */

/* What a run needs of each value, with the constants copied. */
static alf_status keep_values(loader *l)
{
    engine *e = l->e;
    TRY(arena_take(&e->memory, e->value_count, sizeof *e->values, &e->values, l->err));
    for (size_t i = 0; i < e->value_count; i++) {
        const load_value *v = &l->values[i];
        engine_value *kept = &e->values[i];
        *kept = (engine_value){
            .type = v->known.type, .home = v->home, .slot = v->slot, .keys = v->known.keys};
        if (v->known.constant == NULL || !v->needed)
            continue;
        tensor *copy;
        TRY(arena_take(&e->memory, 1, sizeof *copy, &copy, l->err));
        TRY(arena_copy_tensor(&e->memory, v->known.constant, copy, l->err));
        kept->constant = copy;
    }
    for (size_t n = 0; n < e->node_count; n++)
        if ((e->nodes[n].op->flags & KERNEL_TEXT) != 0)
            e->nodes[n].own = (uint32_t)e->own_count++;
    return ALF_OK;
}

static alf_status keep_metadata(loader *l)
{
    engine *e = l->e;
    e->metadata_count = l->model->metadata_count;
    TRY(arena_take(&e->memory, e->metadata_count, sizeof *e->metadata, &e->metadata, l->err));
    for (size_t i = 0; i < e->metadata_count; i++) {
        TRY(arena_copy_text(&e->memory, l->model->metadata[i].key, &e->metadata[i].key, l->err));
        TRY(arena_copy_text(&e->memory, l->model->metadata[i].value, &e->metadata[i].value,
                            l->err));
    }
    return ALF_OK;
}

static alf_status build(loader *l)
{
    size_t values = l->model->input_count + l->model->initializer_count;
    size_t inputs = 0;
    for (size_t i = 0; i < l->model->node_count; i++) {
        values += l->model->nodes[i].output_count;
        if (l->model->nodes[i].input_count > inputs)
            inputs = l->model->nodes[i].input_count;
    }
    if (values >= NO_VALUE)
        return error_set(l->err, ALF_E_LIMIT, "%zu values in one graph", values);
    TRY(arena_take(&l->temporary, values, sizeof *l->values, &l->values, l->err));
    TRY(arena_take(&l->temporary, inputs, sizeof(void *), &l->inputs, l->err));
    TRY(add_inputs(l));
    TRY(add_initializers(l));
    TRY(add_nodes(l));
    TRY(add_outputs(l));
    TRY(plan_memory(l->e, l->values, &l->temporary, l->err));
    TRY(keep_values(l));
    return keep_metadata(l);
}

/* Loading may hold a fixed multiple of the file beside what a run may: hostile files cannot ask for
 * more, real ones stay far below. */
static size_t load_limit(size_t file_size, size_t max_memory)
{
    size_t multiple, limit;
    if (__builtin_mul_overflow(file_size, (size_t)128, &multiple) ||
        __builtin_add_overflow(multiple, max_memory, &limit))
        return SIZE_MAX;
    return limit + (1 << 16);
}

alf_status engine_load_plain(alf_span file, size_t max_memory, engine **out, alf_error *err)
{
    *out = NULL;
    engine *e = mem_calloc(1, sizeof *e);
    if (e == NULL)
        return error_nomem(err, "an engine");
    e->max_memory = max_memory != 0 ? max_memory : (size_t)DEFAULT_MEMORY;
    size_t limit = load_limit(file.size, e->max_memory);
    arena_init(&e->memory, limit);
    loader l = {.e = e, .err = err};
    arena_init(&l.temporary, limit);
    strmap_init(&l.names);
    alf_status status;
    TRY_OUT(onnx_read(file, &l.model, err));
    TRY_OUT(onnx_check(l.model, err));
    TRY_OUT(build(&l));
    *out = e;
out:
    strmap_fini(&l.names);
    arena_fini(&l.temporary);
    onnx_free(l.model);
    if (status != ALF_OK)
        engine_free(e);
    return status;
}

alf_status engine_load(alf_span file, size_t max_memory, engine **out, alf_error *err)
{
    TRY(engine_load_plain(file, max_memory, out, err));
    alf_status status = engine_compile(*out, err);
    if (status != ALF_OK) {
        engine_free(*out);
        *out = NULL;
    }
    return status;
}

alf_status engine_compile(engine *e, alf_error *err)
{
    for (size_t i = 0; i < e->node_count; i++) {
        engine_node *node = &e->nodes[i];
        if (node->op->life == NULL || node->op->life->compile == NULL || node->state == NULL)
            continue;
        node->memory.limit = node->memory.used + arena_left(&e->memory);
        size_t before = node->memory.used;
        TRY(node->op->life->compile(node->state, &node->memory, err));
        e->memory.limit -= node->memory.used - before;
    }
    return ALF_OK;
}

void engine_drop_large(engine *e, size_t first, size_t end)
{
    for (size_t i = first; i < end && i < e->node_count; i++)
        if ((e->nodes[i].op->flags & KERNEL_LARGE) != 0)
            engine_node_fini(&e->nodes[i]);
}

void engine_free(engine *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->node_count; i++)
        engine_node_fini(&e->nodes[i]);
    ort_model_free(e->ort);
    arena_fini(&e->memory);
    mem_free(e);
}

size_t engine_input_count(const engine *e)
{
    return e->input_count;
}

size_t engine_output_count(const engine *e)
{
    return e->output_count;
}

const onnx_value_info *engine_input(const engine *e, size_t i)
{
    return &e->inputs[i];
}

const onnx_value_info *engine_output(const engine *e, size_t i)
{
    return &e->outputs[i];
}

bool engine_metadata(const engine *e, const char *key, alf_span *out)
{
    for (size_t i = 0; i < e->metadata_count; i++)
        if (span_is(e->metadata[i].key, key)) {
            *out = e->metadata[i].value;
            return true;
        }
    return false;
}
