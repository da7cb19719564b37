/*
 * scikit-learn's scalers and label encoders -> plain models, and what all its readers share.
 *
 * Files of scikit-learn 0.19 to 1.8 are understood: attributes are looked up by name, and classes
 * by package and name, because the modules inside the packages were renamed in 0.22
 * (sklearn.preprocessing.data became sklearn.preprocessing._data).
 */
#include "convert/extract_sklearn.h"

#include "base/unicode.h"
#include "convert/extract.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* ------------------------------------------------------------------ shared */

static uint32_t read_number(alf_span text, size_t *at)
{
    uint32_t n = 0;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9' && n < 1000)
        n = n * 10 + (uint32_t)(text.data[(*at)++] - '0');
    return n;
}

uint32_t sklearn_version(const value *object)
{
    const uint32_t newest = UINT32_MAX;
    const value *v = value_attribute(object, "_sklearn_version");
    if (v == NULL || v->kind != VALUE_STRING)
        return newest;
    size_t at = 0;
    uint32_t major = read_number(v->as.text, &at);
    if (at == 0 || at >= v->as.text.size || v->as.text.data[at] != '.')
        return newest;
    at++;
    uint32_t minor = read_number(v->as.text, &at);
    return major * 100 + (minor < 100 ? minor : 99);
}

void sklearn_report(const value *estimator, const char *attribute, const value *v,
                    const char *wanted, alf_error *err)
{
    char object[96];
    char found[96];
    value_describe(estimator, object, sizeof object);
    value_describe(v, found, sizeof found);
    error_fill(err, ALF_E_FORMAT, v != NULL ? v->offset : ALF_NO_OFFSET,
               "%s, attribute %s: %s was found; %s", object, attribute, found, wanted);
}

alf_status sklearn_need(const value *estimator, const char *attribute, const value **out,
                        alf_error *err)
{
    *out = value_attribute(estimator, attribute);
    if (*out != NULL && (*out)->kind != VALUE_NONE)
        return ALF_OK;
    char object[96];
    return error_at(err, ALF_E_FORMAT, estimator->offset,
                    "%s has no %s; a fitted estimator was expected (call fit before saving it)",
                    value_describe(estimator, object, sizeof object), attribute);
}

alf_status sklearn_flag(const value *estimator, const char *attribute, bool fallback, bool *out,
                        alf_error *err)
{
    const value *v = value_attribute(estimator, attribute);
    *out = fallback;
    if (v != NULL && !value_to_bool(v, out))
        return sklearn_bad(estimator, attribute, v, "True or False was expected", err);
    return ALF_OK;
}

bool sklearn_is_none(const value *estimator, const char *attribute)
{
    const value *v = value_attribute(estimator, attribute);
    return v == NULL || v->kind == VALUE_NONE;
}

alf_status sklearn_allocate(arena *a, size_t count, size_t size, const char *what, void **out,
                            alf_error *err)
{
    if (arena_over_limit(a, count, size))
        return error_set(err, ALF_E_LIMIT, "%s: %zu items of %zu bytes exceed the memory limit",
                         what, count, size);
    *out = arena_alloc(a, count, size);
    return *out == NULL ? error_nomem(err, what) : ALF_OK;
}

alf_status sklearn_numbers(const value *estimator, const char *attribute, const value *v,
                           uint64_t count, arena *a, double **out, alf_error *err)
{
    if (v == NULL || v->kind != VALUE_ARRAY || v->as.array.rank != 1 || v->as.array.count != count)
        return sklearn_bad(estimator, attribute, v,
                           "a one-dimensional array with one number per column was expected", err);
    void *numbers;
    TRY(sklearn_allocate(a, count, sizeof(double), attribute, &numbers, err));
    *out = numbers;
    for (uint64_t i = 0; i < count; i++)
        if (!value_array_double(&v->as.array, i, &(*out)[i]) || !isfinite((*out)[i]))
            return sklearn_bad(estimator, attribute, v, "finite numbers were expected", err);
    return ALF_OK;
}

/* ------------------------------------------------------------------ scalers */

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

bool extract_is_scaler(const value *object)
{
    return find_scaler_class(object) != NULL;
}

static bool is_zero(double x)
{
    return !(x < 0.0) && !(x > 0.0);
}

