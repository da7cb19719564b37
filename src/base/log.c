/* Messages to standard error, one write each. */
#include "base/log.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/span.h"
#include "base/unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* TAIL: room kept for what ends a line. */
enum { TAIL = 16 };

static atomic_int least_level = LOG_LEVEL_INFO;
static atomic_bool as_json;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_configure(log_level least, bool json)
{
    atomic_store(&least_level, (int)least);
    atomic_store(&as_json, json);
}

bool log_level_from_name(const char *name, log_level *out)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(level_names[i], name) == 0) {
            *out = (log_level)i;
            return true;
        }
    return false;
}

bool log_enabled(log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

static void put(log_message *m, const char *text, size_t size)
{
    size_t room = sizeof m->text - TAIL - m->size;
    size = size < room ? size : room;
    memcpy(m->text + m->size, text, size);
    m->size += size;
}

static void put_string(log_message *m, const char *text)
{
    put(m, text, strlen(text));
}

/* The text between quotes, valid in JSON and on one line whatever it holds. */
static void put_quoted(log_message *m, alf_span text)
{
    const char *p = text.data;
    const char *end = p + text.size;
    put(m, "\"", 1);
    /* The longest piece has 6 bytes, and one must never be cut in two. */
    while (p < end && m->size + 8 < sizeof m->text - TAIL) {
        char piece[16];
        uint32_t c = unicode_next(&p, end);
        int size = 0;
        if (c == '"' || c == '\\')
            size = snprintf(piece, sizeof piece, "\\%c", (char)c);
        else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            size = snprintf(piece, sizeof piece, "\\u%04x", (unsigned)c);
        else
            size = (int)unicode_put(c, piece);
        put(m, piece, (size_t)size);
    }
    put(m, "\"", 1);
}

static void put_time(log_message *m)
{
    struct timespec now;
    struct tm parts;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    if (gmtime_r(&now.tv_sec, &parts) == NULL)
        return;
    size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    put(m, text, size);
    int n = snprintf(text, sizeof text, ".%03dZ", (int)(now.tv_nsec / 1000000));
    put(m, text, n > 0 ? (size_t)n : 0);
}

void log_start(log_message *m, log_level level, const char *message)
{
    m->size = 0;
    m->off = !log_enabled(level);
    m->json = atomic_load_explicit(&as_json, memory_order_relaxed);
    if (m->off)
        return;
    put_string(m, m->json ? "{\"time\":\"" : "");
    put_time(m);
    put_string(m, m->json ? "\",\"level\":\"" : " ");
    put_string(m, level_names[level]);
    put_string(m, m->json ? "\",\"message\":" : " ");
    if (m->json)
        put_quoted(m, span_from_string(message));
    else
        put_string(m, message);
}

static bool put_key(log_message *m, const char *key)
{
    /* A key without room for a value would leave half a member. */
    if (m->off || m->size + strlen(key) + 64 > sizeof m->text - TAIL)
        return false;
    put_string(m, m->json ? ",\"" : " ");
    put_string(m, key);
    put_string(m, m->json ? "\":" : "=");
    return true;
}

void log_text(log_message *m, const char *key, alf_span value)
{
    if (put_key(m, key))
        put_quoted(m, value);
}

void log_string(log_message *m, const char *key, const char *value)
{
    log_text(m, key, span_from_string(value));
}

void log_integer(log_message *m, const char *key, int64_t value)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    if (put_key(m, key))
        put(m, text, n > 0 ? (size_t)n : 0);
}

void log_number(log_message *m, const char *key, double value)
{
    char text[32];
    int n = m->json && !isfinite(value) ? snprintf(text, sizeof text, "null")
                                        : snprintf(text, sizeof text, "%.6g", value);
    if (put_key(m, key))
        put(m, text, n > 0 ? (size_t)n : 0);
}

void log_error(log_message *m, const alf_error *err)
{
    char text[1024];
    log_string(m, "error", error_text(err, text, sizeof text));
}

void log_send(log_message *m)
{
    if (m->off)
        return;
    if (m->json)
        m->text[m->size++] = '}';
    m->text[m->size++] = '\n';
    /* There is nobody to tell when this fails. */
    ssize_t written = write(STDERR_FILENO, m->text, m->size);
    (void)written;
}

void log_start_limited(log_message *m, log_limit *limit, log_level level, const char *message)
{
    uint64_t now = clock_now() / 1000000000u + 1;
    uint64_t began = atomic_load_explicit(&limit->window, memory_order_relaxed);
    uint64_t left_out = 0;
    bool fresh = began == 0 || now - began >= LOG_WINDOW_SECONDS;
    if (fresh && atomic_compare_exchange_strong(&limit->window, &began, now)) {
        uint64_t before = atomic_exchange(&limit->count, 0);
        left_out = before > LOG_BURST ? before - LOG_BURST : 0;
    }
    if (atomic_fetch_add(&limit->count, 1) >= LOG_BURST) {
        m->off = true;
        m->size = 0;
        return;
    }
    log_start(m, level, message);
    if (left_out > 0)
        log_integer(m, "left_out_before", (int64_t)left_out);
}
