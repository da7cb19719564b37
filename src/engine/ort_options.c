/*
 * Session options of ONNX Runtime: levels, threads, memory, providers.
 *
 * Idle threads of the library do not spin: a log filter waits most of the time.
 */
#include "engine/ort_model.h"

#include "base/span.h"

#include <stdio.h>
#include <string.h>

/* GraphOptimizationLevel and ExecutionMode of the C API. */
enum { LEVEL_NONE = 0, LEVEL_BASIC = 1, LEVEL_EXTENDED = 2, LEVEL_ALL = 99 };
enum { MODE_SEQUENTIAL = 0, MODE_PARALLEL = 1 };
enum { PROVIDER_NAME = 64 };

static const char cpu_provider[] = "CPUExecutionProvider";
static const char cuda_provider[] = "CUDAExecutionProvider";

static alf_status find_level(const char *name, int *out, alf_error *err)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {{"disabled", LEVEL_NONE},
                  {"basic", LEVEL_BASIC},
                  {"extended", LEVEL_EXTENDED},
                  {"all", LEVEL_ALL}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(name, levels[i].name) == 0) {
            *out = levels[i].level;
            return ALF_OK;
        }
    return error_set(err, ALF_E_ARGUMENT,
                     "the optimization level is \"%.50s\", expected disabled, basic, extended or "
                     "all",
                     name);
}

/* ---- providers ---- */

typedef struct provider_list {
    char **names;
    int count;
} provider_list;

static bool has_provider(const provider_list *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->names[i], name) == 0)
            return true;
    return false;
}

static void warn(const engine_options *options, const char *text)
{
    if (options->warn != NULL)
        options->warn(options->warn_context, text);
}

static void warn_missing(const ort_model *m, const engine_options *options,
                         const provider_list *list, const char *name)
{
    char text[512];
    int n = snprintf(
        text, sizeof text,
        "ONNX Runtime %s has no %s, the next provider is tried; it has:", m->api.version, name);
    for (int i = 0; i < list->count && n > 0 && (size_t)n < sizeof text; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, " %s", list->names[i]);
    warn(options, text);
}

static alf_status append_cuda(const ort_api *api, ort_session_options *to, alf_error *err)
{
    ort_cuda_options *cuda = NULL;
    TRY(ort_api_check(api, api->create_cuda(&cuda), err));
    alf_status status = ort_api_check(api, api->append_cuda(to, cuda), err);
    api->release_cuda(cuda);
    return status;
}

/* Adds one provider; one that is missing or does not start costs a warning. */
static void add_provider(const ort_model *m, const engine_options *options,
                         const provider_list *list, const char *name, ort_session_options *to)
{
    const ort_api *api = &m->api;
    alf_error err = {0};
    if (!has_provider(list, name)) {
        warn_missing(m, options, list, name);
        return;
    }
    alf_status status =
        strcmp(name, cuda_provider) == 0
            ? append_cuda(api, to, &err)
            : ort_api_check(api, api->append_provider(to, name, NULL, NULL, 0), &err);
    if (status == ALF_OK)
        return;
    char text[640];
    (void)snprintf(text, sizeof text, "%s does not start, the next provider is tried: %s", name,
                   err.message);
    warn(options, text);
}

/* In order. The library puts the CPU after all others, so the list ends with it. */
static void add_providers(const ort_model *m, const engine_options *options,
                          const provider_list *list, ort_session_options *to)
{
    const char *words = options->providers != NULL ? options->providers : "";
    while (*words != '\0') {
        char name[PROVIDER_NAME];
        size_t size = strcspn(words, " ");
        (void)snprintf(name, sizeof name, "%.*s", (int)(size < PROVIDER_NAME ? size : 63), words);
        words += size + (words[size] == ' ');
        if (strcmp(name, cpu_provider) == 0)
            return;
        if (size > 0)
            add_provider(m, options, list, name, to);
    }
}

static alf_status choose_providers(const ort_model *m, const engine_options *options,
                                   ort_session_options *to, alf_error *err)
{
    const ort_api *api = &m->api;
    provider_list list = {0};
    TRY(ort_api_check(api, api->available_providers(&list.names, &list.count), err));
    add_providers(m, options, &list, to);
    return ort_api_check(api, api->release_providers(list.names, list.count), err);
}

/* ---- the whole ---- */

static alf_status set_threads(const ort_api *api, const engine_options *options,
                              ort_session_options *to, alf_error *err)
{
    int mode = options->inter_op_num_threads == 1 ? MODE_SEQUENTIAL : MODE_PARALLEL;
    TRY(ort_api_check(api, api->set_intra_threads(to, options->intra_op_num_threads), err));
    TRY(ort_api_check(api, api->set_inter_threads(to, options->inter_op_num_threads), err));
    TRY(ort_api_check(api, api->set_execution_mode(to, mode), err));
    TRY(ort_api_check(api, api->add_config(to, "session.intra_op.allow_spinning", "0"), err));
    return ort_api_check(api, api->add_config(to, "session.inter_op.allow_spinning", "0"), err);
}

alf_status ort_options_make(const ort_model *m, const engine_options *options,
                            ort_session_options **out, alf_error *err)
{
    const ort_api *api = &m->api;
    int level = LEVEL_ALL;
    *out = NULL;
    if (options->optimization_level != NULL)
        TRY(find_level(options->optimization_level, &level, err));
    TRY(ort_api_check(api, api->create_options(out), err));
    TRY(ort_api_check(api, api->set_optimization(*out, level), err));
    TRY(set_threads(api, options, *out, err));
    TRY(ort_api_check(
        api, options->enable_cpu_mem_arena ? api->enable_arena(*out) : api->disable_arena(*out),
        err));
    TRY(ort_api_check(api,
                      options->enable_mem_pattern ? api->enable_mem_pattern(*out)
                                                  : api->disable_mem_pattern(*out),
                      err));
    return choose_providers(m, options, *out, err);
}
