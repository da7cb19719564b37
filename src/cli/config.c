/* Configuration from one table. */
#include "cli/config.h"

#include "base/file.h"
#include "base/span.h"
#include "classify/yaml_doc.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum key_kind {
    KEY_STRING,
    KEY_CHOICE,
    KEY_NUMBER,
    KEY_WHOLE,
    KEY_BOOL,
    KEY_WORDS
} key_kind;

typedef struct config_key {
    const char *path;
    key_kind kind;
    size_t offset;           /* in struct config */
    const char *text;        /* default of strings and choices */
    double number;           /* default of numbers; bool: 0 or 1 */
    double low, high;        /* of numbers */
    const char *choices;     /* of KEY_CHOICE: separated by spaces */
    const char *environment; /* variable that overrides it, or NULL */
    const char *help;
} config_key;

#define AT(member) offsetof(config, member)
#define STRING(path_, member, default_, env, help_)                                                \
    {                                                                                              \
        .path = (path_), .kind = KEY_STRING, .offset = AT(member), .text = (default_),             \
        .environment = (env), .help = (help_)                                                      \
    }
#define CHOICE(path_, member, default_, list, env, help_)                                          \
    {                                                                                              \
        .path = (path_), .kind = KEY_CHOICE, .offset = AT(member), .text = (default_),             \
        .choices = (list), .environment = (env), .help = (help_)                                   \
    }
#define NUMBER(path_, kind_, member, default_, low_, high_, env, help_)                            \
    {                                                                                              \
        .path = (path_), .kind = (kind_), .offset = AT(member), .number = (default_),              \
        .low = (low_), .high = (high_), .environment = (env), .help = (help_)                      \
    }
#define BOOL(path_, member, default_, help_)                                                       \
    {                                                                                              \
        .path = (path_), .kind = KEY_BOOL, .offset = AT(member), .number = (default_),             \
        .help = (help_)                                                                            \
    }

