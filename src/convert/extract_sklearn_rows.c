/*
 * What scikit-learn does to rows of counts: TfidfTransformer, and behind it in a Pipeline more of
 * them, Normalizer and the scalers that leave zeros alone. On sparse rows scalers multiply by
 * 1 / scale_, where on dense ones they divide.
 *
 * The idf is the diagonal of the sparse matrix _idf_diag up to 1.4 and the array idf_ from 1.5 on.
 */
#include "base/span.h"
#include "convert/extract_sklearn_text.h"

#include <inttypes.h>
#include <math.h>

/* A string option: *out is its index in names, or fallback when it is absent or None. */
alf_status text_reader_choice(const text_reader *r, const value *object, const char *option,
                              const char *const names[], int fallback, int *out)
{
    const value *v = value_attribute(object, option);
    *out = fallback;
    if (v == NULL || v->kind == VALUE_NONE)
        return ALF_OK;
    for (int i = 0; names[i] != NULL && v->kind == VALUE_STRING; i++)
        if (span_is(v->as.text, names[i])) {
            *out = i;
            return ALF_OK;
        }
    char found[96];
    if (v->kind == VALUE_STRING)
        return error_at(r->err, ALF_E_UNSUPPORTED, v->offset,
                        "the vectorizer's %s is '%.*s', which is not supported", option,
                        span_width(v->as.text), v->as.text.data);
    return error_at(r->err, ALF_E_UNSUPPORTED, v->offset,
                    "the vectorizer's %s is %s: Python code cannot be converted; only the named "
                    "choices of scikit-learn can",
                    option, value_describe(v, found, sizeof found));
}

/* ------------------------------------------------------------------ TfidfTransformer */

/* The diagonal of a sparse matrix: row i holds column i and nothing else. */
static alf_status find_diagonal(const text_reader *r, const value *transformer, const value *matrix,
                                const value **data)
{
    const value *indices = value_attribute(matrix, "indices");
    const value *indptr = value_attribute(matrix, "indptr");
    uint64_t n = r->out->term_count;
    if ((!value_is_a(matrix, "scipy.sparse", "csr_matrix") &&
         !value_is_a(matrix, "scipy.sparse", "csr_array")) ||
        indices == NULL || indices->kind != VALUE_ARRAY || indices->as.array.count != n ||
        indptr == NULL || indptr->kind != VALUE_ARRAY || indptr->as.array.count != n + 1)
        return sklearn_bad(transformer, "_idf_diag", matrix,
                           "a diagonal csr_matrix with one row per term was expected", r->err);
    for (uint64_t i = 0; i < n; i++) {
        int64_t column;
        int64_t begin;
        int64_t end;
        if (!value_array_int64(&indices->as.array, i, &column) || column != (int64_t)i ||
            !value_array_int64(&indptr->as.array, i, &begin) || begin != (int64_t)i ||
            !value_array_int64(&indptr->as.array, i + 1, &end) || end != (int64_t)i + 1)
            return sklearn_bad(transformer, "_idf_diag", matrix,
                               "exactly one value per row, on the diagonal, was expected", r->err);
    }
    return sklearn_need(matrix, "data", data, r->err);
}

static alf_status read_idf(const text_reader *r, const value *transformer, double **out)
{
    const value *idf = value_attribute(transformer, "idf_");
    const char *name = "idf_";
    if (idf == NULL || idf->kind == VALUE_NONE) {
        const value *matrix;
        name = "_idf_diag";
        TRY(sklearn_need(transformer, name, &matrix, r->err));
        TRY(find_diagonal(r, transformer, matrix, &idf));
    }
    TRY(sklearn_numbers(transformer, name, idf, r->out->term_count, r->a, out, r->err));
    if (r->out->float32 && idf->as.array.type.item_size > 4)
        return error_at(r->err, ALF_E_UNSUPPORTED, idf->offset,
                        "the vectorizer works in float32 but its idf is float64; this mixture is "
                        "not supported: fit it with dtype=numpy.float64");
    return ALF_OK;
}

static alf_status read_tfidf(const text_reader *r, const value *transformer, text_row_step *out)
{
    static const char *const norms[] = {"", "l1", "l2", NULL};
    static const text_norm kinds[] = {TEXT_NORM_NONE, TEXT_NORM_L1, TEXT_NORM_L2};
    int choice;
    bool use_idf;
    TRY(text_reader_choice(r, transformer, "norm", norms, 0, &choice));
    out->norm = kinds[choice];
    TRY(sklearn_flag(transformer, "sublinear_tf", false, &out->sublinear_tf, r->err));
    TRY(sklearn_flag(transformer, "use_idf", true, &use_idf, r->err));
    if (r->version >= 105) /* what was fitted decides, not the flag */
        use_idf = use_idf || !sklearn_is_none(transformer, "idf_");
    return use_idf ? read_idf(r, transformer, &out->factors) : ALF_OK;
}

