/* Timestamps as RFC 3339, RFC 3164, Apache's documentation and common devices write them. */
#include "codec/timestamp.h"

#include "base/mem.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

typedef bool reader(alf_span text, timestamp *out);

/* What is read from an exact copy of text, so that ASan sees reads behind its end. */
static void check(reader *read, const char *text, int size, int hour)
{
    alf_span all = span_from_string(text);
    char *copy = mem_alloc(all.size);
    assert_non_null(copy);
    memcpy(copy, text, all.size);
    timestamp time = {0, -1};
    bool found = read(span_of(copy, all.size), &time);
    mem_free(copy);
    if (found != (size > 0) || time.size != (size_t)size || time.hour != hour)
        print_error("\"%s\": found %d, size %zu, hour %d\n", text, found, time.size, time.hour);
    assert_int_equal(found, size > 0);
    assert_int_equal(time.size, size);
    assert_int_equal(time.hour, hour);
}

static void test_iso(void **state)
{
    (void)state;
    check(timestamp_iso, "1985-04-12T23:20:50.52Z", 23, 23);
    check(timestamp_iso, "1985-04-12T19:20:50.52-04:00", 28, 19);
    check(timestamp_iso, "2003-10-11T22:14:15.003Z rest", 24, 22);
    check(timestamp_iso, "2003-08-24T05:14:15.000003-07:00", 32, 5);
    check(timestamp_iso, "1990-12-31T23:59:60Z", 20, 23);
    check(timestamp_iso, "2015-10-18 18:01:47,978 INFO", 23, 18);
    check(timestamp_iso, "2015-10-18 18:01:47. x", 19, 18);
    check(timestamp_iso, "2015-10-18t18:01:47+0100", 24, 18);
    check(timestamp_iso, "2015-10-18T18:01:47+01", 19, 18);
    check(timestamp_iso, "2015-10-18T24:01:47Z", 0, -1);
    check(timestamp_iso, "2015-13-18T18:01:47Z", 0, -1);
    check(timestamp_iso, "2015-10-00T18:01:47Z", 0, -1);
    check(timestamp_iso, "2015-10-18T18:61:47Z", 0, -1);
    check(timestamp_iso, "2015-10-18T18:01:4", 0, -1);
    check(timestamp_iso, "2015-10-18T18:01:475", 0, -1);
    check(timestamp_iso, "2015-10-18", 0, -1);
    check(timestamp_iso, "", 0, -1);
}

static void test_bsd(void **state)
{
    (void)state;
    check(timestamp_bsd, "Oct 11 22:14:15 mymachine", 15, 22);
    check(timestamp_bsd, "Feb  5 17:32:18 10.0.0.99", 15, 17);
    check(timestamp_bsd, "Feb 05 07:32:18", 15, 7);
    check(timestamp_bsd, "Feb 5 07:32:18", 14, 7);
    check(timestamp_bsd, "Oct 22 2023 10:52:01.123 x", 24, 10);
    check(timestamp_bsd, "Sun Dec 04 04:47:44 2005] [notice]", 24, 4);
    check(timestamp_bsd, "Sun Dec 04 04:47:44", 19, 4);
    check(timestamp_bsd, "Jun 14 15:16:01 2020 things", 15, 15);
    check(timestamp_bsd, "oct 11 22:14:15", 0, -1);
    check(timestamp_bsd, "Oct 32 22:14:15", 0, -1);
    check(timestamp_bsd, "Oct 11 25:14:15", 0, -1);
    check(timestamp_bsd, "Oct", 0, -1);
    check(timestamp_bsd, "Oct ", 0, -1);
    check(timestamp_bsd, "Oct 1", 0, -1);
}

static void test_apache(void **state)
{
    (void)state;
    check(timestamp_apache, "10/Oct/2000:13:55:36 -0700] \"GET", 26, 13);
    check(timestamp_apache, "10/Oct/2000:13:55:36] ", 20, 13);
    check(timestamp_apache, "10/Oct/2000:13:55:36 x", 20, 13);
    check(timestamp_apache, "10/Oct/2000 13:55:36", 0, -1);
    check(timestamp_apache, "10/Okt/2000:13:55:36", 0, -1);
}

static void test_epoch(void **state)
{
    (void)state;
    check(timestamp_epoch, "1700000000", 10, 22); /* 2023-11-14T22:13:20Z */
    check(timestamp_epoch, "1700000000.25", 13, 22);
    check(timestamp_epoch, "1700000000123", 13, 22);
    check(timestamp_epoch, "1700000000123456", 16, 22);
    check(timestamp_epoch, "1700000000123456789", 19, 22);
    check(timestamp_epoch, "17000000000", 0, -1);
    check(timestamp_epoch, "17000000001234567890", 0, -1);
    check(timestamp_epoch, "1700000000x", 0, -1);
    check(timestamp_epoch, "1700000000.", 0, -1);
    check(timestamp_epoch, "1.7e9", 0, -1);
    check(timestamp_any, "1700000000", 10, 22);
    check(timestamp_any, "10/Oct/2000:13:55:36 -0700", 26, 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iso),
        cmocka_unit_test(test_bsd),
        cmocka_unit_test(test_apache),
        cmocka_unit_test(test_epoch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