static const config_key keys[] = {
    CHOICE("model.type", model_type, "onnx_safe_ensemble", "onnx_safe_ensemble safe_ensemble",
           "MODEL_TYPE",
           "onnx_safe_ensemble: every model is an ONNX file; safe_ensemble: joblib models are "
           "accepted where the next three keys say so"),
    BOOL("model.anomaly_detector.use_onnx", anomaly_use_onnx, 1,
         "false (safe_ensemble only): run the component from its joblib model"),
    BOOL("model.tfidf_xgboost.use_onnx", text_use_onnx, 1,
         "false (safe_ensemble only): run the component from its joblib model"),
    BOOL("model.fallback_to_joblib", fallback_to_joblib, 0,
         "true (safe_ensemble only): a component without an ONNX file runs from its joblib model; "
         "health shows it"),
    CHOICE("model.engine", engine, "native", "native onnxruntime auto", "ALF_ENGINE",
           "what runs the models; auto: native, and ONNX Runtime for what it does not handle "
           "(docs/engines.md)"),
    STRING("model.path", model_path, "", "MODEL_PATH", "folder of the bundle"),
    CHOICE("model.profile", profile, "", "pipeline serving", NULL,
           "preprocessing profile; default: what the manifest says, else pipeline"),
    CHOICE("model.absent_terms", absent_terms, "missing", "missing zero", NULL,
           "how a classifier of a bundle without a manifest sees terms that a log does not have"),
    STRING("model.onnx_paths.anomaly_detector", anomaly_onnx, "", NULL,
           "file, absolute or in model.path"),
    STRING("model.onnx_paths.xgboost", classifier_onnx, "", NULL,
           "file, absolute or in model.path"),
    STRING("model.scaler_paths.anomaly_detector", scaler_path, "", NULL,
           "file, absolute or in model.path"),
    STRING("model.scaler_paths.tfidf_vectorizer", vectorizer_path, "", NULL,
           "file, absolute or in model.path"),
    NUMBER("model.ensemble.weights.rule_based", KEY_NUMBER, weight_rules, 0.30, 0, 1000, NULL,
           "weight of the rules' vote"),
    NUMBER("model.ensemble.weights.tfidf_xgboost", KEY_NUMBER, weight_text, 0.45, 0, 1000, NULL,
           "weight of the text model's vote"),
    NUMBER("model.ensemble.weights.anomaly_detector", KEY_NUMBER, weight_anomaly, 0.25, 0, 1000,
           NULL, "weight of the anomaly detector's vote"),
    NUMBER("model.performance.batch_size", KEY_WHOLE, serve.batch_size, 256, 1, 4096, NULL,
           "logs classified together"),
    NUMBER("model.performance.max_latency_ms", KEY_NUMBER, serve.max_latency_ms, 50, 0, 60000, NULL,
           "serve: time of a batch from when its logs are taken from the queue; what is not "
           "classified by then is forwarded by fail-open (0: no bound)"),
    NUMBER("model.performance.timeout_seconds", KEY_NUMBER, serve.timeout_seconds, 5, 0, 3600, NULL,
           "serve: a log not classified this long after its request came is forwarded by fail-open "
           "(0: no bound)"),
    STRING("rules.path", rules_path, "", NULL,
           "rules file; default: rules.yaml in model.path, else the built-in rules"),
    CHOICE("onnx_runtime.optimization_level", optimization_level, "all",
           "disabled basic extended all", "ONNX_OPTIMIZATION_LEVEL",
           "for ONNX Runtime; the native engine has no levels"),
    NUMBER("onnx_runtime.intra_op_num_threads", KEY_WHOLE, intra_op_num_threads, 1, 0, 1024,
           "ONNX_INTRA_THREADS",
           "worker threads of classify, 0: one per core (--threads beats it); with "
           "engine onnxruntime its own threads, 0: its choice"),
    NUMBER("onnx_runtime.inter_op_num_threads", KEY_WHOLE, inter_op_num_threads, 1, 0, 1024,
           "ONNX_INTER_THREADS",
           "for ONNX Runtime, other than 1: independent nodes run side by side (0: its choice)"),
    BOOL("onnx_runtime.enable_cpu_mem_arena", enable_cpu_mem_arena, 1, "for ONNX Runtime"),
    BOOL("onnx_runtime.enable_mem_pattern", enable_mem_pattern, 1, "for ONNX Runtime"),
    {.path = "onnx_runtime.providers",
     .kind = KEY_WORDS,
     .offset = AT(providers),
     .text = "CPUExecutionProvider",
     .help = "for ONNX Runtime: a list, tried in order; the CPU is always the last"},
    STRING("onnx_runtime.library", runtime_library, "", "ALF_ONNXRUNTIME",
           "path of libonnxruntime.so; default: libonnxruntime.so.1 where the loader looks"),
    STRING("server.listen", serve.listen, "127.0.0.1:8080", "ALF_LISTEN",
           "addresses HOST:PORT to listen on, separated by spaces; port 0: any free one"),
    NUMBER("server.workers", KEY_WHOLE, serve.workers, 0, 0, 256, "ALF_WORKERS",
           "event loops, each a thread; 0: one per CPU that it may use"),
    NUMBER("server.max_wait_ms", KEY_NUMBER, serve.max_wait_ms, 0, 0, 1000, NULL,
           "how long a batch that is not full waits for logs of other requests; 0: it takes what "
           "is there"),
    NUMBER("server.max_connections", KEY_WHOLE, serve.max_connections, 10240, 1, 1000000, NULL,
           "open connections; more are answered with 503"),
    NUMBER("server.max_header_kb", KEY_NUMBER, serve.max_header_kb, 16, 1, 1024, NULL,
           "KiB of the head of a request"),
    NUMBER("server.max_body_mb", KEY_NUMBER, serve.max_body_mb, 16, 0.001, 1024, NULL,
           "MiB of a body that is read whole (JSON, text)"),
    NUMBER("server.max_stream_mb", KEY_NUMBER, serve.max_stream_mb, 0, 0, 10000000, NULL,
           "MiB of a body that is classified while it comes (NDJSON, CSV); 0: no bound"),
    NUMBER("server.buffer_mb", KEY_NUMBER, serve.buffer_mb, 256, 1, 1000000, NULL,
           "MiB of bodies and answers in memory, all connections together"),
    NUMBER("server.max_batch_logs", KEY_WHOLE, serve.max_batch_logs, 1000, 1, 100000, NULL,
           "logs in one JSON batch"),
    NUMBER("server.header_seconds", KEY_NUMBER, serve.header_seconds, 10, 0.1, 3600, NULL,
           "in which the head of a request must have come"),
    NUMBER("server.body_seconds", KEY_NUMBER, serve.body_seconds, 30, 0.1, 3600, NULL,
           "in which a body must have come; each 16 KiB that come add a second"),
    NUMBER("server.write_seconds", KEY_NUMBER, serve.write_seconds, 30, 0.1, 3600, NULL,
           "after which a client that takes nothing of its answer is given up"),
    NUMBER("server.idle_seconds", KEY_NUMBER, serve.idle_seconds, 75, 0.1, 86400, NULL,
           "that a connection stays open between requests"),
    NUMBER("server.shutdown_seconds", KEY_NUMBER, serve.shutdown_seconds, 20, 0, 3600, NULL,
           "after SIGTERM in which requests under way are finished"),
    STRING("server.feedback_path", serve.feedback_path, "", "ALF_FEEDBACK",
           "file that POST /feedback appends to; default: feedback is refused"),
    NUMBER("server.feedback_max_mb", KEY_NUMBER, serve.feedback_max_mb, 1024, 1, 10000000, NULL,
           "MiB of that file; then feedback is refused"),
    STRING("security.api_tokens_file", serve.api_tokens_file, "", "ALF_API_TOKENS_FILE",
           "bearer tokens of the API, a line each; or the tokens themselves in ALF_API_TOKENS"),
    STRING("security.metrics_tokens_file", serve.metrics_tokens_file, "", "ALF_METRICS_TOKENS_FILE",
           "bearer tokens of /metrics, or in ALF_METRICS_TOKENS; default: those of the API"),
    STRING("security.admin_tokens_file", serve.admin_tokens_file, "", "ALF_ADMIN_TOKENS_FILE",
           "bearer tokens of /admin, or in ALF_ADMIN_TOKENS; default: those of the API; without "
           "any, /admin is closed"),
    STRING("security.tls.certificate", serve.certificate, "", "ALF_TLS_CERTIFICATE",
           "PEM file of the certificate and its chain; with it, all connections are TLS"),
    STRING("security.tls.key", serve.key, "", "ALF_TLS_KEY", "PEM file of its private key"),
    STRING("security.tls.client_ca", serve.client_ca, "", "ALF_TLS_CLIENT_CA",
           "PEM file of authorities; with it, clients must show a certificate of theirs"),
    CHOICE("security.tls.minimum", serve.tls_minimum, "1.2", "1.2 1.3", NULL,
           "oldest version of TLS"),
    NUMBER("security.rate_limit.requests_per_second", KEY_NUMBER, serve.requests_per_second, 0, 0,
           1000000, NULL, "per client address (IPv6: /64), health and metrics aside; 0: no limit"),
    NUMBER("security.rate_limit.burst", KEY_WHOLE, serve.burst, 100, 1, 1000000, NULL,
           "requests that may come at once"),
    NUMBER("security.max_connections_per_address", KEY_WHOLE, serve.connections_per_address, 0, 0,
           1000000, NULL, "open connections of one client address; 0: no limit"),
    CHOICE("logging.level", serve.log_level, "info", "debug info warning error", "ALF_LOG_LEVEL",
           "least level of messages of the service"),
    CHOICE("logging.format", serve.log_format, "json", "json text", "ALF_LOG_FORMAT",
           "of its messages on standard error"),
    BOOL("logging.access", serve.log_access, 0, "a message for every request"),
    BOOL("metrics.legacy_names", serve.legacy_metrics, 1,
         "also the metrics whose names Prometheus would not choose (..._ms, ..._kb), beside those "
         "in seconds and bytes; false: promtool check metrics finds nothing"),
    STRING("shadow.path", serve.shadow_path, "", "ALF_SHADOW_PATH",
           "folder of a candidate bundle that serve runs beside the live one (docs/shadow.md)"),
    STRING("shadow.rules_path", serve.shadow_rules_path, "", "ALF_SHADOW_RULES_PATH",
           "the candidate's rules; default: rules.path, else rules.yaml in shadow.path, else the "
           "built-in rules"),
    NUMBER("shadow.share", KEY_NUMBER, serve.shadow_share, 1, 0, 1, "ALF_SHADOW_SHARE",
           "share of the batches that also run through the candidate"),
    NUMBER("shadow.samples", KEY_WHOLE, serve.shadow_samples, 100, 0, 1000, NULL,
           "disagreements kept for GET /admin/shadow, the worst ones longest"),
    NUMBER("shadow.least_logs", KEY_WHOLE, serve.shadow_least_logs, 10000, 1, 10000000, NULL,
           "logs that must be compared before the candidate can be promoted"),
    NUMBER("shadow.least_criticals", KEY_WHOLE, serve.shadow_least_criticals, 300, 1, 10000000,
           NULL,
           "critical logs (of the live bundle) among them; 300 of which none is lowered say that "
           "fewer than 1 in 100 are"),
    NUMBER("shadow.slow_ms", KEY_NUMBER, serve.shadow_slow_ms, 10, 0, 60000, NULL,
           "CPU time a log from which the candidate is too slow; five slow or failing batches in a "
           "row and it rests for 30 s (0: no bound)"),
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0], MAX_CONFIG = 1 << 20, MAX_VALUE = 4096 };