/* ------------------------------------------------------------------ Normalizer, scalers */

static alf_status read_normalizer(const text_reader *r, const value *object, text_row_step *out)
{
    static const char *const norms[] = {"l2", "l1", "max", NULL};
    static const text_norm kinds[] = {TEXT_NORM_L2, TEXT_NORM_L1, TEXT_NORM_MAX};
    int choice;
    TRY(text_reader_choice(r, object, "norm", norms, 0, &choice));
    out->norm = kinds[choice];
    out->norm_is_signed = out->norm == TEXT_NORM_MAX && r->version < 23;
    return ALF_OK;
}

static bool is_zero(double x)
{
    return !(x < 0.0) && !(x > 0.0);
}

/* 1 / scale_, in the type of scale_. */
static alf_status read_scale(const text_reader *r, const value *object, text_row_step *out)
{
    const value *scale;
    TRY(sklearn_need(object, "scale_", &scale, r->err));
    TRY(sklearn_numbers(object, "scale_", scale, r->out->term_count, r->a, &out->factors, r->err));
    out->wide_factors = scale->as.array.type.item_size > 4;
    for (uint32_t i = 0; i < r->out->term_count; i++) {
        double x = out->factors[i];
        if (is_zero(x))
            return sklearn_bad(object, "scale_", scale, "numbers other than 0 were expected",
                               r->err);
        out->factors[i] = out->wide_factors ? 1.0 / x : (double)(1.0F / (float)x);
    }
    return ALF_OK;
}

typedef struct row_scaler {
    const char *name, *centers, *scales; /* options; NULL: does not centre, always scales */
} row_scaler;

static const row_scaler scalers[] = {{"MaxAbsScaler", NULL, NULL},
                                     {"StandardScaler", "with_mean", "with_std"},
                                     {"RobustScaler", "with_centering", "with_scaling"}};

static const row_scaler *find_scaler(const value *object)
{
    for (size_t i = 0; i < sizeof scalers / sizeof scalers[0]; i++)
        if (value_is_a(object, "sklearn.preprocessing", scalers[i].name))
            return &scalers[i];
    return NULL;
}

static alf_status read_scaler(const text_reader *r, const value *object, text_row_step *out)
{
    const row_scaler *s = find_scaler(object);
    bool flag = false;
    if (s->centers != NULL)
        TRY(sklearn_flag(object, s->centers, true, &flag, r->err));
    if (flag)
        return error_at(r->err, ALF_E_UNSUPPORTED, object->offset,
                        "a %s after a vectorizer needs %s=False: rows of terms are sparse", s->name,
                        s->centers);
    TRY(sklearn_flag(object, "clip", false, &out->clips, r->err)); /* MaxAbsScaler from 1.8 on */
    flag = true;
    if (s->scales != NULL)
        TRY(sklearn_flag(object, s->scales, true, &flag, r->err));
    return flag ? read_scale(r, object, out) : ALF_OK;
}

/* ------------------------------------------------------------------ all of them */

static bool is_tfidf(const value *object)
{
    return value_is_a(object, "sklearn.feature_extraction.text", "TfidfTransformer");
}

static bool is_normalizer(const value *object)
{
    return value_is_a(object, "sklearn.preprocessing", "Normalizer");
}

bool text_reader_knows_step(const value *object)
{
    return is_tfidf(object) || is_normalizer(object) || find_scaler(object) != NULL;
}

static alf_status read_step(const text_reader *r, const value *object, text_row_step *out)
{
    if (is_tfidf(object))
        return read_tfidf(r, object, out);
    return is_normalizer(object) ? read_normalizer(r, object, out) : read_scaler(r, object, out);
}

static alf_status read_more(const text_reader *r)
{
    void *steps;
    if (r->more_count == 0)
        return ALF_OK;
    TRY(sklearn_allocate(r->a, r->more_count, sizeof(text_row_step), "steps", &steps, r->err));
    r->out->more = steps;
    r->out->more_count = r->more_count;
    for (uint32_t i = 0; i < r->more_count; i++)
        TRY(read_step(r, r->more[i], &r->out->more[i]));
    return ALF_OK;
}

alf_status text_reader_weights(const text_reader *r)
{
    text_row_step first = {0};
    if (r->transformer != NULL)
        TRY(read_tfidf(r, r->transformer, &first));
    r->out->norm = first.norm;
    r->out->sublinear_tf = first.sublinear_tf;
    r->out->use_idf = first.factors != NULL;
    r->out->idf = first.factors;
    return read_more(r);
}
