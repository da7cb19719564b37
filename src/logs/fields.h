/*
 * The list of fields of an event while it is parsed. It lives in the caller's arena.
 */
#ifndef ALF_LOGS_FIELDS_H
#define ALF_LOGS_FIELDS_H

#include "logs/event.h"

enum { FIELDS_MAX = 4096 };

typedef struct field_list {
    arena *scratch;
    log_field *items;
    size_t count;
    size_t capacity;
} field_list;

/* Appends a field. ALF_E_LIMIT beyond FIELDS_MAX. */
alf_status fields_add(field_list *list, alf_span key, alf_span value, bool is_json);

/* Text with its escapes taken out by `unescape` (see cef.h, csv.h, ...): the borrowed text itself
 * when it does not hold the byte `mark`, else a copy in the arena. */
typedef size_t text_unescape(alf_span text, char *out);
alf_status fields_text(arena *scratch, alf_span text, char mark, text_unescape *unescape,
                       alf_span *out);

/* The last field of that name whose value is not empty and not JSON, or is a JSON number; NULL when
 * there is none. *count (NULL allowed): how many fields have the name, whatever their value. */
const log_field *fields_find(const field_list *list, alf_span key, size_t *count);

/* The value of the first of these names (ended by NULL) that fields_find finds; else empty. */
alf_span fields_first(const field_list *list, const char *const *names);

#endif
