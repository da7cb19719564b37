/* Errors: formatting and naming. */
#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Keeps messages to one printable line: bytes from hostile input may hold anything. */
static void make_printable(char *text)
{
    for (char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

void error_fill(alf_error *err, alf_status status, uint64_t offset, const char *format, ...)
{
    if (err == NULL)
        return;
    va_list args;
    err->status = status;
    err->offset = offset;
    err->file[0] = '\0';
    err->node[0] = '\0';
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    make_printable(err->message);
}

static void put_name(char *to, size_t capacity, const char *from, size_t size)
{
    if (to[0] != '\0')
        return;
    size_t n = size < capacity - 1 ? size : capacity - 1;
    if (n > 0)
        memcpy(to, from, n);
    to[n] = '\0';
    make_printable(to);
}

void error_file(alf_error *err, const char *file)
{
    if (err != NULL)
        put_name(err->file, sizeof err->file, file, strlen(file));
}

void error_node(alf_error *err, alf_span node)
{
    if (err != NULL)
        put_name(err->node, sizeof err->node, node.data, node.size);
}

const char *error_text(const alf_error *err, char *buffer, size_t size)
{
    char offset[32] = "";
    if (err->offset != ALF_NO_OFFSET)
        (void)snprintf(offset, sizeof offset, "byte %" PRIu64 ": ", err->offset);
    (void)snprintf(buffer, size, "%s%s%s%s%s%s%s", err->file, err->file[0] ? ": " : "", offset,
                   err->node[0] ? "node " : "", err->node, err->node[0] ? ": " : "", err->message);
    return buffer;
}
