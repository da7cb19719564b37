/*
 * The preprocessing profiles: a sequence of substitutions, then lower case, then white space.
 *
 * The text lives at the front of the caller's buffer. A step that finds something writes its result
 * behind the text and moves it to the front, so a buffer that is used again needs no allocation.
 * Invariant between steps: buf holds valid UTF-8.
 */
#include "logs/normalise.h"

#include "base/error.h"
#include "base/span.h"
#include "base/unicode.h"
#include "logs/normalise_ascii.h"
#include "logs/patterns.h"

#include <string.h>

typedef struct step {
    pattern_find *find;
    const char *placeholder;
} step;

static const step pipeline_steps[] = {
    {pattern_ip, "<IP>"},
    {pattern_timestamp, "<TIMESTAMP>"},
    {pattern_hex, "<HEX>"},
    {pattern_uuid, "<UUID>"},
    {pattern_path, "<PATH>"},
    {pattern_long_number, "<LONGNUM>"},
    {NULL, NULL},
};

/* The profile also has https?://\S+ -> <URL> after the Windows path. It can never match: the path
 * step before it has replaced every double slash. */
static const step serving_steps[] = {
    {pattern_ip, "<IP>"},
    {pattern_timestamp_zone, "<TIMESTAMP>"},
    {pattern_hex, "<HEX>"},
    {pattern_uuid, "<UUID>"},
    {pattern_email, "<EMAIL>"},
    {pattern_mac, "<MAC>"},
    {pattern_sha256, "<HASH>"},
    {pattern_sha1, "<HASH>"},
    {pattern_md5, "<HASH>"},
    {pattern_path, "<PATH>"},
    {pattern_windows_path, "<PATH>"},
    {pattern_long_number, "<LONGNUM>"},
    {NULL, NULL},
};

const char *log_profile_name(log_profile profile)
{
    return profile == LOG_PROFILE_SERVING ? "serving" : "pipeline";
}

bool log_profile_from_name(alf_span name, log_profile *out)
{
    if (span_is(name, "pipeline"))
        *out = LOG_PROFILE_PIPELINE;
    else if (span_is(name, "serving"))
        *out = LOG_PROFILE_SERVING;
    else
        return false;
    return true;
}

/* Room behind the text for `factor` times the text; false: out of memory (sticky). */
static bool reserve_behind(buf *text, size_t factor)
{
    if (text->size > SIZE_MAX / 8 / factor) {
        text->failed = true;
        return false;
    }
    return buf_reserve(text, text->size * factor + 16) != NULL;
}

/* What stands behind the first `front` bytes becomes the text. */
static void move_to_front(buf *text, size_t front)
{
    text->size -= front;
    memmove(text->data, text->data + front, text->size);
}

/* No placeholder is longer than three times the shortest text it can stand for ("/a", "0x1",
 * "12345", "a@b.cc"), so three times the text is room enough. */
static void replace_all(buf *text, const step *s)
{
    size_t start;
    size_t end;
    size_t front = text->size;
    if (!s->find(buf_span(text), 0, &start, &end) || !reserve_behind(text, 3))
        return;
    size_t done = 0;
    do {
        buf_append(text, text->data + done, start - done);
        buf_append_string(text, s->placeholder);
        done = end;
    } while (s->find(span_of(text->data, front), done, &start, &end));
    buf_append(text, text->data + done, front - done);
    move_to_front(text, front);
}

/* Copies message, with U+FFFD for what is not UTF-8. */
static void append_valid(alf_span message, buf *out)
{
    if (unicode_is_valid(message)) {
        buf_append_span(out, message);
        return;
    }
    const char *end = message.data + message.size;
    for (const char *p = message.data; p < end && !out->failed;) {
        char *to = buf_reserve(out, 4);
        uint32_t c = unicode_next(&p, end);
        if (to != NULL)
            out->size += unicode_put(c, to);
    }
}

static bool is_ascii(alf_span text)
{
    uint8_t all = 0;
    for (size_t i = 0; i < text.size; i++)
        all |= (uint8_t)text.data[i];
    return all < 0x80;
}

/* Lower-cases ASCII, makes one space of each run of white space and none at the ends. */
static void finish_ascii(buf *text)
{
    char *to = text->data;
    bool space = false;
    for (size_t i = 0; i < text->size; i++) {
        char c = text->data[i];
        if (c <= ' ' && unicode_is_space((uint8_t)c)) {
            space = to > text->data;
            continue;
        }
        if (space)
            *to++ = ' ';
        space = false;
        *to++ = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    text->size = text->size == 0 ? 0 : (size_t)(to - text->data);
}

/* The same for any text. str.lower makes at most three bytes of two, and unicode_lower grows its
 * buffer only when it is full, so the text in front does not move while it is read. */
static void finish_unicode(buf *text)
{
    size_t front = text->size;
    if (!reserve_behind(text, 2))
        return;
    unicode_lower(span_of(text->data, front), text);
    move_to_front(text, front);
    char *to = text->data;
    bool space = false;
    const char *end = text->data + text->size;
    for (const char *p = text->data; p < end;) {
        const char *from = p;
        if (unicode_is_space(unicode_next(&p, end))) {
            space = to > text->data;
            continue;
        }
        if (space)
            *to++ = ' ';
        space = false;
        memmove(to, from, (size_t)(p - from));
        to += p - from;
    }
    text->size = (size_t)(to - text->data);
}

alf_status log_normalise(log_profile profile, alf_span message, buf *out, alf_error *err)
{
    buf_clear(out);
    append_valid(message, out);
    for (const step *s = profile == LOG_PROFILE_SERVING ? serving_steps : pipeline_steps;
         s->find != NULL && out->size > 0 && !out->failed; s++)
        replace_all(out, s);
    if (out->failed || out->size == 0)
        return buf_status(out, err);
    if (is_ascii(buf_span(out)))
        finish_ascii(out);
    else
        finish_unicode(out);
    return buf_status(out, err);
}

alf_status log_prepare(log_profile profile, alf_span message, int hour, buf *out,
                       double features[LOG_FEATURES], alf_error *err)
{
    if (ascii_prepare(profile, message, hour, out, features))
        return ALF_OK;
    TRY(log_normalise(profile, message, out, err));
    log_features(profile, message, buf_span(out), hour, features);
    return ALF_OK;
}
