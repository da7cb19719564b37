/* Syslog: the examples of RFC 5424 (6.5) and RFC 3164 (5.4), and how devices bend them. */
#include "codec/syslog.h"

#include "base/mem.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void is(alf_span got, const char *expected)
{
    if (!span_is(got, expected))
        print_error("got \"%.*s\", expected \"%s\"\n", span_width(got), got.data, expected);
    assert_true(span_is(got, expected));
}

/* All parameters as "id|name|value;", values without escapes. */
static void params(alf_span data, char out[512])
{
    size_t size = 0;
    syslog_param p;
    alf_span id = {0};
    while (syslog_next_param(&data, &id, &p)) {
        char value[128];
        size_t n = p.value.size == 0 ? 0 : syslog_unescape(p.value, value);
        size +=
            (size_t)snprintf(out + size, 512 - size, "%.*s|%.*s|%.*s;", (int)p.id.size, p.id.data,
                             (int)p.name.size, p.name.size > 0 ? p.name.data : "", (int)n, value);
    }
    out[size] = '\0';
}

static void test_5424_examples(void **state)
{
    (void)state;
    syslog_record r;
    assert_true(syslog_read(SPAN_LITERAL("<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su "
                                         "- ID47 - \xEF\xBB\xBF'su root' failed for lonvick on "
                                         "/dev/pts/8"),
                            &r));
    assert_true(r.is_5424);
    assert_int_equal(r.facility, 4);
    assert_int_equal(r.severity, 2);
    assert_int_equal(r.hour, 22);
    is(r.timestamp, "2003-10-11T22:14:15.003Z");
    is(r.host, "mymachine.example.com");
    is(r.program, "su");
    is(r.procid, "");
    is(r.msgid, "ID47");
    is(r.source, "mymachine.example.com su");
    is(r.message, "'su root' failed for lonvick on /dev/pts/8");

    assert_true(syslog_read(SPAN_LITERAL("<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc "
                                         "8710 - - %% It's time to make the do-nuts."),
                            &r));
    assert_int_equal(r.facility, 20);
    assert_int_equal(r.severity, 5);
    is(r.procid, "8710");
    is(r.message, "%% It's time to make the do-nuts.");

    char text[512];
    assert_true(syslog_read(SPAN_LITERAL("<165>1 2003-10-11T22:14:15.003Z mymachine.example.com "
                                         "evntslog - ID47 [exampleSDID@32473 iut=\"3\" "
                                         "eventSource=\"Application\" eventID=\"1011\"]"
                                         "[examplePriority@32473 class=\"high\"]"),
                            &r));
    is(r.message, "");
    params(r.data, text);
    assert_string_equal(text, "exampleSDID@32473|iut|3;exampleSDID@32473|eventSource|Application;"
                              "exampleSDID@32473|eventID|1011;examplePriority@32473|class|high;");
}