static const char **string_at(config *c, const config_key *key)
{
    return (const char **)(void *)((char *)c + key->offset);
}

static double *number_at(config *c, const config_key *key)
{
    return (double *)(void *)((char *)c + key->offset);
}

static bool *bool_at(config *c, const config_key *key)
{
    return (bool *)(void *)((char *)c + key->offset);
}

void config_init(config *c)
{
    *c = (config){0};
    arena_init(&c->memory, 8 << 20);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const config_key *key = &keys[i];
        if (key->kind == KEY_BOOL)
            *bool_at(c, key) = key->number != 0;
        else if (key->kind == KEY_NUMBER || key->kind == KEY_WHOLE)
            *number_at(c, key) = key->number;
        else
            *string_at(c, key) = key->text;
    }
}

void config_fini(config *c)
{
    arena_fini(&c->memory);
    *c = (config){0};
}

/* ---- values ---- */

/* Whether word is one of the words of list. */
static bool in_list(const char *list, alf_span word)
{
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (span_equal(word, span_of(p, n)))
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

static alf_status set_number(config *c, const config_key *key, alf_span text, alf_error *err)
{
    char copy[64] = "";
    char *end = copy;
    double number = NAN;
    if (text.size > 0 && text.size < sizeof copy && strchr("+-.0123456789", text.data[0]) != NULL) {
        memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
        number = strtod(copy, &end);
    }
    bool whole = key->kind == KEY_NUMBER || number == floor(number);
    if (end == copy || *end != '\0' || !(number >= key->low && number <= key->high) || !whole)
        return error_set(err, ALF_E_CONFIG, "%s is \"%.*s\", expected a %s from %g to %g",
                         key->path, span_width(text), text.data,
                         key->kind == KEY_WHOLE ? "whole number" : "number", key->low, key->high);
    *number_at(c, key) = number;
    return ALF_OK;
}

static alf_status set_text(config *c, const config_key *key, alf_span text, alf_error *err)
{
    if (key->kind == KEY_CHOICE && !in_list(key->choices, text))
        return error_set(err, ALF_E_CONFIG, "%s is \"%.*s\", expected one of: %s", key->path,
                         span_width(text), text.data, key->choices);
    if (memchr(text.data, '\0', text.size) != NULL)
        return error_set(err, ALF_E_CONFIG, "%s holds a NUL character", key->path);
    const char *copy = arena_strndup(&c->memory, text.data, text.size);
    if (copy == NULL)
        return error_nomem(err, "the configuration");
    *string_at(c, key) = copy;
    return ALF_OK;
}

static alf_status set_value(config *c, const config_key *key, alf_span text, alf_error *err)
{
    switch (key->kind) {
    case KEY_NUMBER:
    case KEY_WHOLE:
        return set_number(c, key, text, err);
    case KEY_BOOL:
        if (!span_is(text, "true") && !span_is(text, "false"))
            return error_set(err, ALF_E_CONFIG, "%s is \"%.*s\", expected true or false", key->path,
                             span_width(text), text.data);
        *bool_at(c, key) = span_is(text, "true");
        return ALF_OK;
    default:
        return set_text(c, key, text, err);
    }
}

/* ---- ${NAME}, ${NAME:default}, ${NAME:-default} ---- */

static alf_status expand_one(const char *name, size_t size, buf *out, alf_error *err)
{
    char variable[128];
    size_t n = 0;
    while (n < size && name[n] != ':')
        n++;
    if (n == 0 || n >= sizeof variable)
        return error_set(err, ALF_E_CONFIG, "${...} holds no usable variable name");
    memcpy(variable, name, n);
    variable[n] = '\0';
    const char *found = getenv(variable);
    size_t skip = n + 1 < size && name[n] == ':' && name[n + 1] == '-' ? 2 : 1;
    bool has_default = n < size;
    /* ":-" also replaces a variable that is set but empty, as in the shell. */
    if (found != NULL && !(skip == 2 && found[0] == '\0')) {
        buf_append_string(out, found);
        return ALF_OK;
    }
    if (!has_default)
        return error_set(err, ALF_E_CONFIG,
                         "the environment variable %s is not set; set it or write ${%s:default}",
                         variable, variable);
    buf_append(out, name + n + skip, size - n - skip);
    return ALF_OK;
}

static alf_status expand(alf_span text, buf *out, alf_error *err)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '$' || i + 1 >= text.size || text.data[i + 1] != '{') {
            buf_append_char(out, text.data[i]);
            continue;
        }
        const char *end = memchr(text.data + i, '}', text.size - i);
        if (end == NULL)
            return error_set(err, ALF_E_CONFIG, "${ without a closing }");
        size_t start = i + 2;
        i = (size_t)(end - text.data);
        TRY(expand_one(text.data + start, i - start, out, err));
    }
    if (out->size > MAX_VALUE)
        return error_set(err, ALF_E_CONFIG, "the value is longer than %d bytes", (int)MAX_VALUE);
    return buf_status(out, err);
}

