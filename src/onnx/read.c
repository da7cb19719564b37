/*
 * ModelProto -> onnx_model. Each message is walked twice: once to count its parts, so that arrays
 * are allocated at their final size, and once to fill them. All memory comes from the model's
 * arena, whose limit grows with the file's size, so a small file cannot claim much memory.
 */
#include "onnx/internal.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/span.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The model may take this many times the file's size in memory, and a little more. */
enum { MEMORY_FACTOR = 16, MEMORY_EXTRA = 1 << 20 };
enum { MAX_OPSETS = 64 }; /* they are searched from the front for every node */

alf_status onnx_no_room(const onnx_model *m, size_t count, size_t size, const char *what,
                        alf_error *err)
{
    if (arena_over_limit(&m->memory, count, size))
        return error_set(err, ALF_E_LIMIT,
                         "%s of %zu elements does not fit: a model may take %zu bytes of memory, "
                         "in proportion to its file's size",
                         what, count, m->memory.limit);
    return error_nomem(err, what);
}

static alf_status count_fields(pb_reader r, field_tally *out, alf_error *err)
{
    *out = (field_tally){{0}};
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number < TALLY_FIELDS)
            out->n[f.number]++;
    }
    return ALF_OK;
}

/* Names the node of an error on its way up. */
static alf_status blame(alf_status status, alf_span name, alf_error *err)
{
    if (status != ALF_OK && name.size > 0)
        error_node(err, name);
    return status;
}

/* Room for count elements in *array; nothing for 0. */
#define MAKE_ROOM(m, array, count, what, err)                                                      \
    do {                                                                                           \
        if ((count) > 0) {                                                                         \
            (array) = arena_alloc(&(m)->memory, (count), sizeof *(array));                         \
            if ((array) == NULL)                                                                   \
                return onnx_no_room((m), (count), sizeof *(array), (what), (err));                 \
        }                                                                                          \
    } while (0)

/* ---- value infos ---- */

static alf_status read_dim(const pb_field *field, int64_t *out, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "a dimension", err));
    *out = -1;
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == DIM_VALUE)
            TRY(pb_get_int(&f, "dim_value", out, err));
        else if (f.number == DIM_PARAM)
            *out = -1;
    }
    if (*out < 0) /* some writers put -1 or another negative number for "unknown" */
        *out = -1;
    return ALF_OK;
}

static alf_status read_shape(const pb_field *field, onnx_value_info *out, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "a shape", err));
    out->has_shape = true;
    out->rank = 0;
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number != SHAPE_DIM)
            continue;
        if (out->rank == ONNX_MAX_RANK)
            return error_at(err, ALF_E_LIMIT, f.offset,
                            "value \"%.*s\" has more than %d dimensions", span_width(out->name),
                            out->name.data, ONNX_MAX_RANK);
        TRY(read_dim(&f, &out->dims[out->rank], err));
        out->rank++;
    }
    return ALF_OK;
}

static alf_status read_tensor_type(const pb_field *field, onnx_value_info *out, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "a tensor type", err));
    out->kind = ONNX_VALUE_TENSOR;
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == TENSOR_TYPE_SHAPE)
            TRY(read_shape(&f, out, err));
        if (f.number != TENSOR_TYPE_ELEM)
            continue;
        int64_t type;
        TRY(pb_get_int(&f, "elem_type", &type, err));
        if (type < ONNX_UNDEFINED || type > ONNX_UINT64)
            return error_at(err, ALF_E_UNSUPPORTED, f.offset,
                            "value \"%.*s\" has element type %" PRId64 ", supported are 1 to 13",
                            span_width(out->name), out->name.data, type);
        out->type = (onnx_type)type;
    }
    return ALF_OK;
}

static alf_status read_type(const pb_field *field, onnx_value_info *out, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "a type", err));
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == TYPE_TENSOR)
            TRY(read_tensor_type(&f, out, err));
        else if (f.number == TYPE_SEQUENCE)
            out->kind = ONNX_VALUE_SEQUENCE;
        else if (f.number == TYPE_MAP)
            out->kind = ONNX_VALUE_MAP;
        else if (f.wire == PB_BYTES && f.number > TYPE_MAP && f.number != 6)
            return error_at(err, ALF_E_UNSUPPORTED, f.offset,
                            "value \"%.*s\" is a sparse, optional or opaque type",
                            span_width(out->name), out->name.data);
    }
    return ALF_OK;
}

