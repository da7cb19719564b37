/* Syslog records. Sources: RFC 5424 (section 6), RFC 3164 (section 4). One pass, no allocation. */
#include "codec/syslog.h"

#include "base/span.h"
#include "codec/timestamp.h"

#include <string.h>

static const char byte_order_mark[] = "\xEF\xBB\xBF";

static alf_span after(alf_span text, size_t size)
{
    return span_of(text.data + size, text.size - size);
}

/* "<0>" to "<191>" at the start; the size of it, 0 when there is none. */
static size_t read_priority(alf_span text, syslog_record *out)
{
    if (text.size < 3 || text.data[0] != '<')
        return 0;
    int value = 0;
    size_t at = 1;
    while (at < text.size && at <= 3 && text.data[at] >= '0' && text.data[at] <= '9')
        value = value * 10 + (text.data[at++] - '0');
    if (at == 1 || at >= text.size || text.data[at] != '>' || value > 191 ||
        (at > 2 && text.data[1] == '0'))
        return 0;
    out->facility = value / 8;
    out->severity = value % 8;
    return at + 1;
}

/* Takes the token up to the next space, and the space. false: empty, or no space behind it. */
static bool take_token(alf_span *rest, alf_span *token)
{
    const char *space = rest->size == 0 ? NULL : memchr(rest->data, ' ', rest->size);
    if (space == NULL || space == rest->data)
        return false;
    *token = span_of(rest->data, (size_t)(space - rest->data));
    *rest = after(*rest, token->size + 1);
    return true;
}

static bool is_printable(alf_span token)
{
    for (size_t i = 0; i < token.size; i++) {
        uint8_t c = (uint8_t)token.data[i];
        if (c < 33 || c == 127)
            return false;
    }
    return true;
}

/* A header field: printable; "-" means that it is absent. */
static bool take_field(alf_span *rest, alf_span *field)
{
    if (!take_token(rest, field) || !is_printable(*field))
        return false;
    if (span_is(*field, "-"))
        field->size = 0;
    return true;
}

static bool take_timestamp(alf_span *rest, syslog_record *out)
{
    if (!take_token(rest, &out->timestamp))
        return false;
    timestamp time;
    if (span_is(out->timestamp, "-"))
        out->timestamp.size = 0;
    else if (timestamp_iso(out->timestamp, &time) && time.size == out->timestamp.size)
        out->hour = time.hour;
    else
        return false;
    return true;
}

static bool is_name_byte(char c)
{
    return (uint8_t)c > 32 && (uint8_t)c < 127 && c != '=' && c != ']' && c != '"';
}

static size_t name_size(alf_span text)
{
    size_t size = 0;
    while (size < text.size && is_name_byte(text.data[size]))
        size++;
    return size;
}

/* The size of ` name="value"` at the start of text, 0 when there is none. */
static size_t param_size(alf_span text, syslog_param *out)
{
    if (text.size == 0 || text.data[0] != ' ')
        return 0;
    size_t name = name_size(after(text, 1));
    size_t at = 1 + name;
    if (name == 0 || text.size - at < 3 || text.data[at] != '=' || text.data[at + 1] != '"')
        return 0;
    size_t value = at + 2;
    for (at = value; at < text.size && text.data[at] != '"'; at++) {
        if (text.data[at] == ']')
            return 0;
        if (text.data[at] == '\\')
            at++;
    }
    if (at >= text.size)
        return 0;
    out->name = span_of(text.data + 1, name);
    out->value = span_of(text.data + value, at - value);
    return at + 1;
}

/* The size of all "[id name="value" ...]" at the start of text, 0 when they are malformed. */
static size_t data_size(alf_span text)
{
    size_t at = 0;
    syslog_param ignored;
    while (at < text.size && text.data[at] == '[') {
        size_t id = name_size(after(text, at + 1));
        if (id == 0)
            return 0;
        at += 1 + id;
        for (size_t size; (size = param_size(after(text, at), &ignored)) > 0;)
            at += size;
        if (at >= text.size || text.data[at] != ']')
            return 0;
        at++;
    }
    return at;
}

bool syslog_next_param(alf_span *rest, alf_span *id, syslog_param *out)
{
    *out = (syslog_param){0};
    if (rest->size == 0)
        return false;
    bool opens = rest->data[0] == '[';
    if (opens) {
        *id = span_of(rest->data + 1, name_size(after(*rest, 1)));
        *rest = after(*rest, 1 + id->size);
    }
    out->id = *id;
    size_t size = param_size(*rest, out);
    *rest = after(*rest, size);
    if (rest->size > 0 && rest->data[0] == ']')
        *rest = after(*rest, 1);
    return opens || size > 0;
}

