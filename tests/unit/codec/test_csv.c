/* CSV: the rules of RFC 4180 (2.1 to 2.7), and what is malformed. */
#include "codec/csv.h"

#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The fields joined by |, or "!" when the record is malformed. */
static void check(const char *record, const char *expected)
{
    char out[256];
    size_t size = 0;
    size_t at = 0;
    bool more = true;
    alf_span field;
    while (more && csv_next(span_from_string(record), &at, &field, &more)) {
        size += csv_unquote(field, out + size);
        if (more)
            out[size++] = '|';
    }
    if (more) {
        size = 1;
        out[0] = '!';
    }
    if (!span_equal(span_of(out, size), span_from_string(expected)))
        print_error("%s: got \"%.*s\", expected \"%s\"\n", record, (int)size, out, expected);
    assert_true(span_equal(span_of(out, size), span_from_string(expected)));
}

static void test_fields(void **state)
{
    (void)state;
    check("aaa,bbb,ccc", "aaa|bbb|ccc");
    check("\"aaa\",\"bbb\",\"ccc\"", "aaa|bbb|ccc");
    check("zzz,yyy,xxx", "zzz|yyy|xxx");
    check("\"aaa\",\"b\r\nbb\",\"ccc\"", "aaa|b\r\nbb|ccc");
    check("\"aaa\",\"b\"\"bb\",\"ccc\"", "aaa|b\"bb|ccc");
    check("", "");
    check(",", "|");
    check("a,", "a|");
    check(",a", "|a");
    check("\"\"", "");
    check("\"\"\"\"", "\"");
    check("\"a,b\"", "a,b");
    check(" \"a\", b ", " \"a\"| b ");
    check("say \"hi\",b", "say \"hi\"|b");
}

static void test_malformed(void **state)
{
    (void)state;
    check("\"a", "!");
    check("\"", "!");
    check("a,\"b", "!");
    check("\"a\"b", "!");
    check("\"a\" ,b", "!");
    check("\"a\"\"", "!");
}

static void test_steps(void **state)
{
    (void)state;
    assert_int_equal(csv_step(CSV_START, '"'), CSV_QUOTED);
    assert_int_equal(csv_step(CSV_QUOTED, '\n'), CSV_QUOTED);
    assert_int_equal(csv_step(CSV_QUOTED, '"'), CSV_CLOSED);
    assert_int_equal(csv_step(CSV_CLOSED, '"'), CSV_QUOTED);
    assert_int_equal(csv_step(CSV_CLOSED, ','), CSV_START);
    assert_int_equal(csv_step(CSV_CLOSED, 'x'), CSV_PLAIN);
    assert_int_equal(csv_step(CSV_PLAIN, '"'), CSV_PLAIN);
    assert_int_equal(csv_step(CSV_PLAIN, ','), CSV_START);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