/* ---- the file ---- */

typedef struct reading {
    config *config;
    const char *file;
    char path[256]; /* of the current node */
} reading;

/* The error so far, as one at the node. */
static alf_status at_node(const reading *r, const yaml_node *node, alf_error *err)
{
    alf_error inner = *err;
    if (inner.status == ALF_E_NOMEM)
        return inner.status;
    return yaml_error(node, r->file, err, "%s", inner.message);
}

static alf_status read_words(const yaml_node *list, buf *out, alf_error *err)
{
    for (const yaml_node *item = list->first; item != NULL; item = item->next) {
        if (item->kind != YAML_KIND_SCALAR || memchr(item->text.data, ' ', item->text.size) != NULL)
            return error_set(err, ALF_E_CONFIG, "expected a list of words");
        if (out->size > 0)
            buf_append_char(out, ' ');
        TRY(expand(item->text, out, err));
    }
    return buf_status(out, err);
}

static alf_status read_leaf(reading *r, const config_key *key, const yaml_node *node,
                            alf_error *err)
{
    alf_error inner = {0};
    buf text;
    buf_init(&text);
    alf_status status;
    if (key->kind == KEY_WORDS && node->kind == YAML_KIND_LIST)
        status = read_words(node, &text, &inner);
    else if (node->kind == YAML_KIND_SCALAR && key->kind != KEY_WORDS)
        status = expand(node->text, &text, &inner);
    else
        status = error_set(&inner, ALF_E_CONFIG, "expected %s",
                           key->kind == KEY_WORDS ? "a list of words" : "a single value");
    if (status == ALF_OK)
        status =
            set_value(r->config, key, text.size > 0 ? buf_span(&text) : SPAN_LITERAL(""), &inner);
    buf_fini(&text);
    if (status == ALF_OK)
        return ALF_OK;
    *err = inner;
    return at_node(r, node, err);
}

