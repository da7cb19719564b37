/*
 * ZipMap against ONNX Runtime's maps (fixtures/zipmap.json, written by
 * scripts/fixtures/make_zipmap_fixtures.py), and what is refused around sequences of maps.
 */
#include "base/mem.h"
#include "base/span.h"
#include "engine/engine.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE ALF_TEST_SOURCE_DIR "/tests/unit/engine/fixtures/zipmap.json"

enum { MOST = 64, MOST_BYTES = 4096 };

typedef struct zip_case {
    char model[MOST_BYTES];
    size_t model_size;
    float x[MOST];
    tensor input;
} zip_case;

static void read_case(const json_t *from, zip_case *out)
{
    const char *hex = json_string_value(json_object_get(from, "model"));
    assert_non_null(hex);
    *out = (zip_case){.input = {.type = ONNX_FLOAT}};
    for (; hex[0] != '\0'; hex += 2) {
        const char digits[3] = {hex[0], hex[1], '\0'};
        assert_true(out->model_size < MOST_BYTES);
        out->model[out->model_size++] = (char)strtoul(digits, NULL, 16);
    }
    const json_t *x = json_object_get(from, "x"), *shape = json_object_get(from, "shape");
    assert_in_range(json_array_size(x), 1, MOST);
    for (size_t i = 0; i < json_array_size(x); i++)
        out->x[i] = (float)json_real_value(json_array_get(x, i));
    out->input.rank = (uint32_t)json_array_size(shape);
    for (size_t i = 0; i < out->input.rank; i++)
        out->input.dims[i] = json_integer_value(json_array_get(shape, i));
    out->input.data = out->x;
}

static void compare(const json_t *expected, const tensor *found, const tensor *keys)
{
    const json_t *names = json_object_get(expected, "keys");
    const json_t *rows = json_object_get(expected, "rows");
    assert_non_null(keys);
    assert_int_equal(found->rank, 2);
    assert_int_equal(found->dims[0], json_integer_value(json_object_get(expected, "count")));
    assert_int_equal(tensor_count(keys), json_array_size(names));
    assert_int_equal(tensor_count(found), json_array_size(rows));
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        if (json_is_string(name))
            assert_true(span_is(((const alf_span *)keys->data)[i], json_string_value(name)));
        else
            assert_int_equal(((const int64_t *)keys->data)[i], json_integer_value(name));
    }
    for (size_t i = 0; i < json_array_size(rows); i++) {
        float number = (float)json_real_value(json_array_get(rows, i));
        assert_memory_equal(&((const float *)found->data)[i], &number, sizeof number);
    }
}

/* Loads and runs; fails only for want of memory. */
static alf_status run_case(const zip_case *c, const json_t *expected)
{
    alf_error err = {0};
    engine *e;
    tensor out;
    TRY(engine_load(span_of(c->model, c->model_size), 0, &e, &err));
    assert_int_equal(engine_output(e, 0)->kind, ONNX_VALUE_SEQUENCE);
    engine_session *s = engine_session_new(e);
    alf_status status = s != NULL ? engine_run(s, &c->input, &out, &err) : ALF_E_NOMEM;
    if (status == ALF_OK) {
        mem_fail_after(0);
        compare(expected, &out, engine_output_keys(s, 0));
    }
    engine_session_free(s);
    engine_free(e);
    return status;
}

static void test_equals_onnx_runtime(void **state)
{
    (void)state;
    json_error_t where;
    json_t *cases = json_load_file(FIXTURE, 0, &where);
    assert_true(json_array_size(cases) >= 5);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        zip_case c;
        read_case(json_array_get(cases, i), &c);
        assert_int_equal(run_case(&c, json_array_get(cases, i)), ALF_OK);
        alf_status status = ALF_E_NOMEM;
        for (uint64_t n = 1; status != ALF_OK; n++) {
            mem_fail_after(n);
            status = run_case(&c, json_array_get(cases, i));
            mem_fail_after(0);
            assert_true(status == ALF_OK || status == ALF_E_NOMEM);
            assert_true(n < 1000);
        }
    }
    json_decref(cases);
}

/* ---- refused ---- */

static onnx_model *start(int64_t columns)
{
    onnx_model *m = onnx_new("g");
    assert_non_null(m);
    assert_int_equal(onnx_add_opset(m, "", 17, NULL), ALF_OK);
    assert_int_equal(onnx_add_opset(m, "ai.onnx.ml", 3, NULL), ALF_OK);
    const int64_t dims[] = {-1, columns};
    assert_int_equal(onnx_add_input(m, "x", ONNX_FLOAT, 2, dims, NULL), ALF_OK);
    return m;
}

static onnx_node *add_zip_map(onnx_model *m)
{
    onnx_node *node;
    assert_int_equal(onnx_add_node(m, "ai.onnx.ml", "ZipMap", "z", "x", "y", &node, NULL), ALF_OK);
    return node;
}

static void refuses(onnx_model *m, alf_status expected, const char *words)
{
    alf_error err = {0};
    engine *e = NULL;
    buf file;
    buf_init(&file);
    assert_int_equal(onnx_write(m, &file, NULL), ALF_OK);
    assert_int_equal(engine_load(buf_span(&file), 0, &e, &err), expected);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    buf_fini(&file);
    onnx_free(m);
}

static void test_refusals(void **state)
{
    (void)state;
    const int64_t numbers[] = {0, 1, 0};
    const alf_span texts[] = {SPAN_LITERAL("a"), SPAN_LITERAL("b")};
    onnx_model *m = start(3);
    add_zip_map(m);
    onnx_add_output(m, "y", ONNX_FLOAT, 2, (const int64_t[]){-1, 3}, NULL);
    refuses(m, ALF_E_FORMAT, "expected either classlabels_int64s or classlabels_strings");
    m = start(2);
    onnx_node *node = add_zip_map(m);
    onnx_set_ints(m, node, "classlabels_int64s", numbers, 2, NULL);
    onnx_set_strings(m, node, "classlabels_strings", texts, 2, NULL);
    onnx_add_output(m, "y", ONNX_FLOAT, 2, (const int64_t[]){-1, 2}, NULL);
    refuses(m, ALF_E_FORMAT, "expected either");
    m = start(3);
    onnx_set_ints(m, add_zip_map(m), "classlabels_int64s", numbers, 3, NULL);
    onnx_add_output(m, "y", ONNX_FLOAT, 2, (const int64_t[]){-1, 3}, NULL);
    refuses(m, ALF_E_FORMAT, "a key is given twice");
    m = start(3);
    onnx_set_strings(m, add_zip_map(m), "classlabels_strings", texts, 2, NULL);
    onnx_add_output(m, "y", ONNX_FLOAT, 2, (const int64_t[]){-1, 2}, NULL);
    refuses(m, ALF_E_FORMAT, "2 keys for 3 columns");
    m = start(2);
    onnx_set_ints(m, add_zip_map(m), "classlabels_int64s", numbers, 2, NULL);
    onnx_add_output(m, "y", ONNX_FLOAT, 2, (const int64_t[]){-1, 2}, NULL);
    refuses(m, ALF_E_FORMAT, "declared as a tensor, but is a sequence of maps");
    m = start(2);
    onnx_set_ints(m, add_zip_map(m), "classlabels_int64s", numbers, 2, NULL);
    onnx_add_node(m, "", "Identity", "i", "y", "w", NULL, NULL);
    onnx_add_output(m, "w", ONNX_FLOAT, 2, (const int64_t[]){-1, 2}, NULL);
    refuses(m, ALF_E_UNSUPPORTED, "Identity of a sequence of maps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equals_onnx_runtime),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
