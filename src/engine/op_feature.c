/* The small operators of ai.onnx.ml on rows of features: ArrayFeatureExtractor, Normalizer, Scaler,
 * Binarizer. */
#include "engine/operators.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Element i as a number; exact for int32 and the floating types. */
static double number_at(const tensor *t, uint64_t i)
{
    switch (t->type) {
    case ONNX_FLOAT:
        return (double)((const float *)t->data)[i];
    case ONNX_DOUBLE:
        return ((const double *)t->data)[i];
    case ONNX_INT32:
        return (double)((const int32_t *)t->data)[i];
    default:
        return (double)((const int64_t *)t->data)[i];
    }
}

static void rows_of(const tensor *t, uint64_t *rows, uint64_t *columns)
{
    *columns = t->rank > 0 ? (uint64_t)t->dims[t->rank - 1] : 1;
    *rows = 1;
    for (uint32_t k = 0; k + 1 < t->rank; k++)
        *rows *= (uint64_t)t->dims[k];
}

/* ---- ArrayFeatureExtractor ---- */

alf_status prepare_array_feature_extractor(prepare *p)
{
    TRY(prepare_type(p, 0, TYPES_NUMBER | TYPE_BIT(ONNX_STRING)));
    TRY(prepare_type(p, 1, TYPE_BIT(ONNX_INT64)));
    TRY(prepare_rank(p, 0, 1, ONNX_MAX_RANK));
    int32_t rank = p->inputs[0]->rank;
    prepare_output_rank(p, 0, p->inputs[0]->type, rank == 1 ? 2 : rank);
    return ALF_OK;
}

alf_status run_array_feature_extractor(const kernel_call *c)
{
    const tensor *in = c->inputs[0], *wanted = c->inputs[1];
    uint64_t rows, columns, count = tensor_count(wanted);
    int64_t dims[ONNX_MAX_RANK] = {1};
    const int64_t *indices = wanted->data;
    if (in->rank == 0)
        return call_fail(c, ALF_E_FORMAT, "an input of rank 0");
    rows_of(in, &rows, &columns);
    for (uint64_t i = 0; i < count; i++)
        if (indices[i] < 0 || (uint64_t)indices[i] >= columns)
            return call_fail(c, ALF_E_FORMAT, "index %" PRId64 " into %" PRIu64 " columns",
                             indices[i], columns);
    for (uint32_t k = 0; k + 1 < in->rank; k++)
        dims[k] = in->dims[k];
    uint32_t rank = in->rank == 1 ? 2 : in->rank;
    dims[rank - 1] = (int64_t)count;
    TRY(call_output(c, 0, rank, dims));
    size_t size = tensor_element_size(in->type);
    char *to = c->outputs[0]->data;
    for (uint64_t r = 0; r < rows && count > 0; r++)
        for (uint64_t i = 0; i < count; i++, to += size)
            memcpy(to, (const char *)in->data + (r * columns + (uint64_t)indices[i]) * size, size);
    return ALF_OK;
}

/* ---- Normalizer ---- */

enum { NORM_MAX, NORM_L1, NORM_L2 };

alf_status prepare_normalizer(prepare *p)
{
    static const char *const norms[] = {"MAX", "L1", "L2", NULL};
    int *state;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_rank(p, 0, 1, 2));
    TRY(prepare_state(p, sizeof *state, &state));
    TRY(prepare_choice(p, "norm", norms, state));
    prepare_output_like(p, 0, ONNX_FLOAT, 0);
    return ALF_OK;
}

