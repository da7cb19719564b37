/*
 * A log event: what one input record says, as borrowed bytes.
 */
#ifndef ALF_LOGS_EVENT_H
#define ALF_LOGS_EVENT_H

#include "base/arena.h"
#include "base/error.h"

typedef enum log_format {
    LOG_PLAIN,
    LOG_SYSLOG_5424,
    LOG_SYSLOG_3164,
    LOG_CEF,
    LOG_LEEF,
    LOG_JSON,
    LOG_CSV
} log_format;

/* What the user says about the input: --format. */
typedef enum log_input {
    LOG_INPUT_AUTO,
    LOG_INPUT_TEXT,
    LOG_INPUT_NDJSON,
    LOG_INPUT_CSV
} log_input;

typedef struct log_field {
    alf_span key;
    alf_span value; /* unescaped text; for JSON fields that are not strings, their JSON text */
    bool is_json;   /* value is JSON text to be printed as it is (number, object, true, ...) */
} log_field;

typedef struct log_event {
    log_format format;
    alf_span raw;       /* the whole record, without its line end */
    alf_span message;   /* the text that models and rules judge; never loses information silently:
                           when a record has no message of its own, this is raw */
    alf_span source;    /* "host program" of syslog, or a "source" or host field: what the
                           compliance gate looks at too */
    alf_span timestamp; /* as written, or empty */
    int severity;       /* syslog 0..7, or -1 */
    int hour;           /* 0..23 from the event's own timestamp, or -1 */
    log_field *fields;  /* structured formats: header and extension fields in order */
    size_t field_count;
} log_event;

/*
 * Parses one record (without its line end) into event; strings that need unescaping live in
 * scratch. Never fails on content: what is not a well-formed record of a structured format is
 * LOG_PLAIN, whole. ALF_E_NOMEM is the only error. Where each format's message comes from: plain:
 * the line. syslog 3164 (with <PRI>): what follows the header, program tag included. syslog 5424:
 * MSG (raw when empty). CEF/LEEF: from "CEF:" / "LEEF:" to the end. JSON: the first of message,
 * msg, log, text, event.original, raw, _raw, body that is a non-empty string, else raw; raw too
 * when that key stands there twice. A syslog message that is itself CEF, LEEF or JSON is parsed as
 * that, with host and severity kept. TEXT takes every record as plain, NDJSON all but JSON objects;
 * CSV needs the header that log_reader has, so records given here one by one are plain.
 */
alf_status log_parse(alf_span record, log_input input, arena *scratch, log_event *event,
                     alf_error *err);

#endif
