/* CSV records as events. */
#include "logs/csv_event.h"

#include "base/span.h"
#include "codec/csv.h"
#include "logs/fields.h"
#include "logs/parse.h"

enum { COLUMNS_MAX = 1024, NAME_MAX_SIZE = 64 };

static const char *const message_names[] = {"message", "msg", "log", "text", "raw", "event", NULL};
static const char *const source_names[] = {"source",  "host", "hostname", "program",
                                           "service", "app",  NULL};
static const char *const time_names[] = {"timestamp", "@timestamp", "time", "datetime",
                                         "date",      "ts",         NULL};

void csv_header_init(csv_header *header)
{
    *header = (csv_header){0};
    arena_init(&header->memory, 0);
}

void csv_header_fini(csv_header *header)
{
    arena_fini(&header->memory);
    *header = (csv_header){0};
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (uint8_t)c >= 0x80 || c == '_' || c == '-' || c == '.' || c == '@' || c == ' ' ||
           c == '#' || c == '/' || c == '(' || c == ')';
}

static alf_span trim(alf_span name)
{
    while (name.size > 0 && name.data[0] == ' ')
        name = span_of(name.data + 1, name.size - 1);
    while (name.size > 0 && name.data[name.size - 1] == ' ')
        name.size--;
    return name;
}

/* ASCII letters become small, so that "Message" is the message column. */
static bool normalise_name(char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_name_byte(data[i]))
            return false;
        if (data[i] >= 'A' && data[i] <= 'Z')
            data[i] = (char)(data[i] + ('a' - 'A'));
    }
    return size > 0 && size <= NAME_MAX_SIZE;
}

static bool has_name(const csv_header *header, alf_span name, size_t *index)
{
    for (*index = 0; *index < header->count; (*index)++) {
        if (span_equal(header->names[*index], name))
            return true;
    }
    return false;
}

static bool find_message(csv_header *header)
{
    for (const char *const *name = message_names; *name != NULL; name++) {
        if (has_name(header, span_from_string(*name), &header->message))
            return true;
    }
    return false;
}

/* How many fields a record has; 0 when it is malformed. */
static size_t count_fields(alf_span record)
{
    size_t count = 0;
    size_t at = 0;
    bool more = true;
    alf_span field;
    while (more && csv_next(record, &at, &field, &more))
        count++;
    return more ? 0 : count;
}

static alf_status read_names(csv_header *header, alf_span record, bool *ok)
{
    size_t at = 0;
    bool more = true;
    alf_span field;
    *ok = false;
    while (more && csv_next(record, &at, &field, &more)) {
        char *copy = arena_alloc(&header->memory, field.size + 1, 1);
        if (copy == NULL)
            return ALF_E_NOMEM;
        size_t size = csv_unquote(field, copy);
        alf_span name = trim(span_of(copy, size));
        size_t index;
        if (!normalise_name(copy, size) || name.size == 0 || has_name(header, name, &index))
            return ALF_OK;
        header->names[header->count++] = name;
    }
    *ok = find_message(header);
    return ALF_OK;
}

alf_status csv_header_read(csv_header *header, alf_span record, bool guess, bool *is_header,
                           alf_error *err)
{
    *is_header = false;
    if (span_starts(record, SPAN_LITERAL("\xEF\xBB\xBF")))
        record = span_of(record.data + 3, record.size - 3);
    size_t count = count_fields(record);
    if (count == 0 || count > COLUMNS_MAX || (guess && count < 2))
        return ALF_OK;
    header->names = arena_alloc(&header->memory, count, sizeof *header->names);
    if (header->names == NULL || read_names(header, record, is_header) != ALF_OK)
        return error_nomem(err, "the CSV header");
    return ALF_OK;
}

static alf_status read_fields(alf_span record, const csv_header *header, field_list *fields)
{
    size_t at = 0;
    bool more = true;
    alf_span field;
    while (more && csv_next(record, &at, &field, &more)) {
        if (fields->count == header->count)
            return ALF_E_FORMAT;
        alf_span text = field;
        if (csv_is_quoted(field))
            TRY(fields_text(fields->scratch, field, '"', csv_unquote, &text));
        TRY(fields_add(fields, header->names[fields->count], text, false));
    }
    return more || fields->count < header->count ? ALF_E_FORMAT : ALF_OK;
}

alf_status csv_event_parse(alf_span record, const csv_header *header, arena *scratch,
                           log_event *event, alf_error *err)
{
    event_plain(record, event);
    if (header == NULL)
        return ALF_OK;
    field_list fields = {.scratch = scratch};
    alf_status status = read_fields(record, header, &fields);
    if (status == ALF_E_NOMEM)
        return error_nomem(err, "the fields of a CSV record");
    if (status != ALF_OK || header->message >= fields.count)
        return ALF_OK;
    alf_span message = fields.items[header->message].value;
    *event = (log_event){
        .format = LOG_CSV,
        .raw = record,
        .message = message.size > 0 ? message : record,
        .source = fields_first(&fields, source_names),
        .severity = -1,
        .hour = -1,
        .fields = fields.items,
        .field_count = fields.count,
    };
    event_set_time(event, fields_first(&fields, time_names));
    return ALF_OK;
}