static alf_status read_value_info(const pb_field *field, onnx_value_info *out, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "a graph input or output", err));
    pb_field type = {0};
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == VALUE_NAME)
            TRY(pb_get_bytes(&f, "value name", &out->name, err));
        else if (f.number == VALUE_TYPE)
            type = f;
    }
    return type.number == 0 ? ALF_OK : read_type(&type, out, err);
}

/* ---- nodes ---- */

/* An attribute that cannot be is the operator's: Scan has a subgraph. */
static alf_status name_operator(alf_status status, alf_span op_type, alf_error *err)
{
    if (status != ALF_E_UNSUPPORTED || err == NULL)
        return status;
    char text[sizeof err->message];
    (void)snprintf(text, sizeof text, "%.*s: %.400s", op_type.size < 60 ? span_width(op_type) : 60,
                   op_type.data, err->message);
    memcpy(err->message, text, sizeof text);
    return status;
}

static alf_status fill_node(onnx_model *m, pb_reader r, onnx_node *out, alf_error *err)
{
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == NODE_INPUT)
            TRY(pb_get_bytes(&f, "node input", &out->inputs[out->input_count++], err));
        else if (f.number == NODE_OUTPUT)
            TRY(pb_get_bytes(&f, "node output", &out->outputs[out->output_count++], err));
        else if (f.number == NODE_ATTRIBUTE)
            TRY(name_operator(
                onnx_read_attribute(m, &f, &out->attributes[out->attribute_count++], err),
                out->op_type, err));
    }
    return ALF_OK;
}

/* What identifies the node is read first, so that every later error can name it. */
static alf_status scan_node(const pb_field *field, onnx_node *out, field_tally *tally,
                            alf_error *err)
{
    TRY(count_fields(pb_enter(field), tally, err));
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == NODE_NAME)
            TRY(pb_get_bytes(&f, "node name", &out->name, err));
        else if (f.number == NODE_OP_TYPE)
            TRY(pb_get_bytes(&f, "node op_type", &out->op_type, err));
        else if (f.number == NODE_DOMAIN)
            TRY(pb_get_bytes(&f, "node domain", &out->domain, err));
        else if (f.number == NODE_OVERLOAD && f.wire == PB_BYTES && f.bytes.size > 0)
            return error_at(err, ALF_E_UNSUPPORTED, f.offset,
                            "the node calls an overloaded model function, which is not supported");
    }
    return ALF_OK;
}

static alf_status read_node(onnx_model *m, const pb_field *field, onnx_node *out, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "a node", err));
    field_tally tally;
    TRY(scan_node(field, out, &tally, err));
    alf_span name = out->name.size > 0 ? out->name : out->op_type;
    if (out->op_type.size == 0)
        return blame(error_at(err, ALF_E_FORMAT, field->offset, "a node has no op_type"), name,
                     err);
    if (span_is(out->domain, "ai.onnx"))
        out->domain = (alf_span){"", 0};
    MAKE_ROOM(m, out->inputs, tally.n[NODE_INPUT], "node inputs", err);
    MAKE_ROOM(m, out->outputs, tally.n[NODE_OUTPUT], "node outputs", err);
    MAKE_ROOM(m, out->attributes, tally.n[NODE_ATTRIBUTE], "node attributes", err);
    return blame(fill_node(m, pb_enter(field), out, err), name, err);
}

/* ---- the graph ---- */

static alf_status read_graph_part(onnx_model *m, const pb_field *f, alf_error *err)
{
    switch (f->number) {
    case GRAPH_NAME:
        return pb_get_bytes(f, "graph name", &m->graph_name, err);
    case GRAPH_NODE:
        return read_node(m, f, &m->nodes[m->node_count++], err);
    case GRAPH_INITIALIZER: {
        onnx_tensor *t = &m->initializers[m->initializer_count++];
        alf_status status = onnx_read_tensor(m, f, t, err);
        return blame(status, t->name, err);
    }
    case GRAPH_INPUT:
        return read_value_info(f, &m->inputs[m->input_count++], err);
    case GRAPH_OUTPUT:
        return read_value_info(f, &m->outputs[m->output_count++], err);
    default:
        return ALF_OK;
    }
}

