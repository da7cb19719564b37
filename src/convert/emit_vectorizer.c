/*
 * Text vectorizer -> ONNX: counts of n-grams (emit_ngrams.c), then TF-IDF in float64 (float32 for
 * dtype=float32) with scikit-learn's order of operations: 1 + ln(tf), times idf, divided by the
 * row's norm. A row without terms stays zero. What the operators cannot express is refused, or done
 * before the graph (text_steps.h).
 */
#include "convert/emit_internal.h"

#include "base/mem.h"
#include "model/text_steps.h"

#include <inttypes.h>
#include <stdio.h>

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

static alf_status add_number(onnx_model *m, const text_vectorizer *v, const char *name,
                             double number, alf_error *err)
{
    return v->float32 ? emit_float(m, name, (float)number, err) : emit_double(m, name, number, err);
}

static alf_status add_idf(onnx_model *m, const text_vectorizer *v, alf_error *err)
{
    if (!v->float32)
        return emit_doubles(m, "idf", v->idf, v->term_count, err);
    float *narrow = mem_alloc(v->term_count * sizeof *narrow);
    if (narrow == NULL)
        return error_nomem(err, "idf");
    for (uint32_t i = 0; i < v->term_count; i++)
        narrow[i] = (float)v->idf[i];
    alf_status status = onnx_add_initializer(m, "idf", ONNX_FLOAT, 1,
                                             (const int64_t[]){v->term_count}, narrow, err);
    mem_free(narrow);
    return status;
}

/* op(last, second) -> name, which becomes the last value. */
static alf_status step(onnx_model *m, const char *op, const char **last, const char *second,
                       const char *name, alf_error *err)
{
    char inputs[64];
    (void)snprintf(inputs, sizeof inputs, "%s%s%s", *last, *second != '\0' ? " " : "", second);
    TRY(emit_node(m, op, inputs, name, err));
    *last = name;
    return ALF_OK;
}

static alf_status add_weights(onnx_model *m, const text_vectorizer *v, const char **last,
                              alf_error *err)
{
    if (v->sublinear_tf)
        TRY(add_number(m, v, "zero", 0, err));
    if (v->sublinear_tf || v->binary)
        TRY(add_number(m, v, "one", 1, err));
    if (v->binary)
        TRY(step(m, "Min", last, "one", "tf", err));
    if (v->sublinear_tf) {
        const char *tf = *last;
        char choice[64];
        TRY(step(m, "Greater", last, "zero", "present", err));
        *last = tf;
        TRY(step(m, "Log", last, "", "log_tf", err));
        TRY(step(m, "Add", last, "one", "one_log_tf", err));
        (void)snprintf(choice, sizeof choice, "present %s zero", *last);
        TRY(emit_node(m, "Where", choice, "sublinear", err));
        *last = "sublinear";
    }
    if (v->use_idf) {
        TRY(add_idf(m, v, err));
        TRY(step(m, "Mul", last, "idf", "tf_idf", err));
    }
    return ALF_OK;
}

/* Norms are float64 sums in either case; a zero row is divided by one. */
static alf_status add_norm(onnx_model *m, const text_vectorizer *v, const char **last,
                           alf_error *err)
{
    const char *row = *last, *norm = *last;
    if (v->norm == TEXT_NORM_L2)
        TRY(step(m, "Mul", &norm, row, "squares", err));
    else
        TRY(step(m, "Abs", &norm, "", "sizes", err));
    if (v->float32) {
        TRY(emit_cast(m, norm, "wide_sizes", ONNX_DOUBLE, err));
        TRY(emit_cast(m, row, "wide_row", ONNX_DOUBLE, err));
        norm = "wide_sizes";
        row = "wide_row";
    }
    TRY(emit_axis(m, "columns", 1, err));
    TRY(emit_double(m, "no_norm", 0, err));
    TRY(emit_double(m, "unit", 1, err));
    TRY(step(m, "ReduceSum", &norm, "columns", "sum", err));
    if (v->norm == TEXT_NORM_L2)
        TRY(step(m, "Sqrt", &norm, "", "root", err));
    const char *safe = norm;
    char choice[64];
    TRY(step(m, "Equal", &safe, "no_norm", "empty", err));
    (void)snprintf(choice, sizeof choice, "empty unit %s", norm);
    TRY(emit_node(m, "Where", choice, "norm", err));
    TRY(step(m, "Div", &row, "norm", "normalized", err));
    *last = row;
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
    const char *last = "counts";
    TRY(note_steps(m, v, err));
    TRY(emit_input(m, "text", ONNX_STRING, 0, err));
    TRY(emit_counts(m, v, err));
    if (!v->float32) {
        TRY(emit_cast(m, "counts", "wide_counts", ONNX_DOUBLE, err));
        last = "wide_counts";
    }
    TRY(add_weights(m, v, &last, err));
    if (v->norm != TEXT_NORM_NONE)
        TRY(add_norm(m, v, &last, err));
    TRY(emit_cast(m, last, "features", type, err));
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
