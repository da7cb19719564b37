/* The JSON checker and walker against jansson, on cases of RFC 8259 and on mutations of them. */
#include "codec/json_scan.h"

#include "base/mem.h"
#include "base/span.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const cases[] = {
    "{}",
    " { } \n",
    "{\"a\":1}",
    "{\"a\" : -0.5e+10 , \"b\":[1,2,{\"c\":null}],\"d\":{\"e\":[]}}",
    "{\"\":\"\"}",
    "{\"\\u00e9\\n\\\"\\\\\\/\":\"\\ud83d\\ude00 x\"}",
    "{\"t\":true,\"f\":false,\"n\":null}",
    "{\"a\":[[[[[]]]],[{}],\"]\",\"}\"]}",
    "{\"k\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x99\x82\"}",
    "{\"a\":0,\"a\":1}",
    "{\"a\":1.0,\"b\":1E5,\"c\":0e-1}",
    "{\"a\":\"\\u0041\\t\"}",
    "",
    "{",
    "}",
    "[]",
    "1",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":01}",
    "{\"a\":1.}",
    "{\"a\":.5}",
    "{\"a\":+1}",
    "{\"a\":1e}",
    "{\"a\":tru}",
    "{\"a\":'x'}",
    "{a:1}",
    "{\"a\":\"\x01\"}",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12g4\"}",
    "{\"a\":[1,2}",
    "{\"a\":[1}]",
    "{} {}",
    "{\"a\":\"\xFF\"}",
    "{\"a\":\"\xC0\xAF\"}",
    "{\"a\":NaN}",
    "{\"a\":1 2}",
    "{\"a\" \"b\"}",
};

static bool jansson_takes(alf_span text)
{
    json_error_t error;
    json_t *value =
        json_loadb(text.data, text.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    bool ok = json_is_object(value);
    json_decref(value);
    return ok;
}

/* Where jansson is stricter on purpose: lone surrogates and numbers beyond a double. */
static bool may_differ(alf_span text)
{
    json_error_t error;
    json_t *value =
        json_loadb(text.data, text.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (value != NULL) {
        json_decref(value);
        return false;
    }
    return strstr(error.text, "invalid Unicode") != NULL || strstr(error.text, "overflow") != NULL;
}

static void check_same(alf_span text)
{
    bool ours = json_scan_object(text);
    if (ours == jansson_takes(text) || (ours && may_differ(text)))
        return;
    print_error("we %s: %.*s\n", ours ? "take" : "refuse", span_width(text), text.data);
    fail();
}

static void test_same_as_jansson(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_same(span_from_string(cases[i]));
}

/* Every truncation, and every byte replaced by each of the bytes that matter. */
static void test_mutations(void **state)
{
    (void)state;
    static const char bytes[] = "{}[]\",:\\0-.eEut \x01\x80";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        alf_span whole = span_from_string(cases[i]);
        for (size_t size = 0; size < whole.size; size++) {
            char *copy = mem_alloc(whole.size);
            assert_non_null(copy);
            memcpy(copy, whole.data, whole.size);
            check_same(span_of(copy, size));
            for (size_t b = 0; b < sizeof bytes - 1; b++) {
                copy[size] = bytes[b];
                check_same(span_of(copy, whole.size));
            }
            mem_free(copy);
        }
    }
}

static void test_nul(void **state)
{
    (void)state;
    assert_false(json_scan_object(SPAN_LITERAL("{\"a\":\"\0\"}")));
    assert_false(json_scan_object(SPAN_LITERAL("{}\0")));
    assert_false(json_scan_object(SPAN_LITERAL("{\"a\":\"\\\0\"}")));
}

static void test_depth(void **state)
{
    (void)state;
    char text[2 * JSON_SCAN_DEPTH + 16];
    for (size_t depth = JSON_SCAN_DEPTH - 2; depth <= JSON_SCAN_DEPTH; depth++) {
        size_t size = 0;
        memcpy(text, "{\"a\":", 5);
        size = 5;
        memset(text + size, '[', depth);
        size += depth;
        memset(text + size, ']', depth);
        size += depth;
        text[size++] = '}';
        assert_int_equal(json_scan_object(span_of(text, size)), depth + 1 <= JSON_SCAN_DEPTH);
    }
}

static void test_members(void **state)
{
    (void)state;
    alf_span text =
        SPAN_LITERAL(" {\"a\" : \"x\\\"}\", \"b\":12345678901234567890.10 ,\"c\":{\"d\":[\"}\"]"
                     "},\"a\":null,\"\\u0062\":[1,{}] } ");
    static const char *const expected[][3] = {
        {"a", "x\\\"}", "s"},         {"b", "12345678901234567890.10", ""},
        {"c", "{\"d\":[\"}\"]}", ""}, {"a", "null", ""},
        {"\\u0062", "[1,{}]", ""},
    };
    assert_true(json_scan_object(text));
    json_member m;
    size_t at = 0;
    for (size_t i = 0; i < 5; i++) {
        assert_true(json_scan_next(text, &at, &m));
        assert_true(span_is(m.key, expected[i][0]));
        assert_true(span_is(m.value, expected[i][1]));
        assert_int_equal(m.is_string, expected[i][2][0] == 's');
    }
    assert_false(json_scan_next(text, &at, &m));
}

static void check_unescape(const char *text, const char *expected, size_t size)
{
    char out[64];
    size_t got = json_scan_unescape(span_from_string(text), out);
    assert_int_equal(got, size);
    assert_memory_equal(out, expected, size);
}

static void test_unescape(void **state)
{
    (void)state;
    check_unescape("a\\\"\\\\\\/\\b\\f\\n\\r\\tz", "a\"\\/\b\f\n\r\tz", 10);
    check_unescape("\\u0041\\u00e9\\u20AC", "A\xC3\xA9\xE2\x82\xAC", 6);
    check_unescape("\\ud83d\\ude42", "\xF0\x9F\x99\x82", 4);
    check_unescape("\\ud83d", "\xEF\xBF\xBD", 3);
    check_unescape("\\ude42x", "\xEF\xBF\xBDx", 4);
    check_unescape("\\ud83d\\u0041",
                   "\xEF\xBF\xBD"
                   "A",
                   4);
    check_unescape("a\\u0000b", "a\0b", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_jansson),
        cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_unescape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