alf_status run_normalizer(const kernel_call *c)
{
    const int *norm = c->state;
    const tensor *in = c->inputs[0];
    uint64_t rows, columns;
    if (in->rank < 1 || in->rank > 2)
        return call_fail(c, ALF_E_FORMAT, "an input of rank %" PRIu32, in->rank);
    rows_of(in, &rows, &columns);
    TRY(call_output_like(c, 0, in));
    float *to = c->outputs[0]->data;
    for (uint64_t r = 0; r < rows && columns > 0; r++, to += columns) {
        float sum = *norm == NORM_MAX ? -INFINITY : 0;
        for (uint64_t i = 0; i < columns; i++) {
            float x = (float)number_at(in, r * columns + i);
            if (*norm == NORM_MAX)
                sum = x > sum ? x : sum;
            else
                sum += *norm == NORM_L1 ? fabsf(x) : x * x;
            to[i] = x;
        }
        float divisor = *norm == NORM_L2 ? sqrtf(sum) : sum;
        for (uint64_t i = 0; i < columns && (divisor < 0 || divisor > 0); i++)
            to[i] /= divisor;
    }
    return ALF_OK;
}

/* ---- Scaler ---- */

typedef struct scaling {
    size_t offset_count, scale_count; /* 1 or the number of columns */
    float *offset, *scale;
} scaling;

static alf_status copy_floats(const prepare *p, const char *name, float **out, size_t *count)
{
    const float *list;
    TRY(prepare_floats(p, name, &list, count));
    if (*count == 0)
        return prepare_fail(p, ALF_E_FORMAT, "attribute %s is missing", name);
    TRY(prepare_alloc(p, *count, sizeof **out, out));
    memcpy(*out, list, *count * sizeof **out);
    return ALF_OK;
}

alf_status prepare_scaler(prepare *p)
{
    scaling *s;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_rank(p, 0, 1, ONNX_MAX_RANK));
    TRY(prepare_state(p, sizeof *s, &s));
    TRY(copy_floats(p, "offset", &s->offset, &s->offset_count));
    TRY(copy_floats(p, "scale", &s->scale, &s->scale_count));
    prepare_output_like(p, 0, ONNX_FLOAT, 0);
    return ALF_OK;
}

alf_status run_scaler(const kernel_call *c)
{
    const scaling *s = c->state;
    const tensor *in = c->inputs[0];
    uint64_t rows, columns;
    rows_of(in, &rows, &columns);
    if ((s->offset_count != 1 && s->offset_count != columns) ||
        (s->scale_count != 1 && s->scale_count != columns))
        return call_fail(c, ALF_E_FORMAT, "%zu offsets and %zu scales for %" PRIu64 " columns",
                         s->offset_count, s->scale_count, columns);
    TRY(call_output_like(c, 0, in));
    float *to = c->outputs[0]->data;
    for (uint64_t i = 0; i < rows * columns; i++) {
        uint64_t column = i % columns;
        float offset = s->offset[s->offset_count == 1 ? 0 : column];
        float scale = s->scale[s->scale_count == 1 ? 0 : column];
        if (in->type == ONNX_DOUBLE)
            to[i] = (float)((number_at(in, i) - (double)offset) * (double)scale);
        else
            to[i] = ((float)number_at(in, i) - offset) * scale;
    }
    return ALF_OK;
}

/* ---- Binarizer ---- */

alf_status prepare_binarizer(prepare *p)
{
    float *threshold;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_state(p, sizeof *threshold, &threshold));
    TRY(prepare_float(p, "threshold", threshold));
    prepare_output_like(p, 0, p->inputs[0]->type, 0);
    return ALF_OK;
}

alf_status run_binarizer(const kernel_call *c)
{
    const float *threshold = c->state;
    const tensor *in = c->inputs[0];
    uint64_t count = tensor_count(in);
    TRY(call_output_like(c, 0, in));
    void *to = c->outputs[0]->data;
    for (uint64_t i = 0; i < count; i++) {
        bool above = number_at(in, i) > (double)*threshold;
        if (in->type == ONNX_FLOAT)
            ((float *)to)[i] = above ? 1 : 0;
        else if (in->type == ONNX_DOUBLE)
            ((double *)to)[i] = above ? 1 : 0;
        else if (in->type == ONNX_INT32)
            ((int32_t *)to)[i] = above;
        else
            ((int64_t *)to)[i] = above;
    }
    return ALF_OK;
}
