/*
 * onnx_model -> ModelProto in canonical form: fields in ascending order, integer and float lists
 * packed, numbers of tensors as raw_data, optional fields left out when empty. The same model
 * always gives the same bytes.
 */
#include "onnx/internal.h"

#include "base/span.h"

static void put_text(buf *out, uint32_t field, alf_span text)
{
    if (text.size > 0)
        pb_put_bytes(out, field, text);
}

static void put_tensor(buf *out, uint32_t field, const onnx_tensor *t)
{
    size_t begun = pb_begin(out, field);
    /* Packed dims are what the specification's schema does not say but every parser accepts. */
    if (t->rank > 0)
        pb_put_packed_ints(out, TENSOR_DIMS, t->dims, t->rank);
    pb_put_int(out, TENSOR_DATA_TYPE, t->type);
    if (t->type == ONNX_STRING)
        for (uint64_t i = 0; i < t->count; i++)
            pb_put_bytes(out, TENSOR_STRING_DATA, t->strings[i]);
    put_text(out, TENSOR_NAME, t->name);
    if (t->type != ONNX_STRING)
        pb_put_bytes(out, TENSOR_RAW_DATA,
                     (alf_span){t->data, (size_t)t->count * onnx_type_size(t->type)});
    pb_end(out, begun);
}

static void put_attribute(buf *out, const onnx_attribute *a)
{
    size_t begun = pb_begin(out, NODE_ATTRIBUTE);
    pb_put_bytes(out, ATTRIBUTE_NAME, a->name);
    switch (a->type) {
    case ONNX_ATTR_FLOAT:
        pb_put_float(out, ATTRIBUTE_F, a->f);
        break;
    case ONNX_ATTR_INT:
        pb_put_int(out, ATTRIBUTE_I, a->i);
        break;
    case ONNX_ATTR_STRING:
        pb_put_bytes(out, ATTRIBUTE_S, a->s);
        break;
    case ONNX_ATTR_TENSOR:
        put_tensor(out, ATTRIBUTE_T, a->t);
        break;
    case ONNX_ATTR_FLOATS:
        if (a->count > 0)
            pb_put_packed_floats(out, ATTRIBUTE_FLOATS, a->floats, a->count);
        break;
    case ONNX_ATTR_INTS:
        if (a->count > 0)
            pb_put_packed_ints(out, ATTRIBUTE_INTS, a->ints, a->count);
        break;
    case ONNX_ATTR_STRINGS:
        for (size_t i = 0; i < a->count; i++)
            pb_put_bytes(out, ATTRIBUTE_STRINGS, a->strings[i]);
        break;
    }
    pb_put_int(out, ATTRIBUTE_TYPE, a->type);
    pb_end(out, begun);
}

static void put_node(buf *out, const onnx_node *node)
{
    size_t begun = pb_begin(out, GRAPH_NODE);
    for (size_t i = 0; i < node->input_count; i++)
        pb_put_bytes(out, NODE_INPUT, node->inputs[i]);
    for (size_t i = 0; i < node->output_count; i++)
        pb_put_bytes(out, NODE_OUTPUT, node->outputs[i]);
    put_text(out, NODE_NAME, node->name);
    pb_put_bytes(out, NODE_OP_TYPE, node->op_type);
    for (size_t i = 0; i < node->attribute_count; i++)
        put_attribute(out, &node->attributes[i]);
    put_text(out, NODE_DOMAIN, node->domain);
    pb_end(out, begun);
}

static void put_dim(buf *out, int64_t dim, bool first)
{
    size_t begun = pb_begin(out, SHAPE_DIM);
    if (dim >= 0)
        pb_put_int(out, DIM_VALUE, dim);
    else if (first) /* the batch; the same name twice would claim the same size */
        pb_put_bytes(out, DIM_PARAM, SPAN_LITERAL("N"));
    pb_end(out, begun);
}

static void put_value_info(buf *out, uint32_t field, const onnx_value_info *v)
{
    size_t begun = pb_begin(out, field);
    pb_put_bytes(out, VALUE_NAME, v->name);
    size_t type = pb_begin(out, VALUE_TYPE);
    size_t tensor = pb_begin(out, TYPE_TENSOR);
    pb_put_int(out, TENSOR_TYPE_ELEM, v->type);
    if (v->has_shape) {
        size_t shape = pb_begin(out, TENSOR_TYPE_SHAPE);
        for (uint32_t i = 0; i < v->rank; i++)
            put_dim(out, v->dims[i], i == 0);
        pb_end(out, shape);
    }
    pb_end(out, tensor);
    pb_end(out, type);
    pb_end(out, begun);
}

static alf_status check_kinds(const onnx_value_info *values, size_t count, alf_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].kind != ONNX_VALUE_TENSOR)
            return error_set(err, ALF_E_UNSUPPORTED,
                             "value \"%.*s\" is a sequence or map, which cannot be written",
                             span_width(values[i].name), values[i].name.data);
    return ALF_OK;
}

static void put_graph(buf *out, const onnx_model *m)
{
    size_t begun = pb_begin(out, MODEL_GRAPH);
    for (size_t i = 0; i < m->node_count; i++)
        put_node(out, &m->nodes[i]);
    pb_put_bytes(out, GRAPH_NAME, m->graph_name);
    for (size_t i = 0; i < m->initializer_count; i++)
        put_tensor(out, GRAPH_INITIALIZER, &m->initializers[i]);
    for (size_t i = 0; i < m->input_count; i++)
        put_value_info(out, GRAPH_INPUT, &m->inputs[i]);
    for (size_t i = 0; i < m->output_count; i++)
        put_value_info(out, GRAPH_OUTPUT, &m->outputs[i]);
    for (size_t i = 0; i < m->value_count; i++)
        put_value_info(out, GRAPH_VALUE_INFO, &m->values[i]);
    pb_end(out, begun);
}

static void put_opset(buf *out, const onnx_opset *opset)
{
    size_t begun = pb_begin(out, MODEL_OPSET_IMPORT);
    pb_put_bytes(out, PAIR_KEY, opset->domain);
    pb_put_int(out, PAIR_VALUE, opset->version);
    pb_end(out, begun);
}

static void put_metadata(buf *out, const onnx_metadata *entry)
{
    size_t begun = pb_begin(out, MODEL_METADATA_PROPS);
    pb_put_bytes(out, PAIR_KEY, entry->key);
    pb_put_bytes(out, PAIR_VALUE, entry->value);
    pb_end(out, begun);
}

alf_status onnx_write(const onnx_model *model, buf *out, alf_error *err)
{
    TRY(check_kinds(model->inputs, model->input_count, err));
    TRY(check_kinds(model->outputs, model->output_count, err));
    pb_put_int(out, MODEL_IR_VERSION, model->ir_version);
    put_text(out, MODEL_PRODUCER_NAME, model->producer_name);
    put_text(out, MODEL_PRODUCER_VERSION, model->producer_version);
    put_text(out, MODEL_DOC_STRING, model->doc_string);
    put_graph(out, model);
    for (size_t i = 0; i < model->opset_count; i++)
        put_opset(out, &model->opsets[i]);
    for (size_t i = 0; i < model->metadata_count; i++)
        put_metadata(out, &model->metadata[i]);
    return buf_status(out, err);
}
