/* The anomaly chain: scaler and isolation forest over loaded ONNX files. */
#include "engine/chain.h"
#include "engine/chain_check.h"
#include "engine/fused_anomaly.h"
#include "engine/graph.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_OUTPUTS = 8 };

static const char scaler_name[] = "anomaly_scaler";
static const char forest_name[] = "anomaly_detector";

static alf_status check_output_count(const engine *e, const char *what, alf_error *err)
{
    if (engine_output_count(e) > MOST_OUTPUTS)
        return error_set(err, ALF_E_UNSUPPORTED, "%s: %zu outputs, at most %d are accepted", what,
                         engine_output_count(e), (int)MOST_OUTPUTS);
    return ALF_OK;
}

static alf_status check_forest(anomaly_chain *c, alf_error *err)
{
    c->is_narrow =
        engine_input_count(c->scaler) == 1 && engine_input(c->scaler, 0)->type == ONNX_FLOAT;
    TRY(chain_check_input(c->scaler, c->is_narrow ? ONNX_FLOAT : ONNX_DOUBLE, scaler_name, err));
    TRY(chain_check_columns(c->scaler, c->feature_count, scaler_name, err));
    TRY(chain_check_input(c->forest, ONNX_FLOAT, forest_name, err));
    TRY(chain_check_columns(c->forest, c->feature_count, forest_name, err));
    TRY(chain_want_output(c->forest, "label", forest_name, &c->label_output, err));
    TRY(chain_want_output(c->forest, "scores", forest_name, &c->decision_output, err));
    c->score_output = chain_find_output(c->forest, "score_samples");
    c->has_score = c->score_output != SIZE_MAX;
    TRY(check_output_count(c->scaler, scaler_name, err));
    return check_output_count(c->forest, forest_name, err);
}

/* Where the graphs are not those that can be fused, c->fused stays NULL. */
static alf_status fuse(anomaly_chain *c, alf_error *err)
{
    fused_outputs outputs = {c->label_output, c->decision_output, c->score_output};
    bool found = false;
    c->fused = mem_calloc(1, sizeof *c->fused);
    if (c->fused == NULL)
        return error_nomem(err, "the anomaly model");
    alf_status status = ALF_OK;
    if (c->has_score)
        status = fused_anomaly_find(c->scaler, c->forest, c->feature_count, &outputs, c->fused,
                                    &found, err);
    if (!found) {
        mem_free(c->fused);
        c->fused = NULL;
    }
    return status;
}

alf_status anomaly_chain_init(anomaly_chain *c, engine *scaler, engine *forest,
                              uint32_t feature_count, alf_error *err)
{
    *c = (anomaly_chain){.scaler = scaler, .forest = forest, .feature_count = feature_count};
    double zeros[CHAIN_MAX_FEATURES] = {0};
    anomaly_chain_session s = {0};
    double score;
    double decision;
    int label;
    alf_status status = ALF_OK;
    if (feature_count == 0 || feature_count > CHAIN_MAX_FEATURES)
        TRY_OUT(error_set(err, ALF_E_ARGUMENT, "%" PRIu32 " features", feature_count));
    TRY_OUT(check_forest(c, err));
    /* One row through both shows that the files fit each other. */
    TRY_OUT(anomaly_chain_session_init(&s, c, err));
    TRY_OUT(anomaly_chain_run(&s, zeros, 1, &score, &decision, &label, err));
    TRY_OUT(fuse(c, err));
    if (c->fused == NULL)
        TRY_OUT(engine_compile(c->forest, err));
out:
    anomaly_chain_session_fini(&s);
    if (status != ALF_OK)
        anomaly_chain_fini(c);
    return status;
}

void anomaly_chain_fini(anomaly_chain *c)
{
    anomaly_chain_unfuse(c);
    engine_free(c->scaler);
    engine_free(c->forest);
    *c = (anomaly_chain){0};
}

void anomaly_chain_unfuse(anomaly_chain *c)
{
    if (c->fused != NULL)
        fused_anomaly_fini(c->fused);
    mem_free(c->fused);
    c->fused = NULL;
}

void anomaly_chain_trim(anomaly_chain *c)
{
    if (c->fused != NULL && c->fused->is_whole)
        engine_drop_large(c->forest, c->fused->node, c->fused->node + 1);
}

