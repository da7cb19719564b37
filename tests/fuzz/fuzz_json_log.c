/* fuzz: logs. JSON lines, and the JSON checker against jansson. */
#include "codec/json_scan.h"
#include "log_stream.h"

#include <jansson.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stricter in jansson: half surrogate pairs and numbers beyond a double. Deeper there: nesting. */
static bool may_differ(const json_error_t *error)
{
    return strstr(error->text, "Unicode") != NULL || strstr(error->text, "overflow") != NULL ||
           strstr(error->text, "too big") != NULL;
}

static size_t depth_of(alf_span text)
{
    size_t depth = 0;
    for (size_t i = 0; i < text.size; i++)
        depth += text.data[i] == '{' || text.data[i] == '[';
    return depth;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alf_span text = span_of((const char *)data, size);
    json_error_t error;
    json_t *value =
        json_loadb(text.data, text.size, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    bool theirs = json_is_object(value);
    if (json_scan_object(text))
        stream_require(theirs || may_differ(&error));
    else /* jansson swallows a NUL byte behind a number, which is no JSON */
        stream_require(!theirs || depth_of(text) > JSON_SCAN_DEPTH ||
                       memchr(text.data, '\0', text.size) != NULL);
    json_decref(value);
    stream_check(text, LOG_INPUT_NDJSON, 0);
    stream_check(text, LOG_INPUT_AUTO, 100);
    return 0;
}
