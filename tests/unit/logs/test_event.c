/* Records to events: message, source, time, severity and fields of every format; what is malformed
 * is plain text, whole. */
#include "logs/event.h"

#include "base/mem.h"
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static arena scratch;
static log_event event;

static int setup(void **state)
{
    (void)state;
    arena_init(&scratch, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&scratch);
    return 0;
}

static void parse_span(alf_span record, log_input input)
{
    arena_reset(&scratch);
    assert_int_equal(log_parse(record, input, &scratch, &event, NULL), ALF_OK);
    assert_true(span_equal(event.raw, record));
}

static void parse(const char *record)
{
    parse_span(span_from_string(record), LOG_INPUT_AUTO);
}

static void is(alf_span got, const char *expected)
{
    if (!span_is(got, expected))
        print_error("got \"%.*s\", expected \"%s\"\n", span_width(got), got.data, expected);
    assert_true(span_is(got, expected));
}

static void field_is(const char *key, const char *value, bool is_json)
{
    for (size_t i = 0; i < event.field_count; i++) {
        if (!span_is(event.fields[i].key, key))
            continue;
        is(event.fields[i].value, value);
        assert_int_equal(event.fields[i].is_json, is_json);
        return;
    }
    print_error("no field %s\n", key);
    fail();
}

static void is_plain(const char *record)
{
    parse(record);
    assert_int_equal(event.format, LOG_PLAIN);
    is(event.message, record);
    assert_int_equal(event.field_count, 0);
    assert_int_equal(event.severity, -1);
}

static void test_plain(void **state)
{
    (void)state;
    is_plain("");
    is_plain("hello");
    assert_int_equal(event.hour, -1);
    is_plain("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure");
    assert_int_equal(event.hour, 15);
    is(event.timestamp, "Jun 14 15:16:01");
    is_plain("2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop");
    assert_int_equal(event.hour, 18);
    is_plain("[Sun Dec 04 04:47:44 2005] [notice] workerEnv.init() ok");
    assert_int_equal(event.hour, 4);
    is_plain("192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 200 2326");
    assert_int_equal(event.hour, 13);
    is(event.timestamp, "10/Oct/2000:13:55:36 -0700");
    is_plain("at 2015-10-18 18:01:47 something");
    assert_int_equal(event.hour, -1);
}

static void test_malformed(void **state)
{
    (void)state;
    is_plain("<999>Oct 11 22:14:15 h su: x");
    is_plain("<34>1 2003-10-11T22:14:15.003Z host app - ID47");
    is_plain("<34>1 2003-10-11T22:14:15.003Z host app - ID47 [x a=\"b\" - m");
    is_plain("CEF:0|Vendor|Product|1|2|name");
    is_plain("CEF:0|Vendor|Product|1|2|name|5|no key");
    is_plain("LEEF:1.0|Vendor|Product|1");
    is_plain("{\"message\":\"x\"");
    is_plain("{\"message\":\"x\"} tail");
    is_plain("{\"message\":\"\xFF\"}");
    is_plain("[{\"message\":\"x\"}]");
    is_plain("{not json}");
    alf_span nul = SPAN_LITERAL("{\"message\":\"a\0b\"}");
    parse_span(nul, LOG_INPUT_AUTO);
    assert_int_equal(event.format, LOG_PLAIN);
    assert_true(span_equal(event.message, nul));
}

static void test_syslog_5424(void **state)
{
    (void)state;
    parse("<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 ID [x@1 k=\"a\\\"b\"] "
          "\xEF\xBB\xBFtime");
    assert_int_equal(event.format, LOG_SYSLOG_5424);
    is(event.message, "time");
    is(event.source, "192.0.2.1 myproc");
    is(event.timestamp, "2003-08-24T05:14:15.000003-07:00");
    assert_int_equal(event.hour, 5);
    assert_int_equal(event.severity, 5);
    field_is("syslog.facility", "20", true);
    field_is("syslog.severity", "5", true);
    field_is("syslog.procid", "8710", false);
    field_is("syslog.msgid", "ID", false);
    field_is("syslog.sd.x@1.k", "a\"b", false);
    const char *without = "<165>1 - h - - - [x@1 k=\"attack\"]";
    parse(without);
    assert_int_equal(event.format, LOG_SYSLOG_5424);
    is(event.message, without);
    is(event.source, "h");
    assert_int_equal(event.hour, -1);
}

static void test_syslog_3164(void **state)
{
    (void)state;
    parse("<34>Oct 11 22:14:15 mymachine su[7]: 'su root' failed");
    assert_int_equal(event.format, LOG_SYSLOG_3164);
    is(event.message, "su[7]: 'su root' failed");
    is(event.source, "mymachine su");
    assert_int_equal(event.hour, 22);
    assert_int_equal(event.severity, 2);
    field_is("syslog.program", "su", false);
    parse("<13>no header at all");
    assert_int_equal(event.format, LOG_SYSLOG_3164);
    is(event.message, "no header at all");
    assert_int_equal(event.severity, 5);
    parse("<13>");
    is(event.message, "<13>");
}

