/*
 * CumSum and ScatterElements given what does not fit: indices out of range, shapes that differ, no
 * axis, too little memory, lack of memory. What they give otherwise is compared with ONNX Runtime
 * in test_operators.c.
 */
#include "support/test.h"

#include "base/mem.h"
#include "base/span.h"
#include "engine/engine.h"

#include <string.h>

static const int64_t open_dims[ONNX_MAX_RANK] = {-1, -1, -1, -1, -1, -1, -1, -1};

/* inputs -> op -> y; the input names are x, i, u; the second one is int64, unless it is text. */
static onnx_model *model_of(const char *op, const char *inputs, const uint32_t *ranks,
                            onnx_type index_type)
{
    static const char *const names[] = {"x", "i", "u"};
    alf_error err = {0};
    onnx_node *node;
    onnx_model *m = onnx_new("g");
    assert_non_null(m);
    must(onnx_add_opset(m, "", 18, &err), &err);
    for (size_t i = 0; i < (strlen(inputs) + 1) / 2; i++)
        must(onnx_add_input(m, names[i], i == 1 ? index_type : ONNX_FLOAT, ranks[i], open_dims,
                            &err),
             &err);
    must(onnx_add_node(m, "", op, "the_node", inputs, "y", &node, &err), &err);
    must(onnx_add_output(m, "y", ONNX_FLOAT, ranks[0], open_dims, &err), &err);
    return m;
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

static void must_not_load(onnx_model *m, alf_status expected, const char *words)
{
    engine *e;
    alf_error err;
    assert_int_equal(load(m, 0, &e, &err), expected);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void must_fail(onnx_model *m, size_t max_memory, const tensor *inputs, alf_status expected,
                      const char *words)
{
    engine *e;
    alf_error err;
    tensor out;
    must(load(m, max_memory, &e, &err), &err);
    engine_session *s = engine_session_new(e);
    assert_non_null(s);
    assert_int_equal(engine_run(s, inputs, &out, &err), expected);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    engine_session_free(s);
    engine_free(e);
}

static const uint32_t matrices[] = {2, 2, 2}, lists[] = {1, 1, 1};
static float data[64];
static int64_t indices[64];

static tensor floats(uint32_t rank, int64_t rows, int64_t columns)
{
    return (tensor){ONNX_FLOAT, rank, {rows, columns}, data};
}

static tensor ints(uint32_t rank, int64_t rows, int64_t columns)
{
    return (tensor){ONNX_INT64, rank, {rows, columns}, indices};
}

static void scatter_refuses(void **state)
{
    (void)state;
    static const int64_t wrong[] = {2, -3, INT64_MAX, INT64_MIN};
    const tensor square[] = {floats(2, 2, 2), ints(2, 2, 2), floats(2, 2, 2)};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memset(indices, 0, sizeof indices);
        indices[3] = wrong[i];
        must_fail(model_of("ScatterElements", "x i u", matrices, ONNX_INT64), 0, square,
                  ALF_E_FORMAT, "into 2 elements");
    }
    memset(indices, 0, sizeof indices);
    const tensor few[] = {floats(2, 2, 2), ints(2, 2, 2), floats(2, 2, 1)};
    must_fail(model_of("ScatterElements", "x i u", matrices, ONNX_INT64), 0, few, ALF_E_FORMAT,
              "indices of shape [2, 2] and updates of shape [2, 1] for data of [2, 2]");
    const tensor wide[] = {floats(2, 2, 2), ints(2, 1, 3), floats(2, 1, 3)};
    must_fail(model_of("ScatterElements", "x i u", matrices, ONNX_INT64), 0, wide, ALF_E_FORMAT,
              "indices of shape [1, 3]");
    const tensor none[] = {floats(2, 0, 2), ints(2, 1, 2), floats(2, 1, 2)};
    must_fail(model_of("ScatterElements", "x i u", matrices, ONNX_INT64), 0, none, ALF_E_FORMAT,
              "index 0 into 0 elements");
    const uint32_t mixed[] = {2, 1, 1}, numbers[] = {0, 0, 0};
    const tensor flat[] = {floats(2, 2, 2), ints(1, 4, 0), floats(1, 4, 0)};
    must_fail(model_of("ScatterElements", "x i u", mixed, ONNX_INT64), 0, flat, ALF_E_FORMAT,
              "indices of shape [4]");
    const tensor scalars[] = {floats(0, 0, 0), ints(0, 0, 0), floats(0, 0, 0)};
    must_fail(model_of("ScatterElements", "x i u", numbers, ONNX_INT64), 0, scalars, ALF_E_FORMAT,
              "axis 0 of a tensor of rank 0");
    must_not_load(model_of("ScatterElements", "x i u", matrices, ONNX_FLOAT), ALF_E_UNSUPPORTED,
                  "type float");
    onnx_model *m = model_of("ScatterElements", "x i u", matrices, ONNX_INT64);
    alf_error err = {0};
    must(onnx_set_string(m, &m->nodes[0], "reduction", SPAN_LITERAL("add"), &err), &err);
    must_not_load(m, ALF_E_UNSUPPORTED, "'add'");
}

static void cumsum_refuses(void **state)
{
    (void)state;
    static const int64_t wrong[] = {1, -2, INT64_MAX, INT64_MIN};
    tensor list[] = {floats(1, 4, 0), ints(1, 1, 0)};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        indices[0] = wrong[i];
        must_fail(model_of("CumSum", "x i", lists, ONNX_INT64), 0, list, ALF_E_FORMAT, "axis");
    }
    indices[0] = 0;
    list[1] = ints(1, 0, 0);
    must_fail(model_of("CumSum", "x i", lists, ONNX_INT64), 0, list, ALF_E_FORMAT, "no axis");
    list[1] = ints(1, 2, 0);
    must_fail(model_of("CumSum", "x i", lists, ONNX_INT64), 0, list, ALF_E_FORMAT, "at most 1");
    must_not_load(model_of("CumSum", "x i", matrices, ONNX_INT64), ALF_E_FORMAT, "rank");
    must_not_load(model_of("CumSum", "x i", lists, ONNX_FLOAT), ALF_E_UNSUPPORTED, "type float");
}

