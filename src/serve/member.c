/* Members of JSON objects. */
#include "serve/member.h"

#include <time.h>

void member_string(json_writer *w, const char *key, const char *value)
{
    json_write_key(w, key);
    json_write_cstring(w, value);
}

void member_span(json_writer *w, const char *key, alf_span value)
{
    json_write_key(w, key);
    json_write_string(w, value);
}

void member_count(json_writer *w, const char *key, uint64_t value)
{
    json_write_key(w, key);
    json_write_uint(w, value);
}

void member_bool(json_writer *w, const char *key, bool value)
{
    json_write_key(w, key);
    json_write_bool(w, value);
}

void member_time(json_writer *w, const char *key, int64_t seconds)
{
    char text[32] = "";
    struct tm parts;
    time_t at = (time_t)seconds;
    if (gmtime_r(&at, &parts) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    member_string(w, key, text);
}