static void test_cef(void **state)
{
    (void)state;
    const char *cef = "CEF:0|Acme|Gate|1|100|worm \\| stopped|10|src=10.0.0.1 msg=two words "
                      "rt=1700000000000 dvchost=gw-1";
    parse(cef);
    assert_int_equal(event.format, LOG_CEF);
    is(event.message, cef);
    is(event.source, "gw-1");
    assert_int_equal(event.hour, 22);
    assert_int_equal(event.severity, -1);
    field_is("name", "worm | stopped", false);
    field_is("msg", "two words", false);
    parse("<134>Feb 14 19:04:54 fw1 CEF:0|Acme|Gate|1|100|worm|10|dvchost=other");
    assert_int_equal(event.format, LOG_CEF);
    is(event.message, "CEF:0|Acme|Gate|1|100|worm|10|dvchost=other");
    is(event.source, "fw1");
    assert_int_equal(event.severity, 6);
    assert_int_equal(event.hour, 19);
    field_is("syslog.host", "fw1", false);
    field_is("deviceVendor", "Acme", false);
    parse("Feb 14 19:04:54 fw1 CEF:0|Acme|Gate|1|100|worm|10|");
    assert_int_equal(event.format, LOG_CEF);
    is(event.source, "fw1");
    parse("<134>CEF:0|Acme|Gate|1|100|worm|10|");
    assert_int_equal(event.format, LOG_CEF);
    is(event.source, "Gate");
    parse("<134>1 2023-01-01T03:00:00Z fw1 app - - - CEF:0|Acme|Gate|1|100|worm|10|");
    assert_int_equal(event.format, LOG_CEF);
    is(event.source, "fw1 app");
    parse("<134>Feb 14 19:04:54 fw1 CEF:0|cut|off");
    assert_int_equal(event.format, LOG_SYSLOG_3164);
    is(event.message, "CEF:0|cut|off");
}

static void test_leef(void **state)
{
    (void)state;
    parse("LEEF:2.0|Acme|Gate|1|login|^|usrName=joe^devTime=Oct 22 2023 10:52:01^src=10.0.0.1");
    assert_int_equal(event.format, LOG_LEEF);
    is(event.source, "Gate");
    assert_int_equal(event.hour, 10);
    field_is("eventId", "login", false);
    field_is("usrName", "joe", false);
    parse("<13>1 2023-01-01T03:00:00Z h - - - - LEEF:1.0|Acme|Gate|1|login|a=b\tc=d");
    assert_int_equal(event.format, LOG_LEEF);
    is(event.message, "LEEF:1.0|Acme|Gate|1|login|a=b\tc=d");
    is(event.source, "h");
    assert_int_equal(event.hour, 3);
    field_is("c", "d", false);
}

static void test_json(void **state)
{
    (void)state;
    parse("{\"ts\":1700000000.5,\"host\":\"web\",\"message\":\"a\\u00e9 \\\"b\\\"\",\"n\":10.50,"
          "\"big\":123456789012345678901234567890,\"o\":{\"x\":[1]},\"z\":null}");
    assert_int_equal(event.format, LOG_JSON);
    is(event.message, "a\xC3\xA9 \"b\"");
    is(event.source, "web");
    is(event.timestamp, "1700000000.5");
    assert_int_equal(event.hour, 22);
    field_is("n", "10.50", true);
    field_is("big", "123456789012345678901234567890", true);
    field_is("o", "{\"x\":[1]}", true);
    field_is("z", "null", true);
    assert_int_equal(event.field_count, 7);
    parse(" \xEF\xBB\xBF{\"msg\":\"x\"}");
    assert_int_equal(event.format, LOG_PLAIN);
    parse("\xEF\xBB\xBF {\"msg\":\"x\"} ");
    assert_int_equal(event.format, LOG_JSON);
    is(event.message, "x");
}

static void message_is(const char *record, const char *message)
{
    parse(record);
    assert_int_equal(event.format, LOG_JSON);
    is(event.message, message);
}

