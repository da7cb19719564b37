/*
 * IBM QRadar Log Event Extended Format.
 * LEEF:1.0|Vendor|Product|Version|EventID|attributes, separated by tabs;
 * LEEF:2.0|Vendor|Product|Version|EventID|delimiter|attributes, where the delimiter is one
 * character, or x or 0x and one to four hexadecimal digits, or empty, or left out with its bar
 * (then it is a tab). There are no escapes. Everything is borrowed.
 */
#ifndef ALF_CODEC_LEEF_H
#define ALF_CODEC_LEEF_H

#include "ai_log_filter.h"

enum { LEEF_HEADER = 5 };

extern const char *const leef_header_names[LEEF_HEADER];

typedef struct leef_record {
    alf_span header[LEEF_HEADER];
    char delimiter[4]; /* as UTF-8 */
    size_t delimiter_size;
    alf_span attributes;
} leef_record;

/* Reads text that starts with "LEEF:". false: the header is not complete, the version is
 * neither 1.x nor 2.x, or the attributes do not start with a key. */
bool leef_read(alf_span text, leef_record *out);

/* Takes the next key and value; *rest starts as record->attributes. A piece without = belongs to
 * the value before it. false: no more. */
bool leef_next(const leef_record *record, alf_span *rest, alf_span *key, alf_span *value);

#endif
