/* onnx_write and the building functions: what is written reads back the same, and is canonical. */
#include "onnx_dump.h"

#include "support/onnx_float.h"

static void write_model(const onnx_model *m, buf *out)
{
    alf_error err = {0};
    buf_init(out);
    expect_ok(onnx_write(m, out, &err), &err);
}

/* Fixture -> model -> bytes -> model: the same text; and writing again gives the same bytes. */
static void round_trip(void **state)
{
    (void)state;
    buf file, expected, found, bytes, again;
    onnx_model *first, *second;
    alf_error err = {0};
    read_fixture("tensors.onnx", &file);
    read_fixture("tensors.txt", &expected);
    expect_ok(onnx_read(buf_span(&file), &first, &err), &err);
    write_model(first, &bytes);
    expect_ok(onnx_read(buf_span(&bytes), &second, &err), &err);
    buf_init(&found);
    dump_model(&found, second);
    assert_int_equal(found.size, expected.size);
    assert_memory_equal(found.data, expected.data, found.size);
    write_model(second, &again);
    assert_int_equal(again.size, bytes.size);
    assert_memory_equal(again.data, bytes.data, bytes.size);
    onnx_free(first);
    onnx_free(second);
    buf_fini(&file);
    buf_fini(&expected);
    buf_fini(&found);
    buf_fini(&bytes);
    buf_fini(&again);
}

static alf_status build_all(onnx_model *m, alf_error *err)
{
    static const alf_span words[] = {{"", 0}, {"b", 1}};
    onnx_node *node;
    if (onnx_add_input(m, "x", ONNX_FLOAT, 2, (const int64_t[]){-1, 3}, err) != ALF_OK ||
        onnx_add_input(m, "t", ONNX_STRING, 1, (const int64_t[]){-1}, err) != ALF_OK ||
        onnx_add_output(m, "y", ONNX_DOUBLE, 0, NULL, err) != ALF_OK ||
        onnx_add_value(m, "h", ONNX_FLOAT, 1, (const int64_t[]){-1}, err) != ALF_OK ||
        onnx_add_metadata(m, "key", SPAN_LITERAL("value"), err) != ALF_OK ||
        onnx_add_initializer(m, "w", ONNX_INT16, 1, (const int64_t[]){3},
                             (const int16_t[]){-1, 2, 300}, err) != ALF_OK ||
        onnx_add_initializer(m, "s", ONNX_STRING, 1, (const int64_t[]){2}, words, err) != ALF_OK ||
        onnx_add_node(m, "my", "Op", "n", "x  w s", "h y", &node, err) != ALF_OK ||
        onnx_set_int(m, node, "i", -5, err) != ALF_OK ||
        onnx_set_float(m, node, "f", 0.5F, err) != ALF_OK ||
        onnx_set_string(m, node, "s", SPAN_LITERAL("text"), err) != ALF_OK ||
        onnx_set_ints(m, node, "is", (const int64_t[]){1, -1}, 2, err) != ALF_OK ||
        onnx_set_floats(m, node, "fs", (const float[]){1.5F}, 1, err) != ALF_OK ||
        onnx_set_strings(m, node, "ss", words, 2, err) != ALF_OK ||
        onnx_set_ints(m, node, "none", NULL, 0, err) != ALF_OK ||
        onnx_set_tensor(m, node, "t", ONNX_UINT8, 1, (const int64_t[]){2}, "\7\11", err) != ALF_OK)
        return ALF_E_NOMEM;
    for (int i = 0; i < 5; i++)
        TRY(onnx_add_node(m, "", "Relu", "", i == 0 ? "h" : "r", i == 0 ? "r" : "", NULL, err));
    TRY(onnx_add_opset(m, "my", 2, err)); /* after the nodes: their version follows */
    return onnx_add_opset(m, "", 17, err);
}

