/*
 * The v3 reference models, converted by us and run by our engine, against the true answers of
 * scikit-learn and XGBoost on all 12,361 logs; and the ONNX files that other converters made of
 * them.
 */
#include "classify/models.h"
#include "convert/bundle.h"
#include "convert/parity.h"
#include "support/golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROWS = 128 };

static const char v3[] = GOLDEN_FOLDER "/models/v3";

typedef struct batch {
    size_t n;
    golden_log logs[ROWS];
    buf texts[ROWS];
    alf_span spans[ROWS];
    double features[ROWS * LOG_FEATURES];
} batch;

typedef struct outcome {
    size_t logs, text_mismatches, anomaly_mismatches, zero_decisions;
    double probability_difference, score_difference;
} outcome;

typedef struct setup {
    bool has_text, has_anomaly;
    text_chain text;
    anomaly_chain anomaly;
    const alf_span *class_names;
} setup;

static void must(alf_status status, const alf_error *err)
{
    char text[1024];
    if (status != ALF_OK)
        fail_msg("%s", error_text(err, text, sizeof text));
}

/* Reads the next logs, normalised by us. */
static bool next_batch(golden *g, batch *b)
{
    alf_error err = {0};
    b->n = 0;
    while (b->n < ROWS && golden_next(g, &b->logs[b->n])) {
        golden_log *log = &b->logs[b->n];
        must(log_normalise(LOG_PROFILE_PIPELINE, log->message, &b->texts[b->n], &err), &err);
        b->spans[b->n] = buf_span(&b->texts[b->n]);
        log_features(LOG_PROFILE_PIPELINE, log->message, b->spans[b->n], -1,
                     b->features + b->n * LOG_FEATURES);
        b->n++;
    }
    return b->n > 0;
}

static alf_category category_of(const alf_span *names, uint32_t i)
{
    return golden_category(names[i]);
}

/* NaN counts as the largest. (fmax here makes gcc 12 for arm64 fail.) */
static void keep_larger(double *largest, double found)
{
    if (!(found <= *largest))
        *largest = found;
}

static void check_text(const setup *s, text_chain_session *session, const batch *b, outcome *o)
{
    float probabilities[ROWS * 4];
    uint32_t labels[ROWS];
    alf_error err = {0};
    must(text_chain_run(session, b->spans, b->n, probabilities, labels, NULL, &err), &err);
    for (size_t i = 0; i < b->n; i++) {
        o->text_mismatches += category_of(s->class_names, labels[i]) != b->logs[i].label;
        for (uint32_t c = 0; c < 4; c++) {
            double expected = (double)b->logs[i].probabilities[category_of(s->class_names, c)];
            double difference = fabs(expected - (double)probabilities[i * 4 + c]);
            keep_larger(&o->probability_difference, difference);
        }
    }
}

static void check_anomaly(anomaly_chain_session *session, const batch *b, outcome *o)
{
    double scores[ROWS];
    double decisions[ROWS];
    int labels[ROWS];
    alf_error err = {0};
    must(anomaly_chain_run(session, b->features, b->n, scores, decisions, labels, &err), &err);
    for (size_t i = 0; i < b->n; i++) {
        o->anomaly_mismatches += labels[i] != b->logs[i].anomaly_label;
        o->zero_decisions += b->logs[i].anomaly_decision == 0;
        double difference = session->chain->has_score
                                ? fabs(scores[i] - b->logs[i].anomaly_score)
                                : fabs(decisions[i] - b->logs[i].anomaly_decision);
        keep_larger(&o->score_difference, difference);
    }
}

