/*
 * The joblib engine: rows of counts -> what the classifier gets.
 *
 * A row is as scipy stores it: a list of columns and values. Up to 1.4 TfidfTransformer multiplied
 * with a diagonal sparse matrix, and the product of two sparse matrices lists a row's columns the
 * other way round; norms are sums in the order of the list. Kept apart from the extractor.
 */
#include "convert/reference_weights.h"

#include "base/mem.h"
#include "base/power.h"
#include "base/span.h"
#include "convert/reference_common.h"

#include <math.h>

enum { MOST_STEPS = 9 };

typedef struct weighting {
    bool sublinear;
    double *factors; /* owned; NULL: none */
    bool reverses;   /* the order of the list */
    bool clips;
    char norm; /* 0, '1', '2', 'm': the largest size, 'M': the largest value */
} weighting;

struct reference_weights {
    size_t columns, count;
    bool single;
    weighting steps[MOST_STEPS];
};

/* ------------------------------------------------------------------ opening */

static bool is_string(const value *v, const char *text)
{
    return v != NULL && v->kind == VALUE_STRING && span_is(v->as.text, text);
}

static bool is_none(const value *v)
{
    return v == NULL || v->kind == VALUE_NONE;
}

/* One factor per column; inverse: 1 / x, in the type of x. */
static alf_status open_factors(const reference_weights *w, const value *v, bool inverse,
                               double **out, alf_error *err)
{
    if (v == NULL || v->kind != VALUE_ARRAY || v->as.array.count != w->columns)
        return reference_wrong(v, "a fitted step must have one number per term", err);
    *out = mem_calloc(w->columns, sizeof **out);
    if (*out == NULL)
        return error_nomem(err, "the joblib engine's weights");
    for (uint64_t i = 0; i < w->columns; i++) {
        if (!value_array_double(&v->as.array, i, &(*out)[i]))
            return reference_wrong(v, "numbers were expected", err);
        if (inverse && v->as.array.type.item_size <= 4)
            (*out)[i] = (double)(1.0F / (float)(*out)[i]);
        else if (inverse)
            (*out)[i] = 1.0 / (*out)[i];
    }
    return ALF_OK;
}

static alf_status open_norm(const value *norm, weighting *s, alf_error *err)
{
    if (is_string(norm, "l1"))
        s->norm = '1';
    else if (is_string(norm, "l2"))
        s->norm = '2';
    else if (!is_none(norm))
        return reference_wrong(norm, "norm must be 'l1', 'l2' or None", err);
    return ALF_OK;
}

static alf_status open_tfidf(const reference_weights *w, const value *v, weighting *s,
                             alf_error *err)
{
    TRY(open_norm(value_attribute(v, "norm"), s, err));
    bool use_idf = true;
    const value *idf = value_attribute(v, "idf_");
    (void)value_to_bool(value_attribute(v, "sublinear_tf"), &s->sublinear);
    (void)value_to_bool(value_attribute(v, "use_idf"), &use_idf);
    if (reference_version(v) >= 105 && idf != NULL)
        use_idf = true;
    if (!use_idf)
        return ALF_OK;
    if (idf == NULL) {
        idf = value_attribute(value_attribute(v, "_idf_diag"), "data");
        s->reverses = true;
    }
    if (idf != NULL && idf->kind == VALUE_ARRAY && w->single && idf->as.array.type.item_size > 4)
        return reference_wrong(idf, "the idf of a float32 vectorizer must be float32", err);
    return open_factors(w, idf, false, &s->factors, err);
}

static alf_status open_normalizer(const value *v, weighting *s, alf_error *err)
{
    const value *norm = value_attribute(v, "norm");
    if (!is_string(norm, "max"))
        return open_norm(norm, s, err);
    s->norm = reference_version(v) < 23 ? 'M' : 'm';
    return ALF_OK;
}

/* A scaler on sparse rows. */
static alf_status open_scaler(const reference_weights *w, const value *v, weighting *s,
                              alf_error *err)
{
    bool centers =
        value_attribute(v, "with_mean") != NULL || value_attribute(v, "with_centering") != NULL;
    (void)value_to_bool(value_attribute(v, "with_mean"), &centers);
    (void)value_to_bool(value_attribute(v, "with_centering"), &centers);
    if (centers)
        return reference_wrong(v, "a scaler of sparse rows must not centre", err);
    (void)value_to_bool(value_attribute(v, "clip"), &s->clips);
    const value *scale = value_attribute(v, "scale_");
    return is_none(scale) ? ALF_OK : open_factors(w, scale, true, &s->factors, err);
}

