/* GET /, GET /models, GET /stats, GET /health/metrics-summary: the service about itself. */
#include "base/clock.h"
#include "base/span.h"
#include "codec/json_write.h"
#include "serve/health.h"
#include "serve/member.h"
#include "serve/route.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static void begin(buf *out, json_writer *w)
{
    buf_init(out);
    json_write_init(w, out, false);
    json_write_begin_object(w);
}

static void finish(connection *c, buf *out, json_writer *w)
{
    json_write_end_object(w);
    buf_append_char(out, '\n');
    reply_json(c, 200, out);
    buf_fini(out);
}

void api_root(connection *c, alf_span body)
{
    buf out;
    json_writer w;
    (void)body;
    begin(&out, &w);
    member_string(&w, "name", "ai-log-filter");
    member_string(&w, "version", ALF_VERSION);
    member_string(&w, "api", "/openapi.json");
    member_string(&w, "health", "/health");
    finish(c, &out, &w);
}

/* ---- /models ---- */

static void put_files(json_writer *w, const models *m)
{
    json_write_key(w, "files");
    json_write_begin_array(w);
    for (int i = 0; i < MODELS_FILE_COUNT; i++) {
        if (m->layout.path[i][0] == '\0')
            continue;
        json_write_begin_object(w);
        member_string(w, "name", models_file_names[i]);
        member_string(w, "path", m->layout.path[i]);
        member_count(w, "size_bytes", m->layout.size[i]);
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

static void put_manifest(json_writer *w, const manifest *m)
{
    json_write_key(w, "manifest");
    json_write_begin_object(w);
    member_span(w, "converter", m->converter);
    json_write_key(w, "sources");
    json_write_begin_array(w);
    for (size_t i = 0; i < m->source_count; i++) {
        json_write_begin_object(w);
        member_span(w, "path", m->sources[i].path);
        member_span(w, "sha256", m->sources[i].sha256);
        json_write_end_object(w);
    }
    json_write_end_array(w);
    json_write_key(w, "libraries");
    json_write_begin_object(w);
    for (size_t i = 0; i < m->library_count; i++) {
        json_write_key_span(w, m->libraries[i].name);
        json_write_string(w, m->libraries[i].version);
    }
    json_write_end_object(w);
    if (m->proof.present) {
        json_write_key(w, "parity");
        json_write_begin_object(w);
        member_count(w, "logs", m->proof.all.logs);
        member_count(w, "mismatches",
                     m->proof.all.text.mismatches + m->proof.all.anomaly.mismatches);
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

/* What loading it has shown. */
static void put_proof(json_writer *w, const replay *proof)
{
    json_write_key(w, "proof");
    json_write_begin_object(w);
    member_count(w, "replayed_logs", proof->logs);
    if (proof->gap[0] != '\0')
        member_string(w, "not_proved", proof->gap);
    json_write_end_object(w);
}

static void put_models(json_writer *w, const health *h, const models *m)
{
    static const models_file files[ALF_COMPONENTS] = {MODELS_FILE_COUNT, MODELS_CLASSIFIER,
                                                      MODELS_ANOMALY};
    static const models_component components[ALF_COMPONENTS] = {MODELS_COMPONENTS, MODELS_TEXT,
                                                                MODELS_DETECTOR};
    json_write_key(w, "models");
    json_write_begin_object(w);
    for (int i = 0; i < ALF_COMPONENTS; i++) {
        const alf_component_health *component = &h->classifier.components[i];
        json_write_key(w, component->name);
        json_write_begin_object(w);
        member_bool(w, "loaded", component->loaded);
        member_bool(w, "circuit_open", component->circuit_open);
        health_put_origin(w, component);
        if (files[i] != MODELS_FILE_COUNT && m->layout.size[files[i]] > 0) {
            json_write_key(w, "size_kb");
            json_write_double(w, (double)m->layout.size[files[i]] / 1024);
        }
        double times = i > 0 ? models_improvement(m, components[i]) : 0;
        if (times > 0) {
            json_write_key(w, "improvement");
            json_write_double(w, times);
        }
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

void api_models(connection *c, alf_span body)
{
    health h;
    buf out;
    json_writer w;
    const generation *g = c->worker->use->of;
    const models *m = &g->classifier->models;
    (void)body;
    health_check(c->worker, &h);
    begin(&out, &w);
    put_models(&w, &h, m);
    member_string(&w, "inference_engine", h.classifier.inference_engine);
    member_count(&w, "generation", g->number);
    member_time(&w, "loaded_at", g->loaded_at);
    member_string(&w, "path", g->plan.classifier.bundle);
    member_count(&w, "rules", ruleset_rule_count(g->classifier->rules));
    member_bool(&w, "rules_built_in", g->classifier->rules_built_in);
    json_write_key(&w, "classes");
    json_write_begin_array(&w);
    for (uint32_t i = 0; m->has_text && i < m->class_count; i++)
        json_write_string(&w, m->class_names[i]);
    json_write_end_array(&w);
    put_files(&w, m);
    put_proof(&w, &g->proof);
    if (m->has_manifest)
        put_manifest(&w, &m->manifest);
    finish(c, &out, &w);
}

/* ---- /stats ---- */

static void put_component(json_writer *w, const char *name, const component_counts *counts)
{
    json_write_key(w, name);
    json_write_begin_object(w);
    member_count(w, "logs", counts->logs);
    member_count(w, "failures", counts->failures);
    json_write_key(w, "avg_inference_time_ms");
    json_write_double(w, counts->logs > 0 ? (double)counts->nanoseconds / 1e6 / (double)counts->logs
                                          : 0);
    json_write_end_object(w);
}

static uint64_t category_total(const server *s, size_t category)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < s->worker_count; i++)
        for (size_t m = 0; m < METRICS_MODELS; m++)
            sum += metrics_get(&s->workers[i].metrics.logs[category][m]);
    return sum;
}

/* Since the start of the service, over all bundles. */
static void put_categories(json_writer *w, const server *s)
{
    json_write_key(w, "categories");
    json_write_begin_object(w);
    for (size_t k = 0; k < ALF_CATEGORIES; k++)
        member_count(w, alf_category_name((alf_category)k), category_total(s, k));
    json_write_end_object(w);
}

static void put_reloads(json_writer *w, server *s)
{
    json_write_key(w, "reloads");
    json_write_begin_object(w);
    member_count(w, "done", atomic_load(&s->reloads_done));
    member_count(w, "failed", atomic_load(&s->reloads_failed));
    (void)pthread_mutex_lock(&s->reload_lock);
    if (s->reload_failed_at != 0) {
        member_string(w, "last_error", s->reload_error);
        member_time(w, "last_failed_at", s->reload_failed_at);
    }
    (void)pthread_mutex_unlock(&s->reload_lock);
    json_write_end_object(w);
}

void api_stats(connection *c, alf_span body)
{
    buf out;
    json_writer w;
    server *s = c->worker->server;
    classifier_counts counts;
    (void)body;
    tally_sum(&c->worker->use->of->classifier->counts, &counts);
    begin(&out, &w);
    member_count(&w, "uptime_seconds", (clock_now() - s->started) / 1000000000u);
    member_count(&w, "logs", counts.logs);
    member_count(&w, "fail_open", counts.fail_open);
    member_count(&w, "compliance_bypassed", counts.bypassed);
    json_write_key(&w, "models");
    json_write_begin_object(&w);
    for (int i = 0; i < COMPONENTS; i++)
        put_component(&w, classifier_component_names[i], &counts.components[i]);
    json_write_end_object(&w);
    put_categories(&w, s);
    put_reloads(&w, s);
    finish(c, &out, &w);
}

void api_metrics_summary(connection *c, alf_span body)
{
    health h;
    buf out;
    json_writer w;
    server *s = c->worker->server;
    uint64_t logs = 0;
    uint64_t fail_open = 0;
    uint64_t ns = 0;
    uint64_t judged = 0; /* late logs are not */
    (void)body;
    health_check(c->worker, &h);
    for (unsigned i = 0; i < s->worker_count; i++) {
        const metrics *m = &s->workers[i].metrics;
        for (size_t k = 0; k < ALF_CATEGORIES; k++)
            fail_open += metrics_get(&m->logs[k][3]);
        ns += metrics_get(&m->inference_time.sum) + metrics_get(&m->joblib_time.sum);
        judged += metrics_observations(&m->inference_time) + metrics_observations(&m->joblib_time);
    }
    for (size_t k = 0; k < ALF_CATEGORIES; k++)
        logs += category_total(s, k);
    begin(&out, &w);
    member_string(&w, "status", health_names[h.state]);
    member_count(&w, "uptime_seconds", (clock_now() - s->started) / 1000000000u);
    member_count(&w, "logs_processed", logs);
    member_count(&w, "fail_open", fail_open);
    json_write_key(&w, "avg_inference_time_ms");
    json_write_double(&w, judged > 0 ? (double)ns / 1e6 / (double)judged : 0);
    member_count(&w, "connections", atomic_load(&s->connections));
    put_categories(&w, s);
    finish(c, &out, &w);
}
