/*
 * A growing byte buffer. Failure is sticky: after a failed append every further one does
 * nothing, and buf_status tells once at the end.
 */
#ifndef ALF_BASE_BUF_H
#define ALF_BASE_BUF_H

#include "ai_log_filter.h"

#include <string.h>

typedef struct buf {
    char *data; /* owned; not NUL-terminated */
    size_t size;
    size_t capacity;
    bool failed;
} buf;

void buf_init(buf *b);
void buf_fini(buf *b);
void buf_clear(buf *b); /* empty, capacity kept, failure forgotten */

/* Room for n more bytes at data + size; NULL on failure. The caller adds to size what it wrote. */
char *buf_reserve(buf *b, size_t n);
void buf_append_growing(buf *b, const void *data, size_t size); /* buf_append when it is full */

static inline void buf_append(buf *b, const void *data, size_t size)
{
    if (b->failed || size > b->capacity - b->size) {
        buf_append_growing(b, data, size);
        return;
    }
    if (size > 0)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buf_append_span(buf *b, alf_span text);
void buf_append_string(buf *b, const char *text);
static inline void buf_append_char(buf *b, char c)
{
    buf_append(b, &c, 1);
}

#define BUF_APPEND_LITERAL(b, text) buf_append((b), (text), sizeof(text) - 1)

void buf_printf(buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

alf_span buf_span(const buf *b);
alf_status buf_status(const buf *b, alf_error *err); /* ALF_E_NOMEM once anything failed */

#endif
