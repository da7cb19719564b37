/* LinearRegressor and LinearClassifier: float32 products, added in the order of the features. */
#include "engine/operators.h"
#include "engine/post_transform.h"

#include <inttypes.h>
#include <string.h>

typedef struct linear {
    size_t target_count, feature_count;
    float *coefficients; /* target_count rows of feature_count */
    float *intercepts;   /* target_count */
    post_transform post;
    size_t label_count; /* classifier */
    int64_t *ints;
    alf_span *strings; /* or NULL */
} linear;

static alf_status read_coefficients(const prepare *p, linear *s)
{
    const float *coefficients, *intercepts;
    size_t count, intercept_count;
    TRY(prepare_floats(p, "coefficients", &coefficients, &count));
    TRY(prepare_floats(p, "intercepts", &intercepts, &intercept_count));
    if (count == 0 || s->target_count == 0 || count % s->target_count != 0 ||
        (intercept_count != 0 && intercept_count != s->target_count))
        return prepare_fail(p, ALF_E_FORMAT, "%zu coefficients and %zu intercepts for %zu targets",
                            count, intercept_count, s->target_count);
    s->feature_count = count / s->target_count;
    TRY(prepare_alloc(p, count, sizeof *s->coefficients, &s->coefficients));
    TRY(prepare_alloc(p, s->target_count, sizeof *s->intercepts, &s->intercepts));
    memcpy(s->coefficients, coefficients, count * sizeof *coefficients);
    if (intercept_count > 0)
        memcpy(s->intercepts, intercepts, intercept_count * sizeof *intercepts);
    TRY(prepare_rank(p, 0, 1, 2));
    const graph_value *in = p->inputs[0];
    int64_t columns = in->rank > 0 ? in->dims[in->rank - 1] : DIM_UNKNOWN;
    if (columns >= 0 && (uint64_t)columns != s->feature_count)
        return prepare_fail(p, ALF_E_FORMAT, "%zu coefficients a target, %" PRId64 " columns",
                            s->feature_count, columns);
    return ALF_OK;
}

static alf_status rows_of(const kernel_call *c, const linear *s, int64_t *rows)
{
    const tensor *in = c->inputs[0];
    if (in->rank < 1 || in->rank > 2 || (uint64_t)in->dims[in->rank - 1] != s->feature_count)
        return call_fail(c, ALF_E_FORMAT, "an input of rank %" PRIu32 ", expected rows of %zu",
                         in->rank, s->feature_count);
    *rows = in->rank == 2 ? in->dims[0] : 1;
    return ALF_OK;
}

static float float_at(const tensor *t, uint64_t i)
{
    switch (t->type) {
    case ONNX_FLOAT:
        return ((const float *)t->data)[i];
    case ONNX_DOUBLE:
        return (float)((const double *)t->data)[i];
    case ONNX_INT32:
        return (float)((const int32_t *)t->data)[i];
    default:
        return (float)((const int64_t *)t->data)[i];
    }
}

static void score_row(const linear *s, const tensor *in, uint64_t row, double *scores)
{
    for (size_t t = 0; t < s->target_count; t++) {
        float sum = 0;
        for (size_t i = 0; i < s->feature_count; i++)
            sum += float_at(in, row * s->feature_count + i) *
                   s->coefficients[t * s->feature_count + i];
        scores[t] = (double)(sum + s->intercepts[t]);
    }
}

alf_status prepare_linear_regressor(prepare *p)
{
    linear *s;
    int64_t targets = 1;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_state(p, sizeof *s, &s));
    TRY(prepare_int(p, "targets", &targets));
    if (targets < 1 || targets > INT32_MAX)
        return prepare_fail(p, ALF_E_FORMAT, "%" PRId64 " targets", targets);
    s->target_count = (size_t)targets;
    TRY(read_coefficients(p, s));
    TRY(prepare_post_transform(p, &s->post));
    prepare_output_rank(p, 0, ONNX_FLOAT, 2);
    return ALF_OK;
}

