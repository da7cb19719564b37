/* The record reader: where records end, and that how the bytes come in pieces changes nothing. */
#include "logs/reader.h"

#include "base/mem.h"
#include "base/span.h"
#include "fuzz/log_stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The next event, every other time in two steps. */
static void next_event(log_reader *r, arena *scratch, log_event *event, bool *got)
{
    static unsigned calls;
    if (calls++ % 2 == 0) {
        assert_int_equal(log_reader_next(r, scratch, event, got, NULL), ALF_OK);
        return;
    }
    alf_span record;
    assert_int_equal(log_reader_cut(r, &record, got, NULL), ALF_OK);
    if (*got)
        assert_int_equal(log_form_parse(log_reader_form(r), record, scratch, event, NULL), ALF_OK);
}

/* Appends "format:raw:message\n" of all events that are ready, line ends shown as ~. */
static void drain(log_reader *r, buf *out)
{
    arena scratch;
    arena_init(&scratch, 0);
    for (;;) {
        log_event event;
        bool got;
        arena_reset(&scratch);
        next_event(r, &scratch, &event, &got);
        if (!got)
            break;
        size_t from = out->size;
        buf_append_char(out, "P53CLJV"[event.format]);
        buf_append_char(out, ':');
        buf_append_span(out, event.raw);
        if (!span_equal(event.message, event.raw)) {
            buf_append_char(out, ':');
            buf_append_span(out, event.message);
        }
        for (size_t i = from; i < out->size; i++) {
            if (out->data[i] == '\n')
                out->data[i] = '~';
            if (out->data[i] == '\0')
                out->data[i] = '0';
        }
        buf_append_char(out, '\n');
    }
    arena_fini(&scratch);
}

/* Feeds the input in pieces: sizes[0], sizes[1], ..., the last one again and again. */
static void read_in_pieces(alf_span input, log_input format, size_t max, size_t first, size_t then,
                           buf *out)
{
    buf_clear(out);
    log_reader *r = log_reader_new(format, max);
    assert_non_null(r);
    size_t at = 0;
    for (size_t size = first; at < input.size; size = then) {
        size_t n = size < input.size - at ? size : input.size - at;
        char *piece = mem_alloc(n); /* so that the reader cannot keep pointing to it */
        assert_non_null(piece);
        memcpy(piece, input.data + at, n);
        assert_int_equal(log_reader_feed(r, span_of(piece, n), NULL), ALF_OK);
        mem_free(piece);
        drain(r, out);
        at += n;
    }
    assert_int_equal(log_reader_feed(r, span_of(NULL, 0), NULL), ALF_OK);
    drain(r, out);
    log_reader_free(r);
}

static void check_span(alf_span input, log_input format, size_t max, const char *expected)
{
    buf out;
    buf_init(&out);
    for (size_t first = 1; first <= input.size + 1; first++) {
        for (size_t then = 1; then <= input.size; then += then < 5 ? 1 : 7) {
            read_in_pieces(input, format, max, first, then, &out);
            if (!span_is(buf_span(&out), expected)) {
                print_error("pieces of %zu, then %zu; got:\n%.*s\nexpected:\n%s\n", first, then,
                            (int)out.size, out.data, expected);
                fail();
            }
        }
    }
    buf_fini(&out);
}

static void check(const char *input, log_input format, size_t max, const char *expected)
{
    check_span(span_from_string(input), format, max, expected);
}

static void test_lines(void **state)
{
    (void)state;
    check("", LOG_INPUT_AUTO, 0, "");
    check("\n", LOG_INPUT_AUTO, 0, "P:\n");
    check("a\nb\r\n\n\r\nc", LOG_INPUT_AUTO, 0, "P:a\nP:b\nP:\nP:\nP:c\n");
    check("a\rb\r\r\nc\r", LOG_INPUT_TEXT, 0, "P:a\rb\r\nP:c\r\n");
    check_span(SPAN_LITERAL("a\0b\n\0\n"), LOG_INPUT_AUTO, 0, "P:a0b\nP:0\n");
    check("\xFF\xC3\n\x80", LOG_INPUT_AUTO, 0, "P:\xFF\xC3\nP:\x80\n");
    check("{\"message\":\"m\"}\nCEF:0|a|b|c|d|e|f|\nLEEF:1.0|a|b|c|d|\n<1>x\ny\n", LOG_INPUT_AUTO,
          0, "J:{\"message\":\"m\"}:m\nC:CEF:0|a|b|c|d|e|f|\nL:LEEF:1.0|a|b|c|d|\n3:<1>x:x\nP:y\n");
    check("{\"message\":\"m\"}\n{\"mess\nage,x\n", LOG_INPUT_NDJSON, 0,
          "J:{\"message\":\"m\"}:m\nP:{\"mess\nP:age,x\n");
}

