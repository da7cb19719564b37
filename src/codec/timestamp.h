/*
 * Timestamps as logs write them. Only what the program uses is taken out of one: how many bytes it
 * is, and its hour as written (local to the zone it names). Every field is checked for its range.
 */
#ifndef ALF_CODEC_TIMESTAMP_H
#define ALF_CODEC_TIMESTAMP_H

#include "ai_log_filter.h"

typedef struct timestamp {
    size_t size; /* bytes, from the start of the text */
    int hour;    /* 0..23 */
} timestamp;

/* Each reads a timestamp at the start of text; false: there is none, *out unchanged. */

/* ISO 8601 / RFC 3339: date, 'T' or a space, time; optional fraction (dot or comma) and zone. */
bool timestamp_iso(alf_span text, timestamp *out);
/* RFC 3164 and its kin: "Oct 11 22:14:15", "Oct  1 2023 22:14:15.123", "Sun Dec 04 04:47:44 2005".
 */
bool timestamp_bsd(alf_span text, timestamp *out);
/* "10/Oct/2000:13:55:36 -0700", zone optional. */
bool timestamp_apache(alf_span text, timestamp *out);
/* The whole text is seconds since 1970 (a fraction allowed), or milli-, micro- or nanoseconds, told
 * apart by the number of digits (10, 13, 16, 19). The hour is UTC. */
bool timestamp_epoch(alf_span text, timestamp *out);

/* Any of the above, in this order. */
bool timestamp_any(alf_span text, timestamp *out);

#endif
