/*
 * onnx_read against the onnx package: fixtures of every tensor encoding, at every alignment; and
 * against files that must be refused.
 */
#include "onnx_dump.h"

#include "codec/protobuf.h"

/* The file at a given distance from an aligned address. */
static void check_model(const char *name, size_t shift)
{
    char file_name[64];
    buf file, expected, found;
    (void)snprintf(file_name, sizeof file_name, "%s.onnx", name);
    read_fixture(file_name, &file);
    (void)snprintf(file_name, sizeof file_name, "%s.txt", name);
    read_fixture(file_name, &expected);
    char *moved = mem_alloc(file.size + shift);
    assert_non_null(moved);
    memcpy(moved + shift, file.data, file.size);

    alf_error err = {0};
    onnx_model *m;
    expect_ok(onnx_read(span_of(moved + shift, file.size), &m, &err), &err);
    for (size_t i = 0; i < m->initializer_count; i++) {
        size_t size = onnx_type_size(m->initializers[i].type);
        if (size > 0)
            assert_int_equal((uintptr_t)m->initializers[i].data % size, 0);
    }
    buf_init(&found);
    dump_model(&found, m);
    buf_append_char(&expected, '\0');
    buf_append_char(&found, '\0');
    assert_int_equal(buf_status(&found, NULL), ALF_OK);
    assert_string_equal(found.data, expected.data);
    onnx_free(m);
    mem_free(moved);
    buf_fini(&file);
    buf_fini(&expected);
    buf_fini(&found);
}

static void reads_what_the_onnx_package_writes(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 8; shift++) {
        check_model("tiny", shift);
        check_model("tensors", shift);
        check_model("attributes", shift);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *file;
        alf_status status;
        const char *node, *words;
    } cases[] = {
        {"bad_external.onnx", ALF_E_UNSUPPORTED, "w", "external data"},
        {"bad_subgraph.onnx", ALF_E_UNSUPPORTED, "choice", "subgraph"},
        {"bad_sparse.onnx", ALF_E_UNSUPPORTED, "", "sparse"},
        {"bad_functions.onnx", ALF_E_UNSUPPORTED, "", "functions"},
        {"bad_training.onnx", ALF_E_UNSUPPORTED, "", "training"},
        {"bad_bfloat16.onnx", ALF_E_UNSUPPORTED, "w", "element type 16"},
        {"bad_opsets.onnx", ALF_E_FORMAT, "", "versions 17 and 11"},
        {"bad_ir.onnx", ALF_E_UNSUPPORTED, "", "IR version 2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        buf file;
        alf_error err = {0};
        onnx_model *m;
        read_fixture(cases[i].file, &file);
        assert_int_equal(onnx_read(buf_span(&file), &m, &err), cases[i].status);
        assert_null(m);
        assert_string_equal(err.node, cases[i].node);
        assert_non_null(strstr(err.message, cases[i].words));
        buf_fini(&file);
    }
}

static void truncation_never_reads_past_the_end(void **state)
{
    (void)state;
    buf file;
    read_fixture("attributes.onnx", &file);
    size_t read = 0;
    for (size_t size = 0; size < file.size; size++) {
        char *exact = mem_alloc(size); /* so that ASan sees the first byte beyond */
        assert_non_null(exact);
        memcpy(exact, file.data, size);
        onnx_model *m;
        alf_error err = {0};
        alf_status status = onnx_read(span_of(exact, size), &m, &err);
        if (status == ALF_OK)
            read++;
        else
            assert_true(status == ALF_E_FORMAT || status == ALF_E_UNSUPPORTED);
        onnx_free(m);
        mem_free(exact);
    }
    /* The graph comes first here, and the other fields may be missing one by one; a prefix can
     * only be well formed at such a border, and only after ir_version. */
    assert_in_range(read, 1, 10);
    buf_fini(&file);
}

