/*
 * HTTP/1.1 requests (RFC 9110, RFC 9112), bytes only: the head of a request, and bodies sent in
 * chunks. Strict where laxness lets two programs see different requests in the same bytes: line
 * ends are CRLF, names end at their colon, there is one length and it is plain, a transfer coding
 * is "chunked" or refused, continuation lines are refused.
 */
#ifndef ALF_CODEC_HTTP_H
#define ALF_CODEC_HTTP_H

#include "ai_log_filter.h"

enum { HTTP_MAX_HEADERS = 64 };

typedef enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_OPTIONS,
    HTTP_OTHER, /* PUT, DELETE, PATCH, TRACE, CONNECT */
    HTTP_UNKNOWN
} http_method;

typedef struct http_header {
    alf_span name;
    alf_span value; /* without the white space around it */
} http_header;

typedef struct http_request {
    http_method method;
    alf_span method_name;
    alf_span path;  /* as sent, without the query; "*" for the server as a whole */
    alf_span query; /* behind the '?', or empty */
    int minor;      /* HTTP/1.minor: 0 or 1 */
    http_header headers[HTTP_MAX_HEADERS];
    size_t header_count;
    bool chunked;
    uint64_t content_length; /* 0 without the header, and when chunked */
    bool keep_alive;         /* the client does not mind a further request on this connection */
    bool expects_continue;
} http_request;

/* Looks for the end of a head in bytes. *scanned (0 at first) says how far earlier calls have
 * looked. Returns the size of the head with its empty line; 0: it has not ended yet; SIZE_MAX: a
 * line ends without CR, so this is no head. */
size_t http_head_size(alf_span bytes, size_t *scanned);

/* Parses a head that http_head_size found; spans in *out borrow from it. Returns 0, or the status
 * code to refuse it with, and *why (static). */
int http_request_parse(alf_span head, http_request *out, const char **why);

/* The value of the first header of that name (any case), or an empty span. */
alf_span http_header_value(const http_request *request, const char *name);

/* Whether a and b are equal but for the case of ASCII letters. */
bool http_same(alf_span a, const char *b);

/* The value of name in a query ("a=1&b=2"), as it stands; false: it is not there. */
bool http_query_value(alf_span query, const char *name, alf_span *out);

/* A body in chunks. Zeroed at first. */
typedef struct http_chunks {
    int state;
    uint64_t left;    /* of the current chunk */
    unsigned digits;  /* of its size */
    size_t extras;    /* bytes of extensions and trailers so far */
    bool line_is_any; /* trailers: the current line has bytes */
} http_chunks;

typedef enum http_chunks_result {
    HTTP_CHUNKS_MORE, /* all bytes are used and the body has not ended */
    HTTP_CHUNKS_DATA, /* *data is a part of the body */
    HTTP_CHUNKS_END,
    HTTP_CHUNKS_BAD
} http_chunks_result;

/* Takes from the front of bytes; *used: how many. */
http_chunks_result http_chunks_next(http_chunks *c, alf_span bytes, size_t *used, alf_span *data);

#endif
