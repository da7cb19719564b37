/*
 * Running a graph in ONNX Runtime. Inputs that are numbers are lent to the library where they lie;
 * strings are copied, as it wants them in its own form. Outputs stay in the library's memory until
 * the next run.
 */
#include "engine/ort_model.h"

#include "base/mem.h"
#include "base/span.h"

#include <string.h>

typedef struct string_output {
    char *bytes;
    size_t *offsets;
    alf_span *spans;
} string_output;

/* A sequence of maps, put together: rows of numbers and one list of keys. */
typedef struct map_output {
    float *rows;
    tensor keys;
    int64_t *numbers;      /* the keys, or */
    string_output strings; /* they */
} map_output;

struct ort_call {
    const engine *e;
    ort_value **inputs, **outputs;
    string_output *strings; /* per output, as are the maps */
    map_output *maps;
};

ort_call *ort_call_new(const engine *e)
{
    ort_call *c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->e = e;
    c->inputs = mem_calloc(e->input_count, sizeof(void *));
    c->outputs = mem_calloc(e->output_count, sizeof(void *));
    c->strings = mem_calloc(e->output_count, sizeof *c->strings);
    c->maps = mem_calloc(e->output_count, sizeof *c->maps);
    if (c->inputs != NULL && c->outputs != NULL && c->strings != NULL && c->maps != NULL)
        return c;
    ort_call_free(c);
    return NULL;
}

static void release(const ort_api *api, ort_value **values, size_t count)
{
    for (size_t i = 0; values != NULL && i < count; i++) {
        if (values[i] != NULL)
            api->release_value(values[i]);
        values[i] = NULL;
    }
}

static void forget_strings(string_output *s)
{
    mem_free(s->bytes);
    mem_free(s->offsets);
    mem_free(s->spans);
    *s = (string_output){0};
}

static void forget_maps(map_output *m)
{
    mem_free(m->rows);
    mem_free(m->numbers);
    forget_strings(&m->strings);
    *m = (map_output){0};
}

/* Gives back what the last run holds. */
static void forget(ort_call *c)
{
    const ort_api *api = &c->e->ort->api;
    release(api, c->inputs, c->e->input_count);
    release(api, c->outputs, c->e->output_count);
    for (size_t i = 0; c->strings != NULL && i < c->e->output_count; i++)
        forget_strings(&c->strings[i]);
    for (size_t i = 0; c->maps != NULL && i < c->e->output_count; i++)
        forget_maps(&c->maps[i]);
}

void ort_call_free(ort_call *c)
{
    if (c == NULL)
        return;
    forget(c);
    mem_free(c->inputs);
    mem_free(c->outputs);
    mem_free(c->strings);
    mem_free(c->maps);
    mem_free(c);
}

/* ---- inputs ---- */

static alf_status put_strings(const ort_model *m, const tensor *t, ort_value **out, alf_error *err)
{
    const ort_api *api = &m->api;
    const alf_span *texts = t->data;
    uint64_t count = tensor_count(t);
    TRY(ort_api_check(api, api->create_tensor(m->allocator, t->dims, t->rank, (int)t->type, out),
                      err));
    for (uint64_t i = 0; i < count; i++) {
        char *to = NULL;
        TRY(ort_api_check(api, api->string_buffer(*out, (size_t)i, texts[i].size, &to), err));
        if (texts[i].size > 0)
            memcpy(to, texts[i].data, texts[i].size);
    }
    return ALF_OK;
}

static alf_status put_input(const ort_model *m, const tensor *t, ort_value **out, alf_error *err)
{
    static uint64_t nothing; /* the library wants an address even for no elements */
    const ort_api *api = &m->api;
    if (t->type == ONNX_STRING)
        return put_strings(m, t, out, err);
    size_t bytes = (size_t)tensor_count(t) * onnx_type_size(t->type);
    void *data = t->data != NULL ? t->data : &nothing;
    return ort_api_check(
        api, api->wrap_tensor(m->cpu, data, bytes, t->dims, t->rank, (int)t->type, out), err);
}

/* ---- outputs ---- */

static alf_status get_strings(const ort_api *api, const ort_value *from, string_output *to,
                              tensor *out, alf_error *err)
{
    size_t count = (size_t)tensor_count(out);
    size_t bytes = 0;
    TRY(ort_api_check(api, api->string_bytes(from, &bytes), err));
    to->bytes = mem_alloc(bytes);
    to->offsets = mem_calloc(count, sizeof *to->offsets);
    to->spans = mem_calloc(count, sizeof *to->spans);
    if (to->bytes == NULL || to->offsets == NULL || to->spans == NULL)
        return error_nomem(err, "strings of ONNX Runtime");
    if (count > 0)
        TRY(ort_api_check(api, api->string_content(from, to->bytes, bytes, to->offsets, count),
                          err));
    for (size_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? to->offsets[i + 1] : bytes;
        to->spans[i] = span_of(to->bytes + to->offsets[i], end - to->offsets[i]);
    }
    out->data = to->spans;
    return ALF_OK;
}

static alf_status get_tensor(const ort_api *api, ort_value *from, string_output *strings,
                             tensor *out, alf_error *err)
{
    ort_tensor_info *info = NULL;
    uint64_t count = 0;
    *out = (tensor){0};
    TRY(ort_api_check(api, api->tensor_shape(from, &info), err));
    alf_status status = ort_tensor_info_read(api, info, &out->type, &out->rank, out->dims, err);
    api->release_tensor_info(info);
    TRY(status);
    if (!dims_count(out->dims, out->rank, &count))
        return error_set(err, ALF_E_FORMAT, "ONNX Runtime gave an output of impossible shape");
    if (out->type == ONNX_STRING)
        return get_strings(api, from, strings, out, err);
    return ort_api_check(api, api->tensor_data(from, &out->data), err);
}

