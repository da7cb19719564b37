/*
 * LabelEncoder, versions 1, 2 and 4: a map from numbers or strings to numbers or strings. Numbers
 * are looked up by their bits, with one zero; NaN finds a NaN key from version 4 on. A key given
 * twice keeps its first value, except in version 1, where the last wins.
 */
#include "engine/operators.h"

#include "base/hash.h"
#include "base/span.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct label_encoder {
    strmap map; /* key -> index into values */
    tensor values;
    tensor fallback; /* one element */
    bool nan_matches;
} label_encoder;

static void encoder_fini(void *state)
{
    strmap_fini(&((label_encoder *)state)->map);
}

const kernel_life life_label_encoder = {.fini = encoder_fini};

/* Element i as bytes to look up. room: where a number's bits are made. false: can match nothing. */
static bool key_of(const tensor *t, uint64_t i, uint64_t *room, bool nan_matches, alf_span *key)
{
    double d;
    if (t->type == ONNX_STRING) {
        *key = ((const alf_span *)t->data)[i];
        return true;
    }
    *key = span_of((const char *)room, sizeof *room);
    if (t->type == ONNX_INT64 || t->type == ONNX_INT32) {
        int64_t n =
            t->type == ONNX_INT64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
        *room = (uint64_t)n;
        return true;
    }
    d = t->type == ONNX_FLOAT ? (double)((const float *)t->data)[i] : ((const double *)t->data)[i];
    if (isnan(d)) {
        *room = UINT64_MAX;
        return nan_matches;
    }
    d = d + 0.0; /* -0 becomes 0 */
    memcpy(room, &d, sizeof d);
    return true;
}

static alf_status build_map(const prepare *p, label_encoder *s, const tensor *keys)
{
    uint64_t count = tensor_count(keys);
    uint64_t *room;
    TRY(prepare_alloc(p, keys->type == ONNX_STRING ? 1 : (size_t)count, sizeof *room, &room));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t from_end = count - 1 - i;
        uint64_t at = p->node->version == 1 ? from_end : i;
        alf_span key;
        if (!key_of(keys, at, &room[keys->type == ONNX_STRING ? 0 : at], s->nan_matches, &key))
            continue;
        if (!strmap_put(&s->map, key, (uint32_t)at, NULL))
            return error_nomem(p->err, "a label encoder");
    }
    return ALF_OK;
}

/* A list attribute as a tensor in the engine's memory: PREFIX_int64s, _strings, _floats, _tensor.
 * out->type stays ONNX_UNDEFINED when none is there. */
static alf_status read_list(const prepare *p, const char *prefix, tensor *out)
{
    static const struct {
        const char *suffix;
        onnx_type type;
    } forms[] = {{"int64s", ONNX_INT64}, {"strings", ONNX_STRING}, {"floats", ONNX_FLOAT}};
    char name[64];
    *out = (tensor){0};
    (void)snprintf(name, sizeof name, "%s_tensor", prefix);
    const onnx_tensor *t;
    TRY(prepare_tensor(p, name, &t));
    if (t != NULL)
        return prepare_copy_tensor(p, t, out);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        onnx_tensor list = {.type = forms[i].type, .rank = 1};
        const alf_span *strings = NULL;
        const float *floats = NULL;
        const int64_t *ints = NULL;
        (void)snprintf(name, sizeof name, "%s_%s", prefix, forms[i].suffix);
        if (prepare_find(p, name) == NULL)
            continue;
        if (out->type != ONNX_UNDEFINED)
            return prepare_fail(p, ALF_E_FORMAT, "more than one list of %s", prefix);
        if (list.type == ONNX_STRING)
            TRY(prepare_strings(p, name, &strings, &list.count));
        else if (list.type == ONNX_FLOAT)
            TRY(prepare_floats(p, name, &floats, &list.count));
        else
            TRY(prepare_ints(p, name, &ints, &list.count));
        list.dims[0] = (int64_t)list.count;
        list.data = floats != NULL ? (const void *)floats : ints;
        list.strings = (alf_span *)strings; /* only read */
        TRY(prepare_copy_tensor(p, &list, out));
    }
    return ALF_OK;
}

