/* Counters as text for Prometheus (exposition format 0.0.4). */
#include "serve/metrics.h"

#include "base/mem.h"
#include "base/span.h"
#include "codec/json_write.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

void metrics_head(buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label_value(buf *out, alf_span value)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == '\\' || c == '"')
            buf_append_char(out, '\\');
        if (c == '\n')
            buf_append_string(out, "\\n");
        else
            buf_append_char(out, c);
    }
}

static void put_number(buf *out, double value)
{
    json_put_double(out, value);
}

void metrics_sample(buf *out, const char *name, const metrics_label *labels, size_t count,
                    double value)
{
    buf_append_string(out, name);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s%s=\"", i == 0 ? "{" : ",", labels[i].key);
        put_label_value(out, labels[i].value);
        buf_append_char(out, '"');
    }
    buf_append_string(out, count > 0 ? "} " : " ");
    put_number(out, value);
    buf_append_char(out, '\n');
}

/* The same member of each worker's metrics: at `offset`. */
typedef struct sources {
    metrics *const *of;
    size_t count;
} sources;

static const void *member(const sources *s, size_t i, size_t offset)
{
    return (const char *)s->of[i] + offset;
}

static double total(const sources *s, size_t offset)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s->count; i++)
        sum += metrics_get(member(s, i, offset));
    return (double)sum;
}

static void print_counter(const sources *s, size_t offset, const char *name, const char *help,
                          buf *out)
{
    metrics_head(out, name, "counter", help);
    metrics_sample(out, name, NULL, 0, total(s, offset));
}

static void print_gauge(const sources *s, size_t offset, const char *name, const char *help,
                        buf *out)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        const atomic_int_fast64_t *gauge = member(s, i, offset);
        sum += atomic_load_explicit(gauge, memory_order_relaxed);
    }
    metrics_head(out, name, "gauge", help);
    metrics_sample(out, name, NULL, 0, (double)sum);
}

/* One histogram, with one fixed label or none. */
static void print_histogram(const sources *s, size_t offset, const metrics_bounds *bounds,
                            const char *name, const metrics_label *label, buf *out)
{
    char series[128];
    char text[JSON_NUMBER_SIZE];
    metrics_label labels[2] = {{"le", {NULL, 0}}, {NULL, {NULL, 0}}};
    size_t count = 1;
    if (label != NULL)
        labels[count++] = *label;
    (void)snprintf(series, sizeof series, "%s_bucket", name);
    uint64_t sum = 0;
    for (size_t b = 0; b <= bounds->count; b++) {
        bool last = b == bounds->count;
        size_t at = offset + offsetof(metrics_histogram, bucket) +
                    (last ? METRICS_BUCKETS : b) * sizeof(metrics_counter);
        sum += (uint64_t)total(s, at);
        size_t size = last ? 0 : json_format_double((double)bounds->bound[b] / bounds->unit, text);
        labels[0].value = last ? SPAN_LITERAL("+Inf") : span_of(text, size);
        metrics_sample(out, series, labels, count, (double)sum);
    }
    (void)snprintf(series, sizeof series, "%s_sum", name);
    metrics_sample(out, series, labels + 1, count - 1,
                   total(s, offset + offsetof(metrics_histogram, sum)) / bounds->unit);
    (void)snprintf(series, sizeof series, "%s_count", name);
    metrics_sample(out, series, labels + 1, count - 1, (double)sum);
}

/* Why logs fail open and why requests are refused. They are there from the start, at 0, because a
 * rate does not see the step with which a series begins. */
static const char *const fail_reasons[] = {"timeout",
                                           "max_latency",
                                           "compliance_error",
                                           "rules_limit",
                                           "rules_error",
                                           "rules_circuit_open",
                                           "tfidf_xgboost_limit",
                                           "tfidf_xgboost_error",
                                           "tfidf_xgboost_circuit_open",
                                           "anomaly_detector_error",
                                           "anomaly_detector_circuit_open",
                                           "model_output",
                                           "no_component",
                                           "out_of_memory",
                                           NULL};
static const char *const reject_reasons[] = {"accept",
                                             "connections",
                                             "connections_per_address",
                                             "memory",
                                             "rate",
                                             "token",
                                             "no_admin_token",
                                             "tls",
                                             "malformed_head",
                                             "malformed_body",
                                             "content_encoding",
                                             "body_too_large",
                                             "body_cut_short",
                                             "header_timeout",
                                             "body_timeout",
                                             "write_timeout",
                                             NULL};

/* Labels of one kind of counter. */
typedef struct labelling {
    const char *keys[2];      /* the second: NULL where there is only one */
    const char *const *known; /* values of the first that are always there; NULL: none */
} labelling;

/* The workers' labelled counters added up. */
static void print_labelled(const sources *s, size_t offset, const labelling *labels, buf *sink,
                           const char *name)
{
    metrics_labelled *sum = mem_calloc(1, sizeof *sum);
    if (sum == NULL) {
        sink->failed = true;
        return;
    }
    for (const char *const *k = labels->known; k != NULL && *k != NULL; k++)
        metrics_add_labelled(sum, span_from_string(*k), SPAN_LITERAL(""), 0);
    for (size_t i = 0; i < s->count; i++) {
        const metrics_labelled *one = member(s, i, offset);
        unsigned count = atomic_load_explicit(&one->count, memory_order_acquire);
        for (unsigned k = 0; k < count; k++)
            metrics_add_labelled(sum, span_from_string(one->entry[k].first),
                                 span_from_string(one->entry[k].second),
                                 metrics_get(&one->entry[k].counter));
    }
    unsigned count = atomic_load_explicit(&sum->count, memory_order_relaxed);
    for (unsigned k = 0; k < count; k++) {
        metrics_label pair[2] = {{labels->keys[0], span_from_string(sum->entry[k].first)},
                                 {labels->keys[1], span_from_string(sum->entry[k].second)}};
        metrics_sample(sink, name, pair, labels->keys[1] != NULL ? 2 : 1,
                       (double)metrics_get(&sum->entry[k].counter));
    }
    mem_free(sum);
}