static const config_key *find_key(const char *path, bool *is_prefix)
{
    size_t size = strlen(path);
    *is_prefix = false;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].path, path) == 0)
            return &keys[i];
        if (strncmp(keys[i].path, path, size) == 0 && keys[i].path[size] == '.')
            *is_prefix = true;
    }
    return NULL;
}

/* Reads the children of a map; depth is bounded by the document's and by the table's paths. */
static alf_status read_map(reading *r, const yaml_node *map, alf_error *err)
{
    size_t size = strlen(r->path);
    for (const yaml_node *node = map->first; node != NULL; node = node->next) {
        bool is_prefix;
        int n = snprintf(r->path + size, sizeof r->path - size, "%s%.*s", size > 0 ? "." : "",
                         span_width(node->key), node->key.data);
        if (n < 0 || (size_t)n >= sizeof r->path - size)
            return yaml_error(node, r->file, err, "unknown key");
        const config_key *key = find_key(r->path, &is_prefix);
        if (key == NULL && !is_prefix)
            return yaml_error(node, r->file, err, "unknown key \"%s\"; see docs/configuration.md",
                              r->path);
        if (key != NULL)
            TRY(read_leaf(r, key, node, err));
        else if (node->kind != YAML_KIND_MAP)
            return yaml_error(node, r->file, err, "expected keys below \"%s\"", r->path);
        else
            TRY(read_map(r, node, err));
        r->path[size] = '\0';
    }
    return ALF_OK;
}

