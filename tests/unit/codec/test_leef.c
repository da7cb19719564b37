/* LEEF 1.0 and 2.0: delimiters in every spelling, and headers that are not whole. */
#include "codec/leef.h"

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

/* Two attributes, a=1 2 and b=x, however they are separated. */
static void check(const char *text)
{
    leef_record r;
    alf_span key;
    alf_span value;
    if (!leef_read(span_from_string(text), &r))
        print_error("refused: %s\n", text);
    assert_true(leef_read(span_from_string(text), &r));
    alf_span rest = r.attributes;
    is(r.header[1], "Vendor");
    is(r.header[4], "login failed");
    assert_true(leef_next(&r, &rest, &key, &value));
    is(key, "a");
    is(value, "1 2");
    assert_true(leef_next(&r, &rest, &key, &value));
    is(key, "b");
    is(value, "x");
    assert_false(leef_next(&r, &rest, &key, &value));
    assert_int_equal(rest.size, 0);
}

static void test_delimiters(void **state)
{
    (void)state;
    check("LEEF:1.0|Vendor|P|1|login failed|a=1 2\tb=x");
    check("LEEF:1.0|Vendor|P|1|login failed|\ta=1 2\t\tb=x\t");
    check("LEEF:2.0|Vendor|P|1|login failed|^|a=1 2^b=x");
    check("LEEF:2.0|Vendor|P|1|login failed|0x7C|a=1 2|b=x");
    check("LEEF:2.0|Vendor|P|1|login failed|x7c|a=1 2|b=x");
    check("LEEF:2.0|Vendor|P|1|login failed|0x0009|a=1 2\tb=x");
    check("LEEF:2.0|Vendor|P|1|login failed|\t|a=1 2\tb=x");
    check("LEEF:2.0|Vendor|P|1|login failed||a=1 2\tb=x");
    check("LEEF:2.0|Vendor|P|1|login failed|a=1 2\tb=x");
    check("LEEF:2|Vendor|P|1|login failed|xA6|a=1 2\xC2\xA6"
          "b=x");
    check("LEEF:2.0|Vendor|P|1|login failed|\xC2\xA6|a=1 2\xC2\xA6"
          "b=x");
}

static void test_values(void **state)
{
    (void)state;
    leef_record r;
    alf_span key;
    alf_span value;
    assert_true(
        leef_read(SPAN_LITERAL("LEEF:1.0|V|P|1|E|url=http://h/?a=b\tmsg=one\ttwo\tusr=|x"), &r));
    assert_true(leef_next(&r, &r.attributes, &key, &value));
    is(value, "http://h/?a=b");
    assert_true(leef_next(&r, &r.attributes, &key, &value));
    is(key, "msg");
    is(value, "one\ttwo");
    assert_true(leef_next(&r, &r.attributes, &key, &value));
    is(value, "|x");
    /* no delimiter field: the bar is part of a value */
    assert_true(leef_read(SPAN_LITERAL("LEEF:2.0|V|P|1|E|a=x|y\tb=z"), &r));
    assert_true(leef_next(&r, &r.attributes, &key, &value));
    is(value, "x|y");
    assert_true(leef_read(SPAN_LITERAL("LEEF:1.0|V|P|1|E|"), &r));
    assert_int_equal(r.attributes.size, 0);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "LEEF:",
        "LEEF:1.0|V|P|1|E",
        "LEEF:3.0|V|P|1|E|a=b",
        "LEEF:|||||",
        "LEEF:1.0|V|P|1|E|no key",
        "LEEF:1.0|V|P|1|E|a b=c",
        "leef:1.0|V|P|1|E|a=b",
        "LEEF:12|V|P|1|E|a=b",
    };
    leef_record r;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(leef_read(span_from_string(bad[i]), &r));
}

static void test_truncated(void **state)
{
    (void)state;
    alf_span whole = SPAN_LITERAL("LEEF:2.0|V|P|1|E|xA6|a=b\xC2\xA6"
                                  "c=d");
    for (size_t size = 0; size <= whole.size; size++) {
        char *copy = mem_alloc(size);
        assert_non_null(copy);
        memcpy(copy, whole.data, size);
        leef_record r;
        alf_span key;
        alf_span value;
        bool ok = leef_read(span_of(copy, size), &r);
        assert_true(ok == (size == 17 || size == 21 || size >= 23));
        while (ok && leef_next(&r, &r.attributes, &key, &value))
            continue;
        mem_free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delimiters),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
