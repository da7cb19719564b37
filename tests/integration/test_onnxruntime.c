/*
 * The engine that is ONNX Runtime: tensors of all types, options, failures, and the sample bundle
 * with the same answers as the native engine. Needs the library: ALF_ONNXRUNTIME names it, else the
 * loader looks for libonnxruntime.so.1. Skipped where there is none.
 */
#include "support/sample_bundle.h"
#include "support/test.h"

#include "base/embedded.h"
#include "base/mem.h"
#include "classify/replay.h"
#include "convert/answers.h"
#include "engine/ort_api.h"
#include "logs/normalise.h"

#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, LOGS = 200 };

static engine_options with_runtime(void)
{
    engine_options o;
    engine_options_init(&o);
    o.kind = ENGINE_ONNX_RUNTIME;
    o.library = getenv("ALF_ONNXRUNTIME");
    return o;
}

/* ---- building graphs ---- */

static onnx_model *new_model(void)
{
    alf_error err = {0};
    onnx_model *m = onnx_new("g");
    assert_non_null(m);
    must(onnx_add_opset(m, "", 17, &err), &err);
    must(onnx_add_opset(m, "ai.onnx.ml", 3, &err), &err);
    return m;
}

static void add_value(onnx_model *m, const char *name, onnx_type type, uint32_t rank, bool input)
{
    const int64_t dims[ONNX_MAX_RANK] = {-1, 2, -1, -1, -1, -1, -1, -1};
    alf_error err = {0};
    must(input ? onnx_add_input(m, name, type, rank, dims, &err)
               : onnx_add_output(m, name, type, rank, dims, &err),
         &err);
}

static onnx_node *add_node(onnx_model *m, const char *op, const char *inputs, const char *outputs)
{
    alf_error err = {0};
    onnx_node *node;
    must(onnx_add_node(m, "", op, op, inputs, outputs, &node, &err), &err);
    return node;
}

/* Writes the model and frees it. */
static void finish(onnx_model *m, buf *file)
{
    alf_error err = {0};
    buf_init(file);
    must(onnx_write(m, file, &err), &err);
    onnx_free(m);
}

/* One input x and one output y = op(x), both of the type. */
static void one_node(const char *op, onnx_type type, buf *file)
{
    onnx_model *m = new_model();
    add_value(m, "x", type, 2, true);
    add_node(m, op, "x", "y");
    add_value(m, "y", type, 2, false);
    finish(m, file);
}

static engine *load(const buf *file, const engine_options *options)
{
    alf_error err = {0};
    engine *e = NULL;
    must(engine_load_with(buf_span(file), options, &e, &err), &err);
    return e;
}

static void must_fail(const buf *file, const engine_options *options, alf_status status,
                      const char *words)
{
    alf_error err = {0};
    char text[1024];
    engine *e = NULL;
    assert_int_equal(engine_load_with(buf_span(file), options, &e, &err), status);
    assert_null(e);
    if (strstr(error_text(&err, text, sizeof text), words) == NULL)
        fail_msg("'%s' does not say '%s'", text, words);
}

/* ---- tensors ---- */

