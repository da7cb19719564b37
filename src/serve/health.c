/* GET /health, /health/ready, /health/live. */
#include "serve/health.h"
#include "base/clock.h"
#include "base/span.h"
#include "codec/json_write.h"
#include "serve/member.h"
#include "serve/route.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SOON_DAYS = 14, DAY = 86400 };

const char *const health_names[] = {"healthy", "degraded", "unhealthy"};

static void add(health *h, const char *name, health_state state, const char *detail)
{
    if (h->count == HEALTH_COMPONENTS)
        return;
    h->component[h->count++] = (health_component){name, state, detail};
    if (state > h->state)
        h->state = state;
}

static void add_models(const worker *w, health *h)
{
    size_t working = 0;
    classifier_health(w->use->of->classifier, &h->classifier);
    for (int i = 0; i < ALF_COMPONENTS; i++) {
        const alf_component_health *m = &h->classifier.components[i];
        working += m->loaded && !m->circuit_open;
        if (!m->loaded)
            add(h, m->name, HEALTH_DEGRADED, "not in the bundle; it abstains");
        else if (m->circuit_open)
            add(h, m->name, HEALTH_DEGRADED,
                "failed repeatedly; its circuit is open and logs fail open");
        else if (m->fell_back)
            add(h, m->name, HEALTH_DEGRADED, "has no ONNX file; runs from its joblib model");
        else
            add(h, m->name, HEALTH_HEALTHY, "loaded");
    }
    if (working == 0)
        add(h, "classifier", HEALTH_UNHEALTHY, "no component works");
}

static void add_tls(const worker *w, health *h)
{
    SSL_CTX *tls = w->use->of->tls;
    int64_t ends = tls != NULL ? tls_expires(tls) : 0;
    int64_t left = ends - (int64_t)time(NULL);
    if (ends == 0)
        return;
    if (left <= 0)
        add(h, "certificate", HEALTH_UNHEALTHY, "has expired");
    else if (left < (int64_t)SOON_DAYS * DAY)
        add(h, "certificate", HEALTH_DEGRADED, "expires within 14 days");
    else
        add(h, "certificate", HEALTH_HEALTHY, "valid");
}

void health_check(const worker *w, health *h)
{
    server *s = w->server;
    *h = (health){.count = 0};
    add_models(w, h);
    add_tls(w, h);
    if (w->use->of->plan.settings.feedback_path[0] != '\0') {
        bool broken = atomic_load(&s->feedback_broken);
        add(h, "feedback", broken ? HEALTH_DEGRADED : HEALTH_HEALTHY,
            broken ? "cannot be written" : "writable");
    }
    if (atomic_load(&s->draining))
        add(h, "server", HEALTH_UNHEALTHY, "shutting down");
    else
        add(h, "server", HEALTH_HEALTHY, "running");
}

static void put_components(json_writer *w, const health *h)
{
    json_write_key(w, "components");
    json_write_begin_array(w);
    for (size_t i = 0; i < h->count; i++) {
        json_write_begin_object(w);
        member_string(w, "name", h->component[i].name);
        member_string(w, "status", health_names[h->component[i].state]);
        member_string(w, "detail", h->component[i].detail);
        json_write_end_object(w);
    }
    json_write_end_array(w);
}

void health_put_origin(json_writer *w, const alf_component_health *component)
{
    if (component->model_format == NULL)
        return;
    member_string(w, "model_format", component->model_format);
    member_bool(w, "fell_back", component->fell_back);
}

static void put_models(json_writer *w, const health *h)
{
    json_write_key(w, "models");
    json_write_begin_object(w);
    for (int i = 0; i < ALF_COMPONENTS; i++) {
        const alf_component_health *m = &h->classifier.components[i];
        json_write_key(w, m->name);
        json_write_begin_object(w);
        member_bool(w, "loaded", m->loaded);
        member_bool(w, "circuit_open", m->circuit_open);
        health_put_origin(w, m);
        json_write_end_object(w);
    }
    json_write_end_object(w);
}

void api_health(connection *c, alf_span body)
{
    health h;
    buf out;
    json_writer w;
    server *s = c->worker->server;
    (void)body;
    health_check(c->worker, &h);
    buf_init(&out);
    json_write_init(&w, &out, false);
    json_write_begin_object(&w);
    member_string(&w, "status", health_names[h.state]);
    member_bool(&w, "healthy", h.classifier.healthy && h.state != HEALTH_UNHEALTHY);
    member_string(&w, "version", ALF_VERSION);
    json_write_key(&w, "uptime_seconds");
    json_write_uint(&w, (clock_now() - s->started) / 1000000000u);
    json_write_key(&w, "generation");
    json_write_uint(&w, c->worker->use->of->number);
    member_string(&w, "inference_engine", h.classifier.inference_engine);
    put_models(&w, &h);
    put_components(&w, &h);
    json_write_end_object(&w);
    buf_append_char(&out, '\n');
    reply_json(c, h.state == HEALTH_UNHEALTHY ? 503 : 200, &out);
    buf_fini(&out);
}

static void reply_status(connection *c, int status, const char *text)
{
    char body[64];
    int n = snprintf(body, sizeof body, "{\"status\":\"%s\"}\n", text);
    reply_send(c, &(reply){.status = status, .body = span_of(body, n > 0 ? (size_t)n : 0)});
}

void api_ready(connection *c, alf_span body)
{
    health h;
    (void)body;
    health_check(c->worker, &h);
    bool ready = h.state != HEALTH_UNHEALTHY;
    reply_status(c, ready ? 200 : 503, ready ? "ready" : "not ready");
}

void api_live(connection *c, alf_span body)
{
    (void)body;
    reply_status(c, 200, "alive");
}
