/*
 * Records to events. Each parser of a structured format answers ALF_OK, ALF_E_FORMAT (this is not a
 * well-formed record of it), ALF_E_LIMIT or ALF_E_NOMEM; log_parse makes plain text of the middle
 * two, so that no content can make a record fail.
 */
#include "logs/event.h"

#include "base/span.h"
#include "codec/cef.h"
#include "codec/json_scan.h"
#include "codec/leef.h"
#include "codec/syslog.h"
#include "codec/timestamp.h"
#include "logs/fields.h"
#include "logs/parse.h"

#include <string.h>

typedef struct parser {
    log_event *event;
    field_list fields;
} parser;

static alf_span after(alf_span text, size_t size)
{
    return span_of(text.data + size, text.size - size);
}

void event_set_time(log_event *event, alf_span text)
{
    timestamp time;
    if (text.size == 0)
        return;
    event->timestamp = text;
    event->hour = timestamp_any(text, &time) && time.size == text.size ? time.hour : -1;
}

/* The timestamp of a line of text: at its start, there in brackets, or as web servers write it. */
static void find_time(log_event *event)
{
    enum { LOOK = 256 };
    alf_span text = event->raw;
    timestamp time;
    size_t at = text.size > 0 && text.data[0] == '[';
    bool found = text.size > 0 &&
                 (timestamp_iso(after(text, at), &time) || timestamp_bsd(after(text, at), &time));
    for (size_t i = 0; !found && i < text.size && i < LOOK; i++) {
        at = i + 1;
        found = text.data[i] == '[' && timestamp_apache(after(text, at), &time);
    }
    if (found) {
        event->timestamp = span_of(text.data + at, time.size);
        event->hour = time.hour;
    }
}

void event_plain(alf_span record, log_event *event)
{
    *event = (log_event){
        .format = LOG_PLAIN, .raw = record, .message = record, .severity = -1, .hour = -1};
    find_time(event);
}

static alf_status add_text(parser *p, const char *key, alf_span value)
{
    if (value.size == 0)
        return ALF_OK;
    return fields_add(&p->fields, span_from_string(key), value, false);
}

static alf_status add_number(parser *p, const char *key, int value)
{
    char digits[4];
    size_t size = 0;
    if (value >= 10)
        digits[size++] = (char)('0' + value / 10);
    digits[size++] = (char)('0' + value % 10);
    char *copy = arena_strndup(p->fields.scratch, digits, size);
    if (copy == NULL)
        return ALF_E_NOMEM;
    return fields_add(&p->fields, span_from_string(key), span_of(copy, size), true);
}

/* What a payload inside a syslog record does not say is left as the syslog header has it. */
static void keep_or_set(alf_span *kept, alf_span value)
{
    if (kept->size == 0)
        *kept = value;
}

static void set_time_unless_known(parser *p, alf_span text)
{
    if (p->event->timestamp.size == 0)
        event_set_time(p->event, text);
}

static alf_status parse_cef(parser *p, alf_span text)
{
    static const char *const sources[] = {"dvchost", "dvc", "deviceProduct", NULL};
    static const char *const times[] = {"rt", "deviceReceiptTime", "start", "end", NULL};
    cef_record record;
    if (!cef_read(text, &record))
        return ALF_E_FORMAT;
    arena *scratch = p->fields.scratch;
    alf_span value;
    for (int i = 0; i < CEF_HEADER; i++) {
        TRY(fields_text(scratch, record.header[i], '\\', cef_unescape_header, &value));
        TRY(add_text(p, cef_header_names[i], value));
    }
    alf_span key;
    for (alf_span rest = record.extension; cef_next(&rest, &key, &value);) {
        TRY(fields_text(scratch, value, '\\', cef_unescape_value, &value));
        TRY(fields_add(&p->fields, key, value, false));
    }
    p->event->format = LOG_CEF;
    p->event->message = text;
    keep_or_set(&p->event->source, fields_first(&p->fields, sources));
    set_time_unless_known(p, fields_first(&p->fields, times));
    return ALF_OK;
}

