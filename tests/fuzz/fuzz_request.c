/* fuzz: serve: bodies of classification requests -> events. */
#include "base/span.h"
#include "serve/log_request.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 50 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte that an event names, so that a wrong one is seen. */
static size_t touch(const log_event *e)
{
    const alf_span spans[] = {e->raw, e->message, e->source, e->timestamp};
    size_t sum = e->field_count;
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        for (size_t k = 0; k < spans[i].size; k++)
            sum += (unsigned char)spans[i].data[k];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static log_event events[MOST];
    alf_error err;
    log_refusal why;
    alf_span body = {(const char *)data, size};
    alf_span list;
    size_t count;
    size_t sum = 0;
    arena scratch;
    arena_init(&scratch, 64 << 20);
    if (log_request_check(body, &why)) {
        if (log_request_parse(body, &scratch, events, &err) != ALF_OK)
            abort();
        sum += touch(events);
    } else if (why.status != 400 && why.status != 422)
        abort();
    if (log_batch_check(body, MOST, &list, &count, &why)) {
        if (count > MOST || log_batch_parse(list, &scratch, events, &err) != ALF_OK)
            abort();
        for (size_t i = 0; i < count; i++)
            sum += touch(&events[i]);
    }
    arena_fini(&scratch);
    return sum == SIZE_MAX; /* never; but it is used */
}