static const char built_text[] = "ir 8\n"
                                 "producer '61692d6c6f672d66696c746572\n"
                                 "graph '67\n"
                                 "opset '6d79 2\n"
                                 "opset ' 17\n"
                                 "metadata '6b6579 '76616c7565\n"
                                 "input '78 float [-1,3]\n"
                                 "input '74 string [-1]\n"
                                 "output '79 double []\n"
                                 "initializer '77 int16 [3] -1 2 300\n"
                                 "initializer '73 string [2] ' '62\n"
                                 "node '6e '4f70 '6d79 2\n"
                                 "  in '78 ' '77 '73\n"
                                 "  out '68 '79\n"
                                 "  '69 i -5\n"
                                 "  '66 f 3f000000\n"
                                 "  '73 s '74657874\n"
                                 "  '6973 is 1 -1\n"
                                 "  '6673 fs 3fc00000\n"
                                 "  '7373 ss ' '62\n"
                                 "  '6e6f6e65 is\n"
                                 "  '74 t uint8 [2] 7 9\n"
                                 "node ' '52656c75 ' 17\n  in '68\n  out '72\n"
                                 "node ' '52656c75 ' 17\n  in '72\n  out\n"
                                 "node ' '52656c75 ' 17\n  in '72\n  out\n"
                                 "node ' '52656c75 ' 17\n  in '72\n  out\n"
                                 "node ' '52656c75 ' 17\n  in '72\n  out\n";

/* GraphProto.value_info, field 13: "h", float[N]. */
static bool has_value_info(const buf *bytes)
{
    static const char expected[] =
        "\x6a\x10\x0a\x01h\x12\x0b\x0a\x09\x08\x01\x12\x05\x0a\x03\x12\x01N";
    const size_t size = sizeof expected - 1;
    for (size_t i = 0; i + size <= bytes->size; i++)
        if (memcmp(bytes->data + i, expected, size) == 0)
            return true;
    return false;
}

static void builds(void **state)
{
    (void)state;
    alf_error err = {0};
    onnx_model *m = onnx_new("g");
    assert_non_null(m);
    expect_ok(build_all(m, &err), &err);
    expect_ok(onnx_check(m, &err), &err);
    const onnx_attribute *a = onnx_find_attribute(&m->nodes[0], "fs");
    assert_non_null(a);
    assert_int_equal(a->count, 1);
    assert_null(onnx_find_attribute(&m->nodes[0], "absent"));
    buf bytes, found;
    write_model(m, &bytes);
    assert_true(has_value_info(&bytes));
    onnx_free(m);
    expect_ok(onnx_read(buf_span(&bytes), &m, &err), &err);
    buf_init(&found);
    dump_model(&found, m);
    buf_append_char(&found, '\0');
    assert_string_equal(found.data, built_text);
    onnx_free(m);
    buf_fini(&bytes);
    buf_fini(&found);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        buf bytes;
        buf_init(&bytes);
        mem_fail_after(n);
        onnx_model *m = onnx_new("g");
        status = m == NULL ? ALF_E_NOMEM : build_all(m, NULL);
        if (status == ALF_OK)
            status = onnx_write(m, &bytes, NULL);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        onnx_free(m);
        buf_fini(&bytes);
    }
}

static void misuse_is_refused(void **state)
{
    (void)state;
    onnx_model *m = onnx_new("g");
    assert_non_null(m);
    assert_int_equal(onnx_add_initializer(m, "w", ONNX_FLOAT, 1, (const int64_t[]){-1}, "", NULL),
                     ALF_E_ARGUMENT);
    assert_int_equal(onnx_add_initializer(m, "w", ONNX_FLOAT, 9, NULL, "", NULL), ALF_E_ARGUMENT);
    assert_int_equal(onnx_add_initializer(m, "w", ONNX_UNDEFINED, 0, NULL, "", NULL),
                     ALF_E_ARGUMENT);
    assert_int_equal(m->initializer_count, 0);
    onnx_free(m);

    buf file;
    read_fixture("attributes.onnx", &file);
    assert_int_equal(onnx_read(buf_span(&file), &m, NULL), ALF_OK);
    assert_int_equal(onnx_add_opset(m, "more", 1, NULL), ALF_E_ARGUMENT);
    buf out;
    buf_init(&out);
    assert_int_equal(onnx_write(m, &out, NULL), ALF_E_UNSUPPORTED); /* it has a sequence */
    buf_fini(&out);
    onnx_free(m);
    buf_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(builds),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
