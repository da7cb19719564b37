/* fuzz: model: benchmark.json. What is accepted is written and read back as the same. */
#include "model/benchmark.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    benchmark b;
    benchmark again;
    alf_error err;
    buf out;
    if (benchmark_parse((alf_span){(const char *)data, size}, &b, &err) != ALF_OK)
        return 0;
    if (!(benchmark_improvement(&b, NULL) > 0))
        abort();
    buf_init(&out);
    benchmark_write(&b, &out);
    if (!out.failed &&
        (benchmark_parse(buf_span(&out), &again, &err) != ALF_OK || again.logs != b.logs ||
         strcmp(again.cpu, b.cpu) != 0 || again.models[0].joblib_us != b.models[0].joblib_us))
        abort();
    buf_fini(&out);
    return 0;
}
