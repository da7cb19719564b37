/* Bodies in chunks (RFC 9112, 7.1): a state machine over single bytes, except for the data. */
#include "codec/http.h"

#include "base/span.h"

/* MAX_EXTRAS bounds what extensions and trailers may hold, which nobody reads. */
enum { MAX_DIGITS = 15, MAX_EXTRAS = 8192 };

enum {
    SIZE,      /* digits of the size */
    EXTENSION, /* behind the size, up to CR */
    SIZE_LF,   /* the LF of that line */
    DATA,      /* `left` bytes */
    DATA_CR,   /* behind the data */
    DATA_LF,
    TRAILER, /* lines behind the last chunk */
    TRAILER_LF,
    ENDED
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool step_size(http_chunks *c, char byte)
{
    int digit = hex_value(byte);
    if (digit >= 0) {
        c->left = c->left * 16 + (uint64_t)digit;
        return ++c->digits <= MAX_DIGITS;
    }
    if (c->digits == 0)
        return false;
    c->state = byte == '\r' ? SIZE_LF : EXTENSION;
    return byte == '\r' || byte == ';';
}

/* A byte of an extension or a trailer. */
static bool step_text(http_chunks *c, char byte, int next)
{
    if (byte == '\r') {
        c->state = next;
        return true;
    }
    bool control = ((unsigned char)byte < ' ' && byte != '\t') || byte == 0x7f;
    return !control && ++c->extras <= MAX_EXTRAS;
}

static bool step_line_end(http_chunks *c, char byte)
{
    if (byte != '\n')
        return false;
    if (c->state == SIZE_LF)
        c->state = c->left > 0 ? DATA : TRAILER;
    else if (c->state == DATA_LF) {
        c->state = SIZE;
        c->digits = 0;
    } else {
        c->state = c->line_is_any ? TRAILER : ENDED;
        c->line_is_any = false;
    }
    return true;
}

static bool step(http_chunks *c, char byte)
{
    switch (c->state) {
    case SIZE:
        return step_size(c, byte);
    case EXTENSION:
        return step_text(c, byte, SIZE_LF);
    case DATA_CR:
        c->state = DATA_LF;
        return byte == '\r';
    case TRAILER:
        c->line_is_any = c->line_is_any || byte != '\r';
        return step_text(c, byte, TRAILER_LF);
    default:
        return step_line_end(c, byte);
    }
}

http_chunks_result http_chunks_next(http_chunks *c, alf_span bytes, size_t *used, alf_span *data)
{
    *used = 0;
    *data = span_of(NULL, 0);
    while (*used < bytes.size && c->state != ENDED) {
        if (c->state == DATA) {
            size_t there = bytes.size - *used;
            size_t take = c->left < there ? (size_t)c->left : there;
            *data = span_of(bytes.data + *used, take);
            *used += take;
            c->left -= take;
            c->state = c->left > 0 ? DATA : DATA_CR;
            return HTTP_CHUNKS_DATA;
        }
        if (!step(c, bytes.data[(*used)++]))
            return HTTP_CHUNKS_BAD;
    }
    return c->state == ENDED ? HTTP_CHUNKS_END : HTTP_CHUNKS_MORE;
}
