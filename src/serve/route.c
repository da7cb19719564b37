/* The route table, and what a request must pass before its route is asked. */
#include "serve/route.h"

#include "base/clock.h"
#include "base/span.h"

#include <stdio.h>
#include <string.h>

#define CLASSIFY_STATUSES "400 401 408 413 415 422 429 503"

const route routes[] = {
    {HTTP_GET, "/", BODY_NONE, ACCESS_OPEN, true, api_root, "root", "What this is.", NULL, "Root",
     "429"},
    {HTTP_POST, "/classify", BODY_WHOLE, ACCESS_API, true, api_classify, "classify",
     "Classify one log.", "Log", "Verdict", CLASSIFY_STATUSES},
    {HTTP_POST, "/classify/batch", BODY_LOGS, ACCESS_API, true, api_classify_batch, "classifyBatch",
     "Classify many logs: a JSON list, or (as NDJSON, CSV or text) a stream of any length that is "
     "answered line by line while it comes.",
     "Batch", "BatchVerdicts", CLASSIFY_STATUSES},
    {HTTP_GET, "/models", BODY_NONE, ACCESS_API, true, api_models, "models",
     "The models in use and where they came from.", NULL, "Models", "401 429"},
    {HTTP_GET, "/stats", BODY_NONE, ACCESS_API, true, api_stats, "stats",
     "What was counted since the bundle was loaded.", NULL, "Stats", "401 429"},
    {HTTP_POST, "/feedback", BODY_WHOLE, ACCESS_API, true, api_feedback, "feedback",
     "Store the right category of a log, for retraining.", "Feedback", "Stored",
     "400 401 408 413 415 422 429 501 503 507"},
    {HTTP_POST, "/admin/reload", BODY_WHOLE, ACCESS_ADMIN, true, api_reload, "reload",
     "Load configuration, bundle, rules, tokens and certificates again.", NULL, "Reloaded",
     "401 403 429 500 503"},
    {HTTP_GET, "/admin/shadow", BODY_NONE, ACCESS_ADMIN, true, api_shadow, "shadow",
     "How the candidate bundle compares with the live one.", NULL, "Shadow", "401 403 429 503"},
    {HTTP_POST, "/admin/promote", BODY_WHOLE, ACCESS_ADMIN, true, api_promote, "promote",
     "Make the candidate the live bundle; refused while it would lower any critical.", "Promotion",
     "Promoted", "400 401 403 408 409 413 415 422 429 500 503"},
    {HTTP_GET, "/health", BODY_NONE, ACCESS_OPEN, false, api_health, "health",
     "The state of each component.", NULL, "Health", "503"},
    {HTTP_GET, "/health/ready", BODY_NONE, ACCESS_OPEN, false, api_ready, "healthReady",
     "Whether requests should be sent here.", NULL, "Status", "503"},
    {HTTP_GET, "/health/live", BODY_NONE, ACCESS_OPEN, false, api_live, "healthLive",
     "Whether the process works at all.", NULL, "Status", ""},
    {HTTP_GET, "/health/metrics-summary", BODY_NONE, ACCESS_METRICS, false, api_metrics_summary,
     "metricsSummary", "The most important counters as JSON.", NULL, "MetricsSummary", "401"},
    {HTTP_GET, "/ready", BODY_NONE, ACCESS_OPEN, false, api_ready, "ready",
     "The same as /health/ready.", NULL, "Status", "503"},
    {HTTP_GET, "/metrics", BODY_NONE, ACCESS_METRICS, false, api_metrics, "metrics",
     "Metrics for Prometheus.", NULL, NULL, "401"},
    {HTTP_GET, "/openapi.json", BODY_NONE, ACCESS_OPEN, true, api_openapi, "openapi",
     "This description.", NULL, "OpenApi", "429"},
};
const size_t route_count = sizeof routes / sizeof routes[0];

static void reject(connection *c, const char *reason)
{
    metrics_add_labelled(&c->worker->metrics.rejected, span_from_string(reason), SPAN_LITERAL(""),
                         1);
}

/* HEAD is answered like GET, without the body. */
static bool takes(const route *r, http_method method)
{
    return r->method == method || (r->method == HTTP_GET && method == HTTP_HEAD);
}

