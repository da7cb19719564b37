/* GET /metrics: what the workers counted, and the state of now. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/span.h"
#include "serve/route.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void gauge(buf *out, const char *name, const char *help, double value)
{
    metrics_head(out, name, "gauge", help);
    metrics_sample(out, name, NULL, 0, value);
}

static void counter(buf *out, const char *name, const char *help, double value)
{
    metrics_head(out, name, "counter", help);
    metrics_sample(out, name, NULL, 0, value);
}

/* unit: bytes. */
static void put_sizes(const models *m, const char *name, const char *help, double unit, buf *out)
{
    static const models_file files[MODELS_COMPONENTS] = {MODELS_CLASSIFIER, MODELS_ANOMALY};
    metrics_head(out, name, "gauge", help);
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        if (m->origin[i] == MODELS_FROM_ONNX)
            metrics_sample(out, name,
                           &(metrics_label){"model", span_from_string(models_component_names[i])},
                           1, (double)m->layout.size[files[i]] / unit);
}

/* 1 where the model comes from one of these. */
static void put_origins(const models *m, const char *name, const char *help, unsigned origins,
                        buf *out)
{
    metrics_head(out, name, "gauge", help);
    for (models_component i = MODELS_TEXT; i < MODELS_COMPONENTS; i++)
        metrics_sample(out, name,
                       &(metrics_label){"model", span_from_string(models_component_names[i])}, 1,
                       (double)(origins >> m->origin[i] & 1u));
}

static void put_models(const models *m, bool legacy, buf *out)
{
    const unsigned onnx = 1u << MODELS_FROM_ONNX;
    const unsigned fell_back = 1u << MODELS_FELL_BACK;
    const unsigned joblib = 1u << MODELS_FROM_JOBLIB | fell_back;
    put_origins(m, "ai_filter_onnx_model_loaded", "1: the model runs as ONNX.", onnx, out);
    put_origins(m, "ai_filter_joblib_model_loaded", "1: the model runs from its joblib file.",
                joblib, out);
    put_origins(m, "ai_filter_model_fell_back",
                "1: there is no ONNX file, so the model runs from its joblib file.", fell_back,
                out);
    if (legacy)
        put_sizes(m, "ai_filter_onnx_model_size_kb", "Size of the model's file in KiB.", 1024, out);
    put_sizes(m, "ai_filter_onnx_model_size_bytes", "Size of the model's file.", 1, out);
}

/* Absent where nothing was measured, or what runs is not what was. */
static void put_improvement(const models *m, buf *out)
{
    double times = models_improvement(m, MODELS_COMPONENTS);
    if (times > 0)
        gauge(out, "ai_filter_onnx_performance_improvement",
              "How many times faster than this program's own joblib engine the ONNX models were "
              "when convert --benchmark measured them, on the machine that converted.",
              times);
}

static void put_breakers(classifier *k, buf *out)
{
    uint64_t now = clock_now();
    metrics_head(out, "ai_filter_circuit_breaker_state", "gauge", "0 closed, 1 open, 2 half open.");
    for (int i = 0; i < COMPONENTS; i++)
        metrics_sample(
            out, "ai_filter_circuit_breaker_state",
            &(metrics_label){"circuit_name", span_from_string(classifier_component_names[i])}, 1,
            (double)breaker_state_at(&k->breakers[i], now));
}

static const char *const failure_reasons[ALF_E_INTERNAL + 1] = {
    [ALF_E_NOMEM] = "memory",         [ALF_E_ARGUMENT] = "argument",
    [ALF_E_CONFIG] = "configuration", [ALF_E_IO] = "io",
    [ALF_E_NOT_FOUND] = "not_found",  [ALF_E_FORMAT] = "format",
    [ALF_E_LIMIT] = "limit",          [ALF_E_UNSUPPORTED] = "unsupported",
    [ALF_E_REFUSED] = "refused",      [ALF_E_MISMATCH] = "mismatch",
    [ALF_E_INTERNAL] = "internal"};

