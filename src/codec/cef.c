/* CEF. One pass; a token that could be a key is looked at twice at most. */
#include "codec/cef.h"

#include "base/span.h"

const char *const cef_header_names[CEF_HEADER] = {
    "version", "deviceVendor", "deviceProduct", "deviceVersion", "deviceEventClassId",
    "name",    "severity"};

static bool is_version(alf_span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] < '0' || text.data[i] > '9') && text.data[i] != '.')
            return false;
    }
    return text.size > 0;
}

static bool is_key_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '[' || c == ']';
}

/* The size of a key that starts at `at` and is followed by =; 0 when there is none. */
static size_t key_size(alf_span text, size_t at)
{
    size_t end = at;
    while (end < text.size && is_key_byte(text.data[end]))
        end++;
    return end < text.size && text.data[end] == '=' ? end - at : 0;
}

bool cef_read(alf_span text, cef_record *out)
{
    if (!span_starts(text, SPAN_LITERAL("CEF:")))
        return false;
    size_t start = 4;
    int field = 0;
    for (size_t i = start; i < text.size && field < CEF_HEADER; i++) {
        if (text.data[i] == '\\')
            i++;
        else if (text.data[i] == '|') {
            out->header[field++] = span_of(text.data + start, i - start);
            start = i + 1;
        }
    }
    if (field < CEF_HEADER || !is_version(out->header[0]))
        return false;
    while (start < text.size && text.data[start] == ' ')
        start++;
    out->extension = span_of(text.data + start, text.size - start);
    return out->extension.size == 0 || key_size(out->extension, 0) > 0;
}

bool cef_next(alf_span *rest, alf_span *key, alf_span *value)
{
    size_t size = key_size(*rest, 0);
    if (size == 0)
        return false;
    *key = span_of(rest->data, size);
    size_t start = size + 1;
    size_t at = start;
    while (at < rest->size) {
        if (rest->data[at] == '\\' && rest->size - at >= 2)
            at++;
        else if (rest->data[at] == ' ' && key_size(*rest, at + 1) > 0)
            break;
        at++;
    }
    size_t end = at;
    while (end > start && rest->data[end - 1] == ' ')
        end--;
    *value = span_of(rest->data + start, end - start);
    size_t next = at < rest->size ? at + 1 : at;
    *rest = span_of(rest->data + next, rest->size - next);
    return true;
}

size_t cef_unescape_header(alf_span text, char *out)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char next = i + 1 < text.size ? text.data[i + 1] : '\0';
        if (text.data[i] == '\\' && (next == '|' || next == '\\'))
            i++;
        out[size++] = text.data[i];
    }
    return size;
}

size_t cef_unescape_value(alf_span text, char *out)
{
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        char next = c == '\\' && i + 1 < text.size ? text.data[i + 1] : '\0';
        if (next == '=' || next == '\\' || next == '|')
            c = next;
        else if (next == 'n')
            c = '\n';
        else if (next == 'r')
            c = '\r';
        else
            next = '\0';
        i += next != '\0';
        out[size++] = c;
    }
    return size;
}