static void print_logs(const sources *s, buf *out)
{
    const char *name = "ai_filter_logs_processed_total";
    metrics_head(out, name, "counter", "Logs classified, by category and by what decided.");
    for (size_t c = 0; c < ALF_CATEGORIES; c++)
        for (size_t m = 0; m < METRICS_MODELS; m++) {
            double sum = total(s, offsetof(metrics, logs) +
                                      (c * METRICS_MODELS + m) * sizeof(metrics_counter));
            metrics_label labels[2] = {
                {"category", span_from_string(alf_category_name((alf_category)c))},
                {"model", span_from_string(metrics_model_names[m])}};
            /* "other" shows only when there is such a thing. */
            if (sum > 0 || m + 1 < METRICS_MODELS)
                metrics_sample(out, name, labels, 2, sum);
        }
}

#define OF(name) offsetof(metrics, name)

/* The times per log, in one unit. */
static void print_log_times(const sources *s, const metrics_bounds *bounds, const char *models,
                            const char *all, buf *out)
{
    const metrics_label onnx = {"engine", SPAN_LITERAL("onnx")};
    const metrics_label joblib = {"engine", SPAN_LITERAL("joblib")};
    const char *unit = bounds->unit < 1e9 ? "milliseconds" : "seconds";
    char help[128];
    (void)snprintf(help, sizeof help, "Time of the ONNX models per log, in %s.", unit);
    metrics_head(out, models, "histogram", help);
    print_histogram(s, OF(model_time), bounds, models, NULL, out);
    (void)snprintf(help, sizeof help, "Time of the whole classification per log, in %s.", unit);
    metrics_head(out, all, "histogram", help);
    print_histogram(s, OF(inference_time), bounds, all, &onnx, out);
    print_histogram(s, OF(joblib_time), bounds, all, &joblib, out);
}

static void print_times(const sources *s, bool legacy, buf *out)
{
    if (legacy)
        print_log_times(s, &metrics_milliseconds, "ai_filter_onnx_inference_time_ms",
                        "ai_filter_inference_time_ms", out);
    print_log_times(s, &metrics_milliseconds_base, "ai_filter_onnx_inference_duration_seconds",
                    "ai_filter_inference_duration_seconds", out);
    metrics_head(out, "ai_filter_http_request_duration_seconds", "histogram",
                 "From the end of a request's head to its answer.");
    print_histogram(s, OF(request_time), &metrics_seconds,
                    "ai_filter_http_request_duration_seconds", NULL, out);
    metrics_head(out, "ai_filter_batch_logs", "histogram", "Logs classified together.");
    print_histogram(s, OF(batch_logs), &metrics_logs, "ai_filter_batch_logs", NULL, out);
}

void metrics_print(metrics *const *of, size_t count, bool legacy, buf *out)
{
    const labelling fail_open = {{"reason", NULL}, fail_reasons};
    const labelling rejected = {{"reason", NULL}, reject_reasons};
    const labelling bypass = {{"framework", "rule"}, NULL};
    const labelling request = {{"path", "status"}, NULL};
    sources s = {of, count};
    print_logs(&s, out);
    metrics_head(out, "ai_filter_fail_open_events_total", "counter",
                 "Logs forwarded as critical because something failed.");
    print_labelled(&s, OF(fail_open), &fail_open, out, "ai_filter_fail_open_events_total");
    metrics_head(out, "ai_filter_compliance_bypass_total", "counter",
                 "Logs that regulation covers, not shown to the models.");
    print_labelled(&s, OF(bypass), &bypass, out, "ai_filter_compliance_bypass_total");
    print_times(&s, legacy, out);
    metrics_head(out, "ai_filter_http_requests_total", "counter", "Requests answered.");
    print_labelled(&s, OF(requests), &request, out, "ai_filter_http_requests_total");
    metrics_head(out, "ai_filter_http_rejected_total", "counter",
                 "Requests and connections refused or given up.");
    print_labelled(&s, OF(rejected), &rejected, out, "ai_filter_http_rejected_total");
    print_counter(&s, OF(over_latency), "ai_filter_batches_over_latency_total",
                  "Batches that took longer than model.performance.max_latency_ms.", out);
    print_counter(&s, OF(accepted), "ai_filter_http_connections_accepted_total",
                  "Connections accepted.", out);
    print_counter(&s, OF(bytes_in), "ai_filter_http_received_bytes_total", "Bytes of requests.",
                  out);
    print_counter(&s, OF(bytes_out), "ai_filter_http_sent_bytes_total", "Bytes of answers.", out);
    print_gauge(&s, OF(connections), "ai_filter_http_connections", "Open connections.", out);
    print_gauge(&s, OF(buffered), "ai_filter_buffered_bytes",
                "Bytes of requests and answers in memory.", out);
}
