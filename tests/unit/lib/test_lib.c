/* The public API as a program uses it. */
#include "support/sample_bundle.h"

#include "base/mem.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

static sample_bundle sample;

static const alf_span attack = {"ransomware detected: files encrypted on srv1 by locker.exe", 58};
static const alf_span chatter = {"DEBUG heartbeat ok", 18};

static alf_classifier *open_sample(const alf_options *options)
{
    alf_error err = {0};
    alf_classifier *c = NULL;
    must(alf_classifier_open(sample.folder, options, &c, &err), &err);
    return c;
}

static void every_log_has_a_result(void **state)
{
    (void)state;
    alf_classifier *c = open_sample(NULL);
    alf_batch *b = NULL;
    alf_error err = {0};
    must(alf_batch_new(c, &b, &err), &err);
    assert_null(alf_batch_result(b, 0));
    alf_span logs[600];
    for (size_t i = 0; i < 600; i++)
        logs[i] = i % 3 == 0 ? attack : i % 3 == 1 ? chatter : (alf_span){NULL, 0};
    must(alf_batch_classify(b, logs, 600, &err), &err);
    assert_int_equal(alf_batch_count(b), 600);
    for (size_t i = 0; i < 600; i++) {
        const alf_result *r = alf_batch_result(b, i);
        alf_category want = i % 3 == 0   ? ALF_CRITICAL
                            : i % 3 == 1 ? ALF_NOISE
                                         : alf_batch_result(b, 2)->category;
        assert_int_equal((int)r->category, (int)want);
        assert_false(r->fail_open_used);
        assert_true(r->has_text && r->has_anomaly);
        assert_true(r->anomaly_label == 1 || r->anomaly_label == -1);
        assert_true((r->anomaly_decision < 0) == (r->anomaly_label < 0));
        assert_true(r->anomaly_score < 0);
        double sum = 0;
        for (int k = 0; k < ALF_CATEGORIES; k++)
            sum += r->probabilities[k];
        assert_true(fabs(sum - 1) < 1e-9);
    }
    assert_true(alf_batch_result(b, 0)->matched_rule.size > 0);
    assert_null(alf_batch_result(b, 600));
    must(alf_batch_classify(b, NULL, 0, &err), &err);
    assert_int_equal(alf_batch_count(b), 0);
    alf_statistics s;
    alf_get_performance_statistics(c, &s);
    assert_int_equal(s.logs, 600);
    assert_int_equal(s.fail_open, 0);
    assert_string_equal(s.components[1].name, "tfidf_xgboost");
    assert_true(s.components[1].avg_inference_time_ms > 0);
    alf_health h;
    alf_get_health_status(c, &h);
    assert_true(h.healthy && h.components[2].loaded && !h.components[2].circuit_open);
    assert_null(h.components[0].model_format);
    assert_string_equal(h.components[1].model_format, "onnx");
    assert_false(h.components[1].fell_back);
    assert_string_equal(h.inference_engine, "native");
    alf_batch_free(b);
    alf_classifier_free(c);
}

static void joblib_models_run_only_on_request(void **state)
{
    (void)state;
    static const char folder[] = ALF_TEST_SOURCE_DIR "/models/sample";
    alf_classifier *c = NULL;
    alf_error err = {0};
    alf_options options;
    alf_health h;
    assert_int_equal(alf_classifier_open(folder, NULL, &c, &err), ALF_E_NOT_FOUND);
    alf_options_init(&options);
    options.text_from_joblib = true;
    assert_int_equal(alf_classifier_open(folder, &options, &c, &err), ALF_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "anomaly_detector has a joblib model but no ONNX file"));
    options.fall_back_to_joblib = true;
    must(alf_classifier_open(folder, &options, &c, &err), &err);
    alf_get_health_status(c, &h);
    assert_true(h.healthy);
    assert_string_equal(h.components[1].model_format, "joblib");
    assert_string_equal(h.components[2].model_format, "joblib");
    assert_false(h.components[1].fell_back);
    assert_true(h.components[2].fell_back);
    alf_classifier_free(c);
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    alf_error err = {0};
    alf_classifier *c = (alf_classifier *)&err;
    alf_options options;
    assert_int_equal(alf_classifier_open(NULL, NULL, &c, &err), ALF_E_ARGUMENT);
    assert_null(c);
    assert_int_equal(alf_classifier_open("/nonexistent", NULL, &c, &err), ALF_E_NOT_FOUND);
    assert_null(c);
    assert_string_equal(err.file, "/nonexistent");
    alf_options_init(&options);
    options.profile = "wrong";
    assert_int_equal(alf_classifier_open(sample.folder, &options, &c, NULL), ALF_E_ARGUMENT);
    alf_options_init(&options);
    options.weights[1] = NAN;
    assert_int_equal(alf_classifier_open(sample.folder, &options, &c, &err), ALF_E_ARGUMENT);
    memset(options.weights, 0, sizeof options.weights);
    assert_int_equal(alf_classifier_open(sample.folder, &options, &c, &err), ALF_E_ARGUMENT);
    alf_options_init(&options);
    options.size = 3;
    assert_int_equal(alf_classifier_open(sample.folder, &options, &c, &err), ALF_E_ARGUMENT);
    alf_options_init(&options);
    options.rules_path = "/nonexistent.yaml";
    assert_int_equal(alf_classifier_open(sample.folder, &options, &c, &err), ALF_E_NOT_FOUND);
    alf_options_init(&options);
    options.engine = "gpu";
    assert_int_equal(alf_classifier_open(sample.folder, &options, &c, &err), ALF_E_ARGUMENT);
    options.engine = "onnxruntime";
    options.onnx_runtime_library = "/nonexistent.so";
    assert_int_equal(alf_classifier_open(sample.folder, &options, &c, &err), ALF_E_NOT_FOUND);
    assert_non_null(strstr(err.message, "ONNX Runtime"));
    alf_batch *b = (alf_batch *)&err;
    assert_int_equal(alf_batch_new(NULL, &b, &err), ALF_E_ARGUMENT);
    assert_null(b);
    assert_int_equal(alf_batch_classify(NULL, NULL, 0, &err), ALF_E_ARGUMENT);
    alf_classifier_free(NULL);
    alf_batch_free(NULL);
    assert_string_equal(alf_version(), ALF_VERSION);
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 8, LOGS = 40 };

