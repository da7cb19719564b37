/*
 * What the service can be told, as the configuration reads it: numbers are doubles within the
 * ranges of the table in cli/config.c, which also documents every key. Strings are borrowed.
 */
#ifndef ALF_SERVE_SETTINGS_H
#define ALF_SERVE_SETTINGS_H

#include "classify/classifier.h"

typedef struct serve_settings {
    const char *listen; /* addresses HOST:PORT, separated by spaces */
    double workers;     /* 0: one per CPU that it may use */
    double batch_size;  /* logs classified together */
    double max_wait_ms, max_latency_ms, timeout_seconds;
    double max_connections, max_header_kb, max_body_mb, max_stream_mb, buffer_mb, max_batch_logs;
    double header_seconds, body_seconds, write_seconds, idle_seconds, shutdown_seconds;
    const char *feedback_path; /* "" = none is kept */
    double feedback_max_mb;
    const char *api_tokens_file, *metrics_tokens_file, *admin_tokens_file; /* "" = none */
    const char *certificate, *key, *client_ca, *tls_minimum;               /* "" = none */
    double requests_per_second, burst, connections_per_address; /* per client; 0 = no limit */
    const char *log_level, *log_format;
    bool log_access;
    bool legacy_metrics;
    const char *shadow_path, *shadow_rules_path; /* "" = none; "" = as for the live one */
    double shadow_share, shadow_samples, shadow_slow_ms;
    double shadow_least_logs, shadow_least_criticals; /* before a promotion */
} serve_settings;

/* A time of the settings in nanoseconds, of which a unit has so many; what is not 0 stays so. */
static inline uint64_t settings_time(double number, double unit)
{
    uint64_t ns = (uint64_t)(number * unit);
    return number > 0 && ns == 0 ? 1 : ns;
}

/* All that a configuration says to the service. */
typedef struct serve_plan {
    serve_settings settings;
    classifier_options classifier;
    classifier_options shadow; /* bundle NULL: there is no candidate */
    void *owner;               /* of what the two borrow from */
} serve_plan;

/* Where plans come from: read again at every reload. */
typedef struct serve_source {
    void *context;
    /* On success the caller gives *out to unload when it is done with it. */
    alf_status (*load)(void *context, serve_plan *out, alf_error *err);
    void (*unload)(serve_plan *plan);
} serve_source;

#endif
