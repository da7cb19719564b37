/*
 * The bodies of classification requests: JSON -> events (docs/api.md). A log is a string, read as a
 * line would be (syslog, CEF, LEEF, JSON and plain text are told apart), or an object, read as a
 * JSON log. {"log": LOG} is the log inside; a "source" and a "timestamp" beside a string belong to
 * it where it has none of its own. Events borrow from the body and from scratch.
 */
#ifndef ALF_SERVE_LOG_REQUEST_H
#define ALF_SERVE_LOG_REQUEST_H

#include "logs/event.h"

/* A request that was refused. */
typedef struct log_refusal {
    int status; /* of HTTP */
    char detail[256];
} log_refusal;

/* The body of POST /classify. false: refused. */
bool log_request_check(alf_span body, log_refusal *why);
alf_status log_request_parse(alf_span body, arena *scratch, log_event *event, alf_error *err);

/* The body of POST /classify/batch: finds the list and counts its logs. */
bool log_batch_check(alf_span body, size_t most, alf_span *list, size_t *count, log_refusal *why);
/* Fills as many events as log_batch_check has counted. */
alf_status log_batch_parse(alf_span list, arena *scratch, log_event *events, alf_error *err);

#endif
