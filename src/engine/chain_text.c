/* The text chain: vectorizer and classifier over loaded ONNX files, compiled where their graphs
 * allow it (text_path.h). */
#include "engine/chain.h"
#include "engine/chain_check.h"

#include "base/mem.h"
#include "base/span.h"
#include "engine/graph.h"
#include "engine/text_path.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    CHUNK_BYTES = 1 << 18,  /* of rows of terms: what a cache holds */
    PADDED_BYTES = 1 << 20, /* rows of a chunk times its longest text */
    MAX_COLUMNS = 1 << 22
};

static const char vectorizer_name[] = "tfidf_vectorizer";
static const char classifier_name[] = "tfidf_xgboost";

/* Runs one engine once, its outputs into outputs (at most 8). */
static alf_status run_once(engine_session *s, size_t output_count, const tensor *input,
                           tensor *outputs, const char *what, alf_error *err)
{
    if (output_count > 8)
        return error_set(err, ALF_E_UNSUPPORTED, "%s: %zu outputs, more than 8", what,
                         output_count);
    return engine_run(s, input, outputs, err);
}

/* One row of absent terms through the classifier. */
static alf_status probe_classifier(const text_chain *c, engine_session *classifier, tensor *outputs,
                                   alf_error *err)
{
    void *row = mem_calloc(c->width, sizeof(double)); /* zeros, in either type */
    float *narrow = row;
    if (row == NULL)
        return error_nomem(err, "a row of terms");
    for (uint32_t i = 0; i < c->width && c->zero_is_absent && !c->is_wide; i++)
        narrow[i] = NAN;
    tensor rows = {c->is_wide ? ONNX_DOUBLE : ONNX_FLOAT, 2, {1, c->width}, row};
    alf_status status = run_once(classifier, engine_output_count(c->classifier), &rows, outputs,
                                 classifier_name, err);
    mem_free(row);
    return status;
}

static alf_status wrong_width(int64_t columns, uint32_t terms, alf_error *err)
{
    return error_set(err, ALF_E_FORMAT,
                     "%s takes %" PRId64 " columns, the vectorizer gives %" PRIu32
                     "; they do not belong together",
                     classifier_name, columns, terms);
}

/* n texts as the vectorizer takes them: a list, or one column. The engine does not write to its
 * inputs; tensor has one data pointer for both uses. */
static tensor text_rows(const text_chain *c, const alf_span *texts, size_t n)
{
    const onnx_value_info *input = engine_input(c->vectorizer, 0);
    uint32_t rank = input->has_shape && input->rank == 2 ? 2 : 1;
    return (tensor){ONNX_STRING, rank, {(int64_t)n, 1}, (void *)(uintptr_t)texts};
}

/* The columns that the classifier takes, for those that the vectorizer gives. */
static alf_status find_width(text_chain *c, alf_error *err)
{
    const onnx_value_info *input = engine_input(c->classifier, 0);
    c->width = c->term_count;
    if (input->has_shape && input->rank == 2 && input->dims[1] > 0) {
        if (input->dims[1] < c->term_count || input->dims[1] > MAX_COLUMNS ||
            (c->is_wide && input->dims[1] != c->term_count))
            return wrong_width(input->dims[1], c->term_count, err);
        c->width = (uint32_t)input->dims[1];
    }
    return ALF_OK;
}

