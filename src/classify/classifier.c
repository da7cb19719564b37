/*
 * The classifier. A batch goes through each stage in turn; a row that fails a stage is marked with
 * the reason and fails open at the end, the others are not touched by it.
 */
#include "classify/classifier.h"

#include "base/clock.h"
#include "base/embedded.h"
#include "base/file.h"
#include "base/mem.h"
#include "classify/yaml_doc.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* CHUNK: rows that go through the stages together. */
enum { CHUNK = 256, MAX_RULES_FILE = 4 << 20 };

const char *const classifier_component_names[COMPONENTS] = {"rule_based", "tfidf_xgboost",
                                                            "anomaly_detector"};

typedef struct row_range {
    size_t begin, size; /* of a row's normalised text in session.texts */
} row_range;

struct classifier_session {
    classifier *shared;
    tally counts;
    ruleset_scratch *rules;
    text_chain_session text;
    anomaly_chain_session anomaly;
    buf normalised; /* of one row */
    buf texts;      /* of all rows, one after the other */
    row_range ranges[CHUNK];
    size_t row[CHUNK]; /* the batch row behind each row that reaches the models */
    size_t rows;
    uint64_t model_time;       /* nanoseconds, since it was opened */
    const char *failed[CHUNK]; /* by batch row: why it fails open, or NULL */
    rule_match matches[CHUNK]; /* by batch row */
    alf_span spans[CHUNK];
    double features[CHUNK * LOG_FEATURES];
    float probabilities[CHUNK * MODELS_MAX_CLASSES];
    uint32_t labels[CHUNK], terms[CHUNK];
    double scores[CHUNK], decisions[CHUNK];
    int anomaly_labels[CHUNK];
    text_result text_results[CHUNK]; /* by batch row */
    anomaly_result anomaly_results[CHUNK];
};

/* ---- opening ---- */

void classifier_options_init(classifier_options *options)
{
    *options = (classifier_options){.ensemble = ensemble_default};
}

/* The rules and the gate come from one text: the file named, the bundle's, or the built-in one. */
static alf_status parse_rules(classifier *c, alf_span text, const char *name, alf_error *err)
{
    return yaml_as_config(ruleset_parse(text, name, RULESET_ALL, &c->rules, err), err);
}

static alf_status open_rules(classifier *c, const classifier_options *options, alf_error *err)
{
    char path[PATH_MAX];
    const char *found = options->rules_path;
    if (found == NULL) {
        TRY(file_join(path, sizeof path, options->bundle, "rules.yaml", err));
        found = file_exists(path) ? path : NULL;
    }
    c->rules_built_in = found == NULL;
    if (found == NULL)
        return parse_rules(c, embedded_rules, "built-in rules", err);
    buf text;
    buf_init(&text);
    alf_status status = file_read(found, MAX_RULES_FILE, &text, err);
    if (status == ALF_OK)
        status = parse_rules(c, buf_span(&text), found, err);
    buf_fini(&text);
    return status;
}

/* A threshold of the manifest raises a category earlier, never later. */
static void lower_threshold(double *threshold, double other)
{
    if (!isnan(other) && other > 0 && (*threshold <= 0 || other < *threshold))
        *threshold = other;
}

static alf_status open_parts(classifier *c, const classifier_options *options, alf_error *err)
{
    for (int i = 0; i < COMPONENTS; i++)
        breaker_init(&c->breakers[i], NULL);
    TRY(models_open(&c->models, options->bundle, &options->models, err));
    TRY(open_rules(c, options, err));
    c->ensemble = options->ensemble;
    if (c->models.has_manifest) {
        const double *threshold = c->models.manifest.threshold;
        lower_threshold(&c->ensemble.critical_threshold, threshold[ALF_CRITICAL]);
        lower_threshold(&c->ensemble.suspicious_threshold, threshold[ALF_SUSPICIOUS]);
    }
    return ALF_OK;
}

alf_status classifier_open(const classifier_options *options, classifier **out, alf_error *err)
{
    *out = NULL;
    classifier *c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return error_nomem(err, "a classifier");
    tally_book_init(&c->counts);
    alf_status status = open_parts(c, options, err);
    if (status != ALF_OK) {
        classifier_free(c);
        return status;
    }
    *out = c;
    return ALF_OK;
}