static alf_status start_graphs(anomaly_chain_session *s, alf_error *err)
{
    const anomaly_chain *c = s->chain;
    s->scaler = engine_session_new(c->scaler);
    s->forest = engine_session_new(c->forest);
    if (c->is_narrow)
        s->narrow = mem_calloc((size_t)CHAIN_LARGEST_CHUNK * c->feature_count, sizeof *s->narrow);
    if (s->scaler == NULL || s->forest == NULL || (s->narrow == NULL && c->is_narrow))
        return error_nomem(err, "a session");
    return ALF_OK;
}

static alf_status start_fused(anomaly_chain_session *s, alf_error *err)
{
    s->fused = mem_calloc(1, sizeof *s->fused);
    if (s->fused == NULL)
        return error_nomem(err, "a session");
    return fused_session_init(s->fused, s->chain->fused, true, err);
}

alf_status anomaly_chain_session_init(anomaly_chain_session *s, const anomaly_chain *c,
                                      alf_error *err)
{
    *s = (anomaly_chain_session){.chain = c};
    alf_status status = c->fused != NULL ? start_fused(s, err) : start_graphs(s, err);
    if (status != ALF_OK)
        anomaly_chain_session_fini(s);
    return status;
}

void anomaly_chain_session_fini(anomaly_chain_session *s)
{
    engine_session_free(s->scaler);
    engine_session_free(s->forest);
    mem_free(s->narrow);
    if (s->fused != NULL)
        fused_session_fini(s->fused);
    mem_free(s->fused);
    *s = (anomaly_chain_session){0};
}

/* The features as the scaler takes them. */
static tensor feature_rows(const anomaly_chain_session *s, const double *features, size_t n)
{
    const anomaly_chain *c = s->chain;
    tensor rows = {ONNX_DOUBLE, 2, {(int64_t)n, c->feature_count}, (void *)(uintptr_t)features};
    if (!c->is_narrow)
        return rows;
    for (size_t i = 0; i < n * c->feature_count; i++)
        s->narrow[i] = (float)features[i];
    rows.type = ONNX_FLOAT;
    rows.data = s->narrow;
    return rows;
}

/* n numbers, from a float or double tensor of n elements. */
static alf_status get_numbers(const tensor *t, size_t n, double *out, alf_error *err)
{
    if (chain_is_rows_by(t, ONNX_DOUBLE, n, 1))
        memcpy(out, t->data, n * sizeof *out);
    else if (chain_is_rows_by(t, ONNX_FLOAT, n, 1))
        for (size_t i = 0; i < n; i++)
            out[i] = (double)((const float *)t->data)[i];
    else
        return chain_wrong_output(t, forest_name, err);
    return ALF_OK;
}

static alf_status run_anomaly_chunk(anomaly_chain_session *s, const double *features, size_t n,
                                    double *scores, double *decisions, int *labels, alf_error *err)
{
    const anomaly_chain *c = s->chain;
    tensor outputs[MOST_OUTPUTS];
    tensor rows = feature_rows(s, features, n);
    TRY(engine_run(s->scaler, &rows, outputs, err));
    if (!chain_is_rows_by(&outputs[0], ONNX_FLOAT, n, c->feature_count))
        return chain_wrong_output(&outputs[0], scaler_name, err);
    tensor scaled = {ONNX_FLOAT, 2, {(int64_t)n, c->feature_count}, outputs[0].data};
    TRY(engine_run(s->forest, &scaled, outputs, err));
    TRY(get_numbers(&outputs[c->decision_output], n, decisions, err));
    if (c->has_score)
        TRY(get_numbers(&outputs[c->score_output], n, scores, err));
    const tensor *label = &outputs[c->label_output];
    if (!chain_is_rows_by(label, ONNX_INT64, n, 1))
        return chain_wrong_output(label, forest_name, err);
    for (size_t i = 0; i < n; i++) {
        labels[i] = ((const int64_t *)label->data)[i] < 0 ? -1 : 1;
        if (!c->has_score)
            scores[i] = NAN;
    }
    return ALF_OK;
}

alf_status anomaly_chain_run(anomaly_chain_session *s, const double *features, size_t n,
                             double *scores, double *decisions, int *labels, alf_error *err)
{
    if (s->fused != NULL) {
        fused_anomaly_run(s->fused, features, n, &(anomaly_answers){scores, decisions, labels});
        return ALF_OK;
    }
    for (size_t done = 0; done < n; done += CHAIN_LARGEST_CHUNK) {
        size_t rows = n - done < CHAIN_LARGEST_CHUNK ? n - done : CHAIN_LARGEST_CHUNK;
        TRY(run_anomaly_chunk(s, features + done * s->chain->feature_count, rows, scores + done,
                              decisions + done, labels + done, err));
    }
    return ALF_OK;
}