static alf_status open_step(reference_weights *w, const value *v, alf_error *err)
{
    static const char package[] = "sklearn.preprocessing";
    if (w->count == MOST_STEPS)
        return reference_wrong(v, "a Pipeline may have 8 steps after its vectorizer", err);
    weighting *s = &w->steps[w->count++];
    if (value_is_a(v, "sklearn.feature_extraction.text", "TfidfTransformer"))
        return open_tfidf(w, v, s, err);
    if (value_is_a(v, package, "Normalizer"))
        return open_normalizer(v, s, err);
    if (value_is_a(v, package, "MaxAbsScaler") || value_is_a(v, package, "StandardScaler") ||
        value_is_a(v, package, "RobustScaler"))
        return open_scaler(w, v, s, err);
    return reference_wrong(v, "a TfidfTransformer, Normalizer or scaler was expected", err);
}

/* The last step may be a classifier, which is not ours. */
static bool is_classifier(const value *v)
{
    return value_attribute(v, "classes_") != NULL || value_is_a(v, "xgboost", "XGBClassifier") ||
           value_is_a(v, "xgboost", "XGBRFClassifier");
}

static alf_status open_steps(reference_weights *w, const value *own, const value *steps,
                             alf_error *err)
{
    if (own != NULL)
        TRY(open_step(w, own, err));
    for (size_t i = 1; i < value_length(steps); i++) {
        const value *step = value_item(value_item(steps, i), 1);
        if (is_none(step) || is_string(step, "passthrough") ||
            (i + 1 == value_length(steps) && is_classifier(step)))
            continue;
        TRY(open_step(w, step, err));
    }
    return ALF_OK;
}

alf_status reference_weights_new(const value *own, const value *steps, size_t columns, bool single,
                                 reference_weights **out, alf_error *err)
{
    *out = NULL;
    reference_weights *w = mem_calloc(1, sizeof *w);
    if (w == NULL)
        return error_nomem(err, "the joblib engine's weights");
    w->columns = columns;
    w->single = single;
    alf_status status = open_steps(w, own, steps, err);
    if (status == ALF_OK)
        *out = w;
    else
        reference_weights_free(w);
    return status;
}

void reference_weights_free(reference_weights *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->count; i++)
        mem_free(w->steps[i].factors);
    mem_free(w);
}

/* ------------------------------------------------------------------ running */

/* Rounds to the type of the rows. */
static double rounded(const reference_weights *w, double x)
{
    return w->single ? (double)(float)x : x;
}

/* sklearn.preprocessing.normalize on sparse rows: sums are double in either type. */
static double row_norm(const reference_weights *w, char norm, bool descending,
                       const reference_row *row)
{
    double sum = 0.0;
    double largest = 0.0;
    for (size_t k = 0; k < row->count; k++) {
        double x = row->values[descending ? row->count - 1 - k : k];
        sum += norm == '1' ? fabs(x) : rounded(w, x * x);
        largest = fmax(largest, norm == 'M' ? x : fabs(x));
    }
    if (norm == '1')
        return sum;
    return norm == '2' ? sqrt(sum) : largest;
}

static void weigh(const reference_weights *w, const weighting *s, bool descending,
                  reference_row *row)
{
    for (size_t k = 0; k < row->count; k++) {
        double x = row->values[k];
        if (s->sublinear)
            x = w->single ? (double)(logf((float)x) + 1.0F) : power_log(x) + 1.0;
        if (s->factors != NULL)
            x = rounded(w, x * s->factors[row->columns[k]]);
        if (s->clips)
            x = fmin(fmax(x, -1.0), 1.0);
        row->values[k] = x;
    }
    if (s->norm == 0)
        return;
    double norm = row_norm(w, s->norm, descending, row);
    for (size_t k = 0; k < row->count && norm > 0.0; k++)
        row->values[k] = rounded(w, row->values[k] / norm);
}

void reference_weights_apply(const reference_weights *w, reference_row *row)
{
    bool descending = false;
    for (size_t i = 0; i < w->count; i++) {
        descending = descending != w->steps[i].reverses;
        weigh(w, &w->steps[i], descending, row);
    }
    size_t kept = 0; /* a product can underflow to zero */
    for (size_t k = 0; k < row->count; k++)
        if (row->values[k] < 0.0 || row->values[k] > 0.0) {
            row->columns[kept] = row->columns[k];
            row->values[kept++] = row->values[k];
        }
    row->count = kept;
}
