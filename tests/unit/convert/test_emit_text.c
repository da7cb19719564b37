/*
 * Vectorizers of scikit-learn -> ONNX -> engine: every feature must have the bits scikit-learn
 * gives it. Fixtures: scripts/fixtures/make_emit_fixtures.py.
 */
#include "emit_case.h"

#include "codec/joblib.h"
#include "codec/json.h"
#include "convert/emit_internal.h"
#include "convert/extract.h"
#include "model/text_steps.h"

#define FIXTURES ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/emit"

enum { MAX_TEXTS = 64 };

typedef struct fixtures {
    arena memory;
    buf file;
    value *root;
    alf_span texts[MAX_TEXTS];
    size_t text_count;
} fixtures;

static int open_fixtures(void **state)
{
    static fixtures f;
    alf_error err = {0};
    arena_init(&f.memory, 0);
    buf_init(&f.file);
    must(file_read(FIXTURES "/cases.json", (size_t)1 << 22, &f.file, &err), &err);
    must(json_parse(buf_span(&f.file), &f.memory, &f.root, &err), &err);
    const value *texts = value_get(f.root, "texts");
    f.text_count = value_length(texts);
    assert_in_range(f.text_count, 1, MAX_TEXTS);
    for (size_t i = 0; i < f.text_count; i++)
        f.texts[i] = value_item(texts, i)->as.text;
    *state = &f;
    return 0;
}

static int close_fixtures(void **state)
{
    fixtures *f = *state;
    arena_fini(&f->memory);
    buf_fini(&f->file);
    return 0;
}

static alf_status convert(alf_span name, onnx_model **out, alf_error *err)
{
    char path[512];
    joblib_file *file;
    arena memory;
    text_vectorizer model;
    (void)snprintf(path, sizeof path, FIXTURES "/%.*s.joblib", (int)name.size, name.data);
    must(joblib_open(path, NULL, &file, err), err);
    arena_init(&memory, 0);
    must(extract_vectorizer(joblib_root(file), &memory, &model, err), err);
    alf_status status = emit_vectorizer(&model, out, err);
    arena_fini(&memory);
    joblib_free(file);
    return status;
}

/* The dense row of float32 bits that a fixture's sparse one stands for. */
static void fill_row(const value *row, uint32_t *bits)
{
    const value *columns = value_get(row, "columns"), *numbers = value_get(row, "bits");
    for (size_t k = 0; k < value_length(columns); k++) {
        int64_t column, number;
        assert_true(value_array_int64(&columns->as.array, k, &column));
        assert_true(value_array_int64(&numbers->as.array, k, &number));
        bits[column] = (uint32_t)number;
    }
}

/* What the file wants done to texts first. */
static void prepare(const emit_case *c, const alf_span *texts, size_t count, buf *memory,
                    alf_span *out)
{
    text_steps steps = {0};
    alf_span names;
    alf_error err = {0};
    size_t ends[MAX_TEXTS];
    if (engine_metadata(c->loaded, TEXT_STEPS_KEY, &names))
        must(text_steps_parse(names, &steps, &err), &err);
    for (size_t i = 0; i < count; i++) {
        must(text_steps_apply(&steps, texts[i], memory, &err), &err);
        ends[i] = memory->size;
    }
    for (size_t i = 0, begin = 0; i < count; begin = ends[i++])
        out[i] = span_of(memory->data + begin, ends[i] - begin);
}

static void run_texts(emit_case *c, const alf_span *texts, size_t count, uint32_t *bits,
                      int64_t width)
{
    buf memory;
    alf_span prepared[MAX_TEXTS];
    buf_init(&memory);
    buf_append_string(&memory, "");
    prepare(c, texts, count, &memory, prepared);
    const tensor input = {ONNX_STRING, 1, {(int64_t)count}, prepared};
    const tensor expected = {ONNX_FLOAT, 2, {(int64_t)count, width}, bits};
    tensor found;
    emit_case_run(c, &input, &found, &expected, (const double[]){1e-7});
    assert_int_equal(found.rank, 2);
    assert_int_equal(found.dims[0], count);
    assert_int_equal(found.dims[1], width);
    const uint32_t *values = found.data;
    for (size_t i = 0; i < count * (size_t)width; i++)
        if (values[i] != bits[i])
            fail_msg("%s: text \"%.*s\", column %zu: bits %08x, expected %08x", c->name,
                     (int)texts[i / (size_t)width].size, texts[i / (size_t)width].data,
                     i % (size_t)width, values[i], bits[i]);
    buf_fini(&memory);
}