static alf_status read_graph(onnx_model *m, const pb_field *field, alf_error *err)
{
    field_tally tally;
    TRY(count_fields(pb_enter(field), &tally, err));
    if (tally.n[GRAPH_SPARSE_INITIALIZER] > 0)
        return error_at(err, ALF_E_UNSUPPORTED, field->offset,
                        "the graph has sparse initializers, which are not supported");
    MAKE_ROOM(m, m->nodes, tally.n[GRAPH_NODE], "nodes", err);
    MAKE_ROOM(m, m->initializers, tally.n[GRAPH_INITIALIZER], "initializers", err);
    MAKE_ROOM(m, m->inputs, tally.n[GRAPH_INPUT], "graph inputs", err);
    MAKE_ROOM(m, m->outputs, tally.n[GRAPH_OUTPUT], "graph outputs", err);
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        TRY(read_graph_part(m, &f, err));
    }
    return ALF_OK;
}

/* ---- the model ---- */

static alf_status read_pair(const pb_field *field, pb_field *key, pb_field *text, alf_error *err)
{
    TRY(pb_expect(field, PB_BYTES, "an opset import or metadata property", err));
    *key = *text = (pb_field){0};
    pb_reader r = pb_enter(field);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        if (f.number == PAIR_KEY)
            *key = f;
        else if (f.number == PAIR_VALUE)
            *text = f;
    }
    return ALF_OK;
}

/* Converters write the same import twice now and then. Two versions of one domain are refused: ONNX
 * Runtime silently takes one of them, and which operators are meant is then a guess. */
static alf_status read_opset(onnx_model *m, const pb_field *field, alf_error *err)
{
    pb_field domain, version;
    TRY(read_pair(field, &domain, &version, err));
    onnx_opset opset = {{"", 0}, 0};
    if (domain.number != 0)
        TRY(pb_get_bytes(&domain, "opset domain", &opset.domain, err));
    if (version.number != 0)
        TRY(pb_get_int(&version, "opset version", &opset.version, err));
    if (span_is(opset.domain, "ai.onnx"))
        opset.domain = (alf_span){"", 0};
    if (opset.version < 1 || opset.version > INT32_MAX)
        return error_at(err, ALF_E_FORMAT, field->offset,
                        "opset version %" PRId64 " of domain \"%.*s\" is out of range",
                        opset.version, span_width(opset.domain), opset.domain.data);
    int64_t before = onnx_opset_version(m, opset.domain);
    if (before == opset.version)
        return ALF_OK;
    if (before != 0)
        return error_at(err, ALF_E_FORMAT, field->offset,
                        "domain \"%.*s\" is imported with versions %" PRId64 " and %" PRId64
                        "; keep one",
                        span_width(opset.domain), opset.domain.data, before, opset.version);
    m->opsets[m->opset_count++] = opset;
    return ALF_OK;
}

static alf_status read_metadata(onnx_model *m, const pb_field *field, alf_error *err)
{
    pb_field key, text;
    TRY(read_pair(field, &key, &text, err));
    onnx_metadata *entry = &m->metadata[m->metadata_count++];
    if (key.number != 0)
        TRY(pb_get_bytes(&key, "metadata key", &entry->key, err));
    if (text.number != 0)
        TRY(pb_get_bytes(&text, "metadata value", &entry->value, err));
    return ALF_OK;
}

static alf_status read_model_part(onnx_model *m, const pb_field *f, pb_field *graph, alf_error *err)
{
    switch (f->number) {
    case MODEL_IR_VERSION:
        return pb_get_int(f, "ir_version", &m->ir_version, err);
    case MODEL_PRODUCER_NAME:
        return pb_get_bytes(f, "producer_name", &m->producer_name, err);
    case MODEL_PRODUCER_VERSION:
        return pb_get_bytes(f, "producer_version", &m->producer_version, err);
    case MODEL_DOC_STRING:
        return pb_get_bytes(f, "doc_string", &m->doc_string, err);
    case MODEL_OPSET_IMPORT:
        return read_opset(m, f, err);
    case MODEL_METADATA_PROPS:
        return read_metadata(m, f, err);
    case MODEL_GRAPH:
        if (graph->number != 0)
            return error_at(err, ALF_E_FORMAT, f->offset, "the model has two graphs");
        *graph = *f;
        return pb_expect(f, PB_BYTES, "the graph", err);
    case MODEL_FUNCTIONS:
        return error_at(err, ALF_E_UNSUPPORTED, f->offset,
                        "the model defines functions, which are not supported; inline them");
    case MODEL_TRAINING_INFO:
        return error_at(err, ALF_E_UNSUPPORTED, f->offset,
                        "the model holds training information, which is not supported");
    default:
        return ALF_OK;
    }
}

