/*
 * scikit-learn's label encoders -> plain labels, and what all readers of its estimators share.
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