static void every_flipped_byte_is_survived(void **state)
{
    static const unsigned char patterns[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    (void)state;
    buf file;
    read_fixture("tensors.onnx", &file);
    for (size_t i = 0; i < file.size; i++) {
        char before = file.data[i];
        for (size_t k = 0; k < sizeof patterns; k++) {
            onnx_model *m;
            file.data[i] = (char)patterns[k];
            if (onnx_read(buf_span(&file), &m, NULL) == ALF_OK)
                (void)onnx_check(m, NULL);
            onnx_free(m);
        }
        file.data[i] = before;
    }
    buf_fini(&file);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    buf file;
    read_fixture("attributes.onnx", &file);
    alf_status status = ALF_E_NOMEM;
    uint64_t n;
    for (n = 1; status != ALF_OK; n++) {
        onnx_model *m;
        mem_fail_after(n);
        status = onnx_read(buf_span(&file), &m, NULL);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        onnx_free(m);
    }
    assert_true(n > 2);
    buf_fini(&file);
}

/* ---- tensors made by hand: one that no writer would write ---- */

typedef void tensor_maker(buf *out);

static alf_status read_tensor(tensor_maker *make, alf_error *err)
{
    buf file;
    onnx_model *m;
    buf_init(&file);
    pb_put_int(&file, 1, 8);
    size_t graph = pb_begin(&file, 7);
    size_t tensor = pb_begin(&file, 5);
    pb_put_bytes(&file, 8, SPAN_LITERAL("w"));
    make(&file);
    pb_end(&file, tensor);
    pb_end(&file, graph);
    assert_int_equal(buf_status(&file, NULL), ALF_OK);
    *err = (alf_error){0};
    alf_status status = onnx_read(buf_span(&file), &m, err);
    onnx_free(m);
    buf_fini(&file);
    return status;
}

static void put_dims(buf *out, const int64_t *dims, size_t rank, onnx_type type)
{
    pb_put_packed_ints(out, 1, dims, rank);
    pb_put_int(out, 2, type);
}

static void right(buf *out)
{
    put_dims(out, (const int64_t[]){2}, 1, ONNX_BOOL);
    pb_put_bytes(out, 9, SPAN_LITERAL("\1\0"));
}

static void negative_dim(buf *out)
{
    put_dims(out, (const int64_t[]){-1}, 1, ONNX_FLOAT);
}

static void overflowing_dims(buf *out)
{
    put_dims(out, (const int64_t[]){1L << 32, 1L << 32, 16}, 3, ONNX_FLOAT);
}

static void huge_dim(buf *out)
{
    put_dims(out, (const int64_t[]){INT64_MAX}, 1, ONNX_INT64);
    pb_put_bytes(out, 9, SPAN_LITERAL("12345678"));
}

static void too_many_dims(buf *out)
{
    put_dims(out, (const int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, 9, ONNX_FLOAT);
}

static void too_little_data(buf *out)
{
    put_dims(out, (const int64_t[]){3}, 1, ONNX_FLOAT);
    pb_put_bytes(out, 9, SPAN_LITERAL("12345678"));
}

static void odd_data(buf *out)
{
    put_dims(out, (const int64_t[]){2}, 1, ONNX_FLOAT);
    pb_put_bytes(out, 9, SPAN_LITERAL("123456789"));
}

static void two_fields(buf *out)
{
    put_dims(out, (const int64_t[]){1}, 1, ONNX_FLOAT);
    pb_put_bytes(out, 9, SPAN_LITERAL("1234"));
    pb_put_packed_floats(out, 4, (const float[]){1}, 1);
}

static void wrong_field(buf *out)
{
    put_dims(out, (const int64_t[]){1}, 1, ONNX_FLOAT);
    pb_put_packed_ints(out, 7, (const int64_t[]){1}, 1);
}

static void wrong_bool(buf *out)
{
    put_dims(out, (const int64_t[]){2}, 1, ONNX_BOOL);
    pb_put_bytes(out, 9, SPAN_LITERAL("\1\2"));
}

static void out_of_range(buf *out)
{
    put_dims(out, (const int64_t[]){2}, 1, ONNX_INT8);
    pb_put_packed_ints(out, 5, (const int64_t[]){1, 128}, 2);
}

static void raw_strings(buf *out)
{
    put_dims(out, (const int64_t[]){1}, 1, ONNX_STRING);
    pb_put_bytes(out, 9, SPAN_LITERAL("x"));
}

static void no_type(buf *out)
{
    pb_put_packed_ints(out, 1, (const int64_t[]){0}, 1);
}

static void odd_tensors(void **state)
{
    static const struct {
        tensor_maker *make;
        alf_status status;
        const char *words;
    } cases[] = {
        {right, ALF_OK, ""},
        {negative_dim, ALF_E_FORMAT, "negative dimension"},
        {overflowing_dims, ALF_E_FORMAT, "64 bits"},
        {huge_dim, ALF_E_FORMAT, "8 bytes of raw_data"},
        {too_many_dims, ALF_E_LIMIT, "9 dimensions"},
        {too_little_data, ALF_E_FORMAT, "3 elements by its shape"},
        {odd_data, ALF_E_FORMAT, "9 bytes of raw_data"},
        {two_fields, ALF_E_FORMAT, "more than one field"},
        {wrong_field, ALF_E_FORMAT, "not in float_data"},
        {wrong_bool, ALF_E_FORMAT, "a bool is 2"},
        {out_of_range, ALF_E_FORMAT, "element 1 is 128"},
        {raw_strings, ALF_E_FORMAT, "strings cannot be raw_data"},
        {no_type, ALF_E_UNSUPPORTED, "element type 0"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        alf_error err;
        assert_int_equal(read_tensor(cases[i].make, &err), cases[i].status);
        assert_non_null(strstr(err.message, cases[i].words));
        if (cases[i].status != ALF_OK) {
            assert_int_equal(err.offset, 4); /* of the tensor, after ir_version and the graph */
            assert_string_equal(err.node, "w");
        }
    }
}

/* A file of tiny nodes wants far more memory than its size: refused instead of served. */
static void memory_is_bounded_by_the_file(void **state)
{
    (void)state;
    buf file;
    buf_init(&file);
    pb_put_int(&file, 1, 8);
    size_t graph = pb_begin(&file, 7);
    for (size_t i = 0; i < 100000; i++) {
        size_t node = pb_begin(&file, 1);
        pb_end(&file, node);
    }
    pb_end(&file, graph);
    onnx_model *m;
    alf_error err = {0};
    assert_int_equal(onnx_read(buf_span(&file), &m, &err), ALF_E_LIMIT);
    buf_fini(&file);
}

static void not_onnx(void **state)
{
    (void)state;
    onnx_model *m;
    alf_error err = {0};
    assert_int_equal(onnx_read(span_of(NULL, 0), &m, &err), ALF_E_UNSUPPORTED);
    assert_int_equal(onnx_read(SPAN_LITERAL("\x80\x05\x95 a pickle"), &m, &err), ALF_E_FORMAT);
    assert_int_equal(onnx_read(SPAN_LITERAL("{\"json\": 1}"), &m, &err), ALF_E_FORMAT);
}

/* The reference files, where they are: nodes and tensors as the onnx package counts them. */
static void reads_the_reference_models(void **state)
{
    static const struct {
        const char *file;
        size_t nodes, initializers, ensembles;
    } cases[] = {{"anomaly_detector.onnx", 5410, 12, 200}, {"xgboost.onnx", 1, 0, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[512];
        buf file;
        buf_init(&file);
        assert_int_equal(file_join(path, sizeof path,
                                   ALF_TEST_SOURCE_DIR "/../shared/reference/models/v3/onnx",
                                   cases[i].file, NULL),
                         ALF_OK);
        if (!file_exists(path)) {
            print_message("%s is not there\n", cases[i].file);
            continue;
        }
        alf_error err = {0};
        onnx_model *m;
        expect_ok(file_read(path, (size_t)1 << 24, &file, &err), &err);
        expect_ok(onnx_read(buf_span(&file), &m, &err), &err);
        expect_ok(onnx_check(m, &err), &err);
        assert_int_equal(m->node_count, cases[i].nodes);
        assert_int_equal(m->initializer_count, cases[i].initializers);
        size_t ensembles = 0;
        for (size_t k = 0; k < m->node_count; k++)
            ensembles += span_starts(m->nodes[k].op_type, SPAN_LITERAL("TreeEnsemble"));
        assert_int_equal(ensembles, cases[i].ensembles);
        onnx_free(m);
        buf_fini(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_onnx_package_writes),
        cmocka_unit_test(refuses),
        cmocka_unit_test(truncation_never_reads_past_the_end),
        cmocka_unit_test(every_flipped_byte_is_survived),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(odd_tensors),
        cmocka_unit_test(memory_is_bounded_by_the_file),
        cmocka_unit_test(not_onnx),
        cmocka_unit_test(reads_the_reference_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
