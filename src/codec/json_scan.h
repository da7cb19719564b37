/*
 * JSON objects as they stand in a log line: checked whole (RFC 8259), then walked member by member
 * over borrowed bytes. Nothing is allocated or converted, so numbers keep their digits and
 * duplicate keys are seen. (codec/json.h builds values instead.)
 */
#ifndef ALF_CODEC_JSON_SCAN_H
#define ALF_CODEC_JSON_SCAN_H

#include "ai_log_filter.h"

enum { JSON_SCAN_DEPTH = 64 };

/* Whether text is one well-formed JSON object, white space around it allowed: valid UTF-8, strict
 * grammar, nested at most JSON_SCAN_DEPTH deep. */
bool json_scan_object(alf_span text);

typedef struct json_member {
    alf_span key;   /* between its quotes, still escaped */
    alf_span value; /* as it stands; of a string what is between its quotes, still escaped */
    bool is_string;
} json_member;

/* Takes the next member of an object that json_scan_object has accepted (or of an object inside
 * one). *at starts at 0. false: no more. */
bool json_scan_next(alf_span object, size_t *at, json_member *out);

/* The same for the items of an array inside an accepted object; out->key is empty. */
bool json_scan_item(alf_span array, size_t *at, json_member *out);

/* Writes a string without its escapes to out, which has room for text.size bytes; returns the size.
 * Half of a surrogate pair becomes U+FFFD. */
size_t json_scan_unescape(alf_span text, char *out);

#endif
