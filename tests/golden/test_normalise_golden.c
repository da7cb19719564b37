/* Normalised text and features of every golden log equal what Python made of it. */
#include "support/golden.h"

#include "logs/normalise.h"

static golden g;

/* fast: through log_prepare, else through the reference path. */
static int check(const golden_log *log, bool fast, buf *text)
{
    double features[LOG_FEATURES];
    alf_status status =
        fast ? log_prepare(LOG_PROFILE_PIPELINE, log->message, -1, text, features, NULL)
             : log_normalise(LOG_PROFILE_PIPELINE, log->message, text, NULL);
    if (status != ALF_OK)
        golden_fail("out of memory");
    int wrong = 0;
    if (!span_equal(buf_span(text), log->normalized)) {
        (void)fprintf(stderr, "%s log %zu:\n  got      %.*s\n  expected %.*s\n", log->file,
                      log->index, span_width(buf_span(text)), text->data,
                      span_width(log->normalized), log->normalized.data);
        wrong++;
    }
    if (!fast)
        log_features(LOG_PROFILE_PIPELINE, log->message, buf_span(text), -1, features);
    for (int i = 0; i < LOG_FEATURES; i++) {
        if (features[i] == log->features[i])
            continue;
        (void)fprintf(stderr, "%s log %zu, %s: got %.17g, expected %.17g\n", log->file, log->index,
                      log_feature_names[LOG_PROFILE_PIPELINE][i], features[i], log->features[i]);
        wrong++;
    }
    return wrong;
}

int main(void)
{
    if (!golden_open(&g))
        return GOLDEN_SKIP;
    buf text;
    buf_init(&text);
    int logs = 0;
    int wrong = 0;
    for (golden_log log; golden_next(&g, &log); logs++)
        wrong += check(&log, false, &text) + check(&log, true, &text);
    golden_close(&g);
    buf_fini(&text);
    (void)printf("%d logs, %d differences\n", logs, wrong);
    return logs == GOLDEN_LOGS && wrong == 0 ? 0 : 1;
}