static alf_status parse_leef(parser *p, alf_span text)
{
    static const char *const sources[] = {"identHostName", "devName", "product", NULL};
    static const char *const times[] = {"devTime", NULL};
    leef_record record;
    if (!leef_read(text, &record))
        return ALF_E_FORMAT;
    for (int i = 0; i < LEEF_HEADER; i++)
        TRY(add_text(p, leef_header_names[i], record.header[i]));
    alf_span key;
    alf_span value;
    for (alf_span rest = record.attributes; leef_next(&record, &rest, &key, &value);)
        TRY(fields_add(&p->fields, key, value, false));
    p->event->format = LOG_LEEF;
    p->event->message = text;
    keep_or_set(&p->event->source, fields_first(&p->fields, sources));
    set_time_unless_known(p, fields_first(&p->fields, times));
    return ALF_OK;
}

/* The last field whose key has the same text up to a dot and holds an object: in that, the string
 * under what follows the dot. Empty when there is none. *count: how many members have that name. */
static alf_status find_nested(parser *p, size_t from, alf_span name, alf_span *out, size_t *count)
{
    const char *dot = memchr(name.data, '.', name.size);
    *out = span_of(NULL, 0);
    *count = 0;
    if (dot == NULL)
        return ALF_OK;
    alf_span outer = span_of(name.data, (size_t)(dot - name.data));
    alf_span inner = after(name, outer.size + 1);
    for (size_t i = from; i < p->fields.count; i++) {
        const log_field *field = &p->fields.items[i];
        if (!field->is_json || field->value.data[0] != '{' || !span_equal(field->key, outer))
            continue;
        json_member member;
        for (size_t at = 0; json_scan_next(field->value, &at, &member);) {
            if (!span_equal(member.key, inner))
                continue;
            ++*count;
            if (member.is_string)
                TRY(fields_text(p->fields.scratch, member.value, '\\', json_scan_unescape, out));
        }
    }
    return ALF_OK;
}

/* The string (or, with numbers, the number) under one of these names, flat or nested, from the
 * fields of a JSON object; empty when there is none or when a name stands there twice: then nobody
 * can say which is meant. */
static alf_status find_json(parser *p, size_t from, const char *const *names, bool numbers,
                            alf_span *out)
{
    *out = span_of(NULL, 0);
    if (p->fields.count == from)
        return ALF_OK;
    const field_list flat = {.items = p->fields.items + from, .count = p->fields.count - from};
    for (; *names != NULL; names++) {
        size_t count;
        size_t nested;
        alf_span name = span_from_string(*names);
        const log_field *field = fields_find(&flat, name, &count);
        TRY(find_nested(p, from, name, out, &nested));
        if (field != NULL && (numbers || !field->is_json))
            *out = field->value;
        if (out->size == 0)
            continue;
        if (count + nested > 1)
            *out = span_of(NULL, 0);
        return ALF_OK;
    }
    return ALF_OK;
}

static alf_status add_members(parser *p, alf_span object)
{
    json_member member;
    for (size_t at = 0; json_scan_next(object, &at, &member);) {
        alf_span key;
        alf_span value = member.value;
        TRY(fields_text(p->fields.scratch, member.key, '\\', json_scan_unescape, &key));
        if (member.is_string)
            TRY(fields_text(p->fields.scratch, value, '\\', json_scan_unescape, &value));
        TRY(fields_add(&p->fields, key, value, !member.is_string));
    }
    return ALF_OK;
}

static alf_status parse_json(parser *p, alf_span text)
{
    static const char *const messages[] = {"message", "msg",  "log",  "text", "event.original",
                                           "raw",     "_raw", "body", NULL};
    static const char *const sources[] = {"source",  "host.name", "host", "hostname",
                                          "program", "service",   "app",  NULL};
    static const char *const times[] = {"@timestamp", "timestamp", "time", "ts",
                                        "eventTime",  "datetime",  "date", NULL};
    if (!json_scan_object(text))
        return ALF_E_FORMAT;
    size_t from = p->fields.count;
    alf_span message;
    alf_span source;
    alf_span time;
    TRY(add_members(p, text));
    TRY(find_json(p, from, messages, false, &message));
    TRY(find_json(p, from, sources, false, &source));
    TRY(find_json(p, from, times, true, &time));
    p->event->format = LOG_JSON;
    p->event->message = message.size > 0 ? message : p->event->raw;
    keep_or_set(&p->event->source, source);
    set_time_unless_known(p, time);
    return ALF_OK;
}

static bool skip_space_to(alf_span *text, char wanted)
{
    size_t at = 0;
    while (at < text->size && (text->data[at] == ' ' || text->data[at] == '\t'))
        at++;
    if (at == text->size || text->data[at] != wanted)
        return false;
    *text = after(*text, at);
    return true;
}