/* "Allow: GET, HEAD, OPTIONS" for the path; false: there is no such path. */
static bool allowed(alf_span path, char *out, size_t size)
{
    bool get = false;
    bool post = false;
    bool any = span_is(path, "*");
    for (size_t i = 0; i < route_count; i++)
        if (any || span_is(path, routes[i].path)) {
            get = get || routes[i].method == HTTP_GET;
            post = post || routes[i].method == HTTP_POST;
        }
    (void)snprintf(out, size, "Allow: %s%sOPTIONS\r\n", get ? "GET, HEAD, " : "",
                   post ? "POST, " : "");
    return get || post;
}

static const route *find(connection *c, const http_request *request)
{
    char allow[64];
    if (request->method == HTTP_UNKNOWN) {
        reply_error(c, 501, "the method %.*s is not known", span_width(request->method_name),
                    request->method_name.data);
        return NULL;
    }
    for (size_t i = 0; i < route_count; i++)
        if (span_is(request->path, routes[i].path) && takes(&routes[i], request->method))
            return &routes[i];
    if (!allowed(request->path, allow, sizeof allow))
        reply_error_with(c, 404, NULL, "there is nothing here; GET /openapi.json lists what is");
    else if (request->method == HTTP_OPTIONS)
        reply_send(c, &(reply){.status = 204, .body = SPAN_LITERAL(""), .extra = allow});
    else
        reply_error_with(c, 405, allow, "the path does not take this method");
    return NULL;
}

static bool within_rate(connection *c)
{
    char extra[64];
    uint64_t wait;
    const serve_settings *s = &c->worker->use->of->plan.settings;
    limits_rate rate = {s->requests_per_second, s->burst};
    if (limits_take(c->worker->server->limits, c->client, rate, clock_now(), &wait))
        return true;
    reject(c, "rate");
    (void)snprintf(extra, sizeof extra, "Retry-After: %llu\r\n",
                   (unsigned long long)(wait / 1000000000u + 1));
    reply_error_with(c, 429, extra, "too many requests; try again later");
    return false;
}

static bool let_in(connection *c, route_access access, const http_request *request)
{
    const generation *g = c->worker->use->of;
    const auth_tokens *tokens = access == ACCESS_ADMIN     ? &g->admin
                                : access == ACCESS_METRICS ? &g->metrics
                                                           : &g->api;
    if (access == ACCESS_OPEN)
        return true;
    if (tokens->count == 0 && access == ACCESS_ADMIN) {
        reject(c, "no_admin_token");
        reply_error_with(c, 403, NULL, "closed: the service has no token for it");
        return false;
    }
    if (tokens->count == 0 || auth_accepts(tokens, http_header_value(request, "Authorization")))
        return true;
    reject(c, "token");
    reply_error_with(c, 401, "WWW-Authenticate: Bearer\r\n", "a valid bearer token is required");
    return false;
}

static bool body_is_welcome(connection *c, const route *r, const http_request *request)
{
    const serve_settings *s = &c->worker->use->of->plan.settings;
    alf_span coding = http_header_value(request, "Content-Encoding");
    bool stream = r->body == BODY_LOGS && c->content != CONTENT_JSON;
    double most = (stream ? s->max_stream_mb : s->max_body_mb) * 1024 * 1024;
    if (coding.size > 0 && !http_same(coding, "identity")) {
        reject(c, "content_encoding");
        reply_error_with(c, 415, NULL, "encoded bodies are not understood; send it as it is");
        return false;
    }
    if (most == 0 || (double)request->content_length <= most)
        return true;
    reject(c, "body_too_large");
    reply_error(c, 413, "the body is larger than %.0f bytes%s", most,
                stream ? "" : "; send logs as NDJSON");
    return false;
}

const route *route_choose(connection *c, const http_request *request)
{
    const route *r = find(c, request);
    if (r == NULL)
        return NULL;
    c->route = r; /* so that refusals are counted under its path */
    if (r->limited && !within_rate(c))
        return NULL;
    return let_in(c, r->access, request) && body_is_welcome(c, r, request) ? r : NULL;
}