/* Not for ONNX Runtime, whose StringNormalizer refuses it. */
static void run_no_text(const emit_case *c, int64_t width)
{
    const tensor input = {ONNX_STRING, 1, {0}, NULL};
    tensor found;
    alf_error err = {0};
    must(engine_run(c->session, &input, &found, &err), &err);
    assert_int_equal(found.rank, 2);
    assert_int_equal(found.dims[0], 0);
    assert_int_equal(found.dims[1], width);
}

static void run_case(fixtures *f, const value *fixture, const char *name)
{
    alf_error err = {0};
    onnx_model *graph;
    emit_case c;
    int64_t width;
    assert_true(value_to_int64(value_get(fixture, "width"), &width));
    must(convert(span_from_string(name), &graph, &err), &err);
    emit_case_open(&c, name, graph);
    uint32_t *bits = mem_calloc(f->text_count * (size_t)width, sizeof *bits);
    assert_non_null(bits);
    for (size_t i = 0; i < f->text_count; i++)
        fill_row(value_item(value_get(fixture, "rows"), i), bits + i * (size_t)width);
    run_texts(&c, f->texts, f->text_count, bits, width);
    for (size_t i = 0; i < f->text_count; i++) /* rows as wide as this text needs them */
        run_texts(&c, &f->texts[i], 1, bits + i * (size_t)width, width);
    run_no_text(&c, width);
    mem_free(bits);
    emit_case_close(&c);
}

static void equals_scikit_learn(void **state)
{
    fixtures *f = *state;
    const value *cases = value_get(f->root, "cases");
    size_t run = 0;
    for (size_t i = 0; i < value_length(cases); i++) {
        char name[64];
        const value *fixture = value_item(cases, i);
        if (value_get(fixture, "refused") != NULL)
            continue;
        alf_span text = value_get(fixture, "name")->as.text;
        (void)snprintf(name, sizeof name, "%.*s", (int)text.size, text.data);
        run_case(f, fixture, name);
        run++;
    }
    assert_true(run >= 42);
}

static void refuses_what_onnx_cannot_say(void **state)
{
    const fixtures *f = *state;
    const value *cases = value_get(f->root, "cases");
    size_t run = 0;
    for (size_t i = 0; i < value_length(cases); i++) {
        const value *fixture = value_item(cases, i);
        const value *words = value_get(fixture, "refused");
        if (words == NULL)
            continue;
        char expected[128];
        alf_error err = {0};
        onnx_model *graph;
        assert_int_equal(convert(value_get(fixture, "name")->as.text, &graph, &err),
                         ALF_E_UNSUPPORTED);
        assert_null(graph);
        (void)snprintf(expected, sizeof expected, "%.*s", (int)words->as.text.size,
                       words->as.text.data);
        if (strstr(err.message, expected) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
        run++;
    }
    assert_true(run >= 5);
}

static void same_bytes_every_time(void **state)
{
    (void)state;
    buf bytes[2];
    for (size_t i = 0; i < 2; i++) {
        alf_error err = {0};
        onnx_model *graph;
        must(convert(SPAN_LITERAL("ngrams"), &graph, &err), &err);
        buf_init(&bytes[i]);
        must(onnx_write(graph, &bytes[i], &err), &err);
        onnx_free(graph);
    }
    assert_int_equal(bytes[0].size, bytes[1].size);
    assert_memory_equal(bytes[0].data, bytes[1].data, bytes[0].size);
    buf_fini(&bytes[0]);
    buf_fini(&bytes[1]);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    static alf_span terms[] = {{"ab cd", 5}, {"ab", 2}, {"?", 1}};
    static alf_span stop_words[] = {{"the", 3}, {"of", 2}};
    static double idf[] = {1, 2, 3};
    const text_vectorizer model = {.lowercase = true,
                                   .token_pattern = SPAN_LITERAL("\\b[a-z]+\\b"),
                                   .stop_words = stop_words,
                                   .stop_word_count = 2,
                                   .ngram_min = 1,
                                   .ngram_max = 2,
                                   .sublinear_tf = true,
                                   .use_idf = true,
                                   .norm = TEXT_NORM_L2,
                                   .float32 = true,
                                   .term_count = 3,
                                   .terms = terms,
                                   .idf = idf};
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        onnx_model *graph;
        mem_fail_after(n);
        status = emit_vectorizer(&model, &graph, NULL);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        onnx_free(graph);
    }
}

