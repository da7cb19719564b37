/* Attributes of floats, which the program reads but never writes. */
#ifndef ALF_TESTS_SUPPORT_ONNX_FLOAT_H
#define ALF_TESTS_SUPPORT_ONNX_FLOAT_H

#include "base/mem.h"
#include "onnx/onnx.h"

#include <string.h>

static inline alf_status onnx_set_float(onnx_model *m, onnx_node *node, const char *name,
                                        float number, alf_error *err)
{
    TRY(onnx_set_int(m, node, name, 0, err));
    onnx_attribute *a = &node->attributes[node->attribute_count - 1];
    a->type = ONNX_ATTR_FLOAT;
    a->f = number;
    return ALF_OK;
}

/* Puts them where as many whole numbers have room. */
static inline alf_status onnx_set_floats(onnx_model *m, onnx_node *node, const char *name,
                                         const float *numbers, size_t count, alf_error *err)
{
    int64_t *room = mem_calloc(count + 1, sizeof *room);
    if (room == NULL)
        return error_nomem(err, "numbers");
    if (count > 0)
        memcpy(room, numbers, count * sizeof *numbers);
    alf_status status = onnx_set_ints(m, node, name, room, count, err);
    mem_free(room);
    TRY(status);
    onnx_attribute *a = &node->attributes[node->attribute_count - 1];
    a->type = ONNX_ATTR_FLOATS;
    a->floats = (const float *)(const void *)a->ints;
    return ALF_OK;
}

#endif
