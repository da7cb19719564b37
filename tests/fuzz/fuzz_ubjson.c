/* fuzz: codec: the UBJSON and JSON readers; the first byte chooses ('j': JSON, else UBJSON). */
#include "codec/json.h"
#include "codec/ubjson.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads everything a value holds, so that wrong spans are seen. */
static uint64_t touch(const value *v, unsigned depth)
{
    uint64_t sum = v->offset;
    if (depth > 200)
        abort();
    if (v->kind == VALUE_STRING)
        for (size_t i = 0; i < v->as.text.size; i++)
            sum += (unsigned char)v->as.text.data[i];
    for (size_t i = 0; v->kind == VALUE_LIST && i < v->as.list.count; i++)
        sum += touch(v->as.list.items[i], depth + 1);
    for (size_t i = 0; v->kind == VALUE_DICT && i < v->as.dict.count; i++)
        sum +=
            touch(v->as.dict.pairs[i].key, depth + 1) + touch(v->as.dict.pairs[i].item, depth + 1);
    for (uint64_t i = 0; v->kind == VALUE_ARRAY && i < v->as.array.count; i++) {
        double x;
        if (!value_array_double(&v->as.array, i, &x))
            abort();
        sum += x > 0.0;
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    arena memory;
    value *root = NULL;
    alf_error err;
    alf_span text = {(const char *)data + 1, size - 1};
    arena_init(&memory, (size_t)16 << 20);
    alf_status status = data[0] == 'j' ? json_parse(text, &memory, &root, &err)
                                       : ubjson_parse(text, &memory, &root, &err);
    if ((status == ALF_OK) != (root != NULL))
        abort();
    volatile uint64_t sum = root != NULL ? touch(root, 0) : 0;
    (void)sum;
    arena_fini(&memory);
    return 0;
}
