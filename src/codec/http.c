/* The head of an HTTP/1.1 request. */
#include "codec/http.h"

#include "base/span.h"

#include <string.h>

enum { MAX_LENGTH_DIGITS = 18 };

/* tchar of RFC 9110, 5.6.2 */
static bool is_token_char(unsigned char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_token(alf_span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_token_char((unsigned char)text.data[i]))
            return false;
    return text.size > 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool http_same(alf_span a, const char *b)
{
    if (a.size != strlen(b))
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (lower(a.data[i]) != lower(b[i]))
            return false;
    return true;
}

size_t http_head_size(alf_span bytes, size_t *scanned)
{
    const char *at = bytes.data + *scanned;
    const char *end = bytes.data + bytes.size;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            break;
        size_t i = (size_t)(line_end - bytes.data);
        if (i == 0 || bytes.data[i - 1] != '\r')
            return SIZE_MAX;
        if (i >= 3 && bytes.data[i - 2] == '\n')
            return i + 1;
        at = line_end + 1;
    }
    *scanned = bytes.size;
    return 0;
}

/* Takes what stands before the next c, and c; false: there is no c. */
static bool take_until(alf_span *text, char c, alf_span *out)
{
    const char *found = text->size > 0 ? memchr(text->data, c, text->size) : NULL;
    if (found == NULL)
        return false;
    *out = span_of(text->data, (size_t)(found - text->data));
    *text = span_of(found + 1, text->size - out->size - 1);
    return true;
}

/* ---- request line ---- */

static http_method method_of(alf_span name)
{
    static const struct {
        const char *name;
        http_method method;
    } known[] = {{"GET", HTTP_GET},         {"HEAD", HTTP_HEAD},   {"POST", HTTP_POST},
                 {"OPTIONS", HTTP_OPTIONS}, {"PUT", HTTP_OTHER},   {"DELETE", HTTP_OTHER},
                 {"PATCH", HTTP_OTHER},     {"TRACE", HTTP_OTHER}, {"CONNECT", HTTP_OTHER}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (span_is(name, known[i].name))
            return known[i].method;
    return HTTP_UNKNOWN;
}

/* The path of "http://host/path": servers must take this form too (RFC 9112, 3.2.2). */
static alf_span without_authority(alf_span target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t size = strlen(schemes[i]);
        if (target.size < size || !http_same(span_of(target.data, size), schemes[i]))
            continue;
        alf_span rest = span_of(target.data + size, target.size - size);
        size_t skip = 0;
        while (skip < rest.size && rest.data[skip] != '/' && rest.data[skip] != '?')
            skip++;
        if (skip == rest.size || rest.data[skip] == '?')
            return SPAN_LITERAL("/");
        return span_of(rest.data + skip, rest.size - skip);
    }
    return target;
}

static bool read_target(alf_span target, http_request *out)
{
    for (size_t i = 0; i < target.size; i++)
        if (target.data[i] <= ' ' || target.data[i] >= 0x7f)
            return false;
    target = without_authority(target);
    if (span_is(target, "*") && out->method == HTTP_OPTIONS) {
        out->path = target;
        return true;
    }
    if (target.size == 0 || target.data[0] != '/')
        return false;
    if (!take_until(&target, '?', &out->path)) {
        out->path = target;
        target = span_of(NULL, 0);
    }
    out->query = target;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int read_version(alf_span text, http_request *out, const char **why)
{
    *why = "the request line does not end in HTTP/1.0 or HTTP/1.1";
    if (text.size != 8 || memcmp(text.data, "HTTP/", 5) != 0 || !is_digit(text.data[5]) ||
        text.data[6] != '.' || !is_digit(text.data[7]))
        return 400;
    if (text.data[5] != '1' || text.data[7] > '1')
        return 505;
    out->minor = text.data[7] - '0';
    out->keep_alive = out->minor == 1;
    return 0;
}

static int read_request_line(alf_span line, http_request *out, const char **why)
{
    alf_span target;
    *why = "the request line is not METHOD TARGET HTTP/1.1";
    if (!take_until(&line, ' ', &out->method_name) || !is_token(out->method_name) ||
        !take_until(&line, ' ', &target))
        return 400;
    out->method = method_of(out->method_name);
    *why = "the request's target is not a path";
    if (!read_target(target, out))
        return 400;
    return read_version(line, out, why);
}

/* ---- header fields ---- */

static alf_span trim(alf_span text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = span_of(text.data + 1, text.size - 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static bool is_field_value(alf_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static int read_header(alf_span line, http_request *out, const char **why)
{
    http_header field;
    *why = "a header line is not NAME: VALUE";
    if (!take_until(&line, ':', &field.name) || !is_token(field.name) || !is_field_value(line))
        return 400;
    field.value = trim(line);
    *why = "too many header lines";
    if (out->header_count == HTTP_MAX_HEADERS)
        return 431;
    out->headers[out->header_count++] = field;
    return 0;
}

static int read_length(alf_span text, uint64_t *out)
{
    if (text.size == 0 || text.size > MAX_LENGTH_DIGITS)
        return 400;
    *out = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i]))
            return 400;
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
    }
    return 0;
}

