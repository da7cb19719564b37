/*
 * ArcSight Common Event Format: CEF:Version|Vendor|Product|Version|Class|Name|Severity|Extension.
 * In the header | and \ are escaped with \; in the extension = and \ are, and \n and \r stand for
 * line ends. Everything is borrowed and still escaped until cef_unescape.
 */
#ifndef ALF_CODEC_CEF_H
#define ALF_CODEC_CEF_H

#include "ai_log_filter.h"

enum { CEF_HEADER = 7 };

extern const char *const cef_header_names[CEF_HEADER];

typedef struct cef_record {
    alf_span header[CEF_HEADER];
    alf_span extension;
} cef_record;

/* Reads text that starts with "CEF:". false: the header is not complete, or the extension does not
 * start with a key. */
bool cef_read(alf_span text, cef_record *out);

/* Takes the next key and value; *rest starts as cef_record.extension. A value ends where a space
 * and the next key begin, so it may hold spaces. false: no more. */
bool cef_next(alf_span *rest, alf_span *key, alf_span *value);

/* Writes text without its escapes to out, which has room for text.size bytes; returns the size. */
size_t cef_unescape_header(alf_span text, char *out);
size_t cef_unescape_value(alf_span text, char *out);

#endif
