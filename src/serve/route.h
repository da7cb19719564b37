/*
 * The routes: one table drives the router and GET /openapi.json.
 */
#ifndef ALF_SERVE_ROUTE_H
#define ALF_SERVE_ROUTE_H

#include "serve/connection.h"

typedef enum route_body {
    BODY_NONE,
    BODY_WHOLE, /* read whole, then answered */
    BODY_LOGS   /* the same for JSON; a stream for NDJSON, CSV and text */
} route_body;

typedef enum route_access { ACCESS_OPEN, ACCESS_API, ACCESS_METRICS, ACCESS_ADMIN } route_access;

struct route {
    http_method method; /* GET also answers HEAD */
    const char *path;
    route_body body;
    route_access access;
    bool limited; /* by the rate per client */
    void (*answer)(connection *c, alf_span body);
    const char *id; /* operationId */
    const char *summary;
    const char *request;  /* schema of the body, or NULL */
    const char *answers;  /* schema of the 200, or NULL: text */
    const char *statuses; /* others than 200 that it gives, separated by blanks */
};

extern const route routes[];
extern const size_t route_count;

/* Finds the route and checks method, access, rate and sizes. NULL: the request is answered. */
const route *route_choose(connection *c, const http_request *request);

/* ---- what they answer ---- */
void api_root(connection *c, alf_span body);
void api_openapi(connection *c, alf_span body);
void api_classify(connection *c, alf_span body);
void api_classify_batch(connection *c, alf_span body);
void api_stream(connection *c); /* begins a stream of logs */
void api_models(connection *c, alf_span body);
void api_stats(connection *c, alf_span body);
void api_feedback(connection *c, alf_span body);
void api_reload(connection *c, alf_span body);
void api_shadow(connection *c, alf_span body);
void api_promote(connection *c, alf_span body);
void api_health(connection *c, alf_span body);
void api_ready(connection *c, alf_span body);
void api_live(connection *c, alf_span body);
void api_metrics(connection *c, alf_span body);
void api_metrics_summary(connection *c, alf_span body);

/* Leaves the connection to the control thread; text (NULL allowed) is taken over. */
void api_ask_control(connection *c, mail_kind kind, buf *text);

/* Streams: goes on with what has come. */
void stream_advance(connection *c);
/* Answers with the job's results. */
void api_classified(connection *c, job *j);

#endif
