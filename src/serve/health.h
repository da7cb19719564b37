/* How the service is: components, each healthy, degraded or unhealthy; the worst one is its own. */
#ifndef ALF_SERVE_HEALTH_H
#define ALF_SERVE_HEALTH_H

#include "codec/json_write.h"
#include "serve/server.h"

enum { HEALTH_COMPONENTS = 12 };

typedef enum health_state { HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_UNHEALTHY } health_state;

extern const char *const health_names[];

typedef struct health_component {
    const char *name;
    health_state state;
    const char *detail; /* static */
} health_component;

typedef struct health {
    health_state state;
    health_component component[HEALTH_COMPONENTS];
    size_t count;
    alf_health classifier;
} health;

void health_check(const worker *w, health *h);

/* What a component was loaded from, as members of the open object. */
void health_put_origin(json_writer *w, const alf_component_health *component);

#endif
