/*
 * Models of scikit-learn 0.19 to 1.8 with the library's own answers (fixtures/sklearn, written by
 * scripts/fixtures/make_sklearn_fixtures.py): the extracted plain models, evaluated plainly or as
 * ONNX in our engine, and the joblib engine both give those answers.
 *
 * Labels are equal, scores within 1e-12, scaled values and term weights bit for bit, except for
 * logarithms in float32, where numpy does not round as the C library does (within 4 units in the
 * last place of float32). Up to 1.4 the library adds up norms from the last column on, ONNX from
 * the first: there a value may be its neighbour.
 */
#include "base/mem.h"
#include "base/span.h"
#include "codec/joblib.h"
#include "convert/emit.h"
#include "convert/extract.h"
#include "convert/reference.h"
#include "engine/engine.h"
#include "model/text_steps.h"

#include <dirent.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define FOLDER ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/sklearn"

enum { WIDTH = 4, MAX_WIDTH = 16, MAX_TEXTS = 32 };

typedef struct fixture {
    char name[256]; /* of the case, for messages */
    joblib_file *file;
    const value *root;
    json_t *answers;
    json_t *texts;
    arena memory;
} fixture;

static bool failed(const fixture *f, const char *what, size_t row)
{
    print_error("%s: %s of row %zu\n", f->name, what, row);
    return false;
}

static bool check_status(const fixture *f, alf_status status, const alf_error *err)
{
    char line[1024];
    if (status != ALF_OK)
        print_error("%s: %s\n", f->name, error_text(err, line, sizeof line));
    return status == ALF_OK;
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static double number(const json_t *v)
{
    return json_is_null(v) ? (double)NAN : json_number_value(v);
}

static void read_row(const json_t *row, double *out)
{
    assert_int_equal(json_array_size(row), WIDTH);
    for (size_t i = 0; i < WIDTH; i++)
        out[i] = number(json_array_get(row, i));
}

/* ------------------------------------------------------------------ isolation forests */

static bool check_forest_row(fixture *f, const isolation_forest *plain,
                             const reference_isolation *known, size_t row)
{
    alf_error err = {0};
    double x[WIDTH];
    double want_score = number(json_array_get(json_object_get(f->answers, "score"), row));
    double want_decision = number(json_array_get(json_object_get(f->answers, "decision"), row));
    int want = (int)json_integer_value(json_array_get(json_object_get(f->answers, "label"), row));
    double score;
    double decision;
    int label;
    read_row(json_array_get(json_object_get(f->answers, "rows"), row), x);
    if (!check_status(f, reference_isolation_run(known, x, WIDTH, &score, &decision, &label, &err),
                      &err))
        return false;
    if (label != want || fabs(score - want_score) > 1e-12 || fabs(decision - want_decision) > 1e-12)
        return failed(f, "joblib engine", row);
    for (size_t i = 0; i < WIDTH; i++)
        x[i] = (double)(float)x[i];
    double depth;
    forest_sum(&plain->trees, x, &depth);
    score = -pow(2.0, -depth / plain->denominator);
    label = score - plain->offset < 0.0 ? -1 : 1;
    if (label != want || fabs(score - want_score) > 1e-12)
        return failed(f, "extracted forest", row);
    return true;
}

static bool check_isolation(fixture *f)
{
    alf_error err = {0};
    isolation_forest plain;
    reference_isolation *known;
    if (!check_status(f, extract_isolation_forest(f->root, &f->memory, &plain, &err), &err) ||
        !check_status(f, reference_isolation_new(f->root, &known, &err), &err))
        return false;
    size_t rows = json_array_size(json_object_get(f->answers, "rows"));
    bool good = rows > 20;
    for (size_t i = 0; i < rows; i++)
        good &= check_forest_row(f, &plain, known, i);
    reference_isolation_free(known);
    return good;
}

/* ------------------------------------------------------------------ scalers and labels */

/* Runs a graph that has one input and one output. The session holds the output. */
static bool run_graph(fixture *f, onnx_model *graph, const tensor *input, engine **e,
                      engine_session **session, tensor *out)
{
    alf_error err = {0};
    buf bytes;
    buf_init(&bytes);
    *e = NULL;
    *session = NULL;
    alf_status status = onnx_write(graph, &bytes, &err);
    onnx_free(graph);
    if (status == ALF_OK)
        status = engine_load(buf_span(&bytes), 0, e, &err);
    buf_fini(&bytes);
    if (status == ALF_OK) {
        *session = engine_session_new(*e);
        assert_non_null(*session);
        status = engine_run(*session, input, out, &err);
    }
    return check_status(f, status, &err);
}

/* ONNX rounds to float32 at the end. loose: its sums may differ in the last bit. */
static bool same_single(float got, double want, bool loose)
{
    return got == (float)want ||
           (loose && fabs((double)got - want) <= (double)FLT_EPSILON * fabs(want));
}

static bool check_scaler_graph(fixture *f, const double *x, const double *want, size_t rows,
                               size_t width, bool loose)
{
    alf_error err = {0};
    scaler plain;
    onnx_model *graph;
    engine *e;
    engine_session *session;
    tensor out;
    if (!check_status(f, extract_scaler(f->root, &f->memory, &plain, &err), &err) ||
        !check_status(f, emit_scaler(&plain, &graph, &err), &err))
        return false;
    const tensor input = {ONNX_DOUBLE, 2, {(int64_t)rows, (int64_t)width}, (void *)(uintptr_t)x};
    bool good = run_graph(f, graph, &input, &e, &session, &out);
    for (size_t i = 0; good && i < rows * width; i++)
        if (!same_single(((const float *)out.data)[i], want[i], loose))
            good = failed(f, "ONNX, scaled value", i / width);
    engine_session_free(session);
    engine_free(e);
    return good;
}

static bool check_scaler_row(fixture *f, const double *x, const double *want, size_t width,
                             bool loose)
{
    alf_error err = {0};
    double out[MAX_WIDTH];
    if (!check_status(f, reference_scale(f->root, x, width, out, &err), &err))
        return false;
    for (size_t k = 0; k < width; k++)
        if (!same(out[k], want[k]) &&
            !(loose && fabs(out[k] - want[k]) <= 2 * DBL_EPSILON * fabs(want[k])))
            return false;
    return true;
}

static bool check_scaler(fixture *f)
{
    json_t *in = json_object_get(f->answers, "rows");
    json_t *out = json_object_get(f->answers, "out");
    bool loose = json_is_true(json_object_get(f->answers, "loose"));
    size_t rows = json_array_size(in);
    size_t width = json_array_size(json_array_get(in, 0));
    assert_true(rows > 0 && width <= MAX_WIDTH);
    double *x = mem_calloc(rows * width, sizeof *x);
    double *want = mem_calloc(rows * width, sizeof *want);
    assert_true(x != NULL && want != NULL);
    bool good = true;
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < width; k++) {
            x[i * width + k] = number(json_array_get(json_array_get(in, i), k));
            want[i * width + k] = number(json_array_get(json_array_get(out, i), k));
        }
        if (!check_scaler_row(f, x + i * width, want + i * width, width, loose))
            good = failed(f, "joblib engine, scaled value", i);
    }
    good &= check_scaler_graph(f, x, want, rows, width, loose);
    mem_free(x);
    mem_free(want);
    return good;
}