static void test_long_lines(void **state)
{
    (void)state;
    check("abcd\nabcde\nabcdefghij\nx", LOG_INPUT_AUTO, 4,
          "P:abcd\nP:abcd\nP:e\nP:abcd\nP:efgh\nP:ij\nP:x\n");
    check("abcd\r\nabcd\r\r\nabcd", LOG_INPUT_AUTO, 4, "P:abcd\nP:abcd\nP:\r\nP:abcd\n");
    check("abcd\r", LOG_INPUT_AUTO, 4, "P:abcd\nP:\r\n");
    check("abcde", LOG_INPUT_AUTO, 1, "P:a\nP:b\nP:c\nP:d\nP:e\n");
}

static void test_csv(void **state)
{
    (void)state;
    check("time,message,category\r\n1,hello,x\r\n2,\"a,\"\"b\"\"\r\nc\",y\r\n3,\"\",z",
          LOG_INPUT_AUTO, 0,
          "V:1,hello,x:hello\nV:2,\"a,\"\"b\"\"\r~c\",y:a,\"b\"\r~c\nV:3,\"\",z\n");
    check("\xEF\xBB\xBFTime, \"Message\" \nx,y\n", LOG_INPUT_CSV, 0,
          "P:\xEF\xBB\xBFTime, \"Message\" \nP:x,y\n");
    check("\xEF\xBB\xBFTime, Message \nx,y\n", LOG_INPUT_CSV, 0, "V:x,y:y\n");
    check("message\n\"a\nb\"\nc\n", LOG_INPUT_CSV, 0, "V:\"a~b\":a~b\nV:c\n");
    check("a,b\nc,d\n", LOG_INPUT_CSV, 0, "P:a,b\nP:c,d\n");
    check("", LOG_INPUT_CSV, 0, "");
    check("id,message\n", LOG_INPUT_CSV, 0, "");
    check("id,message\n\n1\n1,2,3\n1,m\n", LOG_INPUT_CSV, 0, "P:\nP:1\nP:1,2,3\nV:1,m:m\n");
    check("id,message\n1,\"m\" x\n1,say \"hi\"\n", LOG_INPUT_CSV, 0,
          "P:1,\"m\" x\nV:1,say \"hi\":say \"hi\"\n");
}

static void test_guessing_csv(void **state)
{
    (void)state;
    check("message\nhello\n", LOG_INPUT_AUTO, 0, "P:message\nP:hello\n");
    check("error: text,message!\nx,y\n", LOG_INPUT_AUTO, 0, "P:error: text,message!\nP:x,y\n");
    check("message,message\nx,y\n", LOG_INPUT_AUTO, 0, "P:message,message\nP:x,y\n");
    check("a,b\nmessage,source\nx,y\n", LOG_INPUT_AUTO, 0, "P:a,b\nP:message,source\nP:x,y\n");
    check("message,source\nx,y\n", LOG_INPUT_TEXT, 0, "P:message,source\nP:x,y\n");
    check("message,,source\nx,,y\n", LOG_INPUT_AUTO, 0, "P:message,,source\nP:x,,y\n");
}

