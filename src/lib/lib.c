/* The public API: a thin cover over src/classify. */
#include "ai_log_filter.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/classifier.h"

#include <math.h>

struct alf_classifier {
    classifier *inner;
};

struct alf_batch {
    const alf_classifier *owner;
    classifier_session *session;
    arena scratch;
    size_t count, capacity;
    log_event *events;
    verdict *verdicts;
    alf_result *results;
};

const char *alf_version(void)
{
    return ALF_VERSION;
}

void alf_options_init(alf_options *options)
{
    *options = (alf_options){.size = sizeof *options};
    for (size_t i = 0; i < COMPONENTS; i++)
        options->weights[i] = ensemble_default.weight[i];
}

static alf_status check_weights(const double *weights, alf_error *err)
{
    double sum = 0;
    for (size_t i = 0; i < COMPONENTS; i++) {
        if (!(weights[i] >= 0 && weights[i] <= 1e6))
            return error_set(err, ALF_E_ARGUMENT, "weight %zu is %g, expected 0 to 1000000", i,
                             weights[i]);
        sum += weights[i];
    }
    return sum > 0 ? ALF_OK : error_set(err, ALF_E_ARGUMENT, "all weights are 0, one must be more");
}

static alf_status take_options(const alf_options *from, classifier_options *to, alf_error *err)
{
    if (from->size != sizeof *from)
        return error_set(err, ALF_E_ARGUMENT,
                         "alf_options.size is %zu, expected %zu; call alf_options_init", from->size,
                         sizeof *from);
    TRY(check_weights(from->weights, err));
    for (size_t i = 0; i < COMPONENTS; i++)
        to->ensemble.weight[i] = from->weights[i];
    to->rules_path = from->rules_path;
    to->models.literal_zero = from->zero_is_value;
    to->models.use_joblib[MODELS_TEXT] = from->text_from_joblib;
    to->models.use_joblib[MODELS_DETECTOR] = from->anomaly_from_joblib;
    to->models.fall_back = from->fall_back_to_joblib;
    to->models.mixed =
        from->text_from_joblib || from->anomaly_from_joblib || from->fall_back_to_joblib;
    engine_options_init(&to->models.engine);
    to->models.engine.library = from->onnx_runtime_library;
    if (from->engine != NULL && !engine_kind_from_name(from->engine, &to->models.engine.kind))
        return error_set(err, ALF_E_ARGUMENT,
                         "engine is \"%.50s\", expected native, onnxruntime or auto", from->engine);
    to->models.profile_given = from->profile != NULL;
    if (from->profile != NULL &&
        !log_profile_from_name(span_from_string(from->profile), &to->models.profile))
        return error_set(err, ALF_E_ARGUMENT, "profile is \"%.50s\", expected pipeline or serving",
                         from->profile);
    return ALF_OK;
}

alf_status alf_classifier_open(const char *model_path, const alf_options *options,
                               alf_classifier **out, alf_error *err)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || model_path == NULL)
        return error_set(err, ALF_E_ARGUMENT, "model_path and out must not be NULL");
    classifier_options inner;
    classifier_options_init(&inner);
    if (options != NULL)
        TRY(take_options(options, &inner, err));
    inner.bundle = model_path;
    alf_classifier *c = mem_calloc(1, sizeof *c);
    if (c == NULL)
        return error_nomem(err, "a classifier");
    alf_status status = classifier_open(&inner, &c->inner, err);
    if (status != ALF_OK) {
        mem_free(c);
        return status;
    }
    *out = c;
    return ALF_OK;
}

void alf_classifier_free(alf_classifier *handle)
{
    if (handle == NULL)
        return;
    classifier_free(handle->inner);
    mem_free(handle);
}

alf_status alf_batch_new(alf_classifier *handle, alf_batch **out, alf_error *err)
{
    if (out != NULL)
        *out = NULL;
    if (out == NULL || handle == NULL)
        return error_set(err, ALF_E_ARGUMENT, "classifier and out must not be NULL");
    alf_batch *b = mem_calloc(1, sizeof *b);
    if (b == NULL)
        return error_nomem(err, "a batch");
    arena_init(&b->scratch, 0);
    b->owner = handle;
    alf_status status = classifier_session_new(handle->inner, &b->session, err);
    if (status != ALF_OK) {
        alf_batch_free(b);
        return status;
    }
    *out = b;
    return ALF_OK;
}

