/*
 * scikit-learn's scalers, and Pipelines of them -> plain scalers.
 */
#include "base/span.h"
#include "convert/extract.h"
#include "convert/extract_sklearn.h"

#include <float.h>
#include <inttypes.h>

enum { MAX_STEPS = 8, MAX_NORM_COLUMNS = 128 };

/* ------------------------------------------------------------------ one scaler */

/* Most scalers compute (x - offset) / scale. Flags that are absent count as true. */
typedef struct scaler_class {
    const char *name;
    const char *use_offset, *offset; /* NULL: the class has no offset */
    const char *use_scale, *scale;
} scaler_class;

static const scaler_class scaler_classes[] = {
    {"StandardScaler", "with_mean", "mean_", "with_std", "scale_"},
    {"RobustScaler", "with_centering", "center_", "with_scaling", "scale_"},
    {"MaxAbsScaler", NULL, NULL, "scale", "scale_"},
    {"MinMaxScaler", NULL, NULL, NULL, NULL}, /* read_min_max */
    {"Normalizer", NULL, NULL, NULL, NULL},   /* read_normalizer */
};

static const scaler_class *find_scaler_class(const value *object)
{
    for (size_t i = 0; i < sizeof scaler_classes / sizeof scaler_classes[0]; i++)
        if (value_is_a(object, "sklearn.preprocessing", scaler_classes[i].name))
            return &scaler_classes[i];
    return NULL;
}

/* One of the two vectors of a scaler; *out stays NULL where the scaler does not use it. */
static alf_status read_vector(const value *object, const char *flag, const char *attribute,
                              scaler *s, arena *a, double **out, alf_error *err)
{
    *out = NULL;
    if (attribute == NULL)
        return ALF_OK;
    bool used;
    TRY(sklearn_flag(object, flag, true, &used, err));
    if (!used)
        return ALF_OK;
    const value *v;
    TRY(sklearn_need(object, attribute, &v, err));
    uint64_t count = v->kind == VALUE_ARRAY ? v->as.array.count : 0;
    if (count == 0 || count > INT32_MAX || (s->feature_count != 0 && count != s->feature_count))
        return sklearn_bad(object, attribute, v, "an array with one number per column was expected",
                           err);
    s->feature_count = (uint32_t)count;
    return sklearn_numbers(object, attribute, v, count, a, out, err);
}

/* MinMaxScaler: x * scale_ + min_ */
static alf_status read_min_max(const value *object, arena *a, scaler *out, alf_error *err)
{
    TRY(read_vector(object, "no such option", "scale_", out, a, &out->factor, err));
    return read_vector(object, "no such option", "min_", out, a, &out->shift, err);
}

/* clip=True: to feature_range of a MinMaxScaler, to [-1, 1] of a MaxAbsScaler (from 1.8 on). */
static alf_status read_clip(const value *object, scaler *out, alf_error *err)
{
    TRY(sklearn_flag(object, "clip", false, &out->clips, err));
    if (!out->clips)
        return ALF_OK;
    const value *range = value_attribute(object, "feature_range");
    out->low = -1.0;
    out->high = 1.0;
    if (out->factor != NULL &&
        (value_length(range) != 2 || !value_to_double(value_item(range, 0), &out->low) ||
         !value_to_double(value_item(range, 1), &out->high) || !(out->low <= out->high)))
        return sklearn_bad(object, "feature_range", range, "two numbers, ascending, were expected",
                           err);
    return ALF_OK;
}

static bool is_zero(double x)
{
    return !(x < 0.0) && !(x > 0.0);
}

/* What happens to norms that are nearly 0 changed in 1.0, which norm "max" means in 0.23. */
static alf_status read_normalizer(const value *object, scaler *out, alf_error *err)
{
    static const char *const names[] = {"l1", "l2", "max"};
    static const text_norm kinds[] = {TEXT_NORM_L1, TEXT_NORM_L2, TEXT_NORM_MAX};
    const value *norm;
    int64_t columns;
    uint32_t version = sklearn_version(object);
    TRY(sklearn_need(object, "norm", &norm, err));
    for (size_t i = 0; i < sizeof names / sizeof names[0] && norm->kind == VALUE_STRING; i++)
        if (span_is(norm->as.text, names[i]))
            out->norm = kinds[i];
    if (out->norm == TEXT_NORM_NONE)
        return sklearn_bad(object, "norm", norm, "'l1', 'l2' or 'max' was expected", err);
    out->norm_is_signed = out->norm == TEXT_NORM_MAX && version < 23;
    out->least_norm = version >= 100 ? 10 * DBL_EPSILON : 0;
    if (value_to_int64(value_attribute(object, "n_features_in_"), &columns) && columns > 0 &&
        columns <= INT32_MAX)
        out->feature_count = (uint32_t)columns;
    return ALF_OK;
}

static alf_status check_scale(const value *object, const scaler *s, alf_error *err)
{
    for (uint32_t i = 0; s->scale != NULL && i < s->feature_count; i++)
        if (is_zero(s->scale[i]))
            return error_at(err, ALF_E_FORMAT, object->offset,
                            "%s: scale_ of column %" PRIu32 " is zero; scikit-learn writes 1 for "
                            "constant columns, so the file is damaged",
                            find_scaler_class(object)->name, i);
    return ALF_OK;
}