/* ---- sequences of maps ---- */

static alf_status strange_maps(alf_error *err)
{
    return error_set(err, ALF_E_UNSUPPORTED,
                     "ONNX Runtime gave a sequence that is not of maps from the same classes to "
                     "float");
}

static bool same_keys(const tensor *a, const tensor *b)
{
    if (a->type != b->type || tensor_count(a) != tensor_count(b))
        return false;
    for (uint64_t i = 0; i < tensor_count(a); i++)
        if (a->type == ONNX_INT64
                ? ((const int64_t *)a->data)[i] != ((const int64_t *)b->data)[i]
                : !span_equal(((const alf_span *)a->data)[i], ((const alf_span *)b->data)[i]))
            return false;
    return true;
}

/* The first map decides which keys there are, and makes room. */
static alf_status keep_keys(map_output *to, const tensor *keys, string_output *strings, size_t rows,
                            alf_error *err)
{
    size_t count = (size_t)tensor_count(keys);
    size_t numbers;
    if (keys->type != ONNX_INT64 && keys->type != ONNX_STRING)
        return strange_maps(err);
    if (__builtin_mul_overflow(rows, count, &numbers))
        return error_set(err, ALF_E_LIMIT, "%zu maps of %zu classes", rows, count);
    to->keys = (tensor){keys->type, 1, {(int64_t)count}, keys->data};
    to->rows = mem_calloc(numbers, sizeof *to->rows);
    to->numbers = mem_calloc(count, sizeof *to->numbers);
    if (to->rows == NULL || to->numbers == NULL)
        return error_nomem(err, "maps of ONNX Runtime");
    if (keys->type == ONNX_INT64) {
        if (count > 0)
            memcpy(to->numbers, keys->data, count * sizeof *to->numbers);
        to->keys.data = to->numbers;
    } else {
        to->strings = *strings; /* moved */
        *strings = (string_output){0};
    }
    return ALF_OK;
}

/* Map number row of a sequence: its keys and values, as two tensors. */
static alf_status get_map(const ort_model *m, ort_value *map, size_t row, size_t rows,
                          map_output *to, alf_error *err)
{
    ort_value *parts[2] = {NULL};
    string_output strings = {0};
    string_output texts = {0}; /* where the values are strings, which is refused below */
    tensor keys, values;
    alf_status status = ALF_OK;
    for (int i = 0; i < 2; i++)
        TRY_OUT(ort_api_check(&m->api, m->api.element(map, i, m->allocator, &parts[i]), err));
    TRY_OUT(get_tensor(&m->api, parts[0], &strings, &keys, err));
    TRY_OUT(get_tensor(&m->api, parts[1], &texts, &values, err));
    if (row == 0)
        TRY_OUT(keep_keys(to, &keys, &strings, rows, err));
    if (values.type != ONNX_FLOAT || !same_keys(&to->keys, row == 0 ? &to->keys : &keys) ||
        tensor_count(&values) != tensor_count(&to->keys))
        TRY_OUT(strange_maps(err));
    size_t count = (size_t)tensor_count(&values);
    if (count > 0)
        memcpy(to->rows + row * count, values.data, count * sizeof *to->rows);
out:
    forget_strings(&strings);
    forget_strings(&texts);
    release(&m->api, parts, 2);
    return status;
}

static alf_status get_maps(const ort_model *m, const ort_value *from, map_output *to, tensor *out,
                           alf_error *err)
{
    size_t rows = 0;
    TRY(ort_api_check(&m->api, m->api.element_count(from, &rows), err));
    if (rows > INT32_MAX)
        return error_set(err, ALF_E_LIMIT, "a sequence of %zu maps", rows);
    for (size_t i = 0; i < rows; i++) {
        ort_value *map = NULL;
        TRY(ort_api_check(&m->api, m->api.element(from, (int)i, m->allocator, &map), err));
        alf_status status = get_map(m, map, i, rows, to, err);
        release(&m->api, &map, 1);
        TRY(status);
    }
    *out = (tensor){ONNX_FLOAT, 2, {(int64_t)rows, to->keys.dims[0]}, to->rows};
    return ALF_OK;
}

static alf_status get_output(ort_call *c, size_t i, tensor *out, alf_error *err)
{
    const ort_model *m = c->e->ort;
    if (c->e->outputs[i].kind == ONNX_VALUE_SEQUENCE)
        return get_maps(m, c->outputs[i], &c->maps[i], out, err);
    return get_tensor(&m->api, c->outputs[i], &c->strings[i], out, err);
}

const tensor *ort_call_keys(const ort_call *c, size_t i)
{
    return c->e->outputs[i].kind == ONNX_VALUE_SEQUENCE ? &c->maps[i].keys : NULL;
}

alf_status ort_call_run(ort_call *c, const tensor *inputs, tensor *outputs, alf_error *err)
{
    const engine *e = c->e;
    const ort_model *m = e->ort;
    forget(c);
    for (size_t i = 0; i < e->input_count; i++)
        TRY(put_input(m, &inputs[i], &c->inputs[i], err));
    TRY(ort_api_check(&m->api,
                      m->api.run(m->session, NULL, m->input_names,
                                 (const ort_value *const *)c->inputs, e->input_count,
                                 m->output_names, e->output_count, c->outputs),
                      err));
    for (size_t i = 0; i < e->output_count; i++)
        TRY(get_output(c, i, &outputs[i], err));
    return ALF_OK;
}
