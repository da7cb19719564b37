/* JSON: the examples and rules of RFC 8259, numbers against exact decimal arithmetic, damage. */
#include "base/mem.h"
#include "codec/json.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static arena memory;
static char *copy; /* exact size, so that ASan sees any read past the end */

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
    free(copy);
    copy = NULL;
    return 0;
}

static alf_status parse_bytes(const char *data, size_t size, value **out, alf_error *err)
{
    free(copy);
    copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    return json_parse(span_of(copy, size), &memory, out, err);
}

static const value *parsed(const char *text)
{
    value *v = NULL;
    alf_error err = {0};
    char message[1024];
    if (parse_bytes(text, strlen(text), &v, &err) != ALF_OK)
        fail_msg("%s: %s", text, error_text(&err, message, sizeof message));
    return v;
}

static void refuses(const char *text, const char *words)
{
    value *v = NULL;
    alf_error err = {0};
    if (parse_bytes(text, strlen(text), &v, &err) != ALF_E_FORMAT)
        fail_msg("'%s' was taken", text);
    assert_null(v);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void is_integer(const char *text, int64_t expected)
{
    const value *v = parsed(text);
    assert_int_equal(v->kind, VALUE_INT);
    assert_true(v->as.integer == expected);
}

static void is_real(const char *text, double expected)
{
    const value *v = parsed(text);
    assert_int_equal(v->kind, VALUE_FLOAT);
    assert_memory_equal(&v->as.real, &expected, sizeof expected);
}

static void is_text(const char *text, const char *expected, size_t size)
{
    const value *v = parsed(text);
    assert_int_equal(v->kind, VALUE_STRING);
    assert_int_equal(v->as.text.size, size);
    assert_memory_equal(v->as.text.data, expected, size);
}

static void test_scalars(void **state)
{
    (void)state;
    assert_int_equal(parsed(" null\n")->kind, VALUE_NONE);
    assert_true(parsed("true")->as.boolean);
    assert_false(parsed("false")->as.boolean);
    is_integer("0", 0);
    is_integer("-12", -12);
    is_integer("9223372036854775807", INT64_MAX);
    is_integer("-9223372036854775808", INT64_MIN);
    is_real("9223372036854775808", 0x1p63);
    is_real("-0", -0.0);
    is_real("0.0", 0.0);
    is_real("5E-1", 0.5);
    is_real("1.25e+2", 125.0);
    is_real("1e400", INFINITY);
    is_real("Infinity", INFINITY);
    is_real("-Infinity", -INFINITY);
    assert_true(isnan(parsed("NaN")->as.real));
}

static void test_numbers_of_the_wrong_shape(void **state)
{
    (void)state;
    static const char *const wrong[] = {"01",  "-",    "+1",  ".5",    "1.",      "1e",  "1e+",
                                        "0x1", "1..2", "--1", "1e5.0", "Infinit", "nan", "-NaN"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refuses(wrong[i], "expected");
    char digits[500];
    value *v;
    memset(digits, '1', sizeof digits);
    assert_int_equal(parse_bytes(digits, sizeof digits, &v, NULL), ALF_E_LIMIT);
}

/* Doubles as Python's float() reads them; float32 where rounding twice would go wrong: the middle
 * of two float32 plus or minus a little that a double does not hold. */
static void test_rounding(void **state)
{
    (void)state;
    is_real("0.1", 0x1.999999999999ap-4);
    is_real("2.2250738585072014e-308", 0x1p-1022);
    is_real("5e-324", 0x1p-1074);
    is_real("1.7976931348623157e308", 0x1.fffffffffffffp+1023);
    /* 1 + 2^-24 is the middle of 1 and 1 + 2^-23. */
    assert_true((float)parsed("1.000000059604644775390625")->as.real <= 1.0F);
    assert_true((float)parsed("1.00000005960464477539062500001")->as.real > 1.0F);
    assert_true((float)parsed("1.000000178813934326171875")->as.real >= 0x1.000004p0F);
    assert_true((float)parsed("1.00000017881393432617187499999")->as.real < 0x1.000004p0F);
    static const float samples[] = {0.1F, 1.17549435e-38F, 3.40282347e38F, 1e-45F, 16777217.0F};
    static const char *const shortest[] = {"1E-1", "1.1754944E-38", "3.4028235E38", "1E-45",
                                           "1.6777216E7"};
    for (size_t i = 0; i < 5; i++) {
        float found = (float)parsed(shortest[i])->as.real;
        assert_memory_equal(&found, &samples[i], sizeof found);
    }
}

static void test_numbers_in_another_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    bool found = false;
    for (size_t i = 0; i < 3 && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]) != NULL;
    is_real("1.5", 1.5);
    setlocale(LC_NUMERIC, "C");
    if (!found)
        print_message("no locale with a decimal comma here\n");
}

static void test_strings(void **state)
{
    (void)state;
    is_text("\"\"", "", 0);
    is_text("\"a b\"", "a b", 3);
    is_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
    is_text("\"\\u0041\\u00e9\\u20AC\\uD834\\uDD1E\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e", 10);
    is_text("\"x\\u0000y\"", "x\0y", 3);
    is_text("\"\xc3\xa9\"", "\xc3\xa9", 2);
    refuses("\"abc", "the end of a string");
    refuses("\"abc\\", "the end of a string");
    refuses("\"abc\\\"", "the end of a string");
    refuses("\"\\x\"", "an escape");
    refuses("\"\\u12\"", "four hexadecimal digits");
    refuses("\"\\uD800\"", "low surrogate");
    refuses("\"\\uD800\\u0041\"", "low surrogate");
    refuses("\"\\uDC00\"", "without a high one");
    refuses("\"a\nb\"", "control character");
    refuses("\"\xff\"", "not UTF-8");
}

