/* CEF: escapes, values with spaces, and headers that are not whole. */
#include "codec/cef.h"

#include "base/mem.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void is(alf_span got, const char *expected)
{
    if (!span_is(got, expected))
        print_error("got \"%.*s\", expected \"%s\"\n", span_width(got), got.data, expected);
    assert_true(span_is(got, expected));
}

static void next_is(alf_span *rest, const char *key, const char *value)
{
    alf_span k;
    alf_span v;
    char text[256];
    assert_true(cef_next(rest, &k, &v));
    is(k, key);
    is(span_of(text, cef_unescape_value(v, text)), value);
}

static void test_whole(void **state)
{
    (void)state;
    cef_record r;
    assert_true(cef_read(SPAN_LITERAL("CEF:0|Acme|Gate \\| Keeper|2.1|100\\\\7|worm stopped|10|"
                                      "src=10.0.0.1 dst=2.1.2.2 spt=1232 msg=two words \\= one"),
                         &r));
    char text[64];
    is(r.header[0], "0");
    is(r.header[1], "Acme");
    is(span_of(text, cef_unescape_header(r.header[2], text)), "Gate | Keeper");
    is(span_of(text, cef_unescape_header(r.header[4], text)), "100\\7");
    is(r.header[6], "10");
    next_is(&r.extension, "src", "10.0.0.1");
    next_is(&r.extension, "dst", "2.1.2.2");
    next_is(&r.extension, "spt", "1232");
    next_is(&r.extension, "msg", "two words = one");
    alf_span ignored;
    assert_false(cef_next(&r.extension, &ignored, &ignored));
}

static void test_values(void **state)
{
    (void)state;
    cef_record r;
    assert_true(cef_read(SPAN_LITERAL("CEF:1|a|b|c|d|e|Low|  request=http://h/?q=1&r=2 cs1Label= "
                                      "cs1=a  b   act=x\\ny\\\\ fileHash[0]=zz filePath=C:\\\\d e "
                                      "last=end \\"),
                         &r));
    next_is(&r.extension, "request", "http://h/?q=1&r=2");
    next_is(&r.extension, "cs1Label", "");
    next_is(&r.extension, "cs1", "a  b");
    next_is(&r.extension, "act", "x\ny\\");
    next_is(&r.extension, "fileHash[0]", "zz");
    next_is(&r.extension, "filePath", "C:\\d e");
    next_is(&r.extension, "last", "end \\");
    assert_int_equal(r.extension.size, 0);
}

static void test_empty_extension(void **state)
{
    (void)state;
    cef_record r;
    assert_true(cef_read(SPAN_LITERAL("CEF:0|a|b|c|d|e|5|"), &r));
    assert_int_equal(r.extension.size, 0);
    assert_true(cef_read(SPAN_LITERAL("CEF:0|||||||"), &r));
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "CEF:",
        "CEF:0",
        "CEF:0|a|b|c|d|e|5",
        "cef:0|||||",
        "CEF:x|a|b|c|d|e|5|",
        "CEF:|||||||",
        "CEF:0|a|b|c|d|e|5|no key",
        "CEF:0|a|b|c|d|e|5\\|k=v",
        "CEF:0|a|b|c|d|e|5|=v",
    };
    cef_record r;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cef_read(span_from_string(bad[i]), &r));
}

static void test_truncated(void **state)
{
    (void)state;
    alf_span whole = SPAN_LITERAL("CEF:0|a\\||b|c|d|e|5|k=v\\= w=\\\\ x");
    for (size_t size = 0; size <= whole.size; size++) {
        char *copy = mem_alloc(size);
        assert_non_null(copy);
        memcpy(copy, whole.data, size);
        cef_record r;
        alf_span key;
        alf_span value;
        char text[64];
        if (cef_read(span_of(copy, size), &r)) {
            assert_true(size >= 20);
            while (cef_next(&r.extension, &key, &value))
                assert_true(value.size == 0 || cef_unescape_value(value, text) <= value.size);
        } else
            assert_true(size < 20 || size == 21);
        mem_free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),     cmocka_unit_test(test_values),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_empty_extension),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