static bool check_labels(fixture *f)
{
    alf_error err = {0};
    class_labels plain;
    json_t *names = json_object_get(f->answers, "names");
    if (!check_status(f, extract_labels(f->root, &f->memory, &plain, &err), &err))
        return false;
    if (plain.count != json_array_size(names))
        return failed(f, "number of labels", 0);
    for (size_t i = 0; i < plain.count; i++)
        if (!span_is(plain.names[i], json_string_value(json_array_get(names, i))))
            return failed(f, "label", i);
    return true;
}

/* ------------------------------------------------------------------ texts */

static bool close_enough(double got, double want, double ulp)
{
    return same(got, want) || fabs(got - want) <= ulp * (double)FLT_EPSILON * fabs(want);
}

static bool check_text_row(fixture *f, const reference_text *known, reference_row *row, size_t i)
{
    alf_error err = {0};
    json_t *text = json_array_get(f->texts, i);
    json_t *want = json_array_get(json_object_get(f->answers, "rows"), i);
    double ulp = number(json_object_get(f->answers, "ulp"));
    alf_span span = {json_string_value(text), json_string_length(text)};
    if (!check_status(f, reference_text_run(known, span, row, &err), &err))
        return false;
    if (row->count != json_array_size(want)) {
        print_error("%zu terms, expected %zu; ", row->count, json_array_size(want));
        return failed(f, "number of terms", i);
    }
    for (size_t k = 0; k < row->count; k++) {
        json_t *pair = json_array_get(want, k);
        double weight = number(json_array_get(pair, 1));
        if (row->columns[k] != json_integer_value(json_array_get(pair, 0)) ||
            !close_enough(row->values[k], weight, ulp)) {
            print_error("column %u: %.17g, expected %.17g; ", row->columns[k], row->values[k],
                        weight);
            return failed(f, "term", i);
        }
    }
    return true;
}

