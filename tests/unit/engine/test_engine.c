/*
 * The engine around its operators: what loading refuses and how it says so, bounds on memory,
 * reuse of memory, batches of none, one and many rows, and lack of memory at every point.
 */
#include "support/onnx_float.h"
#include "support/test.h"

#include "base/mem.h"
#include "base/span.h"
#include "engine/engine.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- building ---- */

static onnx_model *new_model(void)
{
    onnx_model *m = onnx_new("g");
    alf_error err = {0};
    assert_non_null(m);
    must(onnx_add_opset(m, "", 17, &err), &err);
    must(onnx_add_opset(m, "ai.onnx.ml", 3, &err), &err);
    return m;
}

static void add_input(onnx_model *m, const char *name, onnx_type type, uint32_t rank)
{
    alf_error err = {0};
    const int64_t dims[ONNX_MAX_RANK] = {-1, -1, -1, -1, -1, -1, -1, -1};
    must(onnx_add_input(m, name, type, rank, dims, &err), &err);
}

static void add_output(onnx_model *m, const char *name, onnx_type type, uint32_t rank)
{
    alf_error err = {0};
    const int64_t dims[ONNX_MAX_RANK] = {-1, -1, -1, -1, -1, -1, -1, -1};
    must(onnx_add_output(m, name, type, rank, dims, &err), &err);
}

static onnx_node *add_node(onnx_model *m, const char *domain, const char *op, const char *inputs,
                           const char *outputs)
{
    onnx_node *node;
    alf_error err = {0};
    must(onnx_add_node(m, domain, op, "the_node", inputs, outputs, &node, &err), &err);
    return node;
}

static void add_ints(onnx_model *m, const char *name, const int64_t *list, int64_t count)
{
    alf_error err = {0};
    must(onnx_add_initializer(m, name, ONNX_INT64, 1, &count, list, &err), &err);
}

/* Frees the model. */
static alf_status load(onnx_model *m, size_t max_memory, engine **e, alf_error *err)
{
    buf file;
    buf_init(&file);
    *err = (alf_error){0};
    must(onnx_write(m, &file, err), err);
    onnx_free(m);
    alf_status status = engine_load(buf_span(&file), max_memory, e, err);
    buf_fini(&file);
    return status;
}

static void must_refuse(onnx_model *m, alf_status expected, const char *words)
{
    engine *e;
    alf_error err;
    assert_int_equal(load(m, 1 << 20, &e, &err), expected);
    assert_null(e);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

/* x -> op(x, constant) -> y, the constant holding `list`. */
static onnx_model *with_list(const char *op, onnx_type type, uint32_t rank, const int64_t *list,
                             int64_t count)
{
    onnx_model *m = new_model();
    add_input(m, "x", type, rank);
    add_ints(m, "list", list, count);
    add_node(m, "", op, "x list", "y");
    add_output(m, "y", type, 1);
    return m;
}

static tensor floats(float *data, uint32_t rank, int64_t rows, int64_t columns)
{
    return (tensor){.type = ONNX_FLOAT, .rank = rank, .dims = {rows, columns}, .data = data};
}

/* ---- what is refused ---- */

static void names_what_it_refuses(void **state)
{
    (void)state;
    engine *e;
    alf_error err;
    onnx_model *m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    add_node(m, "", "Conv", "x", "y");
    add_output(m, "y", ONNX_FLOAT, 2);
    assert_int_equal(load(m, 0, &e, &err), ALF_E_UNSUPPORTED);
    assert_string_equal(err.node, "the_node");
    assert_non_null(strstr(err.message, "Conv"));
    assert_non_null(strstr(err.message, "ai.onnx"));
    assert_non_null(strstr(err.message, "17"));

    m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    add_node(m, "ai.onnx.ml", "DictVectorizer", "x", "y");
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_UNSUPPORTED, "DictVectorizer of domain 'ai.onnx.ml'");
}