void alf_batch_free(alf_batch *batch)
{
    if (batch == NULL)
        return;
    classifier_session_free(batch->session);
    arena_fini(&batch->scratch);
    mem_free(batch->events);
    mem_free(batch->verdicts);
    mem_free(batch->results);
    mem_free(batch);
}

static alf_status grow(alf_batch *b, size_t count, alf_error *err)
{
    if (count <= b->capacity)
        return ALF_OK;
    log_event *events = mem_realloc(b->events, count, sizeof *events);
    if (events != NULL)
        b->events = events;
    verdict *verdicts = mem_realloc(b->verdicts, count, sizeof *verdicts);
    if (verdicts != NULL)
        b->verdicts = verdicts;
    alf_result *results = mem_realloc(b->results, count, sizeof *results);
    if (results != NULL)
        b->results = results;
    if (events == NULL || verdicts == NULL || results == NULL)
        return error_nomem(err, "a batch");
    b->capacity = count;
    return ALF_OK;
}

static void put_result(const classifier *c, const verdict *v, alf_result *out)
{
    *out = (alf_result){.category = v->category,
                        .confidence = v->confidence,
                        .model = v->model,
                        .decided_by = v->decided_by,
                        .matched_rule = v->rule.matched ? v->rule.rule : SPAN_LITERAL(""),
                        .compliance_bypassed = v->compliance_bypassed,
                        .fail_open_used = v->fail_open_used,
                        .fail_open_reason = v->fail_reason,
                        .has_text = v->text.present,
                        .has_anomaly = v->anomaly.present,
                        .anomaly_label = v->anomaly.label,
                        .anomaly_score = v->anomaly.present ? v->anomaly.score : NAN,
                        .anomaly_decision = v->anomaly.present ? v->anomaly.decision : NAN};
    for (size_t i = 0; i < ALF_CATEGORIES; i++)
        out->probabilities[i] = v->probability[i];
    if (v->text.present) {
        out->text_label = c->models.class_names[v->text.label];
        out->text_probability = v->text.probability[v->text.label];
    }
}

alf_status alf_batch_classify(alf_batch *batch, const alf_span *logs, size_t count, alf_error *err)
{
    if (batch == NULL || (logs == NULL && count > 0))
        return error_set(err, ALF_E_ARGUMENT, "batch and logs must not be NULL");
    batch->count = 0;
    arena_reset(&batch->scratch);
    TRY(grow(batch, count, err));
    for (size_t i = 0; i < count; i++) {
        alf_span log = logs[i].data != NULL ? logs[i] : SPAN_LITERAL("");
        TRY(log_parse(log, LOG_INPUT_AUTO, &batch->scratch, &batch->events[i], err));
    }
    classifier_run(batch->session, batch->events, count, batch->verdicts);
    for (size_t i = 0; i < count; i++)
        put_result(batch->owner->inner, &batch->verdicts[i], &batch->results[i]);
    batch->count = count;
    return ALF_OK;
}

const alf_result *alf_batch_result(const alf_batch *batch, size_t index)
{
    return batch != NULL && index < batch->count ? &batch->results[index] : NULL;
}

size_t alf_batch_count(const alf_batch *batch)
{
    return batch != NULL ? batch->count : 0;
}

void alf_get_health_status(const alf_classifier *handle, alf_health *out)
{
    classifier_health(handle->inner, out);
}

void alf_get_performance_statistics(const alf_classifier *handle, alf_statistics *out)
{
    classifier_counts counts;
    tally_sum(&handle->inner->counts, &counts);
    *out = (alf_statistics){
        .logs = counts.logs, .fail_open = counts.fail_open, .compliance_bypassed = counts.bypassed};
    for (int i = 0; i < COMPONENTS; i++) {
        const component_counts *from = &counts.components[i];
        double nanoseconds = (double)from->nanoseconds;
        out->components[i] = (alf_component_statistics){
            .name = classifier_component_names[i],
            .logs = from->logs,
            .failures = from->failures,
            .avg_inference_time_ms = from->logs > 0 ? nanoseconds / 1e6 / (double)from->logs : 0};
    }
}
