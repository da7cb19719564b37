/* One question to a running service, as its health check asks it. */
#ifndef ALF_SERVE_PROBE_H
#define ALF_SERVE_PROBE_H

#include "base/error.h"

typedef struct probe {
    const char *listen; /* HOST:PORT, the first of several; 0.0.0.0 and [::] mean this machine */
    const char *path;
    bool tls;
    const char *certificate, *key; /* to show; "" = none */
    double seconds;                /* for all of it */
} probe;

/* ALF_OK when the answer has status 200. */
alf_status probe_ask(const probe *p, alf_error *err);

#endif
