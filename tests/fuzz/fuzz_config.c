/* fuzz: cli - configuration files: YAML, ${NAME}, every key's type and range */
#include "cli/config.h"

#include "base/span.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    config c;
    alf_error err = {0};
    if (size > 1 << 14)
        return 0;
    config_init(&c);
    alf_status status = config_parse(&c, span_of((const char *)data, size), "fuzz", &err);
    if (status != ALF_OK && err.message[0] == '\0')
        abort();
    /* What is accepted lies within its range. */
    if (status == ALF_OK &&
        (!(c.weight_text >= 0 && c.weight_text <= 1000) || !(c.intra_op_num_threads >= 0) ||
         c.intra_op_num_threads != floor(c.intra_op_num_threads) || c.model_type == NULL ||
         c.model_path == NULL))
        abort();
    config_fini(&c);
    return 0;
}