/* A text that is CEF, LEEF or JSON as a whole. */
static alf_status parse_payload(parser *p, alf_span text)
{
    if (span_starts(text, SPAN_LITERAL("CEF:")))
        return parse_cef(p, text);
    if (span_starts(text, SPAN_LITERAL("LEEF:")))
        return parse_leef(p, text);
    if (span_starts(text, SPAN_LITERAL("@cee:")))
        text = after(text, 5);
    if (skip_space_to(&text, '{'))
        return parse_json(p, text);
    return ALF_E_FORMAT;
}

static alf_status add_params(parser *p, alf_span data)
{
    const alf_span prefix = SPAN_LITERAL("syslog.sd.");
    syslog_param param;
    alf_span id = {0};
    while (syslog_next_param(&data, &id, &param)) {
        if (param.name.size == 0)
            continue;
        size_t size = prefix.size + param.id.size + 1 + param.name.size;
        char *key = arena_alloc(p->fields.scratch, size, 1);
        if (key == NULL)
            return ALF_E_NOMEM;
        memcpy(key, prefix.data, prefix.size);
        memcpy(key + prefix.size, param.id.data, param.id.size);
        char *name = key + prefix.size + param.id.size;
        *name++ = '.';
        memcpy(name, param.name.data, param.name.size);
        alf_span value;
        TRY(fields_text(p->fields.scratch, param.value, '\\', syslog_unescape, &value));
        TRY(fields_add(&p->fields, span_of(key, size), value, false));
    }
    return ALF_OK;
}

static alf_status add_header(parser *p, const syslog_record *record)
{
    if (record->severity >= 0) {
        TRY(add_number(p, "syslog.facility", record->facility));
        TRY(add_number(p, "syslog.severity", record->severity));
    }
    TRY(add_text(p, "syslog.timestamp", record->timestamp));
    TRY(add_text(p, "syslog.host", record->host));
    TRY(add_text(p, "syslog.program", record->program));
    TRY(add_text(p, "syslog.procid", record->procid));
    TRY(add_text(p, "syslog.msgid", record->msgid));
    return add_params(p, record->data);
}

/* A payload, or as the last resort (unless bare) the syslog record itself. */
static alf_status parse_syslog(parser *p, alf_span text, bool bare)
{
    syslog_record record;
    if (!(bare ? syslog_read_bare(text, &record) : syslog_read(text, &record)))
        return ALF_E_FORMAT;
    log_event *event = p->event;
    event->source = record.source;
    event->timestamp = record.timestamp;
    event->hour = record.hour;
    event->severity = record.severity;
    TRY(add_header(p, &record));
    size_t header = p->fields.count;
    alf_status status = parse_payload(p, record.message);
    if (status == ALF_E_FORMAT && record.content.size < record.message.size)
        status = parse_payload(p, record.content);
    if (status != ALF_E_FORMAT || bare)
        return status;
    p->fields.count = header;
    event->format = record.is_5424 ? LOG_SYSLOG_5424 : LOG_SYSLOG_3164;
    event->message = record.message.size > 0 ? record.message : event->raw;
    return ALF_OK;
}

static alf_status parse_any(parser *p, alf_span text, log_input input)
{
    if (span_starts(text, SPAN_LITERAL("\xEF\xBB\xBF")))
        text = after(text, 3);
    if (input == LOG_INPUT_NDJSON)
        return skip_space_to(&text, '{') ? parse_json(p, text) : ALF_E_FORMAT;
    if (input != LOG_INPUT_AUTO || text.size == 0)
        return ALF_E_FORMAT;
    if (text.data[0] == '<')
        return parse_syslog(p, text, false);
    alf_status status = parse_payload(p, text);
    return status == ALF_E_FORMAT ? parse_syslog(p, text, true) : status;
}

alf_status log_parse(alf_span record, log_input input, arena *scratch, log_event *event,
                     alf_error *err)
{
    log_event parsed = {.raw = record, .message = record, .severity = -1, .hour = -1};
    parser p = {&parsed, {.scratch = scratch}};
    alf_status status = parse_any(&p, record, input);
    if (status == ALF_E_NOMEM)
        return error_nomem(err, "the fields of a record");
    if (status != ALF_OK) {
        event_plain(record, event);
        return ALF_OK;
    }
    parsed.fields = p.fields.items;
    parsed.field_count = p.fields.count;
    *event = parsed;
    return ALF_OK;
}
