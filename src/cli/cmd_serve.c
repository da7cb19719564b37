/* serve: the HTTP service. */
#include "cli/commands.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/span.h"
#include "cli/config.h"
#include "cli/settings.h"
#include "serve/serve.h"

#include <stdio.h>
#include <string.h>

static const args_option options[] = {
    {"config", "FILE", "configuration (docs/configuration.md); read again at every reload"},
    {"model", "DIR", "folder of the bundle (or model.path of the configuration, or MODEL_PATH)"},
    {"listen", "HOST:PORT", "address to listen on; default 127.0.0.1:8080"},
    {"rules", "FILE", "rules instead of the bundle's or the built-in ones (docs/rules.md)"},
    {"check", NULL, "load and prove everything, say what was found, and end"},
    {NULL, NULL, NULL}};

static const char *value_of(const args_values *values, const char *name)
{
    return args_value(&command_serve, values, name);
}

/* Each file of a bundle gives the same warnings; the limit keeps them few. */
static void warn(void *context, const char *text)
{
    static log_limit limit;
    log_message m;
    (void)context;
    log_start_limited(&m, &limit, LOG_LEVEL_WARNING, text);
    log_send(&m);
}

/* The candidate is what the live one would be if model.path were shadow.path. */
static alf_status read_candidate(const config *c, serve_plan *out, alf_error *err)
{
    const serve_settings *s = &c->serve;
    classifier_options_init(&out->shadow);
    if (s->shadow_path[0] == '\0') {
        if (s->shadow_rules_path[0] == '\0')
            return ALF_OK;
        return error_set(err, ALF_E_CONFIG,
                         "shadow.rules_path is set, but not shadow.path; for other rules with the "
                         "same models, set shadow.path to the folder that model.path names");
    }
    out->shadow = out->classifier;
    out->shadow.bundle = s->shadow_path;
    if (s->shadow_rules_path[0] != '\0')
        out->shadow.rules_path = s->shadow_rules_path;
    for (int i = 0; i < MODELS_FILE_COUNT; i++) {
        const char *named = out->shadow.models.named.path[i];
        if (named != NULL && named[0] == '/')
            return error_set(err, ALF_E_CONFIG,
                             "the configuration names the file \"%.200s\", which would be the "
                             "candidate's too; name it relative to model.path",
                             named);
    }
    return ALF_OK;
}

static alf_status read_plan(const args_values *values, config *c, serve_plan *out, alf_error *err)
{
    TRY(config_load(c, value_of(values, "config"), err));
    settings_options given = {.model = value_of(values, "model"),
                              .rules = value_of(values, "rules")};
    TRY(settings_classifier(c, &given, &out->classifier, err));
    out->classifier.models.engine.warn = warn;
    out->settings = c->serve;
    TRY(read_candidate(c, out, err));
    if (value_of(values, "listen") != NULL)
        out->settings.listen = value_of(values, "listen");
    return ALF_OK;
}

static alf_status load(void *context, serve_plan *out, alf_error *err)
{
    *out = (serve_plan){.owner = NULL};
    config *c = mem_alloc(sizeof *c);
    if (c == NULL)
        return error_nomem(err, "the configuration");
    config_init(c);
    alf_status status = read_plan(context, c, out, err);
    if (status != ALF_OK) {
        config_fini(c);
        mem_free(c);
        return status;
    }
    out->owner = c;
    return ALF_OK;
}

static void unload(serve_plan *plan)
{
    config_fini(plan->owner);
    mem_free(plan->owner);
}

static int check(const serve_source *source)
{
    alf_error err = {0};
    buf report;
    buf_init(&report);
    int code = EXIT_DONE;
    if (serve_check(source, &report, &err) != ALF_OK)
        code = command_fail(&err);
    else if (!command_print(buf_span(&report)))
        code = EXIT_SYSTEM;
    buf_fini(&report);
    return code;
}

static int run(const args_values *values)
{
    alf_error err = {0};
    args_values copy = *values;
    serve_source source = {.context = &copy, .load = load, .unload = unload};
    if (value_of(values, "check") != NULL)
        return check(&source);
    if (serve_run(&source, &err) == ALF_OK)
        return EXIT_DONE;
    return command_fail(&err);
}

const args_command command_serve = {
    .name = "serve",
    .summary = "Classify logs as a service over HTTP.",
    .positional = "",
    .min_files = 0,
    .max_files = 0,
    .options = options,
    .description =
        "Answers POST /classify and POST /classify/batch, with health, metrics and reload beside\n"
        "them (docs/api.md; GET /openapi.json). SIGTERM finishes what is under way and ends;\n"
        "SIGHUP loads configuration, bundle, rules, tokens and certificates again. Messages go to\n"
        "standard error. Also: ai-log-filter --mode service --config FILE.",
    .examples = "ai-log-filter serve --model build/sample\n"
                "ai-log-filter serve --config configs/production.yaml --check\n"
                "curl -s localhost:8080/classify -d '{\"log\": \"Failed password for root\"}'",
    .run = run};
