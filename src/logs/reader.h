/*
 * Cuts a byte stream into records and parses them: one event per record, in order, none lost.
 *
 * Text and NDJSON: a record is a line; LF and CRLF end it, the last needs no end; empty lines are
 * records; NUL bytes and bytes that are not UTF-8 are data. CSV (RFC 4180): quoted fields may hold
 * line ends; the first record is the header when it names a message column (message, msg, log,
 * text, raw, event), and is then not a log. A quote that never closes does not swallow the rest of
 * the stream: a record without an end after max_record bytes is given up; its first line becomes a
 * record, and the reader goes on behind that line.
 */
#ifndef ALF_LOGS_READER_H
#define ALF_LOGS_READER_H

#include "base/buf.h"
#include "logs/event.h"

typedef struct log_reader log_reader;

/* input AUTO decides from the first record: a CSV header, else line by line (JSON, CEF, ... per
 * line). max_record: bytes of one record (0: 1 MiB + 64 KiB); longer lines are cut there and the
 * rest is the next record, so nothing is lost and memory is bounded. NULL when out of memory. */
log_reader *log_reader_new(log_input input, size_t max_record);
void log_reader_free(log_reader *r);

/* Gives more bytes of the stream (copied). size 0 means end of stream. */
alf_status log_reader_feed(log_reader *r, alf_span bytes, alf_error *err);

/* Takes the next event. *got false: feed more (or, after the end, done). The event borrows from the
 * reader until the next call of log_reader_feed, and from scratch. */
alf_status log_reader_next(log_reader *r, arena *scratch, log_event *event, bool *got,
                           alf_error *err);

/* The same in two steps, for those who parse elsewhere: log_reader_cut takes the next record, which
 * is valid until the next call of log_reader_feed, and log_form_parse makes an event of it. What
 * the form says is settled when the first record has been cut and lives as long as the reader, so
 * records may then be parsed on any thread. The event borrows from record and scratch (field names
 * of CSV from the form). */
typedef struct log_form log_form;

alf_status log_reader_cut(log_reader *r, alf_span *record, bool *got, alf_error *err);
const log_form *log_reader_form(const log_reader *r);
alf_status log_form_parse(const log_form *form, alf_span record, arena *scratch, log_event *event,
                          alf_error *err);

#endif