/* What the vectorizer and the classifier say about their widths, by running one row. */
static alf_status probe_widths(text_chain *c, engine_session *vectorizer,
                               engine_session *classifier, alf_error *err)
{
    alf_span empty = SPAN_LITERAL("");
    tensor text = text_rows(c, &empty, 1);
    tensor outputs[8];
    TRY(run_once(vectorizer, engine_output_count(c->vectorizer), &text, outputs, vectorizer_name,
                 err));
    if (outputs[0].type != (c->is_wide ? ONNX_DOUBLE : ONNX_FLOAT) || outputs[0].rank != 2 ||
        outputs[0].dims[0] != 1 || outputs[0].dims[1] < 1 || outputs[0].dims[1] > MAX_COLUMNS)
        return chain_wrong_output(&outputs[0], vectorizer_name, err);
    c->term_count = (uint32_t)outputs[0].dims[1];
    TRY(find_width(c, err));
    TRY(probe_classifier(c, classifier, outputs, err));
    const tensor *p = &outputs[c->probability_output];
    if (p->type != ONNX_FLOAT || p->rank != 2 || p->dims[0] != 1 || p->dims[1] < 2 ||
        p->dims[1] > CHAIN_MAX_CLASSES)
        return chain_wrong_output(p, classifier_name, err);
    const tensor *label = &outputs[c->label_output];
    if (!chain_is_rows_by(label, ONNX_INT64, 1, 1) && !chain_is_rows_by(label, ONNX_STRING, 1, 1))
        return chain_wrong_output(label, classifier_name, err);
    c->class_count = (uint32_t)p->dims[1];
    return chain_classes_read(&c->classes, engine_output_keys(classifier, c->probability_output),
                              label, classifier_name, err);
}

static alf_status read_steps(text_chain *c, alf_error *err)
{
    alf_span names;
    return engine_metadata(c->vectorizer, TEXT_STEPS_KEY, &names)
               ? text_steps_parse(names, &c->steps, err)
               : ALF_OK;
}

static alf_status compile_graphs(text_chain *c, alf_error *err)
{
    const text_path_shape shape = {c->zero_is_absent, c->is_wide, c->label_output,
                                   c->probability_output};
    TRY(text_path_new(c->vectorizer, c->classifier, &shape, &c->path, err));
    if (c->path == NULL)
        return ALF_OK;
    c->term_count = text_path_terms(c->path);
    c->class_count = text_path_classes(c->path);
    return find_width(c, err);
}

/* The output of the first name, or of the one that skl2onnx gives by default. */
static alf_status want_either(const engine *e, const char *name, const char *other, size_t *index,
                              alf_error *err)
{
    bool has_other = chain_find_output(e, other) != SIZE_MAX;
    bool use_other = has_other && chain_find_output(e, name) == SIZE_MAX;
    return chain_want_output(e, use_other ? other : name, classifier_name, index, err);
}

alf_status text_chain_init(text_chain *c, engine *vectorizer, engine *classifier,
                           bool zero_is_absent, alf_error *err)
{
    *c = (text_chain){
        .vectorizer = vectorizer, .classifier = classifier, .zero_is_absent = zero_is_absent};
    engine_session *v = NULL;
    engine_session *x = NULL;
    alf_status status = ALF_OK;
    chain_classes_init(&c->classes);
    TRY_OUT(chain_check_input(vectorizer, ONNX_STRING, vectorizer_name, err));
    TRY_OUT(read_steps(c, err));
    c->is_wide =
        engine_input_count(classifier) == 1 && engine_input(classifier, 0)->type == ONNX_DOUBLE;
    TRY_OUT(
        chain_check_input(classifier, c->is_wide ? ONNX_DOUBLE : ONNX_FLOAT, classifier_name, err));
    TRY_OUT(want_either(classifier, "label", "output_label", &c->label_output, err));
    TRY_OUT(want_either(classifier, "probabilities", "output_probability", &c->probability_output,
                        err));
    TRY_OUT(compile_graphs(c, err));
    if (c->path != NULL)
        goto out;
    TRY_OUT(engine_compile(vectorizer, err));
    TRY_OUT(engine_compile(classifier, err));
    v = engine_session_new(vectorizer);
    x = engine_session_new(classifier);
    if (v == NULL || x == NULL)
        TRY_OUT(error_nomem(err, "a session"));
    TRY_OUT(probe_widths(c, v, x, err));
out:
    engine_session_free(v);
    engine_session_free(x);
    if (status != ALF_OK)
        text_chain_fini(c);
    return status;
}

void text_chain_interpret(text_chain *c)
{
    text_path_free(c->path);
    c->path = NULL;
}

