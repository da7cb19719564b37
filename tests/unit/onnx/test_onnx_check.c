/* onnx_check: graphs that are well formed as files but not as graphs. */
#include "onnx_dump.h"

static void good_graphs_pass(void **state)
{
    (void)state;
    buf file;
    onnx_model *m;
    alf_error err = {0};
    read_fixture("tiny.onnx", &file);
    expect_ok(onnx_read(buf_span(&file), &m, &err), &err);
    expect_ok(onnx_check(m, &err), &err);
    onnx_free(m);
    buf_fini(&file);
}

static void bad_graphs_are_named(void **state)
{
    static const struct {
        const char *file, *node, *words;
    } cases[] = {
        {"bad_cycle.onnx", "first", "cycle"},
        {"bad_missing.onnx", "lonely", "\"w\" is neither"},
        {"bad_twice.onnx", "again", "\"y\" is defined twice"},
        {"bad_unimported.onnx", "foreign", "\"org.example\", which the model does not import"},
        {"bad_output.onnx", "", "\"nowhere\" is produced by no node"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf file;
        onnx_model *m;
        alf_error err = {0};
        read_fixture(cases[i].file, &file);
        expect_ok(onnx_read(buf_span(&file), &m, &err), &err);
        assert_int_equal(onnx_check(m, &err), ALF_E_FORMAT);
        assert_non_null(strstr(err.message, cases[i].words));
        assert_string_equal(err.node, cases[i].node);
        onnx_free(m);
        buf_fini(&file);
    }
}

static onnx_model *start(void)
{
    onnx_model *m = onnx_new("g");
    assert_non_null(m);
    assert_int_equal(onnx_add_opset(m, "", 17, NULL), ALF_OK);
    assert_int_equal(onnx_add_input(m, "x", ONNX_FLOAT, 0, NULL, NULL), ALF_OK);
    return m;
}

static void refuse_and_free(onnx_model *m, const char *words)
{
    alf_error err = {0};
    assert_int_equal(onnx_check(m, &err), ALF_E_FORMAT);
    assert_non_null(strstr(err.message, words));
    onnx_free(m);
}

static void other_rules(void **state)
{
    (void)state;
    onnx_node *node;
    onnx_model *m = start();
    refuse_and_free(m, "no outputs");

    m = start();
    assert_int_equal(onnx_add_output(m, "x", ONNX_FLOAT, 0, NULL, NULL), ALF_OK);
    assert_int_equal(onnx_check(m, NULL), ALF_OK);
    assert_int_equal(onnx_add_output(m, "x", ONNX_FLOAT, 0, NULL, NULL), ALF_OK);
    refuse_and_free(m, "graph output \"x\" is defined twice");

    m = start();
    assert_int_equal(onnx_add_input(m, "x", ONNX_FLOAT, 0, NULL, NULL), ALF_OK);
    refuse_and_free(m, "graph input \"x\" is defined twice");

    m = start();
    assert_int_equal(onnx_add_initializer(m, "x", ONNX_FLOAT, 0, NULL, &(float){1}, NULL), ALF_OK);
    refuse_and_free(m, "initializer \"x\" is defined twice");

    m = start();
    assert_int_equal(onnx_add_node(m, "", "Relu", "", "x", "y", &node, NULL), ALF_OK);
    assert_int_equal(onnx_set_int(m, node, "a", 1, NULL), ALF_OK);
    assert_int_equal(onnx_set_int(m, node, "a", 2, NULL), ALF_OK);
    refuse_and_free(m, "attribute \"a\" is defined twice");

    m = start();
    assert_int_equal(onnx_add_metadata(m, "k", SPAN_LITERAL("1"), NULL), ALF_OK);
    assert_int_equal(onnx_add_metadata(m, "k", SPAN_LITERAL("2"), NULL), ALF_OK);
    refuse_and_free(m, "metadata property \"k\" is defined twice");

    m = start();
    assert_int_equal(onnx_add_node(m, "", "Relu", "self", "y", "y", &node, NULL), ALF_OK);
    refuse_and_free(m, "cycle");
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    buf file;
    onnx_model *m;
    read_fixture("tiny.onnx", &file);
    assert_int_equal(onnx_read(buf_span(&file), &m, NULL), ALF_OK);
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        mem_fail_after(n);
        status = onnx_check(m, NULL);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
    }
    onnx_free(m);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_graphs_pass),
        cmocka_unit_test(bad_graphs_are_named),
        cmocka_unit_test(other_rules),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
