/* Fields of one event, growing by doubling inside the arena. */
#include "logs/fields.h"

#include "base/span.h"

#include <string.h>

alf_status fields_add(field_list *list, alf_span key, alf_span value, bool is_json)
{
    if (list->count == FIELDS_MAX)
        return ALF_E_LIMIT;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        log_field *items = arena_alloc(list->scratch, capacity, sizeof *items);
        if (items == NULL)
            return ALF_E_NOMEM;
        if (list->count > 0)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (log_field){key, value, is_json};
    return ALF_OK;
}

alf_status fields_text(arena *scratch, alf_span text, char mark, text_unescape *unescape,
                       alf_span *out)
{
    *out = text;
    if (text.size == 0 || memchr(text.data, mark, text.size) == NULL)
        return ALF_OK;
    char *copy = arena_alloc(scratch, text.size, 1);
    if (copy == NULL)
        return ALF_E_NOMEM;
    *out = span_of(copy, unescape(text, copy));
    return ALF_OK;
}

static bool has_text(const log_field *field)
{
    if (field->value.size == 0)
        return false;
    char first = field->value.data[0];
    return !field->is_json || first == '-' || (first >= '0' && first <= '9');
}

const log_field *fields_find(const field_list *list, alf_span key, size_t *count)
{
    const log_field *found = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!span_equal(list->items[i].key, key))
            continue;
        seen++;
        if (has_text(&list->items[i]))
            found = &list->items[i];
    }
    if (count != NULL)
        *count = seen;
    return found;
}

alf_span fields_first(const field_list *list, const char *const *names)
{
    for (; *names != NULL; names++) {
        const log_field *field = fields_find(list, span_from_string(*names), NULL);
        if (field != NULL)
            return field->value;
    }
    return span_of(NULL, 0);
}