static void passes_numbers(void **state)
{
    (void)state;
    static const onnx_type types[] = {ONNX_FLOAT, ONNX_DOUBLE, ONNX_INT32, ONNX_INT64};
    float floats[] = {-1.5F, 0, 2.25F, INFINITY};
    double doubles[] = {-1.5, 0, 0.1, -INFINITY};
    int32_t ints[] = {-1, 2, -3, 4};
    int64_t longs[] = {-1, 2, INT64_MIN + 1, 4};
    void *const data[] = {floats, doubles, ints, longs};
    for (size_t i = 0; i < 4; i++) {
        buf file;
        alf_error err = {0};
        tensor in = {types[i], 2, {2, 2}, data[i]};
        tensor out;
        engine_options o = with_runtime();
        one_node("Abs", types[i], &file);
        engine *e = load(&file, &o);
        assert_string_equal(engine_runs_on(e), "onnxruntime");
        assert_int_equal(engine_input_count(e), 1);
        assert_text(engine_input(e, 0)->name, "x");
        assert_int_equal(engine_input(e, 0)->type, types[i]);
        assert_int_equal(engine_input(e, 0)->dims[0], -1);
        assert_int_equal(engine_input(e, 0)->dims[1], 2);
        engine_session *s = engine_session_new(e);
        must(engine_run(s, &in, &out, &err), &err);
        assert_int_equal(out.type, types[i]);
        assert_int_equal(out.rank, 2);
        assert_int_equal(tensor_count(&out), 4);
        for (size_t k = 0; k < 4; k++) {
            if (types[i] == ONNX_FLOAT)
                assert_true(((float *)out.data)[k] == fabsf(floats[k]));
            else if (types[i] == ONNX_DOUBLE)
                assert_true(((double *)out.data)[k] == fabs(doubles[k]));
            else if (types[i] == ONNX_INT32)
                assert_int_equal(((int32_t *)out.data)[k], abs(ints[k]));
            else
                assert_int_equal(((int64_t *)out.data)[k], llabs(longs[k]));
        }
        tensor none = {types[i], 2, {0, 2}, NULL};
        must(engine_run(s, &none, &out, &err), &err);
        assert_int_equal(tensor_count(&out), 0);
        tensor wide = {types[i], 2, {1, 3}, data[i]};
        assert_int_equal(engine_run(s, &wide, &out, &err), ALF_E_ARGUMENT);
        must(engine_run(s, &in, &out, &err), &err);
        engine_session_free(s);
        engine_free(e);
        buf_fini(&file);
    }
}

/* Strings are bytes: also empty ones, and with a NUL in them. */
static void passes_strings(void **state)
{
    (void)state;
    alf_span texts[] = {SPAN_LITERAL("one"), SPAN_LITERAL(""), SPAN_LITERAL("zw\xc3\xb6lf"),
                        SPAN_LITERAL("a\0b")};
    buf file;
    alf_error err = {0};
    tensor in = {ONNX_STRING, 2, {2, 2}, texts};
    tensor out;
    engine_options o = with_runtime();
    one_node("Identity", ONNX_STRING, &file);
    engine *e = load(&file, &o);
    engine_session *s = engine_session_new(e);
    for (int turn = 0; turn < 2; turn++) {
        must(engine_run(s, &in, &out, &err), &err);
        assert_int_equal(tensor_count(&out), 4);
        for (size_t i = 0; i < 4; i++)
            assert_true(span_equal(((alf_span *)out.data)[i], texts[i]));
    }
    tensor none = {ONNX_STRING, 2, {0, 2}, NULL};
    must(engine_run(s, &none, &out, &err), &err);
    assert_int_equal(tensor_count(&out), 0);
    engine_session_free(s);
    engine_free(e);
    buf_fini(&file);
}

/* An output is never the caller's own memory. */
static void owns_its_outputs(void **state)
{
    (void)state;
    float x[] = {1, 2};
    buf file;
    alf_error err = {0};
    tensor in = {ONNX_FLOAT, 2, {1, 2}, x};
    tensor out;
    engine_options o = with_runtime();
    one_node("Identity", ONNX_FLOAT, &file);
    engine *e = load(&file, &o);
    engine_session *s = engine_session_new(e);
    must(engine_run(s, &in, &out, &err), &err);
    x[0] = x[1] = 7;
    assert_true(((float *)out.data)[0] < 2 && ((float *)out.data)[1] < 3);
    engine_session_free(s);
    engine_free(e);
    buf_fini(&file);
}

