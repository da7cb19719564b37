/*
 * Text vectorizer -> ONNX: counts of n-grams (emit_ngrams.c), then TF-IDF in float64 (float32 for
 * dtype=float32) with scikit-learn's order of operations: 1 + ln(tf), times idf, divided by the
 * row's norm. A row without terms stays zero. What the operators cannot express is refused, or done
 * before the graph (text_steps.h).
 */
#include "convert/emit_path.h"

#include "base/mem.h"
#include "model/text_steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static alf_status check_options(const text_vectorizer *v, alf_error *err)
{
    if (v->term_count == 0 || v->term_count > INT32_MAX)
        return error_set(err, ALF_E_ARGUMENT, "a vectorizer of %" PRIu32 " terms", v->term_count);
    if (v->ngram_min < 1 || v->ngram_max < v->ngram_min || v->ngram_max > 16)
        return error_set(err, ALF_E_ARGUMENT, "ngram_range (%" PRIu32 ", %" PRIu32 ")",
                         v->ngram_min, v->ngram_max);
    if (v->use_idf && v->idf == NULL)
        return error_set(err, ALF_E_ARGUMENT, "a vectorizer with use_idf, but without idf");
    return ALF_OK;
}

/* ---- the arithmetic ---- */

typedef struct rows {
    emit_path p;
    const text_vectorizer *v;
} rows;

static alf_status add_number(const rows *r, const char *name, double number)
{
    char full[EMIT_NAME];
    emit_path_name(&r->p, name, full);
    return r->v->float32 ? emit_float(r->p.m, full, (float)number, r->p.err)
                         : emit_double(r->p.m, full, number, r->p.err);
}

/* One number for each column. */
static alf_status add_vector(const rows *r, const char *name, const double *numbers, bool wide)
{
    char full[EMIT_NAME];
    uint32_t count = r->v->term_count;
    emit_path_name(&r->p, name, full);
    if (wide || !r->v->float32)
        return emit_doubles(r->p.m, full, numbers, count, r->p.err);
    float *narrow = mem_alloc(count * sizeof *narrow);
    if (narrow == NULL)
        return error_nomem(r->p.err, name);
    for (uint32_t i = 0; i < count; i++)
        narrow[i] = (float)numbers[i];
    alf_status status = onnx_add_initializer(r->p.m, full, ONNX_FLOAT, 1, (const int64_t[]){count},
                                             narrow, r->p.err);
    mem_free(narrow);
    return status;
}

static alf_status add_sublinear(rows *r)
{
    char tf[EMIT_NAME];
    memcpy(tf, r->p.last, EMIT_NAME);
    TRY(emit_path_step(&r->p, "Greater", "zero", "present"));
    memcpy(r->p.last, tf, EMIT_NAME);
    TRY(emit_path_step(&r->p, "Log", "", "log_tf"));
    TRY(emit_path_step(&r->p, "Add", "one", "one_log_tf"));
    return emit_path_choose(&r->p, "present", "", "zero", "sublinear");
}

static alf_status add_factors(rows *r, const text_row_step *s)
{
    bool widen = s->wide_factors && r->v->float32;
    TRY(add_vector(r, "idf", s->factors, s->wide_factors));
    if (widen)
        TRY(emit_path_cast(&r->p, "wide_tf", ONNX_DOUBLE));
    TRY(emit_path_step(&r->p, "Mul", "idf", "tf_idf"));
    return widen ? emit_path_cast(&r->p, "narrow_tf_idf", ONNX_FLOAT) : ALF_OK;
}

static alf_status add_clip(rows *r)
{
    char inputs[3 * EMIT_NAME], low[EMIT_NAME], high[EMIT_NAME], full[EMIT_NAME];
    TRY(add_number(r, "low", -1));
    TRY(add_number(r, "high", 1));
    emit_path_name(&r->p, "low", low);
    emit_path_name(&r->p, "high", high);
    emit_path_name(&r->p, "clipped", full);
    (void)snprintf(inputs, sizeof inputs, "%s %s %s", r->p.last, low, high);
    TRY(emit_node(r->p.m, "Clip", inputs, full, r->p.err));
    memcpy(r->p.last, full, EMIT_NAME);
    return ALF_OK;
}

/* Adds up, or takes the largest, along each row. */
static alf_status reduce(rows *r, text_norm norm)
{
    char full[EMIT_NAME];
    onnx_node *node;
    if (norm == TEXT_NORM_MAX) { /* its axes became an input in opset 18 */
        emit_path_name(&r->p, "sum", full);
        TRY(onnx_add_node(r->p.m, "", "ReduceMax", full, r->p.last, full, &node, r->p.err));
        TRY(onnx_set_ints(r->p.m, node, "axes", (const int64_t[]){1}, 1, r->p.err));
        memcpy(r->p.last, full, EMIT_NAME);
        return ALF_OK;
    }
    return emit_path_step(&r->p, "ReduceSum", "columns", "sum");
}