/* Connection: a list of options. */
static void read_connection(alf_span list, http_request *out)
{
    while (list.size > 0) {
        alf_span option;
        if (!take_until(&list, ',', &option)) {
            option = list;
            list = span_of(NULL, 0);
        }
        option = trim(option);
        if (http_same(option, "close"))
            out->keep_alive = false;
        else if (http_same(option, "keep-alive") && out->minor == 0)
            out->keep_alive = true;
    }
}

typedef struct seen {
    unsigned hosts, lengths, codings;
} seen;

static int read_meaning(const http_header *field, http_request *out, seen *s, const char **why)
{
    if (http_same(field->name, "Host"))
        s->hosts++;
    else if (http_same(field->name, "Connection"))
        read_connection(field->value, out);
    else if (http_same(field->name, "Content-Length")) {
        *why = "Content-Length is not one number";
        return s->lengths++ > 0 ? 400 : read_length(field->value, &out->content_length);
    } else if (http_same(field->name, "Transfer-Encoding")) {
        *why = "the only transfer coding understood is chunked, once, in HTTP/1.1";
        if (s->codings++ > 0 || out->minor == 0)
            return 400;
        out->chunked = http_same(field->value, "chunked");
        return out->chunked ? 0 : 501;
    } else if (http_same(field->name, "Expect") && out->minor == 1) {
        *why = "the only expectation understood is 100-continue";
        out->expects_continue = http_same(field->value, "100-continue");
        return out->expects_continue ? 0 : 417;
    }
    return 0;
}

/* What the header fields mean together. */
static int check_headers(http_request *out, const char **why)
{
    seen s = {0};
    for (size_t i = 0; i < out->header_count; i++) {
        int refused = read_meaning(&out->headers[i], out, &s, why);
        if (refused != 0)
            return refused;
    }
    *why = "a request has exactly one Host header";
    if (s.hosts > 1 || (s.hosts == 0 && out->minor == 1))
        return 400;
    *why = "Content-Length and Transfer-Encoding exclude each other";
    return s.lengths > 0 && s.codings > 0 ? 400 : 0;
}

int http_request_parse(alf_span head, http_request *out, const char **why)
{
    *out = (http_request){.header_count = 0};
    *why = "the head of the request does not end in an empty line";
    bool first = true;
    for (alf_span line; take_until(&head, '\n', &line); first = false) {
        if (line.size == 0 || line.data[line.size - 1] != '\r')
            return 400;
        line.size--;
        if (line.size == 0)
            return first ? 400 : check_headers(out, why);
        int refused = first ? read_request_line(line, out, why) : read_header(line, out, why);
        if (refused != 0)
            return refused;
    }
    return 400;
}

alf_span http_header_value(const http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++)
        if (http_same(request->headers[i].name, name))
            return request->headers[i].value;
    return span_of(NULL, 0);
}

bool http_query_value(alf_span query, const char *name, alf_span *out)
{
    while (query.size > 0) {
        alf_span pair;
        alf_span key;
        if (!take_until(&query, '&', &pair)) {
            pair = query;
            query = span_of(NULL, 0);
        }
        if (!take_until(&pair, '=', &key)) {
            key = pair;
            pair = span_of(NULL, 0);
        }
        if (span_is(key, name)) {
            *out = pair;
            return true;
        }
    }
    return false;
}