/* The default of the values' type: from default_tensor, the attribute, or the specification. */
static alf_status read_default(const prepare *p, onnx_type type, tensor *out)
{
    const onnx_tensor *t;
    float f = -0.0f;
    double d;
    int64_t i = -1;
    int32_t i32;
    alf_span s = SPAN_LITERAL("_Unused");
    TRY(prepare_tensor(p, "default_tensor", &t));
    TRY(prepare_float(p, "default_float", &f));
    TRY(prepare_int(p, "default_int64", &i));
    TRY(prepare_string(p, "default_string", &s));
    if (t != NULL && t->type == type && t->count == 1)
        return prepare_copy_tensor(p, t, out);
    if ((TYPE_BIT(type) & (TYPE_BIT(ONNX_STRING) | TYPES_NUMBER)) == 0)
        return prepare_fail(p, ALF_E_UNSUPPORTED, "values of type %s without a default_tensor",
                            onnx_type_name(type));
    d = (double)f;
    i32 = (int32_t)(uint32_t)(uint64_t)i;
    onnx_tensor one = {.type = type, .count = 1};
    one.strings = &s;
    one.data = type == ONNX_FLOAT    ? (const void *)&f
               : type == ONNX_DOUBLE ? (const void *)&d
               : type == ONNX_INT32  ? (const void *)&i32
                                     : &i;
    return prepare_copy_tensor(p, &one, out);
}

/* Version 1: one list of strings; which way it maps depends on the input. */
static alf_status read_first_version(const prepare *p, tensor *keys, tensor *values)
{
    tensor strings, numbers = {.type = ONNX_INT64, .rank = 1};
    onnx_tensor list = {.type = ONNX_STRING, .rank = 1};
    const alf_span *classes;
    int64_t *indices;
    TRY(prepare_strings(p, "classes_strings", &classes, &list.count));
    list.dims[0] = (int64_t)list.count;
    list.strings = (alf_span *)classes; /* only read */
    TRY(prepare_copy_tensor(p, &list, &strings));
    TRY(prepare_alloc(p, list.count, sizeof *indices, &indices));
    for (size_t i = 0; i < list.count; i++)
        indices[i] = (int64_t)i;
    numbers.dims[0] = (int64_t)list.count;
    numbers.data = indices;
    bool from_text = p->inputs[0]->type == ONNX_STRING;
    *keys = from_text ? strings : numbers;
    *values = from_text ? numbers : strings;
    return ALF_OK;
}

alf_status prepare_label_encoder(prepare *p)
{
    label_encoder *s;
    tensor keys;
    const uint32_t types = TYPE_BIT(ONNX_STRING) | TYPES_NUMBER;
    TRY(prepare_type(p, 0, types));
    TRY(prepare_state(p, sizeof *s, &s));
    strmap_init(&s->map);
    s->nan_matches = p->node->version >= 4;
    if (p->node->version == 1) {
        TRY(read_first_version(p, &keys, &s->values));
    } else {
        TRY(read_list(p, "keys", &keys));
        TRY(read_list(p, "values", &s->values));
    }
    if (keys.type == ONNX_UNDEFINED || s->values.type == ONNX_UNDEFINED)
        return prepare_fail(p, ALF_E_FORMAT, "keys or values are missing");
    if (keys.type != p->inputs[0]->type)
        return prepare_fail(p, ALF_E_FORMAT, "keys of type %s, input of type %s",
                            onnx_type_name(keys.type), onnx_type_name(p->inputs[0]->type));
    if (tensor_count(&keys) != tensor_count(&s->values) || tensor_count(&keys) >= UINT32_MAX)
        return prepare_fail(p, ALF_E_FORMAT, "%llu keys and %llu values",
                            (unsigned long long)tensor_count(&keys),
                            (unsigned long long)tensor_count(&s->values));
    TRY(read_default(p, s->values.type, &s->fallback));
    TRY(build_map(p, s, &keys));
    prepare_output_like(p, 0, s->values.type, 0);
    return ALF_OK;
}

alf_status run_label_encoder(const kernel_call *c)
{
    const label_encoder *s = c->state;
    const tensor *in = c->inputs[0];
    uint64_t count = tensor_count(in);
    TRY(call_output_like(c, 0, in));
    size_t size = tensor_element_size(s->values.type);
    char *to = c->outputs[0]->data;
    for (uint64_t i = 0; i < count; i++, to += size) {
        uint64_t room;
        uint32_t index;
        alf_span key;
        const char *from = s->fallback.data;
        if (key_of(in, i, &room, s->nan_matches, &key) && strmap_get(&s->map, key, &index))
            from = (const char *)s->values.data + index * size;
        memcpy(to, from, size);
    }
    return ALF_OK;
}

bool label_encoder_describe(const void *state, encoder_facts *out)
{
    const label_encoder *s = state;
    if (s->values.type != ONNX_INT64)
        return false;
    *out = (encoder_facts){.slot_count = s->map.capacity,
                           .slots = s->map.entries,
                           .values = s->values.data,
                           .fallback = *(const int64_t *)s->fallback.data,
                           .seed = s->map.seed};
    return true;
}
