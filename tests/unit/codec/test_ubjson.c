/* UBJSON: the examples of the draft 12 specification, what XGBoost writes, and damage. */
#include "base/mem.h"
#include "codec/ubjson.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(literal) (literal), sizeof(literal) - 1

static arena memory;

static int setup(void **state)
{
    (void)state;
    arena_init(&memory, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&memory);
    return 0;
}

/* An exact-size heap copy, so that ASan sees any read past the end. */
static alf_status parse(const char *data, size_t size, value **out, alf_error *err)
{
    static char *copy;
    free(copy);
    copy = NULL;
    if (data == NULL)
        return ALF_OK;
    copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    return ubjson_parse(span_of(copy, size), &memory, out, err);
}

static const value *parsed(const char *data, size_t size)
{
    value *v = NULL;
    alf_error err = {0};
    char text[1024];
    if (parse(data, size, &v, &err) != ALF_OK)
        fail_msg("%s", error_text(&err, text, sizeof text));
    return v;
}

static void refuses(const char *data, size_t size, alf_status status, const char *words)
{
    value *v = NULL;
    alf_error err = {0};
    assert_int_equal(parse(data, size, &v, &err), status);
    assert_null(v);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void is_integer(const value *v, int64_t expected)
{
    assert_int_equal(v->kind, VALUE_INT);
    assert_true(v->as.integer == expected);
}

static void is_real(const value *v, double expected)
{
    assert_int_equal(v->kind, VALUE_FLOAT);
    assert_memory_equal(&v->as.real, &expected, sizeof expected);
}

static void test_scalars(void **state)
{
    (void)state;
    assert_int_equal(parsed(BYTES("Z"))->kind, VALUE_NONE);
    assert_true(parsed(BYTES("T"))->as.boolean);
    assert_false(parsed(BYTES("F"))->as.boolean);
    is_integer(parsed(BYTES("i\x10")), 16);
    is_integer(parsed(BYTES("i\xff")), -1);
    is_integer(parsed(BYTES("U\xff")), 255);
    is_integer(parsed(BYTES("I\x7f\xff")), 32767);
    is_integer(parsed(BYTES("I\x80\x00")), -32768);
    is_integer(parsed(BYTES("l\x7f\xff\xff\xff")), 2147483647);
    is_integer(parsed(BYTES("l\xff\xff\xff\xfe")), -2);
    is_integer(parsed(BYTES("L\x7f\xff\xff\xff\xff\xff\xff\xff")), INT64_MAX);
    is_integer(parsed(BYTES("L\x80\x00\x00\x00\x00\x00\x00\x00")), INT64_MIN);
    is_integer(parsed(BYTES("Ca")), 97);
    is_real(parsed(BYTES("d\x40\x48\xf5\xc3")), 3.140000104904175); /* float32 3.14 */
    is_real(parsed(BYTES("D\x40\x09\x1e\xb8\x51\xeb\x85\x1f")), 3.14);
    assert_true(isnan(parsed(BYTES("d\x7f\xc0\x00\x00"))->as.real));
}

static void test_strings(void **state)
{
    (void)state;
    assert_true(span_is(parsed(BYTES("Si\x05hello"))->as.text, "hello"));
    assert_true(span_is(parsed(BYTES("SL\0\0\0\0\0\0\0\x02\xc3\xa9"))->as.text, "\xc3\xa9"));
    assert_true(span_is(parsed(BYTES("Si\x00"))->as.text, ""));
    refuses(BYTES("Si\x05hell"), ALF_E_FORMAT, "ends within a string");
    refuses(BYTES("Si\xff"), ALF_E_FORMAT, "gives -1 for the length of a string");
    refuses(BYTES("Sd\0\0\0\0"), ALF_E_FORMAT, "expected an integer");
    refuses(BYTES("Si\x01\xff"), ALF_E_FORMAT, "not UTF-8");
    refuses(BYTES("SL\x7f\xff\xff\xff\xff\xff\xff\xff"
                  "a"),
            ALF_E_FORMAT, "ends within a string");
}

static void test_containers(void **state)
{
    (void)state;
    const value *list = parsed(BYTES("[Zi\x01N[]T]"));
    assert_int_equal(list->kind, VALUE_LIST);
    assert_int_equal(list->as.list.count, 4);
    is_integer(value_item(list, 1), 1);
    list = parsed(BYTES("[#i\x02i\x07Si\x01"
                        "a"));
    assert_int_equal(list->as.list.count, 2);
    assert_true(span_is(value_item(list, 1)->as.text, "a"));
    const value *dict = parsed(BYTES("{i\x03latd\x41\xef\x33\x33i\x04longTi\x03latF}"));
    assert_int_equal(dict->kind, VALUE_DICT);
    assert_int_equal(dict->as.dict.count, 3);
    assert_int_equal(value_get(dict, "lat")->kind, VALUE_BOOL); /* the last wins */
    assert_true(value_get(dict, "long")->as.boolean);
    dict = parsed(BYTES("{$i#i\x02i\x01"
                        "a\x05i\x01"
                        "b\x06"));
    is_integer(value_get(dict, "b"), 6);
    assert_int_equal(parsed(BYTES("{}"))->as.dict.count, 0);
    list = parsed(BYTES("[$[#i\x01"
                        "]"));
    assert_int_equal(value_item(list, 0)->kind, VALUE_LIST);
}

static void test_typed_arrays(void **state)
{
    (void)state;
    double x;
    int64_t n;
    const value *v = parsed(BYTES("[$d#L\0\0\0\0\0\0\0\x02\x3f\x80\0\0\xc0\0\0\0"));
    assert_int_equal(v->kind, VALUE_ARRAY);
    assert_int_equal(v->as.array.type.kind, DTYPE_FLOAT);
    assert_int_equal(value_length(v), 2);
    assert_true(value_array_double(&v->as.array, 1, &x) && x < -1.9 && x > -2.1);
    v = parsed(BYTES("[$l#i\x02\xff\xff\xff\xff\0\0\0\x05"));
    assert_true(value_array_int64(&v->as.array, 0, &n) && n == -1);
    assert_true(value_array_int64(&v->as.array, 1, &n) && n == 5);
    v = parsed(BYTES("[$U#i\x01\xff"));
    assert_true(value_array_int64(&v->as.array, 0, &n) && n == 255);
    v = parsed(BYTES("[$L#i\x01\0\0\0\x01\0\0\0\0"));
    assert_true(value_array_int64(&v->as.array, 0, &n) && n == (int64_t)1 << 32);
    assert_int_equal(value_length(parsed(BYTES("[$d#i\0"))), 0);
    refuses(BYTES("[$d#i\x02\0\0\0\0\0\0\0"), ALF_E_FORMAT, "ends within a container");
    refuses(BYTES("[$d#L\x40\0\0\0\0\0\0\0"), ALF_E_FORMAT, "ends within a container");
    refuses(BYTES("[$di\x01\0\0\0\0"), ALF_E_FORMAT, "a type but no count");
    refuses(BYTES("[$T#l\x7f\xff\xff\xff"), ALF_E_FORMAT, "ends within a container");
    refuses(BYTES("[$Z#i\x01Z"), ALF_E_UNSUPPORTED, "items without bytes");
}

static void test_damage(void **state)
{
    (void)state;
    refuses(BYTES(""), ALF_E_FORMAT, "ends within a value");
    refuses(BYTES("N"), ALF_E_FORMAT, "ends within a value");
    refuses(BYTES("i"), ALF_E_FORMAT, "ends within a number");
    refuses(BYTES("L\0\0\0"), ALF_E_FORMAT, "ends within a number");
    refuses(BYTES("[Z"), ALF_E_FORMAT, "ends within a container");
    refuses(BYTES("[#"), ALF_E_FORMAT, "ends within a value");
    refuses(BYTES("[$"), ALF_E_FORMAT, "the type of a container");
    refuses(BYTES("[#L\x40\0\0\0\0\0\0\0Z"), ALF_E_FORMAT, "ends within a container");
    refuses(BYTES("{i\x01"), ALF_E_FORMAT, "ends within a string");
    refuses(BYTES("{i\x01"
                  "a}"),
            ALF_E_FORMAT, "type 0x7d");
    refuses(BYTES("Hi\x01"
                  "1"),
            ALF_E_FORMAT, "type 0x48");
    refuses(BYTES("TT"), ALF_E_FORMAT, "1 bytes follow");
    char deep[400];
    memset(deep, '[', sizeof deep);
    refuses(deep, sizeof deep, ALF_E_LIMIT, "nests deeper");
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    static char many[100000];
    memset(many, 'Z', sizeof many);
    many[0] = '[';
    many[sizeof many - 1] = ']';
    refuses(many, sizeof many, ALF_E_LIMIT, "bytes of memory allowed");
}

static void test_every_truncation(void **state)
{
    (void)state;
    static const char whole[] = "{i\x01"
                                "a[$d#i\x02\0\0\0\0\0\0\0\0i\x02"
                                "bb[#i\x01Si\x03xyz}";
    value *v;
    alf_error err;
    (void)parsed(whole, sizeof whole - 1);
    for (size_t n = 0; n < sizeof whole - 1; n++)
        assert_int_equal(parse(whole, n, &v, &err), ALF_E_FORMAT);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char text[] = "{i\x01"
                               "a[Zi\x02]}";
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        value *v;
        alf_error err;
        arena_fini(&memory);
        mem_fail_after(n);
        status = ubjson_parse(span_of(text, sizeof text - 1), &memory, &v, &err);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        assert_true(n < 100);
    }
}

static int done(void **state)
{
    (void)state;
    return parse(NULL, 0, NULL, NULL) == ALF_OK ? 0 : -1;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_scalars),          TEST(test_strings),   TEST(test_containers),
        TEST(test_typed_arrays),     TEST(test_damage),    TEST(test_memory_is_bounded),
        TEST(test_every_truncation), TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
