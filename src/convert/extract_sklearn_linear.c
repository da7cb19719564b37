/*
 * LogisticRegression (and LogisticRegressionCV): which of the two links predict_proba uses depends
 * on version, multi_class and solver.
 *   0.19       one-vs-rest when there is one row of coefficients or multi_class='ovr'
 *   0.20-1.7   one-vs-rest for 'ovr' and 'warn', and for 'auto' ('deprecated' from 1.5 on) with two
 *              classes or solver liblinear (1.2 to 1.5: newton-cholesky too); else softmax, of
 *              (-sum, sum) where there is one row
 *   1.8        one-vs-rest with two classes, else softmax
 */
#include "convert/extract_sklearn.h"
#include "convert/extract_sklearn_families.h"
#include "convert/extract_sklearn_tree.h"

#include "base/span.h"

#include <inttypes.h>
#include <math.h>

static bool text_is(const value *object, const char *attribute, const char *text)
{
    const value *v = value_attribute(object, attribute);
    return v != NULL && v->kind == VALUE_STRING && span_is(v->as.text, text);
}

static bool is_one_vs_rest(const value *object, uint32_t version, uint32_t rows, uint32_t classes)
{
    if (version >= 108)
        return classes <= 2;
    if (version < 20)
        return rows == 1 || text_is(object, "multi_class", "ovr");
    if (text_is(object, "multi_class", "ovr") || text_is(object, "multi_class", "warn"))
        return true;
    if (!text_is(object, "multi_class", "auto") && !text_is(object, "multi_class", "deprecated"))
        return false;
    return classes <= 2 || text_is(object, "solver", "liblinear") ||
           (version >= 102 && version <= 105 && text_is(object, "solver", "newton-cholesky"));
}

static alf_status read_coefficients(const value *object, uint32_t classes, arena *a,
                                    linear_classifier *out, alf_error *err)
{
    const value *v;
    void *p;
    TRY(sklearn_need(object, "coef_", &v, err));
    if (v->kind == VALUE_OBJECT)
        return error_at(err, ALF_E_UNSUPPORTED, v->offset,
                        "LogisticRegression with a sparse coef_ is not supported; call densify() "
                        "before saving it");
    uint64_t rows = classes == 2 ? 1 : classes;
    if (v->kind != VALUE_ARRAY || v->as.array.rank != 2 || v->as.array.shape[0] != rows ||
        v->as.array.shape[1] < 1 || v->as.array.shape[1] > INT32_MAX)
        return sklearn_bad(object, "coef_", v,
                           "one row for two classes, or one per class, was expected", err);
    if (v->as.array.type.kind != DTYPE_FLOAT || v->as.array.type.item_size != 8)
        return error_at(err, ALF_E_UNSUPPORTED, v->offset,
                        "LogisticRegression whose coef_ is not float64 is not supported; fit it "
                        "on float64 features");
    out->row_count = (uint32_t)rows;
    out->feature_count = (uint32_t)v->as.array.shape[1];
    TRY(sklearn_allocate(a, v->as.array.count, sizeof(double), "coefficients", &p, err));
    out->coefficients = p;
    for (uint64_t i = 0; i < v->as.array.count; i++)
        if (!value_array_double(&v->as.array, i, &out->coefficients[i]) ||
            !isfinite(out->coefficients[i]))
            return sklearn_bad(object, "coef_", v, "finite numbers were expected", err);
    return ALF_OK;
}

/* An array, or one number for all rows where fit_intercept=False. */
static alf_status read_intercepts(const value *object, arena *a, linear_classifier *out,
                                  alf_error *err)
{
    const value *v;
    void *p;
    double same;
    TRY(sklearn_need(object, "intercept_", &v, err));
    if (v->kind == VALUE_ARRAY && v->as.array.rank == 1)
        return sklearn_numbers(object, "intercept_", v, out->row_count, a, &out->intercepts, err);
    TRY(sklearn_allocate(a, out->row_count, sizeof(double), "intercepts", &p, err));
    out->intercepts = p;
    if (!value_to_double(v, &same) || !isfinite(same))
        return sklearn_bad(object, "intercept_", v, "finite numbers were expected", err);
    for (uint32_t i = 0; i < out->row_count; i++)
        out->intercepts[i] = same;
    return ALF_OK;
}

alf_status extract_logistic_regression(const value *object, arena *a, text_classifier *out,
                                       alf_error *err)
{
    *out = (text_classifier){.kind = CLASSIFIER_LINEAR};
    linear_classifier *l = &out->as.linear;
    TRY(sklearn_class_count(object, &out->class_count, err));
    TRY(read_coefficients(object, out->class_count, a, l, err));
    TRY(read_intercepts(object, a, l, err));
    bool one_vs_rest =
        is_one_vs_rest(object, sklearn_version(object), l->row_count, out->class_count);
    l->link = one_vs_rest ? LINEAR_ONE_VS_REST : LINEAR_SOFTMAX;
    return ALF_OK;
}
