/*
 * CSV (RFC 4180): fields separated by commas; a field that starts with a quote ends with one, may
 * hold commas and line ends, and has its own quotes doubled. A quote inside a field that does not
 * start with one is text.
 */
#ifndef ALF_CODEC_CSV_H
#define ALF_CODEC_CSV_H

#include "ai_log_filter.h"

/* Where in a record a byte stands; a record starts in CSV_START. */
typedef enum csv_state {
    CSV_START,  /* at the start of a field */
    CSV_PLAIN,  /* in a field without quotes, or behind the closing one */
    CSV_QUOTED, /* between quotes: a line end here is text */
    CSV_CLOSED  /* behind a quote that closes the field or is the first of two */
} csv_state;

/* The state behind byte c. A line end outside of CSV_QUOTED ends the record. */
csv_state csv_step(csv_state state, char c);

/* Takes the field at *at of a record (without its line end) and moves *at behind its comma.
 * *more: a further field follows. false: malformed (text behind a closing quote, or no closing
 * quote); *more stays true then, so that a loop over fields can tell. */
bool csv_next(alf_span record, size_t *at, alf_span *field, bool *more);

/* Whether csv_unquote would change the field. */
bool csv_is_quoted(alf_span field);

/* Writes the text of a field to out, which has room for field.size bytes; returns its size. */
size_t csv_unquote(alf_span field, char *out);

#endif