void classifier_free(classifier *c)
{
    if (c == NULL)
        return;
    for (int i = 0; i < COMPONENTS; i++)
        breaker_fini(&c->breakers[i]);
    tally_book_fini(&c->counts);
    models_close(&c->models);
    ruleset_free(c->rules);
    mem_free(c);
}

/* Whether the component is part of this classifier. */
static bool has_component(const classifier *c, int component)
{
    switch (component) {
    case COMPONENT_RULES:
        return true;
    case COMPONENT_TEXT:
        return c->models.has_text;
    default:
        return c->models.has_anomaly;
    }
}

void classifier_health(classifier *c, alf_health *out)
{
    uint64_t now = clock_now();
    *out = (alf_health){.inference_engine = models_run_on(&c->models)};
    out->healthy = c->models.has_text || c->models.has_anomaly;
    for (int i = 0; i < COMPONENTS; i++) {
        bool open = breaker_state_at(&c->breakers[i], now) == BREAKER_OPEN;
        models_origin origin = i == COMPONENT_TEXT      ? c->models.origin[MODELS_TEXT]
                               : i == COMPONENT_ANOMALY ? c->models.origin[MODELS_DETECTOR]
                                                        : MODELS_ABSENT;
        out->components[i] = (alf_component_health){.name = classifier_component_names[i],
                                                    .loaded = has_component(c, i),
                                                    .circuit_open = open,
                                                    .model_format = models_origin_name(origin),
                                                    .fell_back = origin == MODELS_FELL_BACK};
        out->healthy = out->healthy && !open;
    }
}

static alf_status open_session(classifier_session *s, alf_error *err)
{
    classifier *c = s->shared;
    s->rules = ruleset_scratch_new(c->rules);
    if (s->rules == NULL)
        return error_nomem(err, "a session");
    if (c->models.has_text)
        TRY(text_chain_session_init(&s->text, &c->models.text, err));
    if (c->models.has_anomaly)
        TRY(anomaly_chain_session_init(&s->anomaly, &c->models.anomaly, err));
    return ALF_OK;
}

alf_status classifier_session_new(classifier *c, classifier_session **out, alf_error *err)
{
    *out = NULL;
    classifier_session *s = mem_calloc(1, sizeof *s);
    if (s == NULL)
        return error_nomem(err, "a session");
    s->shared = c;
    tally_open(&c->counts, &s->counts);
    alf_status status = open_session(s, err);
    if (status != ALF_OK) {
        classifier_session_free(s);
        return status;
    }
    *out = s;
    return ALF_OK;
}

void classifier_session_free(classifier_session *s)
{
    if (s == NULL)
        return;
    tally_close(&s->shared->counts, &s->counts);
    ruleset_scratch_free(s->rules);
    text_chain_session_fini(&s->text);
    anomaly_chain_session_fini(&s->anomaly);
    buf_fini(&s->normalised);
    buf_fini(&s->texts);
    mem_free(s);
}

uint64_t classifier_session_model_time(const classifier_session *s)
{
    return s->model_time;
}

/* ---- counting ---- */

/* A component has run since `start`; the time now, at which the next may start. */
static uint64_t count_component(classifier_session *s, int component, size_t logs, uint64_t start)
{
    uint64_t now = clock_now();
    tally_add(&s->counts.components[component].logs, logs);
    tally_add(&s->counts.components[component].nanoseconds, now - start);
    return now;
}

static bool is_allowed(classifier *c, int component)
{
    breaker *b = &c->breakers[component];
    return breaker_is_calm(b) || breaker_allow(b, clock_now());
}

/* Reports a run to the component's breaker. */
static void settle(classifier_session *s, int component, bool done, size_t failures)
{
    breaker *b = &s->shared->breakers[component];
    if (!done)
        breaker_failure(b, clock_now());
    else if (!breaker_is_calm(b))
        breaker_success(b, clock_now());
    if (failures > 0)
        tally_add(&s->counts.components[component].failures, failures);
}

void classifier_count_late(classifier *c, size_t n)
{
    tally_add_late(&c->counts, n);
}

/* ---- stages ---- */