static void refuses_wrong_forms(void **state)
{
    (void)state;
    alf_error err = {0};
    onnx_model *m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    add_node(m, "", "Add", "x", "y");
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_FORMAT, "1 inputs");

    m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    must(onnx_set_int(m, add_node(m, "", "Abs", "x", "y"), "odd", 1, &err), &err);
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_UNSUPPORTED, "attribute 'odd'");

    m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    must(onnx_set_float(m, add_node(m, "", "Softmax", "x", "y"), "axis", 1, &err), &err);
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_FORMAT, "attribute axis has type");

    m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    add_input(m, "z", ONNX_DOUBLE, 2);
    add_node(m, "", "Add", "x z", "y");
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_UNSUPPORTED, "type double");

    m = new_model();
    add_input(m, "x", ONNX_STRING, 2);
    add_node(m, "", "Exp", "x", "y");
    add_output(m, "y", ONNX_STRING, 2);
    must_refuse(m, ALF_E_UNSUPPORTED, "type string");

    m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    add_node(m, "", "Exp", "x", "y");
    add_output(m, "y", ONNX_DOUBLE, 2);
    must_refuse(m, ALF_E_FORMAT, "declared as double");

    m = new_model();
    add_input(m, "x", ONNX_FLOAT, 3);
    add_node(m, "", "Gemm", "x x", "y");
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_FORMAT, "rank 3");

    m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    must(onnx_set_int(m, add_node(m, "", "Concat", "x x", "y"), "axis", -3, &err), &err);
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_FORMAT, "axis -3");
}

static void refuses_shapes_known_not_to_fit(void **state)
{
    (void)state;
    alf_error err = {0};
    const int64_t wide[2] = {-1, 3}, tall[2] = {2, 4};
    onnx_model *m = new_model();
    must(onnx_add_input(m, "x", ONNX_FLOAT, 2, wide, &err), &err);
    must(onnx_add_input(m, "z", ONNX_FLOAT, 2, tall, &err), &err);
    add_node(m, "", "Add", "x z", "y");
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_FORMAT, "does not fit");

    m = new_model();
    must(onnx_add_input(m, "x", ONNX_FLOAT, 2, wide, &err), &err);
    must(onnx_add_input(m, "z", ONNX_FLOAT, 2, tall, &err), &err);
    add_node(m, "", "MatMul", "x z", "y");
    add_output(m, "y", ONNX_FLOAT, 2);
    must_refuse(m, ALF_E_FORMAT, "3 columns times one of 2 rows");
}

/* A constant that is folded at load fails there, not at the first run. */
static void runs_what_is_known_at_load(void **state)
{
    (void)state;
    const int64_t list[2] = {5, 7}, bad = 2;
    onnx_model *m = new_model();
    add_input(m, "x", ONNX_FLOAT, 1);
    add_ints(m, "list", list, 2);
    add_ints(m, "at", &bad, 1);
    add_node(m, "", "Gather", "list at", "got");
    add_node(m, "", "Expand", "x got", "y");
    add_output(m, "y", ONNX_FLOAT, 1);
    must_refuse(m, ALF_E_FORMAT, "index 2 into 2");
}

/* ---- memory ---- */

/* Ranks are known when the file is loaded, sizes when it is run: every bomb ends in ALF_E_LIMIT or
 * ALF_E_FORMAT, and never allocates what it asks for. */
static void must_end(onnx_model *m, const tensor *input)
{
    engine *e;
    alf_error err;
    tensor out;
    alf_status status = load(m, 1 << 20, &e, &err);
    if (status == ALF_OK) {
        engine_session *s = engine_session_new(e);
        assert_non_null(s);
        status = engine_run(s, input, &out, &err);
        engine_session_free(s);
        engine_free(e);
    }
    if (status != ALF_E_LIMIT && status != ALF_E_FORMAT)
        fail_msg("%s: %s", alf_status_name(status), err.message);
}