static void reads_metadata(void **state)
{
    (void)state;
    alf_error err = {0};
    alf_span text;
    buf file;
    engine_options o = with_runtime();
    onnx_model *m = new_model();
    add_value(m, "x", ONNX_FLOAT, 2, true);
    add_node(m, "Abs", "x", "y");
    add_value(m, "y", ONNX_FLOAT, 2, false);
    must(onnx_add_metadata(m, "key", SPAN_LITERAL("some text"), &err), &err);
    finish(m, &file);
    engine *e = load(&file, &o);
    assert_true(engine_metadata(e, "key", &text));
    assert_text(text, "some text");
    assert_false(engine_metadata(e, "none", &text));
    assert_true(strncmp(engine_runtime_version(e), "1.", 2) == 0);
    engine_free(e);
    buf_fini(&file);
}

/* ---- options ---- */

static size_t thread_count(void)
{
    size_t n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;)
        n += entry->d_name[0] != '.';
    if (tasks != NULL)
        closedir(tasks);
    return n;
}

static void threads_are_as_asked(void **state)
{
    (void)state;
    static const int wanted[][2] = {{1, 1}, {4, 1}, {1, 3}};
    buf file;
    one_node("Abs", ONNX_FLOAT, &file);
    size_t made[3];
    for (size_t i = 0; i < 3; i++) {
        engine_options o = with_runtime();
        o.intra_op_num_threads = wanted[i][0];
        o.inter_op_num_threads = wanted[i][1];
        size_t before = thread_count();
        engine *e = load(&file, &o);
        made[i] = thread_count() - before;
        engine_free(e);
    }
    if (thread_count() > 0) { /* where there is /proc */
        assert_int_equal(made[0], 0);
        assert_int_equal(made[1], 3); /* the caller is the fourth */
        assert_true(made[2] >= 2);
    }
    buf_fini(&file);
}

static void every_option_loads_and_runs(void **state)
{
    (void)state;
    static const char *const levels[] = {"disabled", "basic", "extended", "all", NULL};
    float x[] = {-1, -2};
    tensor in = {ONNX_FLOAT, 2, {1, 2}, x};
    tensor out;
    alf_error err = {0};
    buf file;
    one_node("Abs", ONNX_FLOAT, &file);
    for (size_t i = 0; i < 5; i++)
        for (unsigned flags = 0; flags < 4; flags++) {
            engine_options o = with_runtime();
            o.optimization_level = levels[i];
            o.enable_cpu_mem_arena = (flags & 1) != 0;
            o.enable_mem_pattern = (flags & 2) != 0;
            engine *e = load(&file, &o);
            engine_session *s = engine_session_new(e);
            must(engine_run(s, &in, &out, &err), &err);
            assert_true(((float *)out.data)[1] > 1.5F);
            engine_session_free(s);
            engine_free(e);
        }
    engine_options o = with_runtime();
    o.optimization_level = "most";
    must_fail(&file, &o, ALF_E_ARGUMENT, "\"most\"");
    buf_fini(&file);
}

typedef struct said {
    int times;
    char text[600];
} said;

static void hear(void *context, const char *text)
{
    said *s = context;
    s->times++;
    (void)snprintf(s->text, sizeof s->text, "%s", text);
}

static void missing_providers_are_told(void **state)
{
    (void)state;
    said s = {0};
    buf file;
    engine_options o = with_runtime();
    o.warn = hear;
    o.warn_context = &s;
    one_node("Abs", ONNX_FLOAT, &file);
    o.providers = "NoSuchProvider CPUExecutionProvider AnotherProvider";
    engine_free(load(&file, &o));
    assert_int_equal(s.times, 1); /* nothing comes after the CPU */
    assert_non_null(strstr(s.text, "NoSuchProvider"));
    assert_non_null(strstr(s.text, "CPUExecutionProvider"));
    s.times = 0;
    o.providers = "CPUExecutionProvider";
    engine_free(load(&file, &o));
    assert_int_equal(s.times, 0);
    o.warn = NULL;
    o.providers = "NoSuchProvider";
    engine_free(load(&file, &o));
    buf_fini(&file);
}