void text_chain_trim(text_chain *c)
{
    if (c->path == NULL)
        return;
    engine_drop_large(c->vectorizer, 0, SIZE_MAX);
    engine_drop_large(c->classifier, 0, text_path_head(c->path) + 1);
}

void text_chain_fini(text_chain *c)
{
    text_path_free(c->path);
    engine_free(c->vectorizer);
    engine_free(c->classifier);
    chain_classes_fini(&c->classes);
    *c = (text_chain){0};
}

/* What a session needs to run the graphs as they are. */
static alf_status open_graphs(text_chain_session *s, alf_error *err)
{
    const text_chain *c = s->chain;
    s->vectorizer = engine_session_new(c->vectorizer);
    s->classifier = engine_session_new(c->classifier);
    if (!c->is_wide)
        s->rows = mem_calloc(s->chunk * c->width, sizeof *s->rows);
    return s->vectorizer == NULL || s->classifier == NULL || (s->rows == NULL && !c->is_wide)
               ? error_nomem(err, "a session")
               : ALF_OK;
}

alf_status text_chain_session_init(text_chain_session *s, const text_chain *c, alf_error *err)
{
    size_t chunk = CHUNK_BYTES / (c->width * (c->is_wide ? sizeof(double) : sizeof(float)));
    chunk = chunk < 1 ? 1 : chunk > CHAIN_LARGEST_CHUNK ? CHAIN_LARGEST_CHUNK : chunk;
    alf_status status = ALF_OK;
    *s = (text_chain_session){.chain = c, .chunk = chunk};
    buf_init(&s->prepared);
    if (text_steps_any(&c->steps)) {
        s->prepared_texts = mem_calloc(chunk, sizeof *s->prepared_texts);
        status = s->prepared_texts == NULL ? error_nomem(err, "a session") : ALF_OK;
    }
    if (status == ALF_OK)
        status = c->path != NULL ? text_path_session_new(c->path, true, &s->path, err)
                                 : open_graphs(s, err);
    if (status != ALF_OK)
        text_chain_session_fini(s);
    return status;
}

void text_chain_session_fini(text_chain_session *s)
{
    text_path_session_free(s->path);
    engine_session_free(s->vectorizer);
    engine_session_free(s->classifier);
    mem_free(s->rows);
    mem_free(s->prepared_texts);
    buf_fini(&s->prepared);
    *s = (text_chain_session){0};
}

/* Copies a row of terms to the classifier's width, absent as NaN where that is meant. */
static uint32_t put_row(const text_chain *c, const float *from, float *to)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < c->term_count; i++) {
        bool zero = from[i] == 0.0F;
        present += !zero;
        to[i] = zero && c->zero_is_absent ? NAN : from[i];
    }
    for (uint32_t i = c->term_count; i < c->width; i++)
        to[i] = c->zero_is_absent ? NAN : 0.0F;
    return present;
}

static uint32_t count_terms(const double *from, uint32_t n)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < n; i++)
        present += from[i] < 0 || from[i] > 0;
    return present;
}

/* What the vectorizer gave -> the rows of the classifier. terms: NULL allowed. */
static tensor put_rows(text_chain_session *s, const tensor *features, size_t n, uint32_t *terms)
{
    const text_chain *c = s->chain;
    tensor rows = {c->is_wide ? ONNX_DOUBLE : ONNX_FLOAT, 2, {(int64_t)n, c->width}, s->rows};
    for (size_t i = 0; i < n; i++) {
        uint32_t present =
            c->is_wide
                ? count_terms((const double *)features->data + i * c->term_count, c->term_count)
                : put_row(c, (const float *)features->data + i * c->term_count,
                          s->rows + i * c->width);
        if (terms != NULL)
            terms[i] = present;
    }
    if (c->is_wide)
        rows.data = features->data;
    return rows;
}

