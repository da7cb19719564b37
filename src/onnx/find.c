/* Look-ups in a model. The lists are short, so they are searched from the front. */
#include "onnx/internal.h"

#include "base/span.h"

const onnx_attribute *onnx_find_attribute(const onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->attribute_count; i++)
        if (span_is(node->attributes[i].name, name))
            return &node->attributes[i];
    return NULL;
}

int64_t onnx_opset_version(const onnx_model *m, alf_span domain)
{
    for (size_t i = 0; i < m->opset_count; i++)
        if (span_equal(m->opsets[i].domain, domain))
            return m->opsets[i].version;
    return 0;
}