/* ---- auto ---- */

static void auto_takes_the_native_engine_first(void **state)
{
    (void)state;
    float x[] = {0.5F, 1};
    tensor in = {ONNX_FLOAT, 2, {1, 2}, x};
    tensor out;
    alf_error err = {0};
    buf known, unknown;
    engine_options o = with_runtime();
    o.kind = ENGINE_AUTO;
    one_node("Abs", ONNX_FLOAT, &known);
    one_node("Sin", ONNX_FLOAT, &unknown);
    engine *e = load(&known, &o);
    assert_string_equal(engine_runs_on(e), "native");
    assert_string_equal(engine_runtime_version(e), "");
    engine_free(e);
    e = load(&unknown, &o);
    assert_string_equal(engine_runs_on(e), "onnxruntime");
    engine_session *s = engine_session_new(e);
    must(engine_run(s, &in, &out, &err), &err);
    assert_true(fabsf(((float *)out.data)[0] - sinf(0.5F)) < 1e-6F);
    engine_session_free(s);
    engine_free(e);

    engine_options native = {0};
    must_fail(&unknown, &native, ALF_E_UNSUPPORTED, "Sin");
    o.library = "/nonexistent/libonnxruntime.so";
    must_fail(&unknown, &o, ALF_E_UNSUPPORTED, "Sin");
    must_fail(&unknown, &o, ALF_E_UNSUPPORTED, "/nonexistent/libonnxruntime.so");
    engine_free(load(&known, &o)); /* the library is not even looked for */
    known.size /= 2;
    must_fail(&known, &o, ALF_E_FORMAT, "");
    buf_fini(&known);
    buf_fini(&unknown);
}

/* ---- failures ---- */

static void failures_are_told(void **state)
{
    (void)state;
    buf file;
    engine_options o = with_runtime();
    one_node("Abs", ONNX_FLOAT, &file);
    o.library = "/nonexistent/libonnxruntime.so";
    must_fail(&file, &o, ALF_E_NOT_FOUND, "onnx_runtime.library");
    o.library = "/tmp";
    must_fail(&file, &o, ALF_E_NOT_FOUND, "/tmp");
    o.library = "libm.so.6";
    must_fail(&file, &o, ALF_E_UNSUPPORTED, "not ONNX Runtime");
    o = with_runtime();
    size_t whole = file.size;
    file.size = whole / 2;
    must_fail(&file, &o, ALF_E_FORMAT, "ONNX Runtime: ");
    file.size = 0;
    must_fail(&file, &o, ALF_E_FORMAT, "empty");
    buf_fini(&file);
    one_node("NoSuchOperator", ONNX_FLOAT, &file);
    alf_error err = {0};
    engine *e = NULL;
    assert_int_not_equal(engine_load_with(buf_span(&file), &o, &e, &err), ALF_OK);
    assert_non_null(strstr(err.message, "NoSuchOperator"));
    assert_null(strchr(err.message, '\n'));
    buf_fini(&file);
}

/* A run that fails says why, and the next one works. */
static void a_failed_run_is_told(void **state)
{
    (void)state;
    static const int64_t shape[] = {4};
    const int64_t count = 1;
    float x[] = {1, 2, 3, 4};
    tensor in = {ONNX_FLOAT, 2, {1, 2}, x};
    tensor out;
    alf_error err = {0};
    buf file;
    engine_options o = with_runtime();
    onnx_model *m = new_model();
    add_value(m, "x", ONNX_FLOAT, 2, true);
    must(onnx_add_initializer(m, "shape", ONNX_INT64, 1, &count, shape, &err), &err);
    add_node(m, "Reshape", "x shape", "y");
    add_value(m, "y", ONNX_FLOAT, 1, false);
    finish(m, &file);
    engine *e = load(&file, &o);
    engine_session *s = engine_session_new(e);
    assert_int_not_equal(engine_run(s, &in, &out, &err), ALF_OK);
    assert_non_null(strstr(err.message, "ONNX Runtime: "));
    in.dims[0] = 2;
    must(engine_run(s, &in, &out, &err), &err);
    assert_int_equal(out.rank, 1);
    engine_session_free(s);
    engine_free(e);
    buf_fini(&file);
}