static bool is_number(json_t *options, const char *name, long long found)
{
    json_t *v = json_object_get(options, name);
    long long want = json_is_boolean(v) ? json_is_true(v) : json_integer_value(v);
    if (want != found)
        print_error("%s is %lld, expected %lld; ", name, found, want);
    return v != NULL && want == found;
}

static bool is_string(json_t *v, alf_span text)
{
    return span_equal(text, span_of(json_string_value(v), json_string_length(v)));
}

static bool has_word(const text_vectorizer *v, json_t *word)
{
    for (uint32_t i = 0; i < v->stop_word_count; i++)
        if (is_string(word, v->stop_words[i]))
            return true;
    return false;
}

static bool check_text_tables(fixture *f, const text_vectorizer *v, json_t *options)
{
    json_t *terms = json_object_get(f->answers, "terms");
    json_t *stop = json_object_get(options, "stop");
    json_t *idf = json_object_get(options, "idf");
    json_t *pattern = json_object_get(options, "pattern");
    if (v->term_count != json_array_size(terms) || v->stop_word_count != json_array_size(stop) ||
        json_is_null(idf) != (v->idf == NULL))
        return failed(f, "number of terms, stop words or idf", 0);
    for (size_t i = 0; i < v->term_count; i++)
        if (!is_string(json_array_get(terms, i), v->terms[i]) ||
            (v->idf != NULL && !same(v->idf[i], number(json_array_get(idf, i)))))
            return failed(f, "term or idf", i);
    for (size_t i = 0; i < v->stop_word_count; i++)
        if (!has_word(v, json_array_get(stop, i)))
            return failed(f, "stop word", i);
    return v->analyzer != TEXT_WORD || is_string(pattern, v->token_pattern)
               ? true
               : failed(f, "token pattern", 0);
}

static bool check_text_model(fixture *f, const text_vectorizer *v)
{
    json_t *options = json_object_get(f->answers, "options");
    json_t *ngrams = json_object_get(options, "ngrams");
    if (!is_number(options, "analyzer", v->analyzer) ||
        !is_number(options, "lowercase", v->lowercase) ||
        !is_number(options, "binary", v->binary) || !is_number(options, "norm", v->norm) ||
        !is_number(options, "strip", v->strip_accents) ||
        !is_number(options, "float32", v->float32) ||
        !is_number(options, "sublinear", v->sublinear_tf) || v->use_idf != (v->idf != NULL) ||
        json_integer_value(json_array_get(ngrams, 0)) != v->ngram_min ||
        json_integer_value(json_array_get(ngrams, 1)) != v->ngram_max)
        return failed(f, "options", 0);
    return check_text_tables(f, v, options);
}

/* The row of the graph against the library's, which lists what is not zero. */
static bool check_graph_row(fixture *f, const float *row, size_t width, size_t i, bool loose)
{
    json_t *want = json_array_get(json_object_get(f->answers, "rows"), i);
    double ulp = number(json_object_get(f->answers, "ulp"));
    size_t next = 0;
    for (size_t k = 0; k < width; k++) {
        json_t *pair = json_array_get(want, next);
        double weight = 0.0;
        if (json_integer_value(json_array_get(pair, 0)) == (json_int_t)k && pair != NULL) {
            weight = number(json_array_get(pair, 1));
            next++;
        }
        if (!same_single(row[k], weight, loose) && !close_enough((double)row[k], weight, ulp)) {
            print_error("column %zu: %.9g, expected %.9g; ", k, (double)row[k], weight);
            return failed(f, "ONNX, term", i);
        }
    }
    return true;
}

/* Texts as the steps of the vectorizer leave them. */
static void prepare_texts(fixture *f, const text_vectorizer *v, buf *memory, alf_span *out)
{
    text_steps steps = text_steps_of(v);
    size_t ends[MAX_TEXTS];
    size_t count = json_array_size(f->texts);
    alf_error err = {0};
    buf_append_string(memory, " ");
    for (size_t i = 0; i < count; i++) {
        json_t *text = json_array_get(f->texts, i);
        alf_span span = {json_string_value(text), json_string_length(text)};
        assert_true(check_status(f, text_steps_apply(&steps, span, memory, &err), &err));
        ends[i] = memory->size;
    }
    for (size_t i = 0, begin = 1; i < count; begin = ends[i++])
        out[i] = span_of(memory->data + begin, ends[i] - begin);
}

