/* Parts shared by the parsers of events. Internal to logs. */
#ifndef ALF_LOGS_PARSE_H
#define ALF_LOGS_PARSE_H

#include "logs/event.h"

/* A whole record as plain text, with the timestamp that stands at its start. */
void event_plain(alf_span record, log_event *event);

/* Sets timestamp and, where it is one we know, hour. Does nothing for an empty text. */
void event_set_time(log_event *event, alf_span text);

#endif
