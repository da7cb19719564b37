/*
 * Text without accents: compatibility decomposition (NFKD), of which a part is dropped. The order
 * that NFKD gives to combining marks does not matter, as none of them stays. Decompositions and
 * combining classes are those of utf8proc (Unicode 15.0).
 */
#include "base/unicode.h"

#include <utf8proc.h>

enum { LONGEST_DECOMPOSITION = 32 }; /* U+FDFA has 18 code points */

static bool is_mark(utf8proc_int32_t c)
{
    return utf8proc_get_property(c)->combining_class != 0;
}

static void append_code_point(buf *out, utf8proc_int32_t c)
{
    char *to = buf_reserve(out, 4);
    if (to != NULL)
        out->size += unicode_put((uint32_t)c, to);
}

static void strip(alf_span text, bool ascii, buf *out)
{
    if (text.size == 0)
        return;
    const char *end = text.data + text.size;
    for (const char *p = text.data; p < end && !out->failed;) {
        utf8proc_int32_t parts[LONGEST_DECOMPOSITION];
        int boundary = 0;
        if ((unsigned char)*p < 0x80) {
            buf_append_char(out, *p++);
            continue;
        }
        utf8proc_ssize_t count = utf8proc_decompose_char(
            (utf8proc_int32_t)unicode_next(&p, end), parts, LONGEST_DECOMPOSITION,
            UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
        for (utf8proc_ssize_t i = 0; i < count && i < LONGEST_DECOMPOSITION; i++)
            if (ascii ? parts[i] < 0x80 : !is_mark(parts[i]))
                append_code_point(out, parts[i]);
    }
}

void unicode_strip_marks(alf_span text, buf *out)
{
    strip(text, false, out);
}

void unicode_strip_to_ascii(alf_span text, buf *out)
{
    strip(text, true, out);
}