/* Results larger than the engine's memory; no byte of the inputs is read before that is seen. */
static void memory_is_bounded(void **state)
{
    (void)state;
    const int64_t many = 1 << 20;
    const tensor sum[] = {{ONNX_FLOAT, 1, {many}, data}, ints(1, 1, 0)};
    const tensor put[] = {{ONNX_FLOAT, 1, {many}, data}, ints(1, 1, 0), floats(1, 1, 0)};
    indices[0] = 0;
    must_fail(model_of("CumSum", "x i", lists, ONNX_INT64), 1 << 16, sum, ALF_E_LIMIT, "");
    must_fail(model_of("ScatterElements", "x i u", lists, ONNX_INT64), 1 << 16, put, ALF_E_LIMIT,
              "");
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    const tensor inputs[] = {floats(2, 4, 4), ints(2, 4, 4), floats(2, 4, 4)};
    alf_status status = ALF_E_NOMEM;
    alf_error err = {0};
    buf file;
    buf_init(&file);
    onnx_model *m = model_of("ScatterElements", "x i u", matrices, ONNX_INT64);
    must(onnx_write(m, &file, &err), &err);
    onnx_free(m);
    memset(indices, 0, sizeof indices);
    for (uint64_t n = 1; status != ALF_OK; n++) {
        engine *e = NULL;
        tensor out;
        mem_fail_after(n);
        status = engine_load(buf_span(&file), 0, &e, NULL);
        engine_session *s = status == ALF_OK ? engine_session_new(e) : NULL;
        if (status == ALF_OK)
            status = s != NULL ? engine_run(s, inputs, &out, NULL) : ALF_E_NOMEM;
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        engine_session_free(s);
        engine_free(e);
    }
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scatter_refuses),
        cmocka_unit_test(cumsum_refuses),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
