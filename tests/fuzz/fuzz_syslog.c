/* fuzz: logs. Lines that may be syslog records: one event per line, whatever is in them. */
#include "log_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alf_span text = span_of((const char *)data, size);
    stream_check(text, LOG_INPUT_AUTO, 0);
    stream_check(text, LOG_INPUT_AUTO, 60);
    return 0;
}