static void bombs_end_in_errors(void **state)
{
    (void)state;
    float one = 1;
    const tensor x = floats(&one, 1, 1, 0);
    const int64_t large = 1 << 20, huge = INT64_MAX, minus = -1, lowest = INT64_MIN;
    const int64_t both[2] = {(int64_t)1 << 40, (int64_t)1 << 40};
    const int64_t many[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    const int64_t wrap[3] = {(int64_t)1 << 32, (int64_t)1 << 32, (int64_t)1 << 32};
    must_end(with_list("Expand", ONNX_FLOAT, 1, &large, 1), &x);
    must_end(with_list("Expand", ONNX_FLOAT, 1, &huge, 1), &x);
    must_end(with_list("Expand", ONNX_FLOAT, 1, &minus, 1), &x);
    must_end(with_list("Expand", ONNX_FLOAT, 1, both, 2), &x);
    must_end(with_list("Expand", ONNX_FLOAT, 1, many, 9), &x);
    must_end(with_list("Tile", ONNX_FLOAT, 1, &large, 1), &x);
    must_end(with_list("Tile", ONNX_FLOAT, 1, &huge, 1), &x);
    must_end(with_list("Tile", ONNX_FLOAT, 1, &lowest, 1), &x);
    must_end(with_list("Tile", ONNX_FLOAT, 1, many, 2), &x);
    must_end(with_list("Reshape", ONNX_FLOAT, 1, wrap, 3), &x);
    must_end(with_list("Reshape", ONNX_FLOAT, 1, many, 9), &x);
    must_end(with_list("Reshape", ONNX_FLOAT, 1, &lowest, 1), &x);
    must_end(with_list("Reshape", ONNX_FLOAT, 1, (const int64_t[2]){-1, -1}, 2), &x);
    must_end(with_list("Reshape", ONNX_FLOAT, 1, (const int64_t[2]){1, 0}, 2), &x);
    must_end(with_list("Gather", ONNX_FLOAT, 1, &huge, 1), &x);
    must_end(with_list("Gather", ONNX_FLOAT, 1, &lowest, 1), &x);
    must_end(with_list("Unsqueeze", ONNX_FLOAT, 1, &huge, 1), &x);
    must_end(with_list("Unsqueeze", ONNX_FLOAT, 1, (const int64_t[2]){0, 0}, 2), &x);
    must_end(with_list("Unsqueeze", ONNX_FLOAT, 1, many, 9), &x);
    must_end(with_list("Squeeze", ONNX_FLOAT, 1, &lowest, 1), &x);
    must_end(with_list("ReduceSum", ONNX_FLOAT, 1, (const int64_t[2]){0, -1}, 2), &x);
    must_end(with_list("ReduceSum", ONNX_FLOAT, 1, many, 9), &x);
}

static void constant_of_shape_bomb(void **state)
{
    (void)state;
    int64_t shape[3] = {(int64_t)1 << 30, (int64_t)1 << 30, (int64_t)1 << 30};
    const tensor x = {.type = ONNX_INT64, .rank = 1, .dims = {3}, .data = shape};
    onnx_model *m = new_model();
    add_input(m, "x", ONNX_INT64, 1);
    add_node(m, "", "ConstantOfShape", "x", "y");
    add_output(m, "y", ONNX_FLOAT, 3);
    must_end(m, &x);
    shape[0] = 1000;
    shape[1] = 1000;
    shape[2] = 1;
    m = new_model();
    add_input(m, "x", ONNX_INT64, 1);
    add_node(m, "", "ConstantOfShape", "x", "y");
    add_output(m, "y", ONNX_FLOAT, 3);
    must_end(m, &x);

    m = new_model(); /* the same, known at load */
    add_ints(m, "shape", shape, 3);
    add_input(m, "x", ONNX_INT64, 1);
    add_node(m, "", "ConstantOfShape", "shape", "y");
    add_output(m, "y", ONNX_FLOAT, 3);
    must_end(m, &x);
}

static void integer_corners(void **state)
{
    (void)state;
    int64_t lowest[2] = {INT64_MIN, 3}, divisors[2] = {-1, 0};
    tensor inputs[2] = {{.type = ONNX_INT64, .rank = 1, .dims = {2}, .data = lowest},
                        {.type = ONNX_INT64, .rank = 1, .dims = {1}, .data = divisors}};
    tensor out;
    engine *e;
    alf_error err;
    onnx_model *m = new_model();
    add_input(m, "a", ONNX_INT64, 1);
    add_input(m, "b", ONNX_INT64, 1);
    add_node(m, "", "Div", "a b", "y");
    add_output(m, "y", ONNX_INT64, 1);
    must(load(m, 0, &e, &err), &err);
    engine_session *s = engine_session_new(e);
    must(engine_run(s, inputs, &out, &err), &err);
    assert_true(((int64_t *)out.data)[0] == INT64_MIN);
    assert_true(((int64_t *)out.data)[1] == -3);
    inputs[1].dims[0] = 2;
    assert_int_equal(engine_run(s, inputs, &out, &err), ALF_E_FORMAT);
    assert_non_null(strstr(err.message, "division by zero"));
    assert_string_equal(err.node, "the_node");
    engine_session_free(s);
    engine_free(e);
}

/* ---- a model of several nodes ---- */

/* y = softmax(x W + b), and its largest; x [N, 3]. */
static onnx_model *softmax_model(void)
{
    alf_error err = {0};
    const float weights[6] = {0.5F, -1, 2, 0.25F, -0.75F, 1}, bias[2] = {0.1F, -0.2F};
    const int64_t square[2] = {3, 2}, two = 2;
    onnx_model *m = new_model();
    add_input(m, "x", ONNX_FLOAT, 2);
    must(onnx_add_initializer(m, "W", ONNX_FLOAT, 2, square, weights, &err), &err);
    must(onnx_add_initializer(m, "b", ONNX_FLOAT, 1, &two, bias, &err), &err);
    add_node(m, "", "MatMul", "x W", "xW");
    add_node(m, "", "Add", "xW b", "scores");
    add_node(m, "", "Softmax", "scores", "p");
    onnx_node *node = add_node(m, "", "ArgMax", "p", "label");
    must(onnx_set_int(m, node, "axis", 1, &err), &err);
    must(onnx_set_int(m, node, "keepdims", 0, &err), &err);
    add_output(m, "label", ONNX_INT64, 1);
    add_output(m, "p", ONNX_FLOAT, 2);
    must(onnx_add_metadata(m, "key", SPAN_LITERAL("text"), &err), &err);
    return m;
}

static void batches_of_any_size(void **state)
{
    (void)state;
    enum { ROWS = 500 };
    static float x[ROWS * 3];
    static float all[ROWS * 2];
    static int64_t labels[ROWS];
    engine *e;
    alf_error err;
    tensor out[2], in = floats(x, 2, ROWS, 3);
    for (int i = 0; i < ROWS * 3; i++)
        x[i] = (float)((i * 7919) % 997) / 100.0F - 5;
    must(load(softmax_model(), 0, &e, &err), &err);
    engine_session *s = engine_session_new(e);
    must(engine_run(s, &in, out, &err), &err);
    assert_int_equal(out[1].dims[0], ROWS);
    memcpy(all, out[1].data, sizeof all);
    memcpy(labels, out[0].data, sizeof labels);
    for (int64_t size = 1; size < ROWS; size = size * 3 + 1)
        for (int64_t from = 0; from + size <= ROWS; from += size) {
            in = floats(x + from * 3, 2, size, 3);
            must(engine_run(s, &in, out, &err), &err);
            assert_memory_equal(out[1].data, all + from * 2, (size_t)size * 2 * sizeof(float));
            assert_memory_equal(out[0].data, labels + from, (size_t)size * sizeof(int64_t));
        }
    in = floats(NULL, 2, 0, 3);
    must(engine_run(s, &in, out, &err), &err);
    assert_int_equal(out[0].rank, 1);
    assert_int_equal(out[0].dims[0], 0);
    assert_int_equal(out[1].dims[0], 0);
    assert_int_equal(out[1].dims[1], 2);
    engine_session_free(s);
    engine_free(e);
}

static void allocates_nothing_once_warm(void **state)
{
    (void)state;
    static float x[300];
    engine *e;
    alf_error err;
    tensor out[2], in = floats(x, 2, 100, 3);
    must(load(softmax_model(), 0, &e, &err), &err);
    engine_session *s = engine_session_new(e);
    must(engine_run(s, &in, out, &err), &err);
    (void)mem_fail_after(1);
    must(engine_run(s, &in, out, &err), &err);
    in.dims[0] = 1;
    must(engine_run(s, &in, out, &err), &err);
    in.dims[0] = 0;
    must(engine_run(s, &in, out, &err), &err);
    (void)mem_fail_after(0);
    engine_session_free(s);
    engine_free(e);
}

/* What fits does not depend on what was run before. */
static void limits_do_not_remember(void **state)
{
    (void)state;
    enum { ROWS = 10000 };
    float *x = calloc(ROWS, 3 * sizeof *x);
    engine *e;
    alf_error err;
    tensor out[2], in = floats(x, 2, ROWS, 3);
    assert_non_null(x);
    must(load(softmax_model(), 100000, &e, &err), &err);
    engine_session *s = engine_session_new(e);
    assert_int_equal(engine_run(s, &in, out, &err), ALF_E_LIMIT);
    assert_non_null(strstr(err.message, "smaller batches"));
    in.dims[0] = 5000;
    must(engine_run(s, &in, out, &err), &err);
    for (int64_t rows = 7000; rows > 0; rows -= 350) {
        in.dims[0] = rows;
        engine_session *fresh = engine_session_new(e);
        alf_status expected = engine_run(fresh, &in, out, &err);
        engine_session_free(fresh);
        assert_int_equal(engine_run(s, &in, out, &err), expected);
    }
    engine_session_free(s);
    engine_free(e);
    free(x);
}

static void checks_inputs(void **state)
{
    (void)state;
    float x[6] = {0};
    double d[6] = {0};
    engine *e;
    alf_error err;
    alf_span text;
    tensor out[2], in = floats(x, 2, 2, 3);
    alf_error unused = {0};
    onnx_model *m = new_model();
    const int64_t dims[2] = {-1, 3};
    must(onnx_add_input(m, "x", ONNX_FLOAT, 2, dims, &unused), &unused);
    add_node(m, "", "Identity", "x", "y");
    add_output(m, "y", ONNX_FLOAT, 2);
    must(load(m, 0, &e, &err), &err);
    engine_session *s = engine_session_new(e);
    must(engine_run(s, &in, out, &err), &err);
    assert_ptr_not_equal(out[0].data, x); /* an output never is the caller's memory */
    in = floats(x, 2, 3, 2);
    assert_int_equal(engine_run(s, &in, out, &err), ALF_E_ARGUMENT);
    assert_non_null(strstr(err.message, "shape [3, 2], expected [?, 3]"));
    in = floats(x, 1, 6, 0);
    assert_int_equal(engine_run(s, &in, out, &err), ALF_E_ARGUMENT);
    in = (tensor){.type = ONNX_DOUBLE, .rank = 2, .dims = {2, 3}, .data = d};
    assert_int_equal(engine_run(s, &in, out, &err), ALF_E_ARGUMENT);
    assert_non_null(strstr(err.message, "type double, expected float"));
    in = floats(x, 2, -2, 3);
    assert_int_equal(engine_run(s, &in, out, &err), ALF_E_ARGUMENT);
    in = floats(x, 2, INT64_MAX, 3);
    assert_int_equal(engine_run(s, &in, out, &err), ALF_E_ARGUMENT);
    in = floats(NULL, 2, 2, 3);
    assert_int_equal(engine_run(s, &in, out, &err), ALF_E_ARGUMENT);
    engine_session_free(s);
    engine_free(e);

    must(load(softmax_model(), 0, &e, &err), &err);
    assert_int_equal(engine_input_count(e), 1);
    assert_int_equal(engine_output_count(e), 2);
    assert_text(engine_input(e, 0)->name, "x");
    assert_text(engine_output(e, 1)->name, "p");
    assert_true(engine_metadata(e, "key", &text));
    assert_text(text, "text");
    assert_false(engine_metadata(e, "none", &text));
    engine_free(e);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    float x[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    tensor out[2];
    const tensor in = floats(x, 2, 3, 3);
    buf file;
    alf_error err = {0};
    onnx_model *m = softmax_model();
    buf_init(&file);
    must(onnx_write(m, &file, &err), &err);
    onnx_free(m);
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        engine *e = NULL;
        (void)mem_fail_after(n);
        alf_status status = engine_load(buf_span(&file), 0, &e, &err);
        engine_session *s = status == ALF_OK ? engine_session_new(e) : NULL;
        if (s != NULL)
            status = engine_run(s, &in, out, &err);
        done = s != NULL && status == ALF_OK;
        (void)mem_fail_after(0);
        if (status != ALF_OK)
            assert_int_equal(status, ALF_E_NOMEM);
        engine_session_free(s);
        engine_free(e);
        assert_true(n < 10000);
    }
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_it_refuses),
        cmocka_unit_test(refuses_wrong_forms),
        cmocka_unit_test(refuses_shapes_known_not_to_fit),
        cmocka_unit_test(runs_what_is_known_at_load),
        cmocka_unit_test(bombs_end_in_errors),
        cmocka_unit_test(constant_of_shape_bomb),
        cmocka_unit_test(integer_corners),
        cmocka_unit_test(batches_of_any_size),
        cmocka_unit_test(allocates_nothing_once_warm),
        cmocka_unit_test(limits_do_not_remember),
        cmocka_unit_test(checks_inputs),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