static alf_status refuse(const value *object, alf_error *err)
{
    char found[96];
    return error_at(err, ALF_E_UNSUPPORTED, object != NULL ? object->offset : ALF_NO_OFFSET,
                    "%s was found; supported scalers are scikit-learn's StandardScaler, "
                    "MinMaxScaler, RobustScaler, MaxAbsScaler and Normalizer, and Pipelines of "
                    "them",
                    value_describe(object, found, sizeof found));
}

/* One scaler; its feature_count may stay 0 where the file does not say. */
static alf_status read_scaler(const value *object, arena *a, scaler *out, alf_error *err)
{
    *out = (scaler){0};
    const scaler_class *c = find_scaler_class(object);
    if (c == NULL)
        return refuse(object, err);
    if (value_is_a(object, "sklearn.preprocessing", "Normalizer"))
        return read_normalizer(object, out, err);
    if (c->offset == NULL && c->scale == NULL)
        TRY(read_min_max(object, a, out, err));
    TRY(read_clip(object, out, err));
    TRY(read_vector(object, c->use_offset, c->offset, out, a, &out->offset, err));
    TRY(read_vector(object, c->use_scale, c->scale, out, a, &out->scale, err));
    TRY(check_scale(object, out, err));
    int64_t n; /* neither centred nor scaled: nothing but the width is left */
    if (out->feature_count == 0 && value_to_int64(value_attribute(object, "n_features_in_"), &n) &&
        n > 0 && n <= INT32_MAX)
        out->feature_count = (uint32_t)n;
    return ALF_OK;
}

/* ------------------------------------------------------------------ Pipelines */

static bool is_pipeline(const value *v)
{
    return value_is_a(v, "sklearn.pipeline", "Pipeline");
}

static const value *pipeline_step(const value *pipeline, size_t i)
{
    return value_item(value_item(value_attribute(pipeline, "steps"), i), 1);
}

static bool does_nothing(const value *step)
{
    return step == NULL || step->kind == VALUE_NONE ||
           (step->kind == VALUE_STRING && span_is(step->as.text, "passthrough"));
}

bool extract_is_scaler(const value *object)
{
    if (!is_pipeline(object))
        return find_scaler_class(object) != NULL;
    size_t scalers = 0;
    for (size_t i = 0; i < value_length(value_attribute(object, "steps")); i++) {
        const value *step = pipeline_step(object, i);
        if (!does_nothing(step) && find_scaler_class(step) == NULL)
            return false;
        scalers += !does_nothing(step);
    }
    return scalers > 0;
}

static alf_status read_pipeline(const value *object, arena *a, scaler *out, alf_error *err)
{
    scaler *last = NULL;
    size_t count = value_length(value_attribute(object, "steps"));
    for (size_t i = 0, found = 0; i < count; i++) {
        void *next = out;
        const value *step = pipeline_step(object, i);
        if (does_nothing(step))
            continue;
        if (++found > MAX_STEPS)
            return error_at(err, ALF_E_UNSUPPORTED, object->offset,
                            "a Pipeline of more than %d scalers is not supported", MAX_STEPS);
        if (last != NULL) {
            TRY(sklearn_allocate(a, 1, sizeof(scaler), "a scaler", &next, err));
            last->next = next;
        }
        TRY(read_scaler(step, a, next, err));
        last = next;
    }
    return last != NULL ? ALF_OK : refuse(object, err);
}

/* All steps have the same width; those that do not say take it from the others. */
static alf_status settle_width(const value *object, scaler *first, alf_error *err)
{
    uint32_t width = 0;
    for (const scaler *s = first; s != NULL; s = s->next) {
        if (s->feature_count != 0 && width != 0 && s->feature_count != width)
            return error_at(err, ALF_E_FORMAT, object->offset,
                            "a Pipeline of scalers of %" PRIu32 " and %" PRIu32 " columns", width,
                            s->feature_count);
        width = s->feature_count != 0 ? s->feature_count : width;
    }
    if (width == 0)
        return error_at(err, ALF_E_UNSUPPORTED, object->offset,
                        "the scaler does not say how many columns it has: one that neither centres "
                        "nor scales, or a Normalizer of scikit-learn before 0.23; leave the first "
                        "out of the model, put the second behind a scaler");
    for (scaler *s = first; s != NULL; s = s->next) {
        s->feature_count = width;
        if (s->norm != TEXT_NORM_NONE && width > MAX_NORM_COLUMNS)
            return error_at(err, ALF_E_UNSUPPORTED, object->offset,
                            "a Normalizer of %" PRIu32 " columns; up to %d are supported", width,
                            MAX_NORM_COLUMNS);
    }
    return ALF_OK;
}

alf_status extract_scaler(const value *object, arena *a, scaler *out, alf_error *err)
{
    *out = (scaler){0};
    TRY(is_pipeline(object) ? read_pipeline(object, a, out, err)
                            : read_scaler(object, a, out, err));
    return settle_width(object, out, err);
}
