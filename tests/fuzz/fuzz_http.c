/* fuzz: codec: heads and chunks of HTTP requests, whole and in pieces. */
#include "base/buf.h"
#include "base/span.h"
#include "codec/http.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A request that is accepted can be read in one way only. */
static void check(const http_request *r)
{
    unsigned lengths = 0;
    unsigned codings = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        alf_span value = r->headers[i].value;
        lengths += http_same(r->headers[i].name, "content-length");
        codings += http_same(r->headers[i].name, "transfer-encoding");
        if (value.size > 0 && memchr(value.data, '\n', value.size) != NULL)
            abort();
    }
    if (lengths + codings > 1 || (codings == 1) != r->chunked)
        abort();
}

static size_t decode(alf_span bytes, size_t piece, buf *out)
{
    http_chunks c = {0};
    size_t at = 0;
    buf_clear(out);
    while (at < bytes.size) {
        size_t n = bytes.size - at < piece ? bytes.size - at : piece;
        size_t used;
        alf_span part;
        http_chunks_result result = http_chunks_next(&c, span_of(bytes.data + at, n), &used, &part);
        buf_append_span(out, part);
        at += used;
        if (result == HTTP_CHUNKS_BAD)
            return SIZE_MAX;
        if (result == HTTP_CHUNKS_END)
            break;
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alf_span bytes = {(const char *)data, size};
    http_request r;
    const char *why;
    size_t scanned = 0;
    size_t head = http_head_size(bytes, &scanned);
    alf_span value;
    if (head > 0 && head != SIZE_MAX) {
        if (head > size)
            abort();
        if (http_request_parse(span_of(bytes.data, head), &r, &why) == 0) {
            check(&r);
            (void)http_query_value(r.query, "a", &value);
        }
        bytes = span_of(bytes.data + head, size - head);
    }
    buf whole;
    buf pieces;
    buf_init(&whole);
    buf_init(&pieces);
    size_t first = decode(bytes, SIZE_MAX, &whole);
    size_t second = decode(bytes, 1, &pieces);
    if (first != second || (first != SIZE_MAX && !span_equal(buf_span(&whole), buf_span(&pieces))))
        abort();
    buf_fini(&whole);
    buf_fini(&pieces);
    return 0;
}
