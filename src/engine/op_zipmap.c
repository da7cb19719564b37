/*
 * ZipMap: a row of numbers becomes a map from class to number, as converters of classifiers write
 * it last. We keep the rows as they are, with the keys beside them (graph_value.keys), in ascending
 * order of the keys: that is the order in which ONNX Runtime gives its maps.
 */
#include "engine/operators.h"

#include "base/span.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct key_place {
    int64_t number;
    alf_span text;
    uint32_t column; /* of the input */
} key_place;

typedef struct zip_map {
    uint32_t count;
    uint32_t *columns; /* of the input, in the order of the keys */
} zip_map;

static int compare_places(const void *a, const void *b)
{
    const key_place *x = a, *y = b;
    size_t shorter = x->text.size < y->text.size ? x->text.size : y->text.size;
    int order = shorter > 0 ? memcmp(x->text.data, y->text.data, shorter) : 0;
    if (order != 0)
        return order;
    if (x->text.size != y->text.size)
        return x->text.size < y->text.size ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

/* The keys in ascending order, from one of the two attributes. */
static alf_status read_places(const prepare *p, key_place **places, size_t *count, bool *texts)
{
    const int64_t *numbers;
    const alf_span *strings;
    size_t number_count, string_count;
    TRY(prepare_ints(p, "classlabels_int64s", &numbers, &number_count));
    TRY(prepare_strings(p, "classlabels_strings", &strings, &string_count));
    if ((number_count == 0) == (string_count == 0))
        return prepare_fail(p, ALF_E_FORMAT,
                            "expected either classlabels_int64s or classlabels_strings");
    *texts = string_count > 0;
    *count = *texts ? string_count : number_count;
    if (*count >= UINT32_MAX)
        return prepare_fail(p, ALF_E_LIMIT, "%zu keys", *count);
    TRY(prepare_alloc(p, *count, sizeof **places, places));
    for (size_t i = 0; i < *count; i++) {
        (*places)[i].column = (uint32_t)i;
        if (*texts)
            (*places)[i].text = strings[i];
        else
            (*places)[i].number = numbers[i];
    }
    qsort(*places, *count, sizeof **places, compare_places);
    for (size_t i = 1; i < *count; i++)
        if (compare_places(&(*places)[i - 1], &(*places)[i]) == 0)
            return prepare_fail(p, ALF_E_FORMAT, "a key is given twice");
    return ALF_OK;
}

static alf_status keep_keys(const prepare *p, const key_place *places, bool texts, zip_map *state)
{
    tensor *keys;
    TRY(prepare_alloc(p, 1, sizeof *keys, &keys));
    *keys = (tensor){texts ? ONNX_STRING : ONNX_INT64, 1, {state->count}, NULL};
    TRY(prepare_alloc(p, state->count, tensor_element_size(keys->type), &keys->data));
    TRY(prepare_alloc(p, state->count, sizeof *state->columns, &state->columns));
    for (uint32_t i = 0; i < state->count; i++) {
        state->columns[i] = places[i].column;
        if (texts)
            TRY(prepare_copy_text(p, places[i].text, &((alf_span *)keys->data)[i]));
        else
            ((int64_t *)keys->data)[i] = places[i].number;
    }
    if (p->outputs[0] != NULL)
        p->outputs[0]->keys = keys;
    return ALF_OK;
}

alf_status prepare_zip_map(prepare *p)
{
    zip_map *state;
    key_place *places;
    size_t count;
    bool texts;
    TRY(prepare_type(p, 0, TYPE_BIT(ONNX_FLOAT)));
    TRY(prepare_rank(p, 0, 1, 2));
    TRY(read_places(p, &places, &count, &texts));
    TRY(prepare_state(p, sizeof *state, &state));
    state->count = (uint32_t)count;
    const graph_value *in = p->inputs[0];
    int64_t columns = in->rank > 0 ? in->dims[in->rank - 1] : DIM_UNKNOWN;
    if (columns >= 0 && columns != (int64_t)count)
        return prepare_fail(p, ALF_E_FORMAT, "%zu keys for %" PRId64 " columns", count, columns);
    TRY(keep_keys(p, places, texts, state));
    prepare_output_rank(p, 0, ONNX_FLOAT, 2);
    if (p->outputs[0] != NULL) {
        p->outputs[0]->dims[0] = in->rank == 2 ? in->dims[0] : in->rank == 1 ? 1 : DIM_UNKNOWN;
        p->outputs[0]->dims[1] = (int64_t)count;
    }
    return ALF_OK;
}

alf_status run_zip_map(const kernel_call *c)
{
    const zip_map *s = c->state;
    const tensor *in = c->inputs[0];
    if (in->rank < 1 || in->rank > 2 || in->dims[in->rank - 1] != (int64_t)s->count)
        return call_fail(c, ALF_E_FORMAT, "%" PRIu32 " keys for rows of another length", s->count);
    const int64_t dims[2] = {in->rank == 2 ? in->dims[0] : 1, (int64_t)s->count};
    TRY(call_output(c, 0, 2, dims));
    const float *from = in->data;
    float *to = c->outputs[0]->data;
    for (int64_t row = 0; row < dims[0]; row++, from += s->count, to += s->count)
        for (uint32_t i = 0; i < s->count; i++)
            to[i] = from[s->columns[i]];
    return ALF_OK;
}