alf_status run_linear_regressor(const kernel_call *c)
{
    const linear *s = c->state;
    double *scores;
    int64_t dims[2] = {0, (int64_t)s->target_count};
    TRY(rows_of(c, s, &dims[0]));
    TRY(call_output(c, 0, 2, dims));
    TRY(call_scratch(c, s->target_count, sizeof *scores, &scores));
    float *to = c->outputs[0]->data;
    for (uint64_t r = 0; r < (uint64_t)dims[0]; r++) {
        score_row(s, c->inputs[0], r, scores);
        post_transform_row(s->post, scores, s->target_count, false);
        for (size_t t = 0; t < s->target_count; t++)
            *to++ = (float)scores[t];
    }
    return ALF_OK;
}

alf_status prepare_linear_classifier(prepare *p)
{
    linear *s;
    const int64_t *ints;
    const alf_span *strings;
    const float *intercepts;
    size_t int_count, string_count;
    bool multi_class = false;
    TRY(prepare_type(p, 0, TYPES_NUMBER));
    TRY(prepare_state(p, sizeof *s, &s));
    TRY(prepare_bool(p, "multi_class", &multi_class)); /* says nothing about the result */
    TRY(prepare_ints(p, "classlabels_ints", &ints, &int_count));
    TRY(prepare_strings(p, "classlabels_strings", &strings, &string_count));
    TRY(prepare_floats(p, "intercepts", &intercepts, &s->target_count));
    s->label_count = int_count > 0 ? int_count : string_count;
    if ((int_count > 0) == (string_count > 0) ||
        (s->target_count != s->label_count && !(s->target_count == 1 && s->label_count == 2)))
        return prepare_fail(p, ALF_E_UNSUPPORTED, "%zu intercepts with %zu labels", s->target_count,
                            int_count + string_count);
    TRY(prepare_copy_ints(p, ints, int_count, &s->ints));
    if (string_count > 0)
        TRY(prepare_copy_strings(p, strings, string_count, &s->strings));
    TRY(read_coefficients(p, s));
    TRY(prepare_post_transform(p, &s->post));
    prepare_output_rank(p, 0, string_count > 0 ? ONNX_STRING : ONNX_INT64, 1);
    prepare_output_rank(p, 1, ONNX_FLOAT, 2);
    return ALF_OK;
}

/* The label's index; one score for two labels becomes two. */
static size_t decide(const linear *s, double *scores)
{
    size_t best = 0;
    if (s->target_count == 1) {
        best = scores[0] > 0;
        if (s->label_count == 1)
            return 0;
        float score = (float)scores[0];
        bool logistic = s->post == POST_LOGISTIC;
        scores[1] = logistic ? post_logistic((double)score, false) : (double)score;
        scores[0] = logistic ? post_logistic(-(double)score, false) : (double)(1 - score);
        return best;
    }
    for (size_t t = 1; t < s->target_count; t++)
        if (scores[t] > scores[best])
            best = t;
    post_transform_row(s->post, scores, s->target_count, false);
    return best;
}

alf_status run_linear_classifier(const kernel_call *c)
{
    const linear *s = c->state;
    double *scores;
    int64_t dims[2] = {0, (int64_t)s->label_count};
    tensor *labels = c->outputs[0], *out = c->output_count > 1 ? c->outputs[1] : NULL;
    TRY(rows_of(c, s, &dims[0]));
    if (labels != NULL)
        TRY(call_output(c, 0, 1, dims));
    if (out != NULL)
        TRY(call_output(c, 1, 2, dims));
    TRY(call_scratch(c, s->label_count, sizeof *scores, &scores));
    for (uint64_t r = 0; r < (uint64_t)dims[0]; r++) {
        score_row(s, c->inputs[0], r, scores);
        size_t label = decide(s, scores);
        if (labels != NULL && s->strings != NULL)
            ((alf_span *)labels->data)[r] = s->strings[label];
        else if (labels != NULL)
            ((int64_t *)labels->data)[r] = s->ints[label];
        for (size_t i = 0; i < s->label_count && out != NULL; i++)
            ((float *)out->data)[r * s->label_count + i] = (float)scores[i];
    }
    return ALF_OK;
}
