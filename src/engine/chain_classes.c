/*
 * The classes of a text model: which column a label means. Where the file ends in ZipMap its keys
 * say so; otherwise a label is the number of its column.
 */
#include "engine/chain_check.h"
#include "engine/kernel.h"

#include "base/span.h"

#include <inttypes.h>

void chain_classes_init(chain_classes *c)
{
    *c = (chain_classes){.type = ONNX_INT64};
    arena_init(&c->memory, (size_t)1 << 20);
}

void chain_classes_fini(chain_classes *c)
{
    arena_fini(&c->memory);
    *c = (chain_classes){0};
}

alf_status chain_classes_read(chain_classes *c, const tensor *keys, const tensor *label,
                              const char *what, alf_error *err)
{
    c->type = label->type;
    if (keys == NULL)
        return label->type == ONNX_INT64 ? ALF_OK
                                         : error_set(err, ALF_E_UNSUPPORTED,
                                                     "%s: labels are %s, but nothing says which "
                                                     "column each means; convert the model with "
                                                     "numbers as labels, or with ZipMap",
                                                     what, onnx_type_name(label->type));
    if (keys->type != label->type)
        return error_set(err, ALF_E_UNSUPPORTED, "%s: labels are %s, but probabilities are by %s",
                         what, onnx_type_name(label->type), onnx_type_name(keys->type));
    uint32_t count = (uint32_t)tensor_count(keys); /* at most CHAIN_MAX_CLASSES */
    bool texts = keys->type == ONNX_STRING;
    TRY(texts ? arena_take(&c->memory, count, sizeof *c->names, &c->names, err)
              : arena_take(&c->memory, count, sizeof *c->numbers, &c->numbers, err));
    for (uint32_t i = 0; i < count; i++)
        if (texts)
            TRY(arena_copy_text(&c->memory, ((const alf_span *)keys->data)[i], &c->names[i], err));
        else
            c->numbers[i] = ((const int64_t *)keys->data)[i];
    return ALF_OK;
}

bool chain_class_of(const chain_classes *c, const tensor *label, size_t row, uint32_t count,
                    uint32_t *out)
{
    *out = 0;
    if (c->names != NULL) {
        alf_span name = ((const alf_span *)label->data)[row];
        while (*out < count && !span_equal(c->names[*out], name))
            ++*out;
        return *out < count;
    }
    int64_t number = ((const int64_t *)label->data)[row];
    if (c->numbers == NULL) {
        *out = (uint32_t)number;
        return number >= 0 && number < (int64_t)count;
    }
    while (*out < count && c->numbers[*out] != number)
        ++*out;
    return *out < count;
}
