/*
 * The joblib engine: scikit-learn's scalers on dense rows, straight on the values of a file, and
 * Pipelines of them. Kept apart from the extractor and the plain models.
 */
#include "base/span.h"
#include "convert/reference.h"
#include "convert/reference_common.h"

#include <float.h>
#include <math.h>

/* out[i] (op) attribute[i], when the flag says so; None and absent flags as scikit-learn has them.
 */
static alf_status apply(const value *scaler, const char *flag, const char *attribute, bool divide,
                        size_t n, double *out, alf_error *err)
{
    bool used = true;
    const value *f = value_attribute(scaler, flag);
    if (f != NULL && !value_to_bool(f, &used))
        return reference_wrong(f, "a scaler's option must be True or False", err);
    if (!used)
        return ALF_OK;
    const value *v = value_attribute(scaler, attribute);
    if (v == NULL || v->kind != VALUE_ARRAY || v->as.array.count != n)
        return reference_wrong(v, "a fitted scaler must have one number for each feature given",
                               err);
    for (size_t i = 0; i < n; i++) {
        double x;
        if (!value_array_double(&v->as.array, i, &x))
            return reference_wrong(v, "a fitted scaler must have numbers", err);
        out[i] = divide ? out[i] / x : out[i] - x;
    }
    return ALF_OK;
}

/* What clip=True does. */
static alf_status clip_all(const value *scaler, double low, double high, size_t n, double *out,
                           alf_error *err)
{
    bool clip = false;
    const value *v = value_attribute(scaler, "clip"); /* MinMaxScaler from 0.24 on */
    if (v != NULL && !value_to_bool(v, &clip))
        return reference_wrong(v, "clip must be True or False", err);
    for (size_t i = 0; clip && i < n; i++)
        out[i] = out[i] < low ? low : out[i] > high ? high : out[i];
    return ALF_OK;
}

/* MinMaxScaler.transform */
static alf_status stretch(const value *scaler, size_t n, double *out, alf_error *err)
{
    const value *factor = value_attribute(scaler, "scale_");
    const value *shift = value_attribute(scaler, "min_");
    const value *range = value_attribute(scaler, "feature_range");
    double low, high;
    if (factor == NULL || factor->kind != VALUE_ARRAY || factor->as.array.count != n)
        return reference_wrong(factor,
                               "a fitted scaler must have one number for each feature given", err);
    if (shift == NULL || shift->kind != VALUE_ARRAY || shift->as.array.count != n)
        return reference_wrong(shift, "a fitted scaler must have one number for each feature given",
                               err);
    if (!value_to_double(value_item(range, 0), &low) ||
        !value_to_double(value_item(range, 1), &high))
        return reference_wrong(range, "feature_range must be two numbers", err);
    for (size_t i = 0; i < n; i++) {
        double a, b;
        if (!value_array_double(&factor->as.array, i, &a) ||
            !value_array_double(&shift->as.array, i, &b))
            return reference_wrong(scaler, "a fitted scaler must have numbers", err);
        out[i] *= a;
        out[i] += b;
    }
    return clip_all(scaler, low, high, n, out, err);
}

/* ------------------------------------------------------------------ Normalizer */

/* numpy's sum of up to 128 numbers that lie one after the other. */
static double numpy_sum(const double *x, size_t n)
{
    double lanes[8];
    double sum = 0.0;
    size_t i = 0;
    if (n >= 8) {
        for (size_t k = 0; k < 8; k++)
            lanes[k] = x[k];
        for (i = 8; i + 8 <= n; i += 8)
            for (size_t k = 0; k < 8; k++)
                lanes[k] += x[i + k];
        sum = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
              ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
    }
    for (; i < n; i++)
        sum += x[i];
    return sum;
}

/* numpy's einsum("ij,ij->i") of a row with itself, from numpy 1.20 on x86-64: pairs of numbers, the
 * last pair of each eight first. */
static double numpy_dot(const double *x, size_t n)
{
    double even = 0.0;
    double odd = 0.0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 8; k > 0; k -= 2) {
            even += x[i + k - 2] * x[i + k - 2];
            odd += x[i + k - 1] * x[i + k - 1];
        }
    for (; i < n; i += 2) {
        even += x[i] * x[i];
        odd += i + 1 < n ? x[i + 1] * x[i + 1] : 0.0;
    }
    return even + odd;
}

/* Normalizer.transform of a dense row */
static alf_status normalize(const value *normalizer, size_t n, double *out, alf_error *err)
{
    double sizes[128];
    double norm;
    int version = reference_version(normalizer);
    const value *kind = value_attribute(normalizer, "norm");
    if (n == 0 || n > 128)
        return reference_wrong(normalizer, "a Normalizer may have 1 to 128 columns", err);
    if (kind == NULL || kind->kind != VALUE_STRING)
        return reference_wrong(kind, "norm must be 'l1', 'l2' or 'max'", err);
    bool is_max = span_is(kind->as.text, "max");
    for (size_t i = 0; i < n; i++)
        sizes[i] = is_max && version < 23 ? out[i] : fabs(out[i]);
    if (span_is(kind->as.text, "l1")) {
        norm = numpy_sum(sizes, n);
    } else if (span_is(kind->as.text, "l2")) {
        norm = sqrt(numpy_dot(out, n));
    } else if (is_max) {
        norm = sizes[0];
        for (size_t i = 1; i < n; i++)
            norm = fmax(norm, sizes[i]);
    } else {
        return reference_wrong(kind, "norm must be 'l1', 'l2' or 'max'", err);
    }
    bool none = version >= 100 ? norm < 10.0 * DBL_EPSILON : !(norm < 0.0) && !(norm > 0.0);
    for (size_t i = 0; i < n && !none; i++)
        out[i] /= norm;
    return ALF_OK;
}

/* ------------------------------------------------------------------ all of them */

static alf_status scale_once(const value *scaler, size_t feature_count, double *out, alf_error *err)
{
    static const char package[] = "sklearn.preprocessing";
    if (value_is_a(scaler, package, "StandardScaler")) {
        TRY(apply(scaler, "with_mean", "mean_", false, feature_count, out, err));
        return apply(scaler, "with_std", "scale_", true, feature_count, out, err);
    }
    if (value_is_a(scaler, package, "RobustScaler")) {
        TRY(apply(scaler, "with_centering", "center_", false, feature_count, out, err));
        return apply(scaler, "with_scaling", "scale_", true, feature_count, out, err);
    }
    if (value_is_a(scaler, package, "MaxAbsScaler")) {
        TRY(apply(scaler, "no such option", "scale_", true, feature_count, out, err));
        return clip_all(scaler, -1.0, 1.0, feature_count, out, err);
    }
    if (value_is_a(scaler, package, "MinMaxScaler"))
        return stretch(scaler, feature_count, out, err);
    if (value_is_a(scaler, package, "Normalizer"))
        return normalize(scaler, feature_count, out, err);
    return reference_wrong(scaler, "a scaler was expected", err);
}

alf_status reference_scale(const value *scaler, const double *x, size_t feature_count, double *out,
                           alf_error *err)
{
    for (size_t i = 0; i < feature_count; i++)
        out[i] = x[i];
    if (!value_is_a(scaler, "sklearn.pipeline", "Pipeline"))
        return scale_once(scaler, feature_count, out, err);
    const value *steps = value_attribute(scaler, "steps");
    for (size_t i = 0; i < value_length(steps); i++) {
        const value *step = value_item(value_item(steps, i), 1);
        if (step != NULL && step->kind == VALUE_OBJECT)
            TRY(scale_once(step, feature_count, out, err));
    }
    return ALF_OK;
}
