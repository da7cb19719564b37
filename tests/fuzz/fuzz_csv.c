/* fuzz: logs. CSV under a header: no byte lost, whatever the pieces and the limit. */
#include "log_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    alf_span text = span_of((const char *)data, size);
    stream_check(text, LOG_INPUT_CSV, 0);
    stream_check(text, LOG_INPUT_CSV, 20);
    return 0;
}
