/* CSV records as events: what the header says, and records read under it. Internal to logs. */
#ifndef ALF_LOGS_CSV_EVENT_H
#define ALF_LOGS_CSV_EVENT_H

#include "logs/event.h"

typedef struct csv_header {
    arena memory;
    alf_span *names; /* copies */
    size_t count;
    size_t message; /* index of the message column */
} csv_header;

void csv_header_init(csv_header *header);
void csv_header_fini(csv_header *header);

/* Whether record is a header: its fields are different names, one of them that of a message column
 * (in any case). guess: nobody has said that this is CSV; then there must be two columns or more.
 * ALF_E_NOMEM is the only error. */
alf_status csv_header_read(csv_header *header, alf_span record, bool guess, bool *is_header,
                           alf_error *err);

/* Parses a record under a header (NULL: there is none). A record that is malformed or has another
 * number of fields than the header is LOG_PLAIN, whole. ALF_E_NOMEM is the only error. */
alf_status csv_event_parse(alf_span record, const csv_header *header, arena *scratch,
                           log_event *event, alf_error *err);

#endif