static void old_versions_are_refused(void **state)
{
    (void)state;
    static const char *const fine[] = {"1.15.0", "1.31.1", "1.100.0-dev"};
    static const char *const wrong[] = {"1.14.9", "1.9", "0.5.0", "2.0.0", "", "x", "1", "1."};
    alf_error err = {0};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        must(ort_api_check_version(fine[i], &err), &err);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(ort_api_check_version(wrong[i], &err), ALF_E_UNSUPPORTED);
        assert_non_null(strstr(err.message, "1.15"));
    }
}

/* Fails the n-th allocation, for every n until there are no more. */
static void survives_lack_of_memory(void **state)
{
    (void)state;
    alf_span texts[] = {SPAN_LITERAL("one"), SPAN_LITERAL("two")};
    buf file;
    engine_options o = with_runtime();
    tensor in = {ONNX_STRING, 2, {1, 2}, texts};
    one_node("Identity", ONNX_STRING, &file);
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        alf_error err = {0};
        engine *e = NULL;
        engine_session *s = NULL;
        tensor out;
        assert_true(n < 200);
        mem_fail_after(n);
        status = engine_load_with(buf_span(&file), &o, &e, &err);
        if (status == ALF_OK && (s = engine_session_new(e)) == NULL)
            status = ALF_E_NOMEM;
        if (status == ALF_OK)
            status = engine_run(s, &in, &out, &err);
        engine_session_free(s);
        engine_free(e);
        mem_fail_after(0);
        if (status != ALF_OK)
            assert_int_equal(status, ALF_E_NOMEM);
    }
    buf_fini(&file);
}

/* ---- threads: one engine, a session each ---- */

static void *run_often(void *argument)
{
    const engine *e = argument;
    engine_session *s = engine_session_new(e);
    uintptr_t wrong = s == NULL;
    for (int turn = 0; s != NULL && turn < 200; turn++) {
        float x[2] = {-(float)turn, (float)turn};
        tensor in = {ONNX_FLOAT, 2, {1, 2}, x};
        tensor out;
        alf_error err;
        if (engine_run(s, &in, &out, &err) != ALF_OK ||
            ((float *)out.data)[0] < (float)turn - 0.5F ||
            ((float *)out.data)[0] > (float)turn + 0.5F)
            wrong++;
    }
    engine_session_free(s);
    return (void *)wrong;
}

static void threads_share_an_engine(void **state)
{
    (void)state;
    pthread_t threads[4];
    buf file;
    engine_options o = with_runtime();
    one_node("Abs", ONNX_FLOAT, &file);
    engine *e = load(&file, &o);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, e), 0);
    for (size_t i = 0; i < 4; i++) {
        void *wrong;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    engine_free(e);
    buf_fini(&file);
}

/* ---- a whole bundle ---- */

typedef struct sample_logs {
    arena memory;
    size_t count;
    alf_span texts[LOGS];
    double features[LOGS * LOG_FEATURES];
} sample_logs;

static void read_logs(sample_logs *l)
{
    alf_error err = {0};
    alf_span rest = embedded_parity;
    arena_init(&l->memory, 0);
    l->count = 0;
    while (rest.size > 0 && l->count < LOGS) {
        const char *end = memchr(rest.data, '\n', rest.size);
        size_t size = end != NULL ? (size_t)(end - rest.data) : rest.size;
        buf text;
        buf_init(&text);
        must(log_normalise(LOG_PROFILE_PIPELINE, span_of(rest.data, size), &text, &err), &err);
        log_features(LOG_PROFILE_PIPELINE, span_of(rest.data, size), buf_span(&text), 0,
                     l->features + l->count * LOG_FEATURES);
        l->texts[l->count++] = span_of(arena_strndup(&l->memory, text.data, text.size), text.size);
        buf_fini(&text);
        size += end != NULL;
        rest = span_of(rest.data + size, rest.size - size);
    }
    assert_int_equal(l->count, LOGS);
}

