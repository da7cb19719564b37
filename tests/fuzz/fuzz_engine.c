/* fuzz: engine - bytes as an ONNX file: load, then run on tiny batches of zeros and short texts.
 *
 * Whatever the file, loading and running end in a result or an error within the memory allowed. A
 * run that succeeds is repeated, which must allocate nothing and give the same shapes.
 */
#include "base/mem.h"
#include "base/span.h"
#include "engine/engine.h"
#include "engine/kernel.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 18, MOST_VALUES = 8, MOST_ELEMENTS = 4096 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* An input of the declared shape, unknown dims being `rows`; false: too large to try. */
static bool make_input(const onnx_value_info *info, int64_t rows, tensor *out)
{
    uint64_t count;
    *out =
        (tensor){.type = info->type, .rank = info->has_shape ? info->rank : 2, .dims = {rows, 3}};
    for (uint32_t k = 0; info->has_shape && k < info->rank; k++)
        out->dims[k] = info->dims[k] < 0 ? rows : info->dims[k];
    if (!dims_count(out->dims, out->rank, &count) || count > MOST_ELEMENTS)
        return false;
    out->data = calloc((size_t)count + 1, tensor_element_size(out->type));
    require(out->data != NULL);
    static const alf_span texts[] = {{"ab cd", 5}, {"", 0}, {"a", 1}, {"\xC3\xA9\xFF b", 5}};
    for (uint64_t i = 0; i < count && out->type == ONNX_STRING; i++)
        ((alf_span *)out->data)[i] = texts[i % 4];
    return true;
}

/* Reads every element, so that a sanitizer sees memory that is not there. */
static void read_output(const tensor *t)
{
    const unsigned char *bytes = t->data;
    uint64_t count = tensor_count(t), sum = 0;
    for (uint64_t i = 0; i < count * tensor_element_size(t->type); i++)
        sum += bytes[i];
    for (uint64_t i = 0; i < count && t->type == ONNX_STRING; i++) {
        const alf_span *s = &((const alf_span *)t->data)[i];
        for (size_t k = 0; k < s->size; k++)
            sum += (unsigned char)s->data[k];
    }
    volatile uint64_t sink = sum;
    (void)sink;
}

static void run(engine *e, engine_session *s, int64_t rows)
{
    tensor inputs[MOST_VALUES], outputs[MOST_VALUES], again[MOST_VALUES];
    alf_error err;
    size_t made = 0;
    while (made < engine_input_count(e) && make_input(engine_input(e, made), rows, &inputs[made]))
        made++;
    if (made == engine_input_count(e) && engine_run(s, inputs, outputs, &err) == ALF_OK) {
        for (size_t i = 0; i < engine_output_count(e); i++) {
            require(outputs[i].type == engine_output(e, i)->type);
            read_output(&outputs[i]);
        }
        require(engine_run(s, inputs, again, &err) == ALF_OK);
        for (size_t i = 0; i < engine_output_count(e); i++)
            require(again[i].rank == outputs[i].rank &&
                    memcmp(again[i].dims, outputs[i].dims, again[i].rank * sizeof(int64_t)) == 0);
    }
    for (size_t i = 0; i < made; i++)
        free(inputs[i].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    engine *e = NULL;
    alf_error err;
    alf_status status = engine_load(span_of((const char *)data, size), MEMORY, &e, &err);
    require((status == ALF_OK) == (e != NULL));
    if (e != NULL && engine_input_count(e) <= MOST_VALUES &&
        engine_output_count(e) <= MOST_VALUES) {
        engine_session *s = engine_session_new(e);
        require(s != NULL);
        for (int64_t rows = 0; rows < 4; rows++)
            run(e, s, rows);
        engine_session_free(s);
    }
    engine_free(e);
    return 0;
}
