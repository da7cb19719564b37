/* Heads and chunks: the forms of RFC 9112, and what must be refused. The examples with two readings
 * are those of its section 11.2 and of published request smuggling reports. */
#include "support/test.h"

#include "base/buf.h"
#include "base/span.h"
#include "codec/http.h"

#include <stdlib.h>
#include <string.h>

#define LINE "POST /a/b?x=1&y HTTP/1.1\r\nHost: h\r\n"

static int parse(const char *text, http_request *out)
{
    const char *why;
    size_t scanned = 0;
    alf_span bytes = span_from_string(text);
    size_t size = http_head_size(bytes, &scanned);
    if (size == 0 || size == SIZE_MAX)
        return size == 0 ? 0 : -1;
    int refused = http_request_parse(span_of(text, size), out, &why);
    return refused == 0 ? 200 : refused;
}

static void a_plain_request(void **state)
{
    (void)state;
    http_request r;
    alf_span value;
    assert_int_equal(parse(LINE "Content-Length: 12\r\nX-Y: \t a b \t\r\n\r\nrest", &r), 200);
    assert_int_equal(r.method, HTTP_POST);
    assert_text(r.path, "/a/b");
    assert_text(r.query, "x=1&y");
    assert_int_equal(r.minor, 1);
    assert_int_equal(r.content_length, 12);
    assert_true(r.keep_alive && !r.chunked && !r.expects_continue);
    assert_text(http_header_value(&r, "x-y"), "a b");
    assert_int_equal(http_header_value(&r, "x-z").size, 0);
    assert_true(http_query_value(r.query, "x", &value));
    assert_text(value, "1");
    assert_true(http_query_value(r.query, "y", &value));
    assert_int_equal(value.size, 0);
    assert_false(http_query_value(r.query, "z", &value));
}