static void ask(answerer *a, const sample_logs *l, answers *out)
{
    alf_error err = {0};
    answer_logs logs = {l->count, l->texts, l->features, 0};
    must(answers_init(out, l->count, answerer_width(a), &err), &err);
    must(answerer_run(a, &logs, out, &err), &err);
    answerer_free(a);
}

static void compare(answers *one, answers *two, double tie, double most)
{
    answers_difference d;
    answers_compare(one, two, tie, &d);
    assert_int_equal(d.mismatches, 0);
    assert_true(d.largest <= most);
    answers_fini(one);
    answers_fini(two);
}

static void the_sample_bundle_says_the_same(void **state)
{
    (void)state;
    sample_bundle b;
    models native, runtime;
    models_options plain = {0};
    models_options other = {.engine = with_runtime()};
    alf_error err = {0};
    answerer *a;
    answers one, two;
    sample_logs *logs = mem_alloc(sizeof *logs);
    assert_non_null(logs);
    read_logs(logs);
    sample_bundle_make(&b);
    must(models_open(&native, b.folder, &plain, &err), &err);
    if (models_open(&runtime, b.folder, &other, &err) == ALF_E_UNSUPPORTED &&
        strstr(err.message, "use 1.24 or later") != NULL) {
        print_message("not run: %s\n", err.message);
        models_close(&runtime);
        models_close(&native);
        sample_bundle_remove(&b);
        arena_fini(&logs->memory);
        mem_free(logs);
        skip();
    }
    must(err.status, &err);
    assert_string_equal(models_run_on(&native), "native");
    assert_string_equal(models_run_on(&runtime), "onnxruntime");
    replay proof; /* by the native engine */
    must(replay_bundle(&runtime, b.folder, &other, &proof, &err), &err);
    assert_int_equal(proof.logs, 1000);
    assert_string_equal(proof.gap, "");

    must(answerer_text_chain(&native.text, &a, &err), &err);
    ask(a, logs, &one);
    must(answerer_text_chain(&runtime.text, &a, &err), &err);
    ask(a, logs, &two);
    compare(&one, &two, 0, 1e-6); /* float32 probabilities */
    must(answerer_anomaly_chain(&native.anomaly, &a, &err), &err);
    ask(a, logs, &one);
    must(answerer_anomaly_chain(&runtime.anomaly, &a, &err), &err);
    ask(a, logs, &two);
    compare(&one, &two, 1e-6, 1e-9);
    models_close(&native);
    models_close(&runtime);
    sample_bundle_remove(&b);
    arena_fini(&logs->memory);
    mem_free(logs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_numbers),
        cmocka_unit_test(passes_strings),
        cmocka_unit_test(owns_its_outputs),
        cmocka_unit_test(reads_metadata),
        cmocka_unit_test(threads_are_as_asked),
        cmocka_unit_test(every_option_loads_and_runs),
        cmocka_unit_test(missing_providers_are_told),
        cmocka_unit_test(auto_takes_the_native_engine_first),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(a_failed_run_is_told),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(threads_share_an_engine),
        cmocka_unit_test(the_sample_bundle_says_the_same),
    };
    ort_api api;
    alf_error err = {0};
    char text[1024];
    if (ort_api_open(getenv("ALF_ONNXRUNTIME"), &api, &err) != ALF_OK) {
        printf("skipped: %s\n", error_text(&err, text, sizeof text));
        return SKIPPED;
    }
    printf("ONNX Runtime %s\n", api.version);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
