/* Borrowed byte ranges. */
#ifndef ALF_BASE_SPAN_H
#define ALF_BASE_SPAN_H

#include "ai_log_filter.h"

#include <string.h>

#define SPAN_LITERAL(text) ((alf_span){(text), sizeof(text) - 1})

static inline alf_span span_of(const char *data, size_t size)
{
    return (alf_span){data, size};
}

static inline alf_span span_from_string(const char *text)
{
    return (alf_span){text, strlen(text)};
}

static inline bool span_equal(alf_span a, alf_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool span_is(alf_span a, const char *text)
{
    return span_equal(a, span_from_string(text));
}

static inline bool span_starts(alf_span a, alf_span prefix)
{
    return a.size >= prefix.size &&
           (prefix.size == 0 || memcmp(a.data, prefix.data, prefix.size) == 0);
}

/* Byte-wise order, the shorter first among equals; as Python orders UTF-8 text. */
static inline int span_compare(alf_span a, alf_span b)
{
    size_t n = a.size < b.size ? a.size : b.size;
    int order = n > 0 ? memcmp(a.data, b.data, n) : 0;
    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

/* For printf("%.*s"): the size clipped to what an int holds. */
static inline int span_width(alf_span a)
{
    return a.size > 200 ? 200 : (int)a.size;
}

#endif