/* Compliance: fills the verdict of a covered log. */
static bool bypass(classifier_session *s, const log_event *event, size_t i, verdict *out)
{
    alf_error err;
    compliance_match found;
    ruleset_scan(s->shared->rules, s->rules, event->message);
    if (ruleset_gate(s->shared->rules, s->rules, event->source, &found, &err) != ALF_OK) {
        s->failed[i] = "compliance_error";
        return false;
    }
    if (found.covered)
        ensemble_compliance(found.framework, found.rule, out);
    return found.covered;
}

/* Rules, on the message that bypass has scanned. */
static void match_rules(classifier_session *s, size_t i)
{
    alf_error err;
    classifier *c = s->shared;
    if (!is_allowed(c, COMPONENT_RULES)) {
        s->failed[i] = "rules_circuit_open";
        return;
    }
    alf_status status = ruleset_match(c->rules, s->rules, &s->matches[i], &err);
    /* A text on which a pattern runs away is that text's doing: it fails open alone. Were it to
     * count, five such logs would open the circuit for all. */
    settle(s, COMPONENT_RULES, status == ALF_OK || status == ALF_E_LIMIT, status != ALF_OK);
    if (status != ALF_OK)
        s->failed[i] = status == ALF_E_LIMIT ? "rules_limit" : "rules_error";
}

/* Normalises one row and adds it to those that the models see. */
static void prepare_row(classifier_session *s, const log_event *event, size_t i)
{
    alf_error err;
    log_profile profile = s->shared->models.profile;
    size_t begin = s->texts.size;
    double *features = s->features + s->rows * LOG_FEATURES;
    if (log_prepare(profile, event->message, event->hour, &s->normalised, features, &err) == ALF_OK)
        buf_append_span(&s->texts, buf_span(&s->normalised));
    else
        s->texts.failed = true;
    if (s->texts.failed) {
        s->texts.failed = false;
        s->failed[i] = "out_of_memory";
        return;
    }
    size_t k = s->rows++;
    s->row[k] = i;
    s->ranges[k] = (row_range){begin, s->texts.size - begin};
}

static void fail_rows(classifier_session *s, const char *reason)
{
    for (size_t k = 0; k < s->rows; k++)
        if (s->failed[s->row[k]] == NULL)
            s->failed[s->row[k]] = reason;
}

/* Runs the text chain on rows [k, k + n). */
static alf_status run_text_rows(classifier_session *s, size_t k, size_t n)
{
    alf_error err;
    return text_chain_run(&s->text, s->spans + k, n,
                          s->probabilities + k * s->shared->models.class_count, s->labels + k,
                          s->terms + k, &err);
}

/* false: what the model says is no answer. */
static bool take_text(classifier_session *s, size_t k)
{
    uint32_t classes = s->shared->models.class_count;
    text_result *r = &s->text_results[s->row[k]];
    *r = (text_result){.present = true, .label = s->labels[k], .class_count = classes};
    memcpy(r->probability, s->probabilities + k * classes, classes * sizeof *r->probability);
    r->unfamiliar = ensemble_unfamiliar(s->terms[k], s->spans[k]);
    return ensemble_text_is_sound(r);
}

static void run_text(classifier_session *s)
{
    classifier *c = s->shared;
    if (!is_allowed(c, COMPONENT_TEXT)) {
        fail_rows(s, "tfidf_xgboost_circuit_open");
        return;
    }
    for (size_t k = 0; k < s->rows; k++)
        s->spans[k] = (alf_span){s->texts.data + s->ranges[k].begin, s->ranges[k].size};
    bool together = run_text_rows(s, 0, s->rows) == ALF_OK;
    size_t failures = 0;
    bool broken = false; /* by more than a text that is over a limit */
    for (size_t k = 0; k < s->rows; k++) {
        /* When a batch fails, each row is tried alone, so that one bad log fails alone. */
        alf_status status = together ? ALF_OK : run_text_rows(s, k, 1);
        if (status == ALF_OK && take_text(s, k))
            continue;
        broken = broken || status != ALF_E_LIMIT;
        s->failed[s->row[k]] = status == ALF_OK        ? "model_output"
                               : status == ALF_E_LIMIT ? "tfidf_xgboost_limit"
                                                       : "tfidf_xgboost_error";
        failures++;
    }
    settle(s, COMPONENT_TEXT, !broken, failures);
}