/* Norms are float64 sums in either case; a zero row is divided by one. */
static alf_status add_norm(rows *r, const text_row_step *s)
{
    char row[EMIT_NAME], norm[EMIT_NAME], full[EMIT_NAME];
    memcpy(row, r->p.last, EMIT_NAME);
    if (s->norm == TEXT_NORM_L2) {
        char inputs[2 * EMIT_NAME];
        emit_path_name(&r->p, "squares", full);
        (void)snprintf(inputs, sizeof inputs, "%s %s", row, row);
        TRY(emit_node(r->p.m, "Mul", inputs, full, r->p.err));
        memcpy(r->p.last, full, EMIT_NAME);
    } else if (!s->norm_is_signed) {
        TRY(emit_path_step(&r->p, "Abs", "", "sizes"));
    }
    if (r->v->float32) {
        TRY(emit_path_cast(&r->p, "wide_sizes", ONNX_DOUBLE));
        emit_path_name(&r->p, "wide_row", full);
        TRY(emit_cast(r->p.m, row, full, ONNX_DOUBLE, r->p.err));
        memcpy(row, full, EMIT_NAME);
    }
    emit_path_name(&r->p, "columns", full);
    if (s->norm != TEXT_NORM_MAX)
        TRY(emit_axis(r->p.m, full, 1, r->p.err));
    emit_path_name(&r->p, "no_norm", full);
    TRY(emit_double(r->p.m, full, 0, r->p.err));
    emit_path_name(&r->p, "unit", full);
    TRY(emit_double(r->p.m, full, 1, r->p.err));
    TRY(reduce(r, s->norm));
    if (s->norm == TEXT_NORM_L2)
        TRY(emit_path_step(&r->p, "Sqrt", "", "root"));
    memcpy(norm, r->p.last, EMIT_NAME);
    TRY(emit_path_step(&r->p, "Equal", "no_norm", "empty"));
    memcpy(r->p.last, norm, EMIT_NAME);
    TRY(emit_path_choose(&r->p, "empty", "unit", "", "norm"));
    memcpy(r->p.last, row, EMIT_NAME);
    return emit_path_step(&r->p, "Div", "norm", "normalized");
}

static alf_status add_step(rows *r, const text_row_step *s)
{
    bool binary = r->p.number == 0 && r->v->binary;
    if (s->sublinear_tf)
        TRY(add_number(r, "zero", 0));
    if (s->sublinear_tf || binary)
        TRY(add_number(r, "one", 1));
    if (binary)
        TRY(emit_path_step(&r->p, "Min", "one", "tf"));
    if (s->sublinear_tf)
        TRY(add_sublinear(r));
    if (s->factors != NULL)
        TRY(add_factors(r, s));
    if (s->clips)
        TRY(add_clip(r));
    return s->norm != TEXT_NORM_NONE ? add_norm(r, s) : ALF_OK;
}

/* The first step is that of TF-IDF. */
static alf_status add_steps(rows *r)
{
    const text_vectorizer *v = r->v;
    const text_row_step first = {
        .sublinear_tf = v->sublinear_tf, .factors = v->use_idf ? v->idf : NULL, .norm = v->norm};
    const text_row_step *s = &first;
    TRY(add_step(r, s));
    for (uint32_t i = 0; i < v->more_count; i++) {
        if (v->float32 && s->norm != TEXT_NORM_NONE)
            TRY(emit_path_cast(&r->p, "narrow_row", ONNX_FLOAT));
        r->p.number = i + 1;
        s = &v->more[i];
        TRY(add_step(r, s));
    }
    return ALF_OK;
}

static alf_status note_steps(onnx_model *m, const text_vectorizer *v, alf_error *err)
{
    text_steps steps = text_steps_of(v);
    buf text;
    if (!text_steps_any(&steps))
        return ALF_OK;
    buf_init(&text);
    text_steps_write(&steps, &text);
    alf_status status = buf_status(&text, err);
    if (status == ALF_OK)
        status = onnx_add_metadata(m, TEXT_STEPS_KEY, buf_span(&text), err);
    buf_fini(&text);
    return status;
}

static alf_status build_vectorizer(onnx_model *m, const text_vectorizer *v, onnx_type type,
                                   alf_error *err)
{
    rows r = {{m, "counts", 0, err}, v};
    TRY(note_steps(m, v, err));
    TRY(emit_input(m, "text", ONNX_STRING, 0, err));
    TRY(emit_counts(m, v, err));
    if (!v->float32)
        TRY(emit_path_cast(&r.p, "wide_counts", ONNX_DOUBLE));
    TRY(add_steps(&r));
    text_norm last = v->more_count > 0 ? v->more[v->more_count - 1].norm : v->norm;
    if (v->float32 && last != TEXT_NORM_NONE && type == ONNX_DOUBLE) { /* norms are float64 */
        r.p.number = 0;
        TRY(emit_path_cast(&r.p, "narrow_features", ONNX_FLOAT));
    }
    TRY(emit_cast(m, r.p.last, "features", type, err));
    return emit_output(m, "features", type, v->term_count, err);
}

static alf_status emit(const text_vectorizer *model, onnx_type type, onnx_model **out,
                       alf_error *err)
{
    onnx_model *m;
    *out = NULL;
    TRY(check_options(model, err));
    TRY(emit_begin("tfidf_vectorizer", &m, err));
    return emit_finish(m, build_vectorizer(m, model, type, err), out, err);
}

alf_status emit_vectorizer(const text_vectorizer *model, onnx_model **out, alf_error *err)
{
    return emit(model, ONNX_FLOAT, out, err);
}

alf_status emit_vectorizer_wide(const text_vectorizer *model, onnx_model **out, alf_error *err)
{
    return emit(model, ONNX_DOUBLE, out, err);
}
