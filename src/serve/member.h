/* Members of the JSON objects that the service answers with: a key and its value. */
#ifndef ALF_SERVE_MEMBER_H
#define ALF_SERVE_MEMBER_H

#include "codec/json_write.h"

void member_string(json_writer *w, const char *key, const char *value);
void member_span(json_writer *w, const char *key, alf_span value);
void member_count(json_writer *w, const char *key, uint64_t value);
void member_bool(json_writer *w, const char *key, bool value);
void member_time(json_writer *w, const char *key, int64_t seconds); /* since 1970, as RFC 3339 */

#endif