/* ---- patterns, against what Python's re finds ---- */

static void patterns(void **state)
{
    static const struct {
        const char *pattern, *written;
    } cases[] = {
        {"(?u)\\b\\w\\w+\\b", "[\\p{L}\\p{N}_]{2,}"},
        {"\\w+", "[\\p{L}\\p{N}_]+"},
        {"\\b\\w{3,}\\b", "[\\p{L}\\p{N}_]{3,}"},
        {"\\w{2}\\w*", "[\\p{L}\\p{N}_]{2,}"},
        {"[\\w.]+", "[\\p{L}\\p{N}_\\x{2e}]+"},
        {"[a-c]+", "[\\x{61}-\\x{63}]+"},
        {"[]x-]+", "[\\x{2d}\\x{5d}\\x{78}]+"},
        {"[^]x]+", "[^\\x{5d}\\x{78}]+"},
        {"\\b\\d+\\b", "[\\p{Nd}]+"},
        {"[^\\W\\d_]+", "[\\p{L}\\p{Nl}\\p{No}]+"},
        {"\\b[^\\W_]{2,}\\b", "[\\p{L}\\p{N}]{2,}"},
        {"[^\\W\\d.\\s]+", "[\\p{L}\\p{Nl}\\p{No}_]+"},
        {"[^\\W]+", "[\\p{L}\\p{N}_]+"},
        {"(\\w+)", "[\\p{L}\\p{N}_]+"},
        {"(?u)\\b(?:\\w\\w+)\\b", "[\\p{L}\\p{N}_]{2,}"},
        {"(\\b[a-c]+\\b)", "[\\x{61}-\\x{63}]+"},
        {"(\\w+)(\\w+)", NULL},
        {"(\\w+", NULL},
        {"(", NULL},
        {"()", NULL},
        {"(\\w+\\)", NULL},
        {"(\\w+)|(\\d+)", NULL},
        {"\\b(\\w+).\\b", NULL},
        {"[^\\W\\w]+", NULL},
        {"[^\\Wa]+", NULL},
        {"[^\\W0-9]+", NULL},
        {"", NULL},
        {"\\w", NULL},
        {"\\w*", NULL},
        {"\\w+\\d+", NULL},
        {"\\b[a.]+\\b", NULL},
        {"\\b[a-z]+", NULL},
        {"[a-z", NULL},
        {"[z-a]+", NULL},
        {"[\\w-z]+", NULL},
        {"[\\W]+", NULL},
        {"[é]+", NULL},
        {"\\w{2,3}", NULL},
        {"\\w{,3}", NULL},
        {"\\w{1001,}", NULL},
        {"\\w{999999999999999999999,}", NULL},
        {"\\w+\\", NULL},
        {"\\w+|\\d+", NULL},
        {"(?i)\\w+", NULL},
        {"\\w++", NULL},
        {"\\b\\w+\\b.", NULL},
        {"\\b", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        token_pattern p;
        alf_status status = token_pattern_parse(span_from_string(cases[i].pattern), &p, NULL);
        if (cases[i].written == NULL) {
            if (status != ALF_E_UNSUPPORTED)
                fail_msg("\"%s\" was accepted", cases[i].pattern);
            continue;
        }
        assert_int_equal(status, ALF_OK);
        buf out;
        buf_init(&out);
        token_pattern_write(&p, &out);
        buf_append_char(&out, '\0');
        assert_string_equal(out.data, cases[i].written);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_scikit_learn),
        cmocka_unit_test(refuses_what_onnx_cannot_say),
        cmocka_unit_test(same_bytes_every_time),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(patterns),
    };
    return cmocka_run_group_tests(tests, open_fixtures, close_fixtures);
}