/* A quote that never closes costs its own line only. */
static void test_open_quotes(void **state)
{
    (void)state;
    check("id,message\n1,\"open\n2,b\n3,c", LOG_INPUT_CSV, 0, "P:1,\"open\nV:2,b:b\nV:3,c:c\n");
    check("id,message\n1,\"open\n2,bbb\n3,ccc\n4,\"d\nd\"\n", LOG_INPUT_CSV, 11,
          "P:1,\"open\nV:2,bbb:bbb\nV:3,ccc:ccc\nV:4,\"d~d\":d~d\n");
    check("id,message\n\"a\",\"\n\"a\",\"\n\"a\",\"\n", LOG_INPUT_CSV, 12,
          "P:\"a\",\"\nP:\"a\",\"\nP:\"a\",\"\n");
    check("id,message\n1,abcdefghijklmnop\n2,x\n", LOG_INPUT_CSV, 10,
          "V:1,abcdefgh:abcdefgh\nP:ijklmnop\nV:2,x:x\n");
    /* the third line begins within what the search for the end of the first has seen */
    check("id,message\n\"a\",\"\n\"a\",\"\n\"a\",\"\nx\",b\n", LOG_INPUT_CSV, 12,
          "P:\"a\",\"\nP:\"a\",\"\nP:\"a\",\"\nV:x\",b:b\n");
}

/* All short inputs over the bytes that matter: no byte is lost, and pieces change nothing. */
static void test_all_short_inputs(void **state)
{
    (void)state;
    enum { LENGTH = 6, COUNT = 5 * 5 * 5 * 5 * 5 * 5 };
    static const char alphabet[] = "\n\r\",a";
    for (int number = 0; number < COUNT; number++) {
        char text[LENGTH];
        for (int i = 0, rest = number; i < LENGTH; i++, rest /= 5)
            text[i] = alphabet[rest % 5];
        stream_check(span_of(text, LENGTH), LOG_INPUT_CSV, 0);
        stream_check(span_of(text, LENGTH), LOG_INPUT_CSV, 5);
        stream_check(span_of(text, LENGTH), LOG_INPUT_TEXT, 2);
    }
}

static void test_large_line(void **state)
{
    (void)state;
    size_t size = 1 << 20;
    char *text = mem_alloc(size + 3);
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text + size, "\ny\n", 3);
    buf out;
    buf_init(&out);
    read_in_pieces(span_of(text, size + 3), LOG_INPUT_AUTO, 0, 65536, 65536, &out);
    assert_int_equal(out.size, size + 3 + 4);
    assert_memory_equal(out.data + size + 2, "\nP:y\n", 5);
    buf_fini(&out);
    mem_free(text);
}

static void test_after_the_end(void **state)
{
    (void)state;
    log_reader *r = log_reader_new(LOG_INPUT_AUTO, 0);
    assert_non_null(r);
    assert_int_equal(log_reader_feed(r, span_of(NULL, 0), NULL), ALF_OK);
    alf_error err = {0};
    assert_int_equal(log_reader_feed(r, SPAN_LITERAL("x"), &err), ALF_E_ARGUMENT);
    log_reader_free(r);
    log_reader_free(NULL);
}

/* After a failed allocation the same call can be made again, and nothing is missing. */
static void test_out_of_memory(void **state)
{
    (void)state;
    static const char input[] = "id,message\n1,\"a\"\"b\"\n2,c\n";
    for (uint64_t n = 1; n < 40; n++) {
        arena scratch;
        arena_init(&scratch, 0);
        (void)mem_fail_after(n);
        log_reader *r = log_reader_new(LOG_INPUT_CSV, 0);
        (void)mem_fail_after(r == NULL ? 0 : n);
        if (r == NULL)
            r = log_reader_new(LOG_INPUT_CSV, 0);
        while (log_reader_feed(r, span_of(input, sizeof input - 1), NULL) != ALF_OK)
            (void)mem_fail_after(0);
        int events = 0;
        for (bool got = true; got;) {
            log_event event;
            alf_status status = log_reader_next(r, &scratch, &event, &got, NULL);
            if (status != ALF_OK) {
                assert_int_equal(status, ALF_E_NOMEM);
                assert_false(got);
                (void)mem_fail_after(0);
                got = true;
                continue;
            }
            events += got;
            if (got)
                assert_true(span_is(event.message, events == 1 ? "a\"b" : "c"));
        }
        (void)mem_fail_after(0);
        assert_int_equal(events, 2);
        log_reader_free(r);
        arena_fini(&scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),         cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_csv),           cmocka_unit_test(test_guessing_csv),
        cmocka_unit_test(test_open_quotes),   cmocka_unit_test(test_all_short_inputs),
        cmocka_unit_test(test_large_line),    cmocka_unit_test(test_after_the_end),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