static outcome run_golden(const setup *s)
{
    static golden g;
    static batch b;
    outcome o = {0};
    alf_error err = {0};
    text_chain_session text = {0};
    anomaly_chain_session anomaly = {0};
    assert_true(golden_open(&g));
    if (s->has_text)
        must(text_chain_session_init(&text, &s->text, &err), &err);
    if (s->has_anomaly)
        must(anomaly_chain_session_init(&anomaly, &s->anomaly, &err), &err);
    while (next_batch(&g, &b)) {
        o.logs += b.n;
        if (s->has_text)
            check_text(s, &text, &b, &o);
        if (s->has_anomaly)
            check_anomaly(&anomaly, &b, &o);
    }
    text_chain_session_fini(&text);
    anomaly_chain_session_fini(&anomaly);
    for (size_t i = 0; i < ROWS; i++)
        buf_fini(&b.texts[i]);
    golden_close(&g);
    printf(
        "%zu logs: tfidf_xgboost %zu labels differ, largest difference of a probability %.3g; "
        "anomaly_detector %zu labels differ (%zu decisions are exactly 0), largest difference of "
        "a score %.3g\n",
        o.logs, o.text_mismatches, o.probability_difference, o.anomaly_mismatches, o.zero_decisions,
        o.score_difference);
    return o;
}

static void converted_bundle_equals_the_libraries(void **state)
{
    (void)state;
    source from;
    bundle to;
    alf_error err = {0};
    setup s = {.has_text = true, .has_anomaly = true};
    engine *e[BUNDLE_FILES];
    size_t total = 0;
    bundle_init(&to);
    must(source_open(&from, v3, NULL, &err), &err);
    must(bundle_build(&to, &from, (bundle_parts){.anomaly = true, .text = true}, &err), &err);
    for (size_t i = 0; i < BUNDLE_FILES; i++) {
        printf("%s: %zu bytes\n", bundle_file_names[i], to.files[i].size);
        total += to.files[i].size;
        must(engine_load(buf_span(&to.files[i]), 0, &e[i], &err), &err);
    }
    assert_true(to.files[BUNDLE_ANOMALY].size <= 300 * 1024);
    assert_true(to.files[BUNDLE_CLASSIFIER].size <= 100 * 1024);
    assert_true(total <= 650 * 1024);
    must(text_chain_init(&s.text, e[BUNDLE_VECTORIZER], e[BUNDLE_CLASSIFIER], true, &err), &err);
    must(anomaly_chain_init(&s.anomaly, e[BUNDLE_SCALER], e[BUNDLE_ANOMALY], LOG_FEATURES, &err),
         &err);
    s.class_names = to.labels.names;
    outcome o = run_golden(&s);
    assert_int_equal(o.logs, GOLDEN_LOGS);
    assert_int_equal(o.text_mismatches, 0);
    assert_int_equal(o.anomaly_mismatches, 0);
    assert_true(o.probability_difference <= 1e-6);
    assert_true(o.score_difference <= 1e-12);
    assert_true(o.zero_decisions > 0);
    text_chain_fini(&s.text);
    anomaly_chain_fini(&s.anomaly);
    bundle_fini(&to);
    source_close(&from);
}

/* onnxmltools' xgboost.onnx and skl2onnx' anomaly_detector.onnx, with their joblib scaler and
 * vectorizer: what users have today. Absent terms are given as NaN. */
static void files_of_other_converters_run(void **state)
{
    (void)state;
    models m;
    models_options options = {0};
    alf_error err = {0};
    must(models_open(&m, GOLDEN_FOLDER "/models/v3/onnx", &options, &err), &err);
    setup s = {.has_text = true, .has_anomaly = true, .text = m.text, .anomaly = m.anomaly};
    s.class_names = m.class_names;
    assert_true(m.labels_assumed);
    outcome o = run_golden(&s);
    assert_int_equal(o.logs, GOLDEN_LOGS);
    assert_int_equal(o.text_mismatches, 0);
    assert_true(o.probability_difference <= 1e-6);
    /* That graph computes in float32: rows whose decision is within its rounding may differ. */
    assert_int_equal(o.anomaly_mismatches, 0);
    assert_true(o.score_difference <= 1e-5);
    models_close(&m);
}

int main(void)
{
    static golden probe;
    if (!golden_open(&probe))
        return GOLDEN_SKIP;
    golden_close(&probe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converted_bundle_equals_the_libraries),
        cmocka_unit_test(files_of_other_converters_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
