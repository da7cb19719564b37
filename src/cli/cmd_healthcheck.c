/* healthcheck: asks a running service how it is; for containers without a shell. */
#include "cli/commands.h"

#include "cli/config.h"
#include "serve/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const args_option options[] = {
    {"config", "FILE", "configuration of the service: where it listens, and whether with TLS"},
    {"listen", "HOST:PORT", "where it listens; default: what the configuration says"},
    {"path", "PATH", "what to ask for; default /health/ready"},
    {"timeout", "SECONDS", "how long to wait; default 3"},
    {NULL, NULL, NULL}};

static const char *value_of(const args_values *values, const char *name)
{
    return args_value(&command_healthcheck, values, name);
}

static alf_status read_options(const args_values *values, const config *c, probe *p, alf_error *err)
{
    const char *seconds = value_of(values, "timeout");
    const char *listen = value_of(values, "listen");
    const char *path = value_of(values, "path");
    char *end = NULL;
    p->listen = listen != NULL ? listen : c->serve.listen;
    p->path = path != NULL ? path : "/health/ready";
    p->tls = c->serve.certificate[0] != '\0';
    p->certificate = c->serve.client_ca[0] != '\0' ? c->serve.certificate : "";
    p->key = c->serve.key;
    p->seconds = seconds != NULL ? strtod(seconds, &end) : 3;
    if (seconds != NULL &&
        (end == seconds || *end != '\0' || !(p->seconds > 0 && p->seconds <= 600)))
        return error_set(err, ALF_E_ARGUMENT, "--timeout is \"%.50s\", expected seconds up to 600",
                         seconds);
    for (const char *q = p->path; *q != '\0'; q++)
        if (p->path[0] != '/' || *q <= ' ' || *q >= 0x7f)
            return error_set(err, ALF_E_ARGUMENT,
                             "--path is \"%.50s\", expected a path such as "
                             "/health/ready",
                             p->path);
    return ALF_OK;
}

static int run(const args_values *values)
{
    alf_error err = {0};
    config c;
    probe p;
    int code = EXIT_DONE;
    config_init(&c);
    alf_status status = config_load(&c, value_of(values, "config"), &err);
    if (status == ALF_OK)
        status = read_options(values, &c, &p, &err);
    if (status == ALF_OK)
        status = probe_ask(&p, &err);
    if (status != ALF_OK) {
        int failure = command_fail(&err);
        /* Whoever does not answer well is unhealthy, whatever the reason. */
        code = failure == EXIT_USAGE ? failure : EXIT_CHECK;
    }
    config_fini(&c);
    return code;
}

const args_command command_healthcheck = {
    .name = "healthcheck",
    .summary = "Ask a running service whether it is well.",
    .positional = "",
    .min_files = 0,
    .max_files = 0,
    .options = options,
    .description =
        "Ends with 0 when the service answers with status 200, with 1 when it does not. For the\n"
        "health checks of containers that have no shell. With TLS the service's certificate is "
        "not\n"
        "checked; where the service asks for client certificates, its own is shown.",
    .examples = "ai-log-filter healthcheck\n"
                "ai-log-filter healthcheck --listen 127.0.0.1:8080 --path /health/live",
    .run = run};