static void put_reloads(server *s, buf *out)
{
    const char *name = "ai_filter_reloads_total";
    metrics_head(out, name, "counter", "Reloads, by how they ended.");
    metrics_sample(out, name, &(metrics_label){"result", SPAN_LITERAL("done")}, 1,
                   (double)atomic_load(&s->reloads_done));
    metrics_sample(out, name, &(metrics_label){"result", SPAN_LITERAL("failed")}, 1,
                   (double)atomic_load(&s->reloads_failed));
    name = "ai_filter_reload_failures_total";
    metrics_head(out, name, "counter", "Reloads that failed, by the kind of what was wrong.");
    for (int i = ALF_E_NOMEM; i <= ALF_E_INTERNAL; i++)
        metrics_sample(out, name, &(metrics_label){"reason", span_from_string(failure_reasons[i])},
                       1, (double)metrics_get(&s->reload_failures[i]));
    name = "ai_filter_feedback_total";
    metrics_head(out, name, "counter", "Feedback, by what became of it.");
    metrics_sample(out, name, &(metrics_label){"result", SPAN_LITERAL("stored")}, 1,
                   (double)atomic_load(&s->feedback_written));
    metrics_sample(out, name, &(metrics_label){"result", SPAN_LITERAL("failed")}, 1,
                   (double)atomic_load(&s->feedback_failed));
}

static double resident_bytes(void)
{
    unsigned long long size = 0;
    unsigned long long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    char text[128] = "";
    if (fgets(text, sizeof text, file) != NULL &&
        sscanf(text, "%llu %llu", &size, &resident) != 2) // NOLINT(cert-err34-c)
        resident = 0;
    (void)fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void put_process(const server *s, buf *out)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    counter(out, "process_cpu_seconds_total", "CPU time used, user and system.", cpu);
    gauge(out, "process_resident_memory_bytes", "Resident memory.", resident_bytes());
    gauge(out, "process_start_time_seconds", "Start, in seconds since 1970.",
          (double)s->started_at);
}

static void put_state(connection *c, buf *out)
{
    server *s = c->worker->server;
    const generation *g = c->worker->use->of;
    put_models(&g->classifier->models, g->plan.settings.legacy_metrics, out);
    put_improvement(&g->classifier->models, out);
    put_breakers(g->classifier, out);
    put_reloads(s, out);
    shadow_metrics(s, g, out);
    gauge(out, "ai_filter_bundle_proved",
          "1: all of the bundle answered as when it was converted and proved.",
          g->proof.gap[0] == '\0');
    gauge(out, "ai_filter_generation", "Number of the configuration in use, from 1.",
          (double)g->number);
    gauge(out, "ai_filter_loaded_timestamp_seconds", "When it was loaded.", (double)g->loaded_at);
    gauge(out, "ai_filter_rules_machine_code",
          "1: rules run as machine code; 0: interpreted, in about twice the time.",
          s->machine_code);
    gauge(out, "ai_filter_workers", "Event loops.", s->worker_count);
    if (g->tls != NULL)
        gauge(out, "ai_filter_certificate_expiry_timestamp_seconds", "When the certificate ends.",
              (double)tls_expires(g->tls));
    metrics_head(out, "ai_filter_build_info", "gauge", "The version, as a label.");
    metrics_sample(out, "ai_filter_build_info",
                   &(metrics_label){"version", SPAN_LITERAL(ALF_VERSION)}, 1, 1);
    put_process(s, out);
}

void api_metrics(connection *c, alf_span body)
{
    server *s = c->worker->server;
    buf out;
    (void)body;
    metrics **of = mem_calloc(s->worker_count, sizeof(metrics *));
    buf_init(&out);
    if (of != NULL) {
        for (unsigned i = 0; i < s->worker_count; i++)
            of[i] = &s->workers[i].metrics;
        metrics_print(of, s->worker_count, c->worker->use->of->plan.settings.legacy_metrics, &out);
        put_state(c, &out);
    }
    if (of == NULL || out.failed)
        reply_error_with(c, 503, "Retry-After: 1\r\n", "out of memory");
    else
        reply_send(c, &(reply){.status = 200,
                               .type = "text/plain; version=0.0.4; charset=utf-8",
                               .body = buf_span(&out)});
    buf_fini(&out);
    mem_free(of);
}
