/*
 * The joblib engine's LogisticRegression: decision_function and predict_proba of each version, on
 * the sparse row as scipy multiplies it, value by value in the order of the columns.
 */
#include "convert/reference_classifier.h"

#include "base/mem.h"
#include "base/span.h"

#include <math.h>

struct reference_linear {
    const value_array *coefficients; /* rows x features */
    const value *intercept;
    size_t classes, rows, features;
    bool one_vs_rest;
    double *sums; /* rows, or 2 */
};

static bool option_is(const value *object, const char *name, const char *text)
{
    const value *v = value_attribute(object, name);
    return v != NULL && v->kind == VALUE_STRING && span_is(v->as.text, text);
}

/* The condition of predict_proba. */
static bool calls_predict_proba_lr(const value *object, size_t classes, size_t rows)
{
    int version = reference_version(object);
    if (version >= 108) /* is_binary */
        return classes <= 2;
    bool ovr = option_is(object, "multi_class", "ovr");
    if (version < 20) /* calculate_ovr */
        return ovr || rows == 1;
    if (ovr || option_is(object, "multi_class", "warn"))
        return true;
    bool automatic =
        option_is(object, "multi_class", "auto") || option_is(object, "multi_class", "deprecated");
    if (!automatic)
        return false;
    bool cholesky =
        version >= 102 && version < 106 && option_is(object, "solver", "newton-cholesky");
    return classes <= 2 || cholesky || option_is(object, "solver", "liblinear");
}

static alf_status open_arrays(reference_linear *r, const value *object, alf_error *err)
{
    const value *v = value_attribute(object, "coef_");
    TRY(reference_class_count(object, &r->classes, err));
    r->rows = r->classes == 2 ? 1 : r->classes;
    if (v == NULL || v->kind != VALUE_ARRAY || v->as.array.rank != 2 ||
        v->as.array.shape[0] != r->rows || v->as.array.type.item_size != 8)
        return reference_wrong(v, "coef_ must have a float64 row per class", err);
    r->coefficients = &v->as.array;
    r->features = (size_t)v->as.array.shape[1];
    r->intercept = value_attribute(object, "intercept_");
    double one;
    bool array = r->intercept != NULL && r->intercept->kind == VALUE_ARRAY &&
                 r->intercept->as.array.count == r->rows;
    if (!array && !value_to_double(r->intercept, &one))
        return reference_wrong(r->intercept, "intercept_ must have a number per row of coef_", err);
    r->one_vs_rest = calls_predict_proba_lr(object, r->classes, r->rows);
    r->sums = mem_calloc(r->classes, sizeof *r->sums);
    return r->sums == NULL ? error_nomem(err, "the joblib engine's classifier") : ALF_OK;
}

alf_status reference_linear_new(const value *object, reference_linear **out, alf_error *err)
{
    *out = NULL;
    reference_linear *r = mem_calloc(1, sizeof *r);
    if (r == NULL)
        return error_nomem(err, "the joblib engine's classifier");
    alf_status status = open_arrays(r, object, err);
    if (status == ALF_OK)
        *out = r;
    else
        reference_linear_free(r);
    return status;
}

void reference_linear_free(reference_linear *r)
{
    if (r == NULL)
        return;
    mem_free(r->sums);
    mem_free(r);
}

static alf_status decision(const reference_linear *r, const reference_row *row, size_t k,
                           double *out, alf_error *err)
{
    double sum = 0.0, x;
    for (size_t i = 0; i < row->count; i++) {
        if (row->columns[i] >= r->features ||
            !value_array_double(r->coefficients, k * r->features + row->columns[i], &x))
            return error_set(err, ALF_E_ARGUMENT,
                             "joblib engine: the row has column %u, the classifier has %zu",
                             row->columns[i], r->features);
        sum += row->values[i] * x;
    }
    bool array = r->intercept->kind == VALUE_ARRAY && r->intercept->as.array.count == r->rows;
    bool known = array ? value_array_double(&r->intercept->as.array, k, &x)
                       : value_to_double(r->intercept, &x);
    if (!known)
        return reference_wrong(r->intercept, "intercept_ must have numbers", err);
    *out = sum + x;
    return ALF_OK;
}

static double expit(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

alf_status reference_linear_run(const reference_linear *r, const reference_row *row,
                                double *probabilities, uint32_t *label, alf_error *err)
{
    double total = 0.0;
    for (size_t k = 0; k < r->rows; k++)
        TRY(decision(r, row, k, &r->sums[k], err));
    if (r->rows == 1) {
        double d = r->sums[0];
        double pair[2] = {-d, d};
        *label = d > 0.0;
        reference_softmax(pair, 2, probabilities);
        if (r->one_vs_rest) {
            probabilities[1] = expit(d);
            probabilities[0] = 1.0 - probabilities[1];
        }
        return ALF_OK;
    }
    *label = (uint32_t)reference_argmax(r->sums, r->classes);
    if (!r->one_vs_rest) {
        reference_softmax(r->sums, r->classes, probabilities);
        return ALF_OK;
    }
    for (size_t k = 0; k < r->classes; k++)
        total += probabilities[k] = expit(r->sums[k]);
    for (size_t k = 0; k < r->classes; k++)
        probabilities[k] /= total;
    return ALF_OK;
}