static alf_status run_text_chunk(text_chain_session *s, const alf_span *texts, size_t n,
                                 float *probabilities, uint32_t *labels, uint32_t *terms,
                                 alf_error *err)
{
    const text_chain *c = s->chain;
    tensor outputs[8];
    tensor text = text_rows(c, texts, n);
    TRY(engine_run(s->vectorizer, &text, outputs, err));
    if (outputs[0].rank != 2 ||
        !chain_is_rows_by(&outputs[0], c->is_wide ? ONNX_DOUBLE : ONNX_FLOAT, n, c->term_count))
        return chain_wrong_output(&outputs[0], vectorizer_name, err);
    tensor rows = put_rows(s, &outputs[0], n, terms);
    TRY(engine_run(s->classifier, &rows, outputs, err));
    const tensor *label = &outputs[c->label_output];
    const tensor *p = &outputs[c->probability_output];
    if (!chain_is_rows_by(label, c->classes.type, n, 1) ||
        !chain_is_rows_by(p, ONNX_FLOAT, n, c->class_count))
        return chain_wrong_output(p, classifier_name, err);
    memcpy(probabilities, p->data, n * c->class_count * sizeof *probabilities);
    for (size_t i = 0; i < n; i++)
        if (!chain_class_of(&c->classes, label, i, c->class_count, &labels[i]))
            return error_set(err, ALF_E_FORMAT, "%s: a label is none of the %" PRIu32 " classes",
                             classifier_name, c->class_count);
    return ALF_OK;
}

/* How many of the first texts go together: the graph pads each row to the longest text, so one long
 * text must not be multiplied by its neighbours. */
static size_t rows_together(const text_chain_session *s, const alf_span *texts, size_t n)
{
    size_t rows = 0;
    size_t longest = 0;
    while (rows < n && rows < s->chunk) {
        size_t size = texts[rows].size > longest ? texts[rows].size : longest;
        if (rows > 0 && size > PADDED_BYTES / (rows + 1))
            break;
        longest = size;
        rows++;
    }
    return rows;
}

/* Texts that are as the graph expects them. */
static alf_status run_prepared(text_chain_session *s, const alf_span *texts, size_t n,
                               float *probabilities, uint32_t *labels, uint32_t *terms,
                               alf_error *err)
{
    if (s->path != NULL)
        return text_path_run(s->path, texts, n, probabilities, labels, terms, err);
    for (size_t done = 0; done < n;) {
        size_t rows = rows_together(s, texts + done, n - done);
        TRY(run_text_chunk(s, texts + done, rows, probabilities + done * s->chain->class_count,
                           labels + done, terms != NULL ? terms + done : NULL, err));
        done += rows;
    }
    return ALF_OK;
}

/* Does the steps on n texts, at most a chunk. */
static alf_status do_steps(text_chain_session *s, const alf_span *texts, size_t n, alf_error *err)
{
    size_t begin = 0;
    buf_clear(&s->prepared);
    for (size_t i = 0; i < n; i++) {
        TRY(text_steps_apply(&s->chain->steps, texts[i], &s->prepared, err));
        s->prepared_texts[i].size = s->prepared.size - begin;
        begin = s->prepared.size;
    }
    for (size_t i = 0; i < n; i++) { /* the buffer has stopped moving */
        begin -= s->prepared_texts[n - 1 - i].size;
        s->prepared_texts[n - 1 - i].data =
            begin == 0 ? s->prepared.data : s->prepared.data + begin;
    }
    return ALF_OK;
}

alf_status text_chain_run(text_chain_session *s, const alf_span *texts, size_t n,
                          float *probabilities, uint32_t *labels, uint32_t *terms, alf_error *err)
{
    if (s->prepared_texts == NULL)
        return run_prepared(s, texts, n, probabilities, labels, terms, err);
    for (size_t done = 0; done < n;) {
        size_t rows = rows_together(s, texts + done, n - done);
        TRY(do_steps(s, texts + done, rows, err));
        TRY(run_prepared(s, s->prepared_texts, rows, probabilities + done * s->chain->class_count,
                         labels + done, terms != NULL ? terms + done : NULL, err));
        done += rows;
    }
    return ALF_OK;
}
