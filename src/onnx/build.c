/*
 * Building a model. Everything is copied into the model's arena. Lists grow by doubling: a list is
 * full when its count is a power of two, so no capacity is kept. That holds only for lists built
 * here, hence models that were read are sealed.
 */
#include "onnx/internal.h"

#include "base/mem.h"
#include "base/span.h"

#include <inttypes.h>
#include <string.h>

/* The oldest IR version that allows every opset the converter writes and is widely readable. */
enum { BUILT_IR_VERSION = 8 };

/* A list of count elements of size bytes, with room for one more; NULL without memory. */
static void *grown(onnx_model *m, void *list, size_t count, size_t size, alf_error *err)
{
    if (m->sealed) {
        error_set(err, ALF_E_ARGUMENT, "a model that was read from a file cannot be built on");
        return NULL;
    }
    if (count != 0 && (count & (count - 1)) != 0)
        return list;
    size_t capacity = count == 0 ? 1 : count * 2;
    void *bigger = arena_alloc(&m->memory, capacity, size);
    if (bigger == NULL) {
        error_nomem(err, "an ONNX model");
        return NULL;
    }
    if (count > 0)
        memcpy(bigger, list, count * size);
    return bigger;
}

static alf_status failed_growth(const onnx_model *m)
{
    return m->sealed ? ALF_E_ARGUMENT : ALF_E_NOMEM;
}

/* Makes room for one more element in a list of the model or of a node. */
#define GROW(m, list, count, err)                                                                  \
    do {                                                                                           \
        void *grown_ = grown((m), (list), (count), sizeof *(list), (err));                         \
        if (grown_ == NULL)                                                                        \
            return failed_growth(m);                                                               \
        (list) = grown_;                                                                           \
    } while (0)

static alf_status copy_text(onnx_model *m, alf_span text, alf_span *out, alf_error *err)
{
    char *copy = arena_strndup(&m->memory, text.data, text.size);
    if (copy == NULL)
        return error_nomem(err, "an ONNX model");
    *out = (alf_span){copy, text.size};
    return ALF_OK;
}

static alf_status copy_bytes(onnx_model *m, const void *data, size_t count, size_t size, void **out,
                             alf_error *err)
{
    void *copy = arena_alloc(&m->memory, count, size);
    if (copy == NULL)
        return error_nomem(err, "an ONNX model");
    if (count > 0)
        memcpy(copy, data, count * size);
    *out = copy;
    return ALF_OK;
}

static alf_status copy_texts(onnx_model *m, const alf_span *texts, size_t count, alf_span **out,
                             alf_error *err)
{
    *out = arena_alloc(&m->memory, count, sizeof **out);
    if (*out == NULL)
        return error_nomem(err, "an ONNX model");
    for (size_t i = 0; i < count; i++)
        TRY(copy_text(m, texts[i], &(*out)[i], err));
    return ALF_OK;
}

onnx_model *onnx_new(const char *graph_name)
{
    onnx_model *m = mem_calloc(1, sizeof *m);
    if (m == NULL)
        return NULL;
    arena_init(&m->memory, 0);
    m->ir_version = BUILT_IR_VERSION;
    m->producer_name = SPAN_LITERAL("ai-log-filter");
    m->producer_version = SPAN_LITERAL(ALF_VERSION);
    if (copy_text(m, span_from_string(graph_name), &m->graph_name, NULL) != ALF_OK) {
        onnx_free(m);
        return NULL;
    }
    return m;
}

alf_status onnx_add_opset(onnx_model *m, const char *domain, int64_t version, alf_error *err)
{
    GROW(m, m->opsets, m->opset_count, err);
    onnx_opset *opset = &m->opsets[m->opset_count];
    TRY(copy_text(m, span_from_string(domain), &opset->domain, err));
    opset->version = version;
    m->opset_count++;
    for (size_t i = 0; i < m->node_count; i++)
        m->nodes[i].version = onnx_opset_version(m, m->nodes[i].domain);
    return ALF_OK;
}

alf_status onnx_add_metadata(onnx_model *m, const char *key, alf_span text, alf_error *err)
{
    GROW(m, m->metadata, m->metadata_count, err);
    onnx_metadata *entry = &m->metadata[m->metadata_count];
    TRY(copy_text(m, span_from_string(key), &entry->key, err));
    TRY(copy_text(m, text, &entry->value, err));
    m->metadata_count++;
    return ALF_OK;
}