static void test_5424_structured_data(void **state)
{
    (void)state;
    syslog_record r;
    char text[512];
    assert_true(
        syslog_read(SPAN_LITERAL("<0>1 - - - - - [a b=\"x\\\"y\\]z\\\\\" c=\"\\n\"][d] m"), &r));
    params(r.data, text);
    assert_string_equal(text, "a|b|x\"y]z\\;a|c|\\n;d||;");
    is(r.message, "m");
    is(r.source, "");
    is(r.timestamp, "");
    assert_int_equal(r.hour, -1);
    assert_true(syslog_read(SPAN_LITERAL("<0>1 - - app - - - "), &r));
    is(r.source, "app");
    is(r.message, "");
    static const char *const bad[] = {
        "<0>1 - - - - - [a",         "<0>1 - - - - - [a b]",       "<0>1 - - - - - [a b=\"c]",
        "<0>1 - - - - - [a b=\"c\"", "<0>1 - - - - - [a b=\"]\"]", "<0>1 - - - - - [a b=\"c\"]m",
        "<0>1 - - - - - []",         "<0>1 - - - - - [ a]",        "<0>1 - - - - - -m",
        "<0>1 - - - - - x",          "<0>1 - - - - - [a b=\"c\\",  "<0>1 - - - - - [a  b=\"c\"]",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(syslog_read(span_from_string(bad[i]), &r));
}

/* Every prefix of a full record that ends before MSG is malformed, and none reads out of bounds. */
static void test_5424_truncated(void **state)
{
    (void)state;
    alf_span whole = SPAN_LITERAL("<34>1 2003-10-11T22:14:15.003Z host app 1 ID [x a=\"b\\\"\"]");
    syslog_record r;
    for (size_t size = 0; size <= whole.size; size++) {
        char *copy = mem_alloc(size);
        assert_non_null(copy);
        memcpy(copy, whole.data, size);
        bool expected =
            size == whole.size || size == 4 || size == 5; /* "<34>", "<34>1": RFC 3164 */
        assert_int_equal(syslog_read(span_of(copy, size), &r), expected);
        mem_free(copy);
    }
}

static void test_priority(void **state)
{
    (void)state;
    syslog_record r;
    assert_true(syslog_read(SPAN_LITERAL("<191>x"), &r));
    assert_int_equal(r.facility * 8 + r.severity, 191);
    assert_true(syslog_read(SPAN_LITERAL("<0>x"), &r));
    assert_int_equal(r.severity, 0);
    static const char *const bad[] = {"<192>x", "<>x", "<a>x", "<-1>x", "<0001>x",
                                      "<01>x",  "<1",  "<",    ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(syslog_read(span_from_string(bad[i]), &r));
}

static void test_3164_examples(void **state)
{
    (void)state;
    syslog_record r;
    assert_true(syslog_read(SPAN_LITERAL("<34>Oct 11 22:14:15 mymachine su: 'su root' failed for "
                                         "lonvick on /dev/pts/8"),
                            &r));
    assert_false(r.is_5424);
    assert_int_equal(r.severity, 2);
    assert_int_equal(r.hour, 22);
    is(r.host, "mymachine");
    is(r.program, "su");
    is(r.source, "mymachine su");
    is(r.message, "su: 'su root' failed for lonvick on /dev/pts/8");
    is(r.content, "'su root' failed for lonvick on /dev/pts/8");

    assert_true(syslog_read(SPAN_LITERAL("Use the BFG!"), &r) == false);
    assert_true(syslog_read(SPAN_LITERAL("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!"), &r));
    is(r.host, "10.0.0.99");
    is(r.program, "");
    is(r.message, "Use the BFG!");
}

static void test_3164_variants(void **state)
{
    (void)state;
    syslog_record r;
    assert_true(
        syslog_read(SPAN_LITERAL("<86>2023-01-05T07:00:01.5+01:00 web-1 sshd[311]: ok"), &r));
    is(r.timestamp, "2023-01-05T07:00:01.5+01:00");
    is(r.procid, "311");
    is(r.program, "sshd");
    is(r.source, "web-1 sshd");
    is(r.message, "sshd[311]: ok");
    is(r.content, "ok");
    assert_true(syslog_read(SPAN_LITERAL("<166>Oct 22 2023 10:52:01: %ASA-6-302013: Built"), &r));
    is(r.host, "");
    is(r.program, "%ASA-6-302013");
    is(r.message, "%ASA-6-302013: Built");
    assert_true(syslog_read(SPAN_LITERAL("<13>Oct 11 22:14:15 cron: run"), &r));
    is(r.host, "");
    is(r.message, "cron: run");
    assert_true(syslog_read(SPAN_LITERAL("<13>just text"), &r));
    is(r.timestamp, "");
    is(r.message, "just text");
    assert_true(syslog_read(SPAN_LITERAL("<13>Oct 11 22:14:15"), &r));
    is(r.message, "");
    assert_int_equal(r.hour, 22);
    assert_true(syslog_read(SPAN_LITERAL("<13>Oct 11 22:14:15x y z"), &r));
    is(r.timestamp, "");
    is(r.message, "Oct 11 22:14:15x y z");
    assert_true(syslog_read(SPAN_LITERAL("<13>Oct 11 22:14:15 h CEF:0|a"), &r));
    is(r.program, "");
    is(r.source, "h");
    assert_true(syslog_read(SPAN_LITERAL("<13>Oct 11 22:14:15 h a[1: x"), &r));
    is(r.program, "");
    is(r.message, "a[1: x");
}

static void test_bare(void **state)
{
    (void)state;
    syslog_record r;
    assert_true(
        syslog_read_bare(SPAN_LITERAL("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: x"), &r));
    is(r.host, "combo");
    is(r.program, "sshd(pam_unix)");
    assert_int_equal(r.severity, -1);
    assert_false(syslog_read_bare(SPAN_LITERAL("no timestamp"), &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_5424_examples),  cmocka_unit_test(test_5424_structured_data),
        cmocka_unit_test(test_5424_truncated), cmocka_unit_test(test_priority),
        cmocka_unit_test(test_3164_examples),  cmocka_unit_test(test_3164_variants),
        cmocka_unit_test(test_bare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
