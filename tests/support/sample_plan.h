/* What a test of the service reads in place of a configuration: the bundle at the context's path,
 * on a free port, without tokens, TLS or feedback. Counts the plans that are not given back. */
#ifndef ALF_TESTS_SUPPORT_SAMPLE_PLAN_H
#define ALF_TESTS_SUPPORT_SAMPLE_PLAN_H

#include "serve/settings.h"

static int sample_plans; /* not given back */

static inline void sample_plan_init(serve_plan *out, const char *folder)
{
    *out = (serve_plan){.settings = {.listen = "127.0.0.1:0",
                                     .batch_size = 16,
                                     .feedback_path = "",
                                     .api_tokens_file = "",
                                     .metrics_tokens_file = "",
                                     .admin_tokens_file = "",
                                     .certificate = "",
                                     .key = "",
                                     .client_ca = "",
                                     .tls_minimum = "1.2"}};
    classifier_options_init(&out->classifier);
    out->classifier.bundle = folder;
    sample_plans++;
}

static inline void sample_plan_unload(serve_plan *plan)
{
    (void)plan;
    sample_plans--;
}

#endif
