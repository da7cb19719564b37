/*
 * The graph's rules: every name is assigned once, and used only after that. Nodes are in
 * topological order in a valid file, so one pass in file order proves that there is no cycle.
 */
#include "onnx/internal.h"

#include "base/hash.h"
#include "base/span.h"

#include <inttypes.h>

static alf_status define(strmap *names, alf_span name, const char *what, alf_error *err)
{
    bool added;
    if (!strmap_put(names, name, 0, &added))
        return error_nomem(err, "the names of a graph");
    if (!added)
        return error_set(err, ALF_E_FORMAT, "%s \"%.*s\" is defined twice", what, span_width(name),
                         name.data);
    return ALF_OK;
}

/* Tells a cycle or wrong order from a name that nothing produces. */
static alf_status undefined(const onnx_model *m, alf_span name, alf_error *err)
{
    for (size_t i = 0; i < m->node_count; i++)
        for (size_t j = 0; j < m->nodes[i].output_count; j++)
            if (span_equal(m->nodes[i].outputs[j], name))
                return error_set(err, ALF_E_FORMAT,
                                 "input \"%.*s\" is produced only by this or a later node: the "
                                 "graph has a cycle, or is not in topological order",
                                 span_width(name), name.data);
    return error_set(err, ALF_E_FORMAT,
                     "input \"%.*s\" is neither a graph input, an initializer, nor produced by a "
                     "node",
                     span_width(name), name.data);
}

static alf_status check_attributes(const onnx_node *node, alf_error *err)
{
    strmap names;
    strmap_init(&names);
    alf_status status = ALF_OK;
    for (size_t i = 0; i < node->attribute_count && status == ALF_OK; i++)
        status = define(&names, node->attributes[i].name, "attribute", err);
    strmap_fini(&names);
    return status;
}

static alf_status check_node(const onnx_model *m, const onnx_node *node, strmap *names,
                             alf_error *err)
{
    if (node->version == 0)
        return error_set(err, ALF_E_FORMAT,
                         "operator %.*s is of domain \"%.*s\", which the model does not import",
                         span_width(node->op_type), node->op_type.data, span_width(node->domain),
                         node->domain.data);
    for (size_t i = 0; i < node->input_count; i++) {
        alf_span name = node->inputs[i];
        if (name.size > 0 && !strmap_get(names, name, &(uint32_t){0}))
            return undefined(m, name, err);
    }
    if (node->attribute_count > 0)
        TRY(check_attributes(node, err));
    for (size_t i = 0; i < node->output_count; i++)
        if (node->outputs[i].size > 0)
            TRY(define(names, node->outputs[i], "output", err));
    return ALF_OK;
}

static alf_status check_values(const onnx_model *m, strmap *names, alf_error *err)
{
    for (size_t i = 0; i < m->input_count; i++) {
        if (m->inputs[i].name.size == 0)
            return error_set(err, ALF_E_FORMAT, "graph input %zu has no name", i);
        TRY(define(names, m->inputs[i].name, "graph input", err));
    }
    for (size_t i = 0; i < m->initializer_count; i++) {
        if (m->initializers[i].name.size == 0)
            return error_set(err, ALF_E_FORMAT, "initializer %zu has no name", i);
        TRY(define(names, m->initializers[i].name, "initializer", err));
    }
    return ALF_OK;
}

static alf_status check_outputs(const onnx_model *m, const strmap *names, alf_error *err)
{
    if (m->output_count == 0)
        return error_set(err, ALF_E_FORMAT, "the graph has no outputs");
    strmap outputs;
    strmap_init(&outputs);
    alf_status status = ALF_OK;
    for (size_t i = 0; i < m->output_count && status == ALF_OK; i++) {
        alf_span name = m->outputs[i].name;
        if (!strmap_get(names, name, &(uint32_t){0}))
            status = error_set(err, ALF_E_FORMAT, "graph output \"%.*s\" is produced by no node",
                               span_width(name), name.data);
        else
            status = define(&outputs, name, "graph output", err);
    }
    strmap_fini(&outputs);
    return status;
}

static alf_status check_metadata(const onnx_model *m, alf_error *err)
{
    strmap keys;
    strmap_init(&keys);
    alf_status status = ALF_OK;
    for (size_t i = 0; i < m->metadata_count && status == ALF_OK; i++)
        status = define(&keys, m->metadata[i].key, "metadata property", err);
    strmap_fini(&keys);
    return status;
}

static alf_status check_graph(const onnx_model *m, strmap *names, alf_error *err)
{
    TRY(check_values(m, names, err));
    for (size_t i = 0; i < m->node_count; i++) {
        const onnx_node *node = &m->nodes[i];
        alf_status status = check_node(m, node, names, err);
        if (status != ALF_OK) {
            error_node(err, node->name.size > 0 ? node->name : node->op_type);
            return status;
        }
    }
    return check_outputs(m, names, err);
}

alf_status onnx_check(const onnx_model *model, alf_error *err)
{
    TRY(check_metadata(model, err));
    strmap names;
    strmap_init(&names);
    alf_status status = check_graph(model, &names, err);
    strmap_fini(&names);
    return status;
}