/* Patterns that ONNX cannot say are refused; that is tested elsewhere. */
static bool check_text_graph(fixture *f, const text_vectorizer *v)
{
    alf_error err = {0};
    onnx_model *graph;
    engine *e;
    engine_session *session;
    tensor out;
    buf memory;
    alf_span texts[MAX_TEXTS];
    size_t count = json_array_size(f->texts);
    assert_true(count <= MAX_TEXTS);
    alf_status status = emit_vectorizer(v, &graph, &err);
    if (status == ALF_E_UNSUPPORTED && v->token_pattern.size > 0)
        return true;
    if (!check_status(f, status, &err))
        return false;
    buf_init(&memory);
    prepare_texts(f, v, &memory, texts);
    const tensor input = {ONNX_STRING, 1, {(int64_t)count}, texts};
    bool good = run_graph(f, graph, &input, &e, &session, &out);
    const float *rows = out.data;
    bool loose = !json_is_true(json_object_get(f->answers, "ascending"));
    for (size_t i = 0; good && i < count; i++)
        good = check_graph_row(f, rows + i * v->term_count, v->term_count, i, loose);
    engine_session_free(session);
    engine_free(e);
    buf_fini(&memory);
    return good;
}

static bool check_text(fixture *f)
{
    alf_error err = {0};
    text_vectorizer plain;
    reference_text *known;
    if (!check_status(f, extract_vectorizer(f->root, &f->memory, &plain, &err), &err) ||
        !check_text_model(f, &plain) ||
        !check_status(f, reference_text_new(f->root, &known, &err), &err))
        return false;
    reference_row row = {0};
    bool good = true;
    for (size_t i = 0; i < json_array_size(f->texts); i++)
        good &= check_text_row(f, known, &row, i);
    reference_row_fini(&row);
    reference_text_free(known);
    return check_text_graph(f, &plain) && good;
}

/* Both say no, and the extractor names the reason. */
static bool check_refused(fixture *f)
{
    alf_error err = {0};
    text_vectorizer plain;
    reference_text *known = NULL;
    const char *says = json_string_value(json_object_get(f->answers, "says"));
    if (extract_vectorizer(f->root, &f->memory, &plain, &err) == ALF_OK)
        return failed(f, "accepted by the extractor", 0);
    if (strstr(err.message, says) == NULL) {
        print_error("'%s' does not mention '%s'; ", err.message, says);
        return failed(f, "message", 0);
    }
    if (reference_text_new(f->root, &known, NULL) == ALF_OK) {
        reference_text_free(known);
        return failed(f, "accepted by the joblib engine", 0);
    }
    return known == NULL;
}

/* ------------------------------------------------------------------ all fixtures */

static bool check_case(json_t *answers, json_t *texts)
{
    static const struct {
        const char *kind;
        bool (*check)(fixture *);
    } kinds[] = {
        {"isolation", check_isolation}, {"scaler", check_scaler},   {"labels", check_labels},
        {"text", check_text},           {"refused", check_refused},
    };
    fixture f = {.answers = answers, .texts = texts};
    alf_error err = {0};
    const char *kind = json_string_value(json_object_get(answers, "kind"));
    (void)snprintf(f.name, sizeof f.name, "%s",
                   json_string_value(json_object_get(answers, "file")));
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", FOLDER, f.name);
    if (!check_status(&f, joblib_open(path, NULL, &f.file, &err), &err))
        return false;
    f.root = joblib_root(f.file);
    arena_init(&f.memory, 16 << 20);
    bool good = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kind, kinds[i].kind) == 0)
            good = kinds[i].check(&f);
    arena_fini(&f.memory);
    joblib_free(f.file);
    return good;
}

static json_t *read_answers(const char *name)
{
    enum { CAPACITY = 1 << 20 };
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", FOLDER, name);
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(CAPACITY);
    assert_non_null(text);
    int size = gzread(file, text, CAPACITY);
    assert_true(size > 0 && size < CAPACITY);
    gzclose(file);
    json_t *root = json_loadb(text, (size_t)size, JSON_ALLOW_NUL, NULL);
    free(text);
    assert_non_null(root);
    return root;
}

static void test_every_version(void **state)
{
    (void)state;
    size_t versions = 0;
    size_t cases = 0;
    size_t wrong = 0;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".json.gz") == NULL)
            continue;
        json_t *root = read_answers(entry->d_name);
        size_t i;
        json_t *answers;
        json_array_foreach(json_object_get(root, "cases"), i, answers)
        {
            cases++;
            wrong += !check_case(answers, json_object_get(root, "texts"));
        }
        json_decref(root);
        versions++;
    }
    closedir(folder);
    print_message("%zu library versions, %zu models, %zu wrong\n", versions, cases, wrong);
    assert_int_equal(wrong, 0);
    assert_true(versions >= 30 && cases >= 450);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_version)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