alf_status extract_scaler(const value *object, arena *a, scaler *out, alf_error *err)
{
    *out = (scaler){0};
    const scaler_class *c = find_scaler_class(object);
    if (c == NULL) {
        char found[96];
        return error_at(err, ALF_E_UNSUPPORTED, object != NULL ? object->offset : ALF_NO_OFFSET,
                        "%s was found; supported scalers are scikit-learn's StandardScaler, "
                        "MinMaxScaler, RobustScaler and MaxAbsScaler",
                        value_describe(object, found, sizeof found));
    }
    if (c->offset == NULL && c->scale == NULL)
        TRY(read_min_max(object, a, out, err));
    TRY(read_clip(object, out, err));
    TRY(read_vector(object, c->use_offset, c->offset, out, a, &out->offset, err));
    TRY(read_vector(object, c->use_scale, c->scale, out, a, &out->scale, err));
    for (uint32_t i = 0; out->scale != NULL && i < out->feature_count; i++)
        if (is_zero(out->scale[i]))
            return error_at(err, ALF_E_FORMAT, object->offset,
                            "%s: scale_ of column %" PRIu32 " is zero; scikit-learn writes 1 for "
                            "constant columns, so the file is damaged",
                            c->name, i);
    if (out->feature_count != 0)
        return ALF_OK;
    int64_t n; /* neither centred nor scaled: nothing but the width is left */
    if (!value_to_int64(value_attribute(object, "n_features_in_"), &n) || n < 1 || n > INT32_MAX)
        return error_at(err, ALF_E_UNSUPPORTED, object->offset,
                        "%s neither centres nor scales and does not say how many columns it has; "
                        "leave it out of the model",
                        c->name);
    out->feature_count = (uint32_t)n;
    return ALF_OK;
}

/* ------------------------------------------------------------------ labels */

static alf_status number_label(int64_t number, arena *a, alf_span *out, alf_error *err)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%" PRId64, number);
    void *copy;
    TRY(sklearn_allocate(a, (size_t)size + 1, 1, "class labels", &copy, err));
    for (int i = 0; i < size; i++)
        ((char *)copy)[i] = text[i];
    *out = span_of(copy, (size_t)size);
    return ALF_OK;
}

static alf_status item_label(const value *classes, const value *item, arena *a, alf_span *out,
                             alf_error *err)
{
    int64_t number;
    if (item != NULL && item->kind == VALUE_STRING) {
        if (!unicode_is_valid(item->as.text))
            return error_at(err, ALF_E_FORMAT, item->offset, "a class label is not valid UTF-8");
        char *copy;
        if (arena_over_limit(a, item->as.text.size + 1, 1))
            return error_set(err, ALF_E_LIMIT, "class labels exceed the memory limit");
        copy = arena_strndup(a, item->as.text.data, item->as.text.size);
        if (copy == NULL)
            return error_nomem(err, "class labels");
        *out = span_of(copy, item->as.text.size);
        return ALF_OK;
    }
    if (item != NULL && item->kind != VALUE_BOOL && value_to_int64(item, &number))
        return number_label(number, a, out, err);
    char found[96];
    return error_at(err, ALF_E_UNSUPPORTED, item != NULL ? item->offset : classes->offset,
                    "a class label is %s; strings and whole numbers are supported",
                    value_describe(item, found, sizeof found));
}

static alf_status one_label(const value *classes, size_t i, arena *a, alf_span *out, alf_error *err)
{
    int64_t number;
    if (classes->kind != VALUE_ARRAY || classes->as.array.type.kind == DTYPE_OBJECT)
        return item_label(classes, value_item(classes, i), a, out, err);
    if (classes->as.array.type.kind != DTYPE_BOOL &&
        value_array_int64(&classes->as.array, i, &number))
        return number_label(number, a, out, err);
    if (classes->as.array.type.kind == DTYPE_STRING || classes->as.array.type.kind == DTYPE_BYTES)
        return value_array_string(&classes->as.array, i, a, out, err);
    char found[96];
    return error_at(err, ALF_E_UNSUPPORTED, classes->offset,
                    "class labels are %s; strings and whole numbers are supported",
                    value_describe(classes, found, sizeof found));
}

/* A LabelEncoder's classes_, or classes given plainly as an array, list or tuple. */
static alf_status find_classes(const value *object, const value **out, alf_error *err)
{
    *out = object;
    if (value_is_a(object, "sklearn.preprocessing", "LabelEncoder"))
        TRY(sklearn_need(object, "classes_", out, err));
    const value *c = *out;
    if (c != NULL && (c->kind == VALUE_LIST || c->kind == VALUE_TUPLE ||
                      (c->kind == VALUE_ARRAY && c->as.array.rank == 1)))
        return ALF_OK;
    char found[96];
    return error_at(err, ALF_E_UNSUPPORTED, c != NULL ? c->offset : ALF_NO_OFFSET,
                    "%s was found; a fitted LabelEncoder or a list of class names was expected",
                    value_describe(c, found, sizeof found));
}

alf_status extract_labels(const value *object, arena *a, class_labels *out, alf_error *err)
{
    enum { MAX_CLASSES = 100000 };
    *out = (class_labels){0};
    const value *classes;
    TRY(find_classes(object, &classes, err));
    size_t count = value_length(classes);
    if (count == 0 || count > MAX_CLASSES)
        return error_at(err, ALF_E_FORMAT, classes->offset,
                        "%zu class labels were found; 1 to %d were expected", count, MAX_CLASSES);
    void *names;
    TRY(sklearn_allocate(a, count, sizeof(alf_span), "class labels", &names, err));
    out->names = names;
    for (size_t i = 0; i < count; i++)
        TRY(one_label(classes, i, a, &out->names[i], err));
    out->count = (uint32_t)count;
    return ALF_OK;
}