static alf_status fill_value(onnx_model *m, onnx_value_info *value, onnx_type type, uint32_t rank,
                             const int64_t *dims, alf_error *err)
{
    (void)m;
    if (rank > ONNX_MAX_RANK)
        return error_set(err, ALF_E_ARGUMENT, "a value of %" PRIu32 " dimensions", rank);
    value->kind = ONNX_VALUE_TENSOR;
    value->type = type;
    value->has_shape = true;
    value->rank = rank;
    for (uint32_t i = 0; i < rank; i++)
        value->dims[i] = dims[i] < 0 ? -1 : dims[i];
    return ALF_OK;
}

alf_status onnx_add_input(onnx_model *m, const char *name, onnx_type type, uint32_t rank,
                          const int64_t *dims, alf_error *err)
{
    GROW(m, m->inputs, m->input_count, err);
    onnx_value_info *value = &m->inputs[m->input_count];
    TRY(fill_value(m, value, type, rank, dims, err));
    TRY(copy_text(m, span_from_string(name), &value->name, err));
    m->input_count++;
    return ALF_OK;
}

alf_status onnx_add_output(onnx_model *m, const char *name, onnx_type type, uint32_t rank,
                           const int64_t *dims, alf_error *err)
{
    GROW(m, m->outputs, m->output_count, err);
    onnx_value_info *value = &m->outputs[m->output_count];
    TRY(fill_value(m, value, type, rank, dims, err));
    TRY(copy_text(m, span_from_string(name), &value->name, err));
    m->output_count++;
    return ALF_OK;
}

alf_status onnx_add_value(onnx_model *m, const char *name, onnx_type type, uint32_t rank,
                          const int64_t *dims, alf_error *err)
{
    GROW(m, m->values, m->value_count, err);
    onnx_value_info *value = &m->values[m->value_count];
    TRY(fill_value(m, value, type, rank, dims, err));
    TRY(copy_text(m, span_from_string(name), &value->name, err));
    m->value_count++;
    return ALF_OK;
}

static alf_status fill_tensor(onnx_model *m, onnx_tensor *t, onnx_type type, uint32_t rank,
                              const int64_t *dims, const void *data, alf_error *err)
{
    *t = (onnx_tensor){.type = type, .rank = rank};
    size_t size = onnx_type_size(type);
    if (rank > ONNX_MAX_RANK || (size == 0 && type != ONNX_STRING))
        return error_set(err, ALF_E_ARGUMENT, "a tensor of %" PRIu32 " dimensions of %s", rank,
                         onnx_type_name(type));
    for (uint32_t i = 0; i < rank; i++)
        t->dims[i] = dims[i];
    if (!onnx_element_count(rank, dims, &t->count) || t->count > SIZE_MAX / 16)
        return error_set(err, ALF_E_ARGUMENT, "a tensor with a negative or huge dimension");
    if (type == ONNX_STRING) {
        TRY(copy_texts(m, data, (size_t)t->count, &t->strings, err));
        t->data = t->strings;
        return ALF_OK;
    }
    void *copy;
    TRY(copy_bytes(m, data, (size_t)t->count, size, &copy, err));
    t->data = copy;
    return ALF_OK;
}

alf_status onnx_add_initializer(onnx_model *m, const char *name, onnx_type type, uint32_t rank,
                                const int64_t *dims, const void *data, alf_error *err)
{
    GROW(m, m->initializers, m->initializer_count, err);
    onnx_tensor *t = &m->initializers[m->initializer_count];
    TRY(fill_tensor(m, t, type, rank, dims, data, err));
    TRY(copy_text(m, span_from_string(name), &t->name, err));
    m->initializer_count++;
    return ALF_OK;
}