/* false: what the model says is no answer. */
static bool take_anomaly(classifier_session *s, size_t k)
{
    anomaly_result *r = &s->anomaly_results[s->row[k]];
    *r = (anomaly_result){true, s->anomaly_labels[k], s->scores[k], s->decisions[k]};
    return ensemble_anomaly_is_sound(r);
}

/* Runs the anomaly chain on rows [k, k + n). */
static alf_status run_anomaly_rows(classifier_session *s, size_t k, size_t n)
{
    alf_error err;
    return anomaly_chain_run(&s->anomaly, s->features + k * LOG_FEATURES, n, s->scores + k,
                             s->decisions + k, s->anomaly_labels + k, &err);
}

/* As for the text model: when a batch fails, each row is tried alone. */
static void run_anomaly(classifier_session *s)
{
    classifier *c = s->shared;
    if (!is_allowed(c, COMPONENT_ANOMALY)) {
        fail_rows(s, "anomaly_detector_circuit_open");
        return;
    }
    bool together = run_anomaly_rows(s, 0, s->rows) == ALF_OK;
    size_t failures = 0;
    for (size_t k = 0; k < s->rows; k++) {
        alf_status status = together ? ALF_OK : run_anomaly_rows(s, k, 1);
        if (status == ALF_OK && take_anomaly(s, k))
            continue;
        if (s->failed[s->row[k]] == NULL)
            s->failed[s->row[k]] = status == ALF_OK ? "model_output" : "anomaly_detector_error";
        failures++;
    }
    settle(s, COMPONENT_ANOMALY, failures == 0, failures);
}

static void decide(classifier_session *s, size_t i, verdict *out)
{
    const classifier *c = s->shared;
    if (s->failed[i] != NULL) {
        ensemble_fail_open(s->failed[i], out);
        return;
    }
    ensemble_input in = {.rule = &s->matches[i],
                         .text = c->models.has_text ? &s->text_results[i] : NULL,
                         .text_categories = c->models.class_category,
                         .anomaly = c->models.has_anomaly ? &s->anomaly_results[i] : NULL};
    ensemble_decide(&c->ensemble, &in, out);
}

/* ---- running ---- */

/* The gate, the rules and the preparation of each row. */
static void run_rows(classifier_session *s, const log_event *events, size_t n, verdict *verdicts)
{
    uint64_t start = clock_now();
    for (size_t i = 0; i < n; i++) {
        s->failed[i] = NULL;
        if (bypass(s, &events[i], i, &verdicts[i]))
            continue;
        verdicts[i].compliance_bypassed = false;
        if (s->failed[i] == NULL)
            match_rules(s, i);
    }
    (void)count_component(s, COMPONENT_RULES, n, start);
    for (size_t i = 0; i < n; i++)
        if (!verdicts[i].compliance_bypassed && s->failed[i] == NULL)
            prepare_row(s, &events[i], i);
}

/* The models, on the rows that have reached them. */
static void run_models(classifier_session *s)
{
    const models *m = &s->shared->models;
    uint64_t start = clock_now(), now = start;
    if (m->has_text) {
        run_text(s);
        now = count_component(s, COMPONENT_TEXT, s->rows, now);
    }
    if (m->has_anomaly) {
        run_anomaly(s);
        now = count_component(s, COMPONENT_ANOMALY, s->rows, now);
    }
    s->model_time += now - start;
}

static void run_chunk(classifier_session *s, const log_event *events, size_t n, verdict *verdicts)
{
    s->rows = 0;
    buf_clear(&s->texts);
    run_rows(s, events, n, verdicts);
    if (s->rows > 0)
        run_models(s);
    size_t bypassed = 0, failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (verdicts[i].compliance_bypassed)
            bypassed++;
        else
            decide(s, i, &verdicts[i]);
        failed += verdicts[i].fail_open_used;
    }
    tally_add(&s->counts.bypassed, bypassed);
    tally_add(&s->counts.fail_open, failed);
    tally_add(&s->counts.logs, n);
}

void classifier_run(classifier_session *s, const log_event *events, size_t n, verdict *verdicts)
{
    for (size_t done = 0; done < n; done += CHUNK) {
        size_t rows = n - done < CHUNK ? n - done : CHUNK;
        run_chunk(s, events + done, rows, verdicts + done);
    }
}