static void whether_it_stays_open(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool stays;
    } cases[] = {{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
                 {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
                 {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x , Close\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
                 {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_request r;
        assert_int_equal(parse(cases[i].head, &r), 200);
        assert_int_equal(r.keep_alive, cases[i].stays);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *head;
    } cases[] = {
        {400, LINE "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
        {400, LINE "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, LINE "Content-Length: 1,1\r\n\r\n"},
        {400, LINE "Content-Length: +1\r\n\r\n"},
        {400, LINE "Content-Length: 1 1\r\n\r\n"},
        {400, LINE "Content-Length:\r\n\r\n"},
        {400, LINE "Content-Length: 9999999999999999999\r\n\r\n"},
        {400, LINE "Content-Length : 1\r\n\r\n"},
        {501, LINE "Transfer-Encoding: gzip, chunked\r\n\r\n"},
        {501, LINE "Transfer-Encoding: chunked, identity\r\n\r\n"},
        {400, LINE "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, LINE "X: a\r\n b\r\n\r\n"},
        {400, LINE "X: a\rb\r\n\r\n"},
        {400, LINE "X: a\x01\r\n\r\n"},
        {400, LINE ": a\r\n\r\n"},
        {400, LINE "X(: a\r\n\r\n"},
        {400, LINE "Host: h\r\n\r\n"},
        {417, LINE "Expect: something\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {505, "GET / HTTP/1.2\r\nHost: h\r\n\r\n"},
        {505, "GET / HTTP/0.9\r\nHost: h\r\n\r\n"},
        {400, "GET / HTTP/11\r\nHost: h\r\n\r\n"},
        {400, "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET a HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GE(T / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, " GET / HTTP/1.1\r\nHost: h\r\n\r\n"},
        {400, "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n"},
        {-1, "GET / HTTP/1.1\nHost: h\n\n"},
        {-1, LINE "X: a\nY: b\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_request r;
        int got = parse(cases[i].head, &r);
        if (got != cases[i].status)
            fail_msg("%s gives %d, expected %d", cases[i].head, got, cases[i].status);
    }
}

static void targets(void **state)
{
    (void)state;
    http_request r;
    assert_int_equal(parse("GET http://a.b:80/c?d HTTP/1.1\r\nHost: a.b\r\n\r\n", &r), 200);
    assert_text(r.path, "/c");
    assert_text(r.query, "d");
    assert_int_equal(parse("GET HTTPS://a.b HTTP/1.1\r\nHost: a.b\r\n\r\n", &r), 200);
    assert_text(r.path, "/");
    assert_int_equal(parse("OPTIONS * HTTP/1.1\r\nHost: a.b\r\n\r\n", &r), 200);
    assert_text(r.path, "*");
    assert_int_equal(parse("BREW /pot HTTP/1.1\r\nHost: a.b\r\n\r\n", &r), 200);
    assert_int_equal(r.method, HTTP_UNKNOWN);
    assert_int_equal(parse("DELETE / HTTP/1.1\r\nHost: a.b\r\n\r\n", &r), 200);
    assert_int_equal(r.method, HTTP_OTHER);
}

static void too_many_headers(void **state)
{
    (void)state;
    http_request r;
    char text[2048] = LINE;
    for (int i = 1; i < HTTP_MAX_HEADERS; i++)
        strcat(text, "X: y\r\n"); // NOLINT
    size_t size = strlen(text);
    strcat(text, "\r\n"); // NOLINT
    assert_int_equal(parse(text, &r), 200);
    text[size] = '\0';
    strcat(text, "X: y\r\n\r\n"); // NOLINT
    assert_int_equal(parse(text, &r), 431);
}

/* However the bytes come, the end is found where it is. */
static void heads_in_pieces(void **state)
{
    (void)state;
    static const char text[] = LINE "X: y\r\n\r\nGET";
    size_t whole = sizeof text - 4;
    size_t scanned = 0;
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(http_head_size(span_of(text, n), &scanned), 0);
    assert_int_equal(http_head_size(span_of(text, whole), &scanned), whole);
    scanned = 0;
    assert_int_equal(http_head_size(span_of(text, sizeof text - 1), &scanned), whole);
}

/* The body, fed in pieces of that size; false: malformed. *used: bytes up to its end. */
static bool decode(alf_span bytes, size_t piece, buf *out, bool *ended, size_t *used)
{
    http_chunks c = {0};
    buf_clear(out);
    *ended = false;
    *used = 0;
    while (*used < bytes.size && !*ended) {
        size_t n = bytes.size - *used < piece ? bytes.size - *used : piece;
        /* A copy of its own, so that reading past it is seen. */
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, bytes.data + *used, n);
        size_t took;
        alf_span data;
        http_chunks_result result = http_chunks_next(&c, span_of(copy, n), &took, &data);
        buf_append_span(out, data);
        free(copy);
        if (result == HTTP_CHUNKS_BAD)
            return false;
        *ended = result == HTTP_CHUNKS_END;
        *used += took;
    }
    return true;
}

static void chunks(void **state)
{
    (void)state;
    static const char *const good[] = {"5\r\nhello\r\n0\r\n\r\n",
                                       "1\r\nh\r\n4;a=\"b c\"\r\nello\r\n0\r\n\r\n",
                                       "0005\r\nhello\r\n000;x\r\nTrailer: y\r\nZ: a\r\n\r\n",
                                       "2\r\nhe\r\n2\r\nll\r\n1\r\no\r\n0\r\n\r\n"};
    static const char *const bad[] = {"g\r\n",
                                      "\r\n",
                                      "-5\r\nhello\r\n0\r\n\r\n",
                                      "5 \r\nhello\r\n",
                                      "5\nhello\r\n",
                                      "5\r\nhelloX\r\n",
                                      "5\r\nhello\n",
                                      "0\r\nX: y\n\r\n",
                                      "0x5\r\nhello\r\n",
                                      "1000000000000000\r\n",
                                      "5;a\x01\r\n",
                                      "5\r\nhello\r\n0\r\n\rX",
                                      " 5\r\n"};
    buf out;
    bool ended;
    size_t used;
    buf_init(&out);
    for (size_t piece = 1; piece < 64; piece++) {
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
            alf_span text = span_from_string(good[i]);
            assert_true(decode(text, piece, &out, &ended, &used));
            assert_true(ended);
            assert_int_equal(used, text.size);
            assert_text(buf_span(&out), "hello");
        }
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
            if (decode(span_from_string(bad[i]), piece, &out, &ended, &used))
                fail_msg("%s is taken for good", bad[i]);
    }
    buf_fini(&out);
}

static void nothing_behind_the_end(void **state)
{
    (void)state;
    buf out;
    bool ended;
    size_t used;
    buf_init(&out);
    assert_true(decode(SPAN_LITERAL("1\r\na\r\n0\r\n\r\nGET /"), 100, &out, &ended, &used));
    assert_true(ended);
    assert_int_equal(used, 11);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request),  cmocka_unit_test(whether_it_stays_open),
        cmocka_unit_test(what_is_refused),  cmocka_unit_test(targets),
        cmocka_unit_test(too_many_headers), cmocka_unit_test(heads_in_pieces),
        cmocka_unit_test(chunks),           cmocka_unit_test(nothing_behind_the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