typedef struct worker {
    alf_classifier *classifier;
    alf_category categories[LOGS];
    double confidences[LOGS];
    bool failed;
} worker;

static void make_log(size_t i, char text[64], alf_span *out)
{
    int n = snprintf(text, 64, "Failed password for user%zu from 192.0.2.%zu port %zu", i, i % 200,
                     i * 7919 % 60000);
    *out = (alf_span){text, (size_t)n};
}

static void *work(void *context)
{
    worker *w = context;
    static _Thread_local char texts[LOGS][64];
    alf_span logs[LOGS];
    alf_batch *b = NULL;
    w->failed = alf_batch_new(w->classifier, &b, NULL) != ALF_OK;
    for (size_t i = 0; i < LOGS; i++)
        make_log(i, texts[i], &logs[i]);
    for (int round = 0; !w->failed && round < ROUNDS; round++) {
        w->failed = alf_batch_classify(b, logs, LOGS, NULL) != ALF_OK;
        for (size_t i = 0; !w->failed && i < LOGS; i++) {
            w->categories[i] = alf_batch_result(b, i)->category;
            w->confidences[i] = alf_batch_result(b, i)->confidence;
        }
    }
    alf_batch_free(b);
    return NULL;
}

static void threads_share_a_classifier_and_agree(void **state)
{
    (void)state;
    static worker workers[THREADS];
    pthread_t threads[THREADS];
    alf_classifier *c = open_sample(NULL);
    for (int i = 0; i < THREADS; i++) {
        workers[i].classifier = c;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_false(workers[i].failed);
        assert_memory_equal(workers[i].categories, workers[0].categories,
                            sizeof workers[0].categories);
        assert_memory_equal(workers[i].confidences, workers[0].confidences,
                            sizeof workers[0].confidences);
    }
    alf_statistics s;
    alf_get_performance_statistics(c, &s);
    assert_int_equal(s.logs, THREADS * ROUNDS * LOGS);
    alf_classifier_free(c);
}

/* A failed allocation while classifying loses no log: it is an error of the call, or fails open. */
static void failed_allocations_lose_no_log(void **state)
{
    (void)state;
    alf_classifier *c = open_sample(NULL);
    alf_span logs[2] = {attack, chatter};
    bool injected = true;
    for (uint64_t n = 1; injected; n++) {
        alf_batch *b = NULL;
        mem_fail_after(n);
        alf_status status = alf_batch_new(c, &b, NULL);
        if (status == ALF_OK)
            status = alf_batch_classify(b, logs, 2, NULL);
        injected = mem_fail_after(0) >= n;
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        assert_true(injected || status == ALF_OK);
        for (size_t i = 0; status == ALF_OK && i < 2; i++)
            if (alf_batch_result(b, i)->fail_open_used)
                assert_int_equal((int)alf_batch_result(b, i)->category, ALF_CRITICAL);
        alf_batch_free(b);
        assert_true(n < 2000);
    }
    alf_classifier_free(c);
}

/* Opening fails cleanly at every allocation. */
static void failed_allocations_while_opening_are_errors(void **state)
{
    (void)state;
    alf_status status = ALF_E_NOMEM;
    uint64_t step = 1;
    for (uint64_t n = 1; status != ALF_OK; n += step) {
        alf_classifier *c = NULL;
        alf_error err = {0};
        mem_fail_after(n);
        status = alf_classifier_open(sample.folder, NULL, &c, &err);
        mem_fail_after(0);
        if (status != ALF_E_NOMEM)
            must(status, &err);
        assert_true((c != NULL) == (status == ALF_OK));
        alf_classifier_free(c);
        /* The first ones each, then fewer and fewer: opening makes thousands. */
        step = n < 60 ? 1 : n / 12;
        assert_true(n < 10000000);
    }
}

static int set_up(void **state)
{
    (void)state;
    sample_bundle_make(&sample);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sample_bundle_remove(&sample);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_log_has_a_result),
        cmocka_unit_test(joblib_models_run_only_on_request),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(threads_share_a_classifier_and_agree),
        cmocka_unit_test(failed_allocations_lose_no_log),
        cmocka_unit_test(failed_allocations_while_opening_are_errors),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
