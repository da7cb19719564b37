/*
 * What the program says about itself while it runs: one line per message to standard error, as JSON
 * or text, written whole. Process-wide and thread-safe. Nothing that a log or a client sent goes
 * here but for request ids, addresses and paths; secrets never do.
 *
 *     log_message m;
 *     log_start(&m, LOG_LEVEL_INFO, "listening");
 *     log_text(&m, "address", address);
 *     log_send(&m);
 */
#ifndef ALF_BASE_LOG_H
#define ALF_BASE_LOG_H

#include "ai_log_filter.h"

#include <stdatomic.h>

typedef enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR
} log_level;

typedef struct log_message {
    bool off;
    bool json;
    size_t size;
    char text[2048]; /* what does not fit is cut */
} log_message;

/* Messages below `least` are not written. Before this: text, from INFO on. */
void log_configure(log_level least, bool json);
/* "debug", "info", "warning", "error"; false: none of them. */
bool log_level_from_name(const char *name, log_level *out);
bool log_enabled(log_level level);

void log_start(log_message *m, log_level level, const char *message);
void log_text(log_message *m, const char *key, alf_span value);
void log_string(log_message *m, const char *key, const char *value);
void log_integer(log_message *m, const char *key, int64_t value);
void log_number(log_message *m, const char *key, double value); /* no number: null in JSON */
void log_error(log_message *m, const alf_error *err);           /* key "error" */
void log_send(log_message *m);

/* A message that may repeat: at most LOG_BURST of them in LOG_WINDOW_SECONDS, then a count of those
 * left out. One static object per message; zeroed at first. */
enum { LOG_BURST = 5, LOG_WINDOW_SECONDS = 10 };

typedef struct log_limit {
    atomic_uint_fast64_t window; /* when it began, in seconds, plus 1 */
    atomic_uint_fast64_t count;  /* of this window */
} log_limit;

/* Like log_start; the message is off when there were too many, and says how many were left out
 * before it. */
void log_start_limited(log_message *m, log_limit *limit, log_level level, const char *message);

#endif