alf_status config_parse(config *c, alf_span text, const char *name, alf_error *err)
{
    reading r = {.config = c, .file = name};
    arena tree;
    yaml_node *root = NULL;
    arena_init(&tree, 64 << 20);
    alf_status status = yaml_as_config(yaml_doc_parse(text, name, &tree, &root, err), err);
    if (status == ALF_OK && root != NULL && root->kind != YAML_KIND_MAP)
        status = yaml_error(root, name, err, "expected keys such as \"model:\"");
    if (status == ALF_OK && root != NULL)
        status = read_map(&r, root, err);
    arena_fini(&tree);
    return status;
}

static alf_status read_file(config *c, const char *path, alf_error *err)
{
    buf text;
    buf_init(&text);
    alf_status status = file_read(path, MAX_CONFIG, &text, err);
    if (status == ALF_OK)
        status = config_parse(c, buf_span(&text), path, err);
    buf_fini(&text);
    return status;
}

static alf_status read_environment(config *c, alf_error *err)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const char *found = keys[i].environment != NULL ? getenv(keys[i].environment) : NULL;
        if (found == NULL || found[0] == '\0')
            continue;
        alf_status status = set_value(c, &keys[i], span_from_string(found), err);
        if (status != ALF_OK) {
            error_file(err, keys[i].environment);
            return status;
        }
    }
    return ALF_OK;
}

