/* A growing byte buffer with sticky failure. */
#include "base/buf.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void buf_init(buf *b)
{
    *b = (buf){0};
}

void buf_fini(buf *b)
{
    mem_free(b->data);
    *b = (buf){0};
}

void buf_clear(buf *b)
{
    b->size = 0;
    b->failed = false;
}

char *buf_reserve(buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (b->data != NULL && n <= b->capacity - b->size)
        return b->data + b->size;
    size_t need;
    if (__builtin_add_overflow(b->size, n, &need) || need > SIZE_MAX / 4) {
        b->failed = true;
        return NULL;
    }
    size_t capacity = b->capacity < 64 ? 64 : b->capacity;
    while (capacity < need)
        capacity *= 2;
    char *data = mem_realloc(b->data, capacity, 1);
    if (data == NULL) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->capacity = capacity;
    return data + b->size;
}

void buf_append_growing(buf *b, const void *data, size_t size)
{
    if (size == 0)
        return;
    char *to = buf_reserve(b, size);
    if (to == NULL)
        return;
    memcpy(to, data, size);
    b->size += size;
}

void buf_append_span(buf *b, alf_span text)
{
    buf_append(b, text.data, text.size);
}

void buf_append_string(buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_printf(buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
    if (to == NULL)
        b->failed = true;
    else {
        (void)vsnprintf(to, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
}

alf_span buf_span(const buf *b)
{
    return (alf_span){b->data, b->size};
}

alf_status buf_status(const buf *b, alf_error *err)
{
    return b->failed ? error_nomem(err, "a growing buffer") : ALF_OK;
}