size_t syslog_unescape(alf_span value, char *out)
{
    size_t size = 0;
    for (size_t i = 0; i < value.size; i++) {
        char next = i + 1 < value.size ? value.data[i + 1] : '\0';
        if (value.data[i] == '\\' && (next == '"' || next == '\\' || next == ']'))
            i++;
        out[size++] = value.data[i];
    }
    return size;
}

/* Host and program as they stand: "host program". */
static alf_span join(alf_span host, alf_span program)
{
    if (host.size == 0)
        return program;
    if (program.size == 0)
        return host;
    return span_of(host.data, (size_t)(program.data + program.size - host.data));
}

/* What follows "<PRI>1 ". */
static bool read_5424(alf_span rest, syslog_record *out)
{
    out->is_5424 = true;
    if (!take_timestamp(&rest, out) || !take_field(&rest, &out->host) ||
        !take_field(&rest, &out->program) || !take_field(&rest, &out->procid) ||
        !take_field(&rest, &out->msgid) || rest.size == 0)
        return false;
    size_t size = rest.data[0] == '-' ? 1 : data_size(rest);
    if (size == 0 || (size < rest.size && rest.data[size] != ' '))
        return false;
    if (rest.data[0] == '[')
        out->data = span_of(rest.data, size);
    out->message = size < rest.size ? after(rest, size + 1) : after(rest, size);
    if (span_starts(out->message, SPAN_LITERAL(byte_order_mark)))
        out->message = after(out->message, 3);
    out->content = out->message;
    out->source = join(out->host, out->program);
    return true;
}

/* "program[123]: " or "program: " at the start of the message. */
static void read_tag(syslog_record *out)
{
    alf_span text = out->message;
    size_t at = 0;
    if (span_starts(text, SPAN_LITERAL("CEF:")) || span_starts(text, SPAN_LITERAL("LEEF:")))
        return; /* not a program of that name */
    while (at < text.size && at < 128 && (uint8_t)text.data[at] > 32 && text.data[at] != '[' &&
           text.data[at] != ':')
        at++;
    if (at == 0 || at == text.size || (text.data[at] != '[' && text.data[at] != ':'))
        return;
    alf_span program = span_of(text.data, at);
    alf_span procid = {0};
    if (text.data[at] == '[') {
        const char *close = memchr(text.data + at, ']', text.size - at);
        if (close == NULL)
            return;
        procid = span_of(text.data + at + 1, (size_t)(close - text.data) - at - 1);
        at = (size_t)(close - text.data) + 1;
        if (at >= text.size || text.data[at] != ':' || !is_printable(procid))
            return;
    }
    out->program = program;
    out->procid = procid;
    at++;
    out->content = after(text, at < text.size && text.data[at] == ' ' ? at + 1 : at);
}

/* Timestamp, and then a host if the next token is neither a tag nor the last one. */
static bool read_3164_header(alf_span rest, syslog_record *out)
{
    timestamp time;
    out->message = out->content = rest;
    if (!timestamp_bsd(rest, &time) && !timestamp_iso(rest, &time))
        return false;
    alf_span stamp = span_of(rest.data, time.size);
    rest = after(rest, time.size);
    if (rest.size > 0 && rest.data[0] == ':') /* as some network devices end it */
        rest = after(rest, 1);
    if (rest.size > 0 && rest.data[0] != ' ')
        return false;
    out->timestamp = stamp;
    out->hour = time.hour;
    if (rest.size > 0)
        rest = after(rest, 1);
    alf_span host;
    alf_span behind = rest;
    if (take_token(&behind, &host) && is_printable(host) && host.data[host.size - 1] != ':' &&
        memchr(host.data, '[', host.size) == NULL && memchr(host.data, '|', host.size) == NULL &&
        host.data[0] != '{') {
        out->host = host;
        rest = behind;
    }
    out->message = out->content = rest;
    read_tag(out);
    out->source = join(out->host, out->program);
    return true;
}

bool syslog_read(alf_span record, syslog_record *out)
{
    *out = (syslog_record){.facility = -1, .severity = -1, .hour = -1};
    size_t size = read_priority(record, out);
    if (size == 0)
        return false;
    alf_span rest = after(record, size);
    if (span_starts(rest, SPAN_LITERAL("1 ")))
        return read_5424(after(rest, 2), out);
    (void)read_3164_header(rest, out);
    return true;
}

bool syslog_read_bare(alf_span record, syslog_record *out)
{
    *out = (syslog_record){.facility = -1, .severity = -1, .hour = -1};
    return read_3164_header(record, out);
}