static void test_json_message(void **state)
{
    (void)state;
    message_is("{\"msg\":\"second\",\"message\":\"first\"}", "first");
    message_is("{\"msg\":\"second\",\"message\":\"\"}", "second");
    message_is("{\"msg\":\"second\",\"message\":5}", "second");
    message_is("{\"log\":\"l\",\"body\":\"b\"}", "l");
    message_is("{\"text\":\"t\",\"event.original\":\"o\"}", "t");
    message_is("{\"event.original\":\"o\",\"raw\":\"r\"}", "o");
    message_is("{\"raw\":\"r\",\"event\":{\"kind\":\"k\",\"original\":\"o \\n\"}}", "o \n");
    message_is("{\"raw\":\"r\",\"event\":{\"deep\":{\"original\":\"o\"}}}", "r");
    message_is("{\"_raw\":\"r\"}", "r");
    message_is("{\"a\":1}", "{\"a\":1}");
    message_is("{}", "{}");
    message_is("{\"message\":{\"x\":1}}", "{\"message\":{\"x\":1}}");
    message_is("{\"mess\\u0061ge\":\"m\"}", "m");
    /* which one is meant? both are judged */
    message_is("{\"message\":\"harmless\",\"message\":\"attack\"}",
               "{\"message\":\"harmless\",\"message\":\"attack\"}");
    message_is("{\"message\":\"attack\",\"message\":null}",
               "{\"message\":\"attack\",\"message\":null}");
    assert_int_equal(event.field_count, 2);
}

static void test_json_in_syslog(void **state)
{
    (void)state;
    parse(
        "<14>Oct 11 22:14:15 h app[1]: {\"message\":\"m\",\"host\":\"other\",\"time\":\"03:00\"}");
    assert_int_equal(event.format, LOG_JSON);
    is(event.message, "m");
    is(event.source, "h app");
    assert_int_equal(event.severity, 6);
    assert_int_equal(event.hour, 22);
    field_is("syslog.procid", "1", false);
    field_is("host", "other", false);
    parse("<14>1 - - - - - - @cee: {\"msg\":\"m\",\"@timestamp\":\"2023-01-01T03:00:00Z\"}");
    assert_int_equal(event.format, LOG_JSON);
    is(event.message, "m");
    assert_int_equal(event.hour, 3);
    const char *other = "<14>1 - - - - - - {\"x\":1}";
    parse(other);
    is(event.message, other);
    parse("<14>Oct 11 22:14:15 h app: {\"message\":");
    assert_int_equal(event.format, LOG_SYSLOG_3164);
    is(event.message, "app: {\"message\":");
}

static void test_inputs(void **state)
{
    (void)state;
    parse_span(SPAN_LITERAL("<34>Oct 11 22:14:15 h su: x"), LOG_INPUT_TEXT);
    assert_int_equal(event.format, LOG_PLAIN);
    parse_span(SPAN_LITERAL("{\"message\":\"m\"}"), LOG_INPUT_TEXT);
    is(event.message, "{\"message\":\"m\"}");
    parse_span(SPAN_LITERAL("{\"message\":\"m\"}"), LOG_INPUT_NDJSON);
    is(event.message, "m");
    parse_span(SPAN_LITERAL("CEF:0|a|b|c|d|e|f|"), LOG_INPUT_NDJSON);
    assert_int_equal(event.format, LOG_PLAIN);
}

/* More fields than any log has: the record is kept as text. */
static void test_many_fields(void **state)
{
    (void)state;
    size_t count = 5000;
    char *text = mem_alloc(count * 6 + 2);
    assert_non_null(text);
    size_t size = 0;
    text[size++] = '{';
    for (size_t i = 0; i < count; i++) {
        memcpy(text + size, "\"\":0,", 5);
        size += 5;
    }
    text[size - 1] = '}';
    parse_span(span_of(text, size), LOG_INPUT_AUTO);
    assert_int_equal(event.format, LOG_PLAIN);
    assert_int_equal(event.message.size, size);
    mem_free(text);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    static const char *const records[] = {
        "{\"m\\n\":\"a\\n\",\"message\":\"x\",\"event\":{\"original\":\"\\n\"}}",
        "<13>1 - h a 1 2 [x y=\"z\\\"\"] CEF:0|a\\||b|c|d|e|f|k=a\\=b",
        "<13>Oct 11 22:14:15 h LEEF:1.0|a|b|c|d|k=v\tl=w",
    };
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        alf_status status = ALF_E_NOMEM;
        for (uint64_t n = 1; status != ALF_OK; n++) {
            arena_fini(&scratch);
            alf_error err = {0};
            (void)mem_fail_after(n);
            status =
                log_parse(span_from_string(records[i]), LOG_INPUT_AUTO, &scratch, &event, &err);
            (void)mem_fail_after(0);
            assert_true(status == ALF_OK || (status == ALF_E_NOMEM && err.status == status));
            assert_true(n < 100);
        }
        assert_int_not_equal(event.format, LOG_PLAIN);
    }
    arena_fini(&scratch);
    arena_init(&scratch, 100); /* an arena with too low a limit */
    assert_int_equal(
        log_parse(span_from_string(records[0]), LOG_INPUT_AUTO, &scratch, &event, NULL),
        ALF_E_NOMEM);
    arena_fini(&scratch);
    arena_init(&scratch, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_syslog_5424),
        cmocka_unit_test(test_syslog_3164),
        cmocka_unit_test(test_cef),
        cmocka_unit_test(test_leef),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_message),
        cmocka_unit_test(test_json_in_syslog),
        cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