/* "a b  c" -> "a", "b", "", "c": two spaces in a row leave an optional input out. */
static alf_status split_names(onnx_model *m, const char *names, alf_span **out, size_t *count,
                              alf_error *err)
{
    *count = 0;
    if (*names == '\0')
        return ALF_OK;
    size_t n = 1;
    for (const char *p = names; *p != '\0'; p++)
        n += *p == ' ';
    alf_span copy;
    TRY(copy_text(m, span_from_string(names), &copy, err));
    alf_span *list = arena_alloc(&m->memory, n, sizeof *list);
    if (list == NULL)
        return error_nomem(err, "an ONNX model");
    const char *begin = copy.data;
    for (size_t i = 0; i < n; i++) {
        const char *end = begin + strcspn(begin, " ");
        list[i] = (alf_span){begin, (size_t)(end - begin)};
        begin = end + 1;
    }
    *out = list;
    *count = n;
    return ALF_OK;
}

alf_status onnx_add_node(onnx_model *m, const char *domain, const char *op_type, const char *name,
                         const char *inputs, const char *outputs, onnx_node **node, alf_error *err)
{
    GROW(m, m->nodes, m->node_count, err);
    onnx_node *added = &m->nodes[m->node_count];
    *added = (onnx_node){0};
    TRY(copy_text(m, span_from_string(domain), &added->domain, err));
    TRY(copy_text(m, span_from_string(op_type), &added->op_type, err));
    TRY(copy_text(m, span_from_string(name), &added->name, err));
    TRY(split_names(m, inputs, &added->inputs, &added->input_count, err));
    TRY(split_names(m, outputs, &added->outputs, &added->output_count, err));
    added->version = onnx_opset_version(m, added->domain);
    m->node_count++;
    if (node != NULL)
        *node = added;
    return ALF_OK;
}

/* A new attribute of the node; it counts only once its value is in place. */
static alf_status new_attribute(onnx_model *m, onnx_node *node, const char *name,
                                onnx_attribute_type type, alf_error *err)
{
    GROW(m, node->attributes, node->attribute_count, err);
    onnx_attribute *a = &node->attributes[node->attribute_count];
    *a = (onnx_attribute){.type = type};
    return copy_text(m, span_from_string(name), &a->name, err);
}

alf_status onnx_set_int(onnx_model *m, onnx_node *node, const char *name, int64_t number,
                        alf_error *err)
{
    TRY(new_attribute(m, node, name, ONNX_ATTR_INT, err));
    node->attributes[node->attribute_count++].i = number;
    return ALF_OK;
}

alf_status onnx_set_string(onnx_model *m, onnx_node *node, const char *name, alf_span text,
                           alf_error *err)
{
    TRY(new_attribute(m, node, name, ONNX_ATTR_STRING, err));
    TRY(copy_text(m, text, &node->attributes[node->attribute_count].s, err));
    node->attribute_count++;
    return ALF_OK;
}

alf_status onnx_set_ints(onnx_model *m, onnx_node *node, const char *name, const int64_t *numbers,
                         size_t count, alf_error *err)
{
    TRY(new_attribute(m, node, name, ONNX_ATTR_INTS, err));
    onnx_attribute *a = &node->attributes[node->attribute_count];
    void *copy;
    TRY(copy_bytes(m, numbers, count, sizeof *numbers, &copy, err));
    a->ints = copy;
    a->count = count;
    node->attribute_count++;
    return ALF_OK;
}

alf_status onnx_set_strings(onnx_model *m, onnx_node *node, const char *name,
                            const alf_span *strings, size_t count, alf_error *err)
{
    TRY(new_attribute(m, node, name, ONNX_ATTR_STRINGS, err));
    onnx_attribute *a = &node->attributes[node->attribute_count];
    alf_span *copy;
    TRY(copy_texts(m, strings, count, &copy, err));
    a->strings = copy;
    a->count = count;
    node->attribute_count++;
    return ALF_OK;
}

alf_status onnx_set_tensor(onnx_model *m, onnx_node *node, const char *name, onnx_type type,
                           uint32_t rank, const int64_t *dims, const void *data, alf_error *err)
{
    TRY(new_attribute(m, node, name, ONNX_ATTR_TENSOR, err));
    onnx_attribute *a = &node->attributes[node->attribute_count];
    onnx_tensor *t = arena_alloc(&m->memory, 1, sizeof *t);
    if (t == NULL)
        return error_nomem(err, "an ONNX model");
    TRY(fill_tensor(m, t, type, rank, dims, data, err));
    a->t = t;
    node->attribute_count++;
    return ALF_OK;
}
