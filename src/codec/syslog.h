/*
 * Syslog records: RFC 5424 and RFC 3164, as borrowed bytes.
 *
 * RFC 5424 is read as the standard says, but for lengths of names and precision of the timestamp.
 * RFC 3164 describes what is seen in the wild rather than a grammar: after <PRI> everything is
 * optional. Accepted timestamps: those of timestamp_bsd and timestamp_iso.
 */
#ifndef ALF_CODEC_SYSLOG_H
#define ALF_CODEC_SYSLOG_H

#include "ai_log_filter.h"

typedef struct syslog_record {
    bool is_5424;
    int facility;       /* 0..23, -1 without <PRI> */
    int severity;       /* 0..7, -1 without <PRI> */
    int hour;           /* of timestamp, -1 without one */
    alf_span timestamp; /* this and the next five: empty when absent or "-" */
    alf_span host;
    alf_span program;
    alf_span procid;
    alf_span msgid;
    alf_span source;  /* host and program, as they stand side by side in the header */
    alf_span data;    /* 5424: all elements of the structured data, checked */
    alf_span message; /* 5424: MSG without its byte order mark. 3164: what follows the host */
    alf_span content; /* 3164: message without the program tag; 5424: message */
} syslog_record;

/* Reads a record that starts with <PRI>. false: it is not a well-formed one. */
bool syslog_read(alf_span record, syslog_record *out);

/* Reads the header of a record without <PRI>: timestamp and host, as files written by syslog
 * daemons have it. false: it does not start so. */
bool syslog_read_bare(alf_span record, syslog_record *out);

typedef struct syslog_param {
    alf_span id; /* of the element */
    alf_span name;
    alf_span value; /* still escaped */
} syslog_param;

/* Takes the next parameter of structured data; *rest starts as syslog_record.data, *id as anything.
 * false: no more. Elements without parameters are given once, with an empty name. */
bool syslog_next_param(alf_span *rest, alf_span *id, syslog_param *out);

/* Writes the value without its escapes (\" \\ \]) to out, which has room for value.size bytes.
 * Returns how many bytes were written. */
size_t syslog_unescape(alf_span value, char *out);

#endif