alf_status config_load(config *c, const char *path, alf_error *err)
{
    if (path != NULL)
        TRY(read_file(c, path, err));
    TRY(read_environment(c, err));
    if (c->weight_rules + c->weight_text + c->weight_anomaly > 0)
        return ALF_OK;
    return error_set(err, ALF_E_CONFIG, "model.ensemble.weights are all 0; one must be more");
}

/* Each file of a bundle gives the same warnings; they are said once. */
static void warn_once(void *context, const char *text)
{
    static char last[512];
    (void)context;
    if (strcmp(last, text) == 0)
        return;
    (void)snprintf(last, sizeof last, "%s", text);
    (void)fprintf(stderr, "ai-log-filter: warning: %s\n", text);
}

void config_engine(const config *c, engine_options *out)
{
    engine_options_init(out);
    (void)engine_kind_from_name(c->engine, &out->kind); /* one of its choices */
    out->library = c->runtime_library;
    out->optimization_level = c->optimization_level;
    out->intra_op_num_threads = (int)c->intra_op_num_threads;
    out->inter_op_num_threads = (int)c->inter_op_num_threads;
    out->enable_cpu_mem_arena = c->enable_cpu_mem_arena;
    out->enable_mem_pattern = c->enable_mem_pattern;
    out->providers = c->providers;
    out->warn = warn_once;
}

alf_status config_choose_engine(const char *name, engine_options *out, alf_error *err)
{
    if (name == NULL || engine_kind_from_name(name, &out->kind))
        return ALF_OK;
    return error_set(err, ALF_E_ARGUMENT,
                     "--engine is \"%.50s\", expected native, onnxruntime or auto", name);
}

/* ---- documentation ---- */

static void put_default(buf *out, const config_key *key)
{
    if (key->kind == KEY_BOOL)
        buf_append_string(out, key->number != 0 ? "true" : "false");
    else if (key->kind == KEY_NUMBER || key->kind == KEY_WHOLE)
        buf_printf(out, "%g", key->number);
    else
        buf_append_string(out, key->text[0] != '\0' ? key->text : "-");
}

static void put_values(buf *out, const config_key *key)
{
    switch (key->kind) {
    case KEY_BOOL:
        buf_append_string(out, "true, false");
        break;
    case KEY_NUMBER:
    case KEY_WHOLE:
        buf_printf(out, "%s %g to %g", key->kind == KEY_WHOLE ? "whole number" : "number", key->low,
                   key->high);
        break;
    case KEY_WORDS:
        buf_append_string(out, "list of words");
        break;
    case KEY_CHOICE:
        buf_append_string(out, key->choices);
        break;
    case KEY_STRING:
        buf_append_string(out, "text");
    }
}

void config_document(buf *out)
{
    buf_append_string(
        out,
        "# Configuration\n\n"
        "<!-- Written by `ai-log-filter --configuration`; do not edit. -->\n\n"
        "A YAML file given with `--config`. Values may hold `${NAME}`, `${NAME:default}` and\n"
        "`${NAME:-default}`, taken from the environment. Unknown keys and wrong types are errors "
        "that\nname file, line and key. An environment variable of its own beats the file; the "
        "command line beats both.\n\n"
        "| key | values | default | environment | meaning |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < KEY_COUNT; i++) {
        buf_printf(out, "| `%s` | ", keys[i].path);
        put_values(out, &keys[i]);
        buf_append_string(out, " | ");
        put_default(out, &keys[i]);
        buf_printf(out, " | %s | %s |\n", keys[i].environment != NULL ? keys[i].environment : "",
                   keys[i].help);
    }
}
