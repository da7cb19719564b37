/* CSV. The same four states cut records and fields, so that the two can never disagree. */
#include "codec/csv.h"

#include "base/span.h"

csv_state csv_step(csv_state state, char c)
{
    switch (state) {
    case CSV_START:
        if (c == '"')
            return CSV_QUOTED;
        return c == ',' ? CSV_START : CSV_PLAIN;
    case CSV_QUOTED:
        return c == '"' ? CSV_CLOSED : CSV_QUOTED;
    case CSV_CLOSED:
        if (c == '"')
            return CSV_QUOTED;
        return c == ',' ? CSV_START : CSV_PLAIN;
    default:
        return c == ',' ? CSV_START : CSV_PLAIN;
    }
}

bool csv_next(alf_span record, size_t *at, alf_span *field, bool *more)
{
    size_t start = *at;
    csv_state state = CSV_START;
    size_t i = start;
    *more = false;
    while (i < record.size) {
        char c = record.data[i++];
        csv_state next = csv_step(state, c);
        if (state == CSV_CLOSED && next == CSV_PLAIN) {
            *more = true;
            return false;
        }
        state = next;
        if (state == CSV_START) {
            *more = true;
            break;
        }
    }
    *field = span_of(record.data + start, i - start - *more);
    *at = i;
    if (state == CSV_QUOTED)
        *more = true;
    return state != CSV_QUOTED;
}

bool csv_is_quoted(alf_span field)
{
    return field.size >= 2 && field.data[0] == '"';
}

size_t csv_unquote(alf_span field, char *out)
{
    bool quoted = csv_is_quoted(field);
    size_t end = quoted ? field.size - 1 : field.size;
    size_t size = 0;
    for (size_t i = quoted; i < end; i++) {
        if (quoted && field.data[i] == '"' && i + 1 < end)
            i++;
        out[size++] = field.data[i];
    }
    return size;
}