static void test_containers(void **state)
{
    (void)state;
    /* RFC 8259, section 13, shortened. */
    const value *v = parsed("{\"Image\": {\"Width\": 800, \"Title\": \"View\", \"Animated\": false,"
                            "\"IDs\": [116, 943, 234, 38793]}}");
    const value *image = value_get(v, "Image");
    assert_int_equal(image->as.dict.count, 4);
    int64_t n;
    assert_true(value_to_int64(value_get(image, "Width"), &n) && n == 800);
    const value *ids = value_get(image, "IDs");
    assert_int_equal(ids->kind, VALUE_ARRAY);
    assert_int_equal(value_length(ids), 4);
    assert_true(value_array_int64(&ids->as.array, 3, &n) && n == 38793);
    assert_int_equal(parsed("{}")->as.dict.count, 0);
    assert_int_equal(parsed("[ ]")->kind, VALUE_LIST);
    assert_int_equal(value_length(parsed("[]")), 0);
    v = parsed("[1, \"a\", [2, 3], {}, null]");
    assert_int_equal(v->kind, VALUE_LIST);
    assert_int_equal(value_length(v), 5);
    assert_int_equal(value_item(v, 2)->kind, VALUE_ARRAY);
    v = parsed("{\"a\":1,\"a\":2}");
    assert_true(value_to_int64(value_get(v, "a"), &n) && n == 2);
}

static void test_arrays_of_numbers(void **state)
{
    (void)state;
    double x;
    const value *v = parsed("[1, -2.5 ,NaN,-Infinity,1E2]");
    assert_int_equal(v->kind, VALUE_ARRAY);
    assert_int_equal(v->as.array.type.kind, DTYPE_FLOAT);
    assert_true(value_array_double(&v->as.array, 1, &x) && x < -2.4 && x > -2.6);
    assert_true(value_array_double(&v->as.array, 2, &x) && isnan(x));
    assert_true(value_array_double(&v->as.array, 4, &x) && x > 99.0);
    v = parsed("[1, 18446744073709551615]"); /* does not fit: all become float64 */
    assert_int_equal(v->as.array.type.kind, DTYPE_FLOAT);
    assert_true(value_array_double(&v->as.array, 0, &x) && x > 0.9 && x < 1.1);
    v = parsed("[-0]");
    assert_int_equal(v->as.array.type.kind, DTYPE_FLOAT);
    v = parsed("[1, true]");
    assert_int_equal(v->kind, VALUE_LIST);
    refuses("[1,]", "expected a number");
    refuses("[1 2]", "expected ']'");
    refuses("[1,,2]", "expected a number");
    refuses("[+]", "expected a number");
    refuses("[1", "expected");
    refuses("[1,", "expected");
}

static void test_damage(void **state)
{
    (void)state;
    refuses("", "ends early");
    refuses("  ", "ends early");
    refuses("{", "a string");
    refuses("{\"a\"", "':'");
    refuses("{\"a\":", "a value");
    refuses("{\"a\":1", "',' or '}'");
    refuses("{\"a\":1,}", "a string");
    refuses("{1:2}", "a string");
    refuses("[\"a\" \"b\"]", "',' or ']'");
    refuses("[\"a\",]", "a value");
    refuses("]", "a value");
    refuses("nul", "a value");
    refuses("true false", "the end of the JSON");
    refuses("'a'", "a value");
    value *v;
    alf_error err;
    assert_int_equal(parse_bytes("1\0", 2, &v, &err), ALF_E_FORMAT);
    assert_int_equal(parse_bytes("[1\0]", 4, &v, &err), ALF_E_FORMAT);
    assert_int_equal(parse_bytes("\0", 1, &v, &err), ALF_E_FORMAT);
    char deep[400];
    memset(deep, '[', sizeof deep);
    assert_int_equal(parse_bytes(deep, sizeof deep, &v, &err), ALF_E_LIMIT);
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    static char many[400000];
    value *v;
    alf_error err;
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 == 0 ? ',' : '1';
    many[0] = '[';
    many[sizeof many - 2] = ' ';
    many[sizeof many - 1] = ']';
    assert_int_equal(parse_bytes(many, sizeof many, &v, &err), ALF_E_LIMIT);
    assert_non_null(strstr(err.message, "bytes of memory allowed"));
}

static void test_no_memory(void **state)
{
    (void)state;
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        value *v;
        alf_error err;
        arena_fini(&memory);
        mem_fail_after(n);
        status = json_parse(SPAN_LITERAL("{\"a\\n\":[1,2],\"b\":[\"c\",{}]}"), &memory, &v, &err);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        assert_true(n < 100);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_scalars),           TEST(test_numbers_of_the_wrong_shape),
        TEST(test_rounding),          TEST(test_numbers_in_another_locale),
        TEST(test_strings),           TEST(test_containers),
        TEST(test_arrays_of_numbers), TEST(test_damage),
        TEST(test_memory_is_bounded), TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
