/* fuzz: onnx ONNX files: read, check, write, and read again what was written. */
#include "base/buf.h"
#include "base/mem.h"
#include "onnx/onnx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte of every tensor is touched, so that a wrong extent is seen. */
static unsigned touch(const onnx_tensor *t)
{
    unsigned sum = 0;
    if (t->type == ONNX_STRING) {
        for (uint64_t i = 0; i < t->count; i++)
            for (size_t k = 0; k < t->strings[i].size; k++)
                sum += (unsigned char)t->strings[i].data[k];
        return sum;
    }
    const unsigned char *bytes = t->data;
    for (uint64_t i = 0; i < t->count * onnx_type_size(t->type); i++)
        sum += bytes[i];
    return sum;
}

static unsigned touch_all(const onnx_model *m)
{
    unsigned sum = 0;
    for (size_t i = 0; i < m->initializer_count; i++)
        sum += touch(&m->initializers[i]);
    for (size_t i = 0; i < m->node_count; i++)
        for (size_t k = 0; k < m->nodes[i].attribute_count; k++)
            if (m->nodes[i].attributes[k].t != NULL)
                sum += touch(m->nodes[i].attributes[k].t);
    return sum;
}

/* What was written must read back, and be written the same again. */
static void write_and_compare(const onnx_model *m)
{
    buf first, second;
    buf_init(&first);
    buf_init(&second);
    if (onnx_write(m, &first, NULL) == ALF_OK) {
        onnx_model *again = NULL;
        alf_error err;
        alf_status status = onnx_read(buf_span(&first), &again, &err);
        /* Packing may shrink a file until the memory it asks for is out of proportion. */
        if (status == ALF_OK) {
            if (onnx_write(again, &second, NULL) != ALF_OK || first.size != second.size ||
                memcmp(first.data, second.data, first.size) != 0)
                abort();
        } else if (status != ALF_E_LIMIT) {
            abort();
        }
        onnx_free(again);
    }
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    onnx_model *m = NULL;
    alf_error err;
    if (onnx_read((alf_span){(const char *)data, size}, &m, &err) == ALF_OK) {
        volatile unsigned sum = touch_all(m);
        (void)sum;
        (void)onnx_check(m, &err);
        write_and_compare(m);
    }
    onnx_free(m);
    return 0;
}