static alf_status read_model(onnx_model *m, alf_span data, alf_error *err)
{
    field_tally tally;
    TRY(count_fields(pb_open(data, 0), &tally, err));
    if (tally.n[MODEL_OPSET_IMPORT] > MAX_OPSETS)
        return error_set(err, ALF_E_LIMIT, "%zu opset imports, at most %d are supported",
                         tally.n[MODEL_OPSET_IMPORT], MAX_OPSETS);
    MAKE_ROOM(m, m->opsets, tally.n[MODEL_OPSET_IMPORT], "opset imports", err);
    MAKE_ROOM(m, m->metadata, tally.n[MODEL_METADATA_PROPS], "metadata", err);
    pb_field graph = {0};
    pb_reader r = pb_open(data, 0);
    while (!pb_done(&r)) {
        pb_field f;
        TRY(pb_next(&r, &f, err));
        TRY(read_model_part(m, &f, &graph, err));
    }
    if (m->ir_version < ONNX_MIN_IR || m->ir_version > ONNX_MAX_IR)
        return error_set(err, ALF_E_UNSUPPORTED,
                         "ONNX IR version %" PRId64 ", supported are %d to %d; is this an ONNX "
                         "file?",
                         m->ir_version, ONNX_MIN_IR, ONNX_MAX_IR);
    if (graph.number == 0)
        return error_set(err, ALF_E_FORMAT, "the file has no graph; is this an ONNX file?");
    return read_graph(m, &graph, err);
}

/* ---- after reading ---- */

/* Before IR version 4 every initializer was listed as an input too; later that marks a default that
 * a caller may override, which nobody here does. */
static alf_status drop_initialized_inputs(onnx_model *m, alf_error *err)
{
    if (m->initializer_count == 0 || m->input_count == 0)
        return ALF_OK;
    strmap names;
    strmap_init(&names);
    alf_status status = ALF_OK;
    for (size_t i = 0; i < m->initializer_count && status == ALF_OK; i++)
        if (!strmap_put(&names, m->initializers[i].name, 0, &(bool){false}))
            status = error_nomem(err, "the names of initializers");
    size_t kept = 0;
    for (size_t i = 0; i < m->input_count && status == ALF_OK; i++)
        if (!strmap_get(&names, m->inputs[i].name, &(uint32_t){0}))
            m->inputs[kept++] = m->inputs[i];
    if (status == ALF_OK)
        m->input_count = kept;
    strmap_fini(&names);
    return status;
}

static size_t memory_limit(size_t file_size)
{
    size_t limit;
    if (__builtin_mul_overflow(file_size, (size_t)MEMORY_FACTOR, &limit) ||
        __builtin_add_overflow(limit, (size_t)MEMORY_EXTRA, &limit))
        return SIZE_MAX;
    return limit;
}

alf_status onnx_read(alf_span data, onnx_model **out, alf_error *err)
{
    *out = NULL;
    onnx_model *m = mem_calloc(1, sizeof *m);
    if (m == NULL)
        return error_nomem(err, "an ONNX model");
    arena_init(&m->memory, memory_limit(data.size));
    m->sealed = true;
    alf_status status;
    TRY_OUT(read_model(m, data, err));
    TRY_OUT(drop_initialized_inputs(m, err));
    for (size_t i = 0; i < m->node_count; i++)
        m->nodes[i].version = onnx_opset_version(m, m->nodes[i].domain);
    *out = m;
    return ALF_OK;
out:
    onnx_free(m);
    return status;
}

void onnx_free(onnx_model *model)
{
    if (model == NULL)
        return;
    arena_fini(&model->memory);
    mem_free(model);
}
