/*
 * Bundles as they are found on disk (docs/bundle.md): every layout opens the same models and gives
 * the same bits; labels, profiles and named files are taken from where the page says; what is half
 * there, wrong or absent is an error that says so.
 */
#include "support/test.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/models.h"
#include "convert/bundle.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GOOD ALF_TEST_SOURCE_DIR "/tests/integration/fixtures/hostile/good_"

enum { TEXTS = 4, CLASSES = 4, MAX_FILE = 8 << 20 };

static char root[] = "/tmp/alf-models-XXXXXX";
static char made[PATH_MAX];   /* the bundle that convert makes */
static char folder[PATH_MAX]; /* the bundle under test */

static const char *const sorted = "[\"critical\", \"noise\", \"routine\", \"suspicious\"]";

/* ---- files ---- */

static void join(char out[PATH_MAX], const char *base, const char *name)
{
    alf_error err = {0};
    must(file_join(out, PATH_MAX, base, name, &err), &err);
}

static void write_path(const char *path, alf_span data)
{
    alf_error err = {0};
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", path);
    *strrchr(parent, '/') = '\0';
    must(file_make_directories(parent, &err), &err);
    must(file_write(path, data, &err), &err);
}

static void put_text(const char *name, const char *text)
{
    char path[PATH_MAX];
    join(path, folder, name);
    write_path(path, span_from_string(text));
}

/* Copies a file of the made bundle (or any other, by absolute path) into the folder. */
static void put(const char *name, const char *from)
{
    alf_error err = {0};
    char path[PATH_MAX];
    buf bytes;
    buf_init(&bytes);
    if (from[0] == '/')
        (void)snprintf(path, sizeof path, "%s", from);
    else
        join(path, made, from);
    must(file_read(path, MAX_FILE, &bytes, &err), &err);
    join(path, folder, name);
    write_path(path, buf_span(&bytes));
    buf_fini(&bytes);
}

static void take_away(const char *name)
{
    char path[PATH_MAX];
    join(path, folder, name);
    assert_int_equal(unlink(path), 0);
}

static int empty_folder(void **state)
{
    (void)state;
    file_remove_tree(folder);
    return mkdir(folder, 0700);
}

static int make_bundle(void **state)
{
    (void)state;
    alf_error err = {0};
    char models_folder[PATH_MAX];
    source from;
    bundle to;
    manifest m;
    assert_non_null(mkdtemp(root));
    join(models_folder, root, "joblib");
    join(made, root, "made");
    join(folder, root, "joblib");
    put("anomaly_detector/model.joblib", GOOD "forest.joblib");
    put("tfidf_xgboost/model.joblib", GOOD "text.joblib");
    bundle_init(&to);
    manifest_init(&m);
    must(source_open(&from, models_folder, NULL, &err), &err);
    must(bundle_build(&to, &from, (bundle_parts){.anomaly = true, .text = true}, &err), &err);
    m.converter = SPAN_LITERAL("test");
    m.profile = SPAN_LITERAL("serving");
    m.labels = to.labels;
    must(bundle_save(&to, &m, NULL, made, false, &err), &err);
    bundle_fini(&to);
    source_close(&from);
    join(folder, root, "folder");
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    file_remove_tree(root);
    return 0;
}

/* ---- what models say ---- */

typedef struct answers {
    float probabilities[TEXTS * CLASSES];
    uint32_t labels[TEXTS], terms[TEXTS];
    double scores[TEXTS], decisions[TEXTS];
    int anomalies[TEXTS];
} answers;

static void ask(const models *m, answers *a)
{
    static const alf_span texts[TEXTS] = {
        {"failed login root", 17}, {"heartbeat ok", 12}, {"disk attack error disk", 22}, {"", 0}};
    double features[TEXTS * LOG_FEATURES];
    alf_error err = {0};
    text_chain_session text;
    anomaly_chain_session anomaly;
    *a = (answers){0};
    for (size_t i = 0; i < TEXTS * LOG_FEATURES; i++)
        features[i] = (double)((i * 7919) % 101) / 100;
    if (m->has_text) {
        must(text_chain_session_init(&text, &m->text, &err), &err);
        must(text_chain_run(&text, texts, TEXTS, a->probabilities, a->labels, a->terms, &err),
             &err);
        text_chain_session_fini(&text);
    }
    if (m->has_anomaly) {
        must(anomaly_chain_session_init(&anomaly, &m->anomaly, &err), &err);
        must(anomaly_chain_run(&anomaly, features, TEXTS, a->scores, a->decisions, a->anomalies,
                               &err),
             &err);
        anomaly_chain_session_fini(&anomaly);
    }
}

static void open_folder(models *m, const models_options *options)
{
    static const models_options none;
    alf_error err = {0};
    must(models_open(m, folder, options != NULL ? options : &none, &err), &err);
}

/* The folder's models answer as the made bundle does, bit for bit. */
static void assert_same_answers(const models *m)
{
    static const models_options none;
    alf_error err = {0};
    models whole;
    answers expected;
    answers found;
    must(models_open(&whole, made, &none, &err), &err);
    ask(&whole, &expected);
    ask(m, &found);
    assert_true(expected.terms[0] > 0 && expected.terms[TEXTS - 1] == 0);
    assert_memory_equal(&found, &expected, sizeof found);
    models_close(&whole);
}

static void assert_refused(const models_options *options, alf_status status, const char *words)
{
    static const models_options none;
    char text[1024];
    alf_error err = {0};
    models m;
    alf_status found = models_open(&m, folder, options != NULL ? options : &none, &err);
    models_close(&m);
    (void)error_text(&err, text, sizeof text);
    if (found != status)
        fail_msg("%s, expected %s: %s", alf_status_name(found), alf_status_name(status), text);
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, text);
}

static void put_flat(void)
{
    put("scaler.onnx", "scaler.onnx");
    put("anomaly_detector.onnx", "anomaly_detector.onnx");
    put("tfidf_vectorizer.onnx", "tfidf_vectorizer.onnx");
    put("xgboost.onnx", "xgboost.onnx");
}

/* ---- layouts ---- */

static void flat_with_manifest(void **state)
{
    (void)state;
    models m;
    put_flat();
    put("manifest.json", "manifest.json");
    open_folder(&m, NULL);
    assert_true(m.has_manifest && m.has_text && m.has_anomaly && !m.labels_assumed);
    assert_int_equal(m.class_count, CLASSES);
    assert_text(m.class_names[1], "noise");
    assert_int_equal((int)m.class_category[1], ALF_NOISE);
    assert_true(m.text.zero_is_absent);
    assert_same_answers(&m);
    models_close(&m);
}

static void folders_of_other_tools(void **state)
{
    (void)state;
    models m;
    put("anomaly_detector/model.onnx", "anomaly_detector.onnx");
    put("anomaly_detector/scaler.onnx", "scaler.onnx");
    put("tfidf_xgboost/model.onnx", "xgboost.onnx");
    put("tfidf_xgboost/vectorizer.onnx", "tfidf_vectorizer.onnx");
    put_text("tfidf_xgboost/labels.json", sorted);
    open_folder(&m, NULL);
    assert_true(!m.has_manifest && m.has_text && m.has_anomaly && !m.labels_assumed);
    assert_string_equal(m.layout.path[MODELS_CLASSIFIER], "tfidf_xgboost/model.onnx");
    assert_string_equal(m.layout.path[MODELS_LABELS], "tfidf_xgboost/labels.json");
    assert_same_answers(&m);
    models_close(&m);
}

static void joblib_beside_onnx(void **state)
{
    (void)state;
    models m;
    put("anomaly_detector.onnx", "anomaly_detector.onnx");
    put("xgboost.onnx", "xgboost.onnx");
    put("scaler.joblib", GOOD "forest.joblib");
    put("tfidf_vectorizer.joblib", GOOD "text.joblib");
    open_folder(&m, NULL);
    assert_true(m.labels_assumed);
    assert_same_answers(&m);
    models_close(&m);
}

static void joblib_in_folders(void **state)
{
    (void)state;
    models m;
    put("anomaly_detector/model.onnx", "anomaly_detector.onnx");
    put("tfidf_xgboost/model.onnx", "xgboost.onnx");
    put("anomaly_detector/scaler.joblib", GOOD "forest.joblib");
    put("tfidf_xgboost/vectorizer.joblib", GOOD "text.joblib");
    open_folder(&m, NULL);
    assert_same_answers(&m);
    models_close(&m);
}

/* What convert makes wins over what lies beside it. */
static void newest_layout_first(void **state)
{
    (void)state;
    models m;
    put_flat();
    put_text("scaler.joblib", "not a pickle");
    put_text("tfidf_vectorizer.joblib", "not a pickle");
    put_text("anomaly_detector/model.onnx", "not ONNX");
    put_text("tfidf_xgboost/model.onnx", "not ONNX");
    open_folder(&m, NULL);
    assert_same_answers(&m);
    models_close(&m);
    take_away("scaler.onnx");
    assert_refused(NULL, ALF_E_FORMAT, "scaler.joblib");
}

static void one_component_alone(void **state)
{
    (void)state;
    models m;
    put("xgboost.onnx", "xgboost.onnx");
    put("tfidf_vectorizer.onnx", "tfidf_vectorizer.onnx");
    open_folder(&m, NULL);
    assert_true(m.has_text && !m.has_anomaly);
    models_close(&m);
    take_away("xgboost.onnx");
    take_away("tfidf_vectorizer.onnx");
    put("anomaly_detector.onnx", "anomaly_detector.onnx");
    put("scaler.onnx", "scaler.onnx");
    open_folder(&m, NULL);
    assert_true(!m.has_text && m.has_anomaly);
    models_close(&m);
}

static void what_is_half_there(void **state)
{
    (void)state;
    put_flat();
    take_away("tfidf_vectorizer.onnx");
    assert_refused(NULL, ALF_E_NOT_FOUND, "tfidf_vectorizer");
    put("tfidf_vectorizer.onnx", "tfidf_vectorizer.onnx");
    take_away("scaler.onnx");
    assert_refused(NULL, ALF_E_NOT_FOUND, "anomaly_scaler");
    take_away("anomaly_detector.onnx");
    take_away("xgboost.onnx");
    assert_refused(NULL, ALF_E_NOT_FOUND, "no models found");
}

static void what_is_not_there(void **state)
{
    (void)state;
    assert_refused(NULL, ALF_E_NOT_FOUND, "no models found");
    put("anomaly_detector/model.joblib", GOOD "forest.joblib");
    assert_refused(NULL, ALF_E_NOT_FOUND, "convert --input");
    file_remove_tree(folder);
    assert_refused(NULL, ALF_E_NOT_FOUND, "not a folder");
}

static void files_that_do_not_belong_together(void **state)
{
    (void)state;
    put_flat();
    put("xgboost.onnx", "anomaly_detector.onnx");
    assert_refused(NULL, ALF_E_UNSUPPORTED, "tfidf_xgboost");
    put("xgboost.onnx", "xgboost.onnx");
    put("scaler.onnx", "tfidf_vectorizer.onnx");
    assert_refused(NULL, ALF_E_UNSUPPORTED, "anomaly_scaler");
    put("scaler.onnx", "scaler.onnx");
    put("anomaly_detector.onnx", "xgboost.onnx");
    assert_refused(NULL, ALF_E_FORMAT, "anomaly_detector");
}

/* ---- labels ---- */

static void assert_labels(const char *json, const alf_category *expected)
{
    models m;
    put_text("labels.json", json);
    open_folder(&m, NULL);
    assert_false(m.labels_assumed);
    assert_int_equal(m.class_count, CLASSES);
    for (uint32_t i = 0; i < CLASSES; i++)
        assert_int_equal((int)m.class_category[i], (int)expected[i]);
    models_close(&m);
}

static void labels_in_three_forms(void **state)
{
    (void)state;
    static const alf_category turned[] = {ALF_NOISE, ALF_ROUTINE, ALF_SUSPICIOUS, ALF_CRITICAL};
    put_flat();
    assert_labels("[\"noise\", \"routine\", \"suspicious\", \"critical\"]", turned);
    assert_labels("{\"classes\": [\"noise\", \"routine\", \"suspicious\", \"critical\"]}", turned);
    assert_labels(
        "{\"3\": \"critical\", \"0\": \"noise\", \"2\": \"suspicious\", \"1\": \"routine\"}",
        turned);
    assert_labels("[\"Noise\", \"ROUTINE\", \"suspicious\", \"Critical\"]", turned);
    /* They beat the manifest, whose order is another one. */
    put("manifest.json", "manifest.json");
    assert_labels("[\"noise\", \"routine\", \"suspicious\", \"critical\"]", turned);
}

static void labels_assumed(void **state)
{
    (void)state;
    static const alf_category order[] = {ALF_CRITICAL, ALF_NOISE, ALF_ROUTINE, ALF_SUSPICIOUS};
    models m;
    put_flat();
    open_folder(&m, NULL);
    assert_true(m.labels_assumed);
    for (uint32_t i = 0; i < CLASSES; i++)
        assert_int_equal((int)m.class_category[i], (int)order[i]);
    models_close(&m);
}

static void labels_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *words;
    } cases[] = {
        {"[\"critical\", \"noise\", \"routine\"]", "3 labels"},
        {"[\"critical\", \"noise\", \"routine\", \"suspicious\", \"noise\"]", "5 labels"},
        {"[\"critical\", \"noise\", \"routine\", \"evil\"]", "evil"},
        {"{\"0\": \"critical\", \"1\": \"noise\", \"2\": \"routine\", \"4\": \"suspicious\"}",
         "class label 3"},
        {"[1, 2, 3, 4]", "class label 0"},
        {"[]", "labels.json"},
        {"7", "labels.json"},
        {"\"critical\"", "labels.json"},
        {"[\"critical\"", "labels.json"},
        {"", "labels.json"},
        {"{\"classes\": 4}", "labels.json"},
    };
    put_flat();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        alf_error err = {0};
        static const models_options none;
        models m;
        put_text("labels.json", cases[i].json);
        if (models_open(&m, folder, &none, &err) == ALF_OK)
            fail_msg("accepted: %s", cases[i].json);
        models_close(&m);
        if (strstr(error_text(&err, text, sizeof text), cases[i].words) == NULL)
            fail_msg("%s: \"%s\" is not in: %s", cases[i].json, cases[i].words, text);
    }
}

/* ---- options ---- */

static void named_files(void **state)
{
    (void)state;
    models m;
    models_options options = {0};
    char absolute[PATH_MAX];
    put_flat();
    put_text("xgboost.onnx", "not ONNX");
    put_text("scaler.onnx", "not ONNX");
    put("elsewhere/classifier.onnx", "xgboost.onnx");
    join(absolute, made, "scaler.onnx");
    options.named.path[MODELS_CLASSIFIER] = "elsewhere/classifier.onnx";
    options.named.path[MODELS_SCALER] = absolute;
    options.named.path[MODELS_VECTORIZER] = "";
    open_folder(&m, &options);
    assert_string_equal(m.layout.path[MODELS_CLASSIFIER], "elsewhere/classifier.onnx");
    assert_same_answers(&m);
    models_close(&m);
    options.named.path[MODELS_CLASSIFIER] = "absent.onnx";
    assert_refused(&options, ALF_E_NOT_FOUND, "absent.onnx");
    options.named.path[MODELS_CLASSIFIER] = "/nowhere/absent.onnx";
    assert_refused(&options, ALF_E_NOT_FOUND, "/nowhere/absent.onnx");
}

static void zeros_read_literally(void **state)
{
    (void)state;
    models m;
    models_options options = {.literal_zero = true};
    put_flat();
    open_folder(&m, &options);
    assert_false(m.text.zero_is_absent);
    assert_same_answers(&m); /* our file maps zeros itself */
    models_close(&m);
    open_folder(&m, NULL);
    assert_true(m.text.zero_is_absent);
    models_close(&m);
    put("manifest.json", "manifest.json");
    open_folder(&m, &options);
    assert_true(m.text.zero_is_absent); /* what the manifest says holds */
    models_close(&m);
}

static void assert_profile(const models_options *options, log_profile expected)
{
    models m;
    open_folder(&m, options);
    assert_int_equal((int)m.profile, (int)expected);
    models_close(&m);
}

static void profiles(void **state)
{
    (void)state;
    models_options options = {.profile_given = true, .profile = LOG_PROFILE_PIPELINE};
    put_flat();
    assert_profile(NULL, LOG_PROFILE_PIPELINE);
    put("manifest.json", "manifest.json");
    assert_profile(NULL, LOG_PROFILE_SERVING);
    assert_profile(&options, LOG_PROFILE_PIPELINE);
    take_away("manifest.json");
    options.profile = LOG_PROFILE_SERVING;
    assert_profile(&options, LOG_PROFILE_SERVING);
    put_text("manifest.json", "{\"format\": 1, \"converter\": \"x\", \"profile\": \"sideways\"}");
    assert_refused(NULL, ALF_E_FORMAT, "sideways");
}

/* ---- memory ---- */

static void failed_allocations(void **state)
{
    (void)state;
    static const models_options none;
    put("anomaly_detector.onnx", "anomaly_detector.onnx");
    put("xgboost.onnx", "xgboost.onnx");
    put("scaler.joblib", GOOD "forest.joblib");
    put("tfidf_vectorizer.joblib", GOOD "text.joblib");
    put_text("labels.json", sorted);
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        models m;
        alf_error err = {0};
        (void)mem_fail_after(n);
        status = models_open(&m, folder, &none, &err);
        (void)mem_fail_after(0);
        models_close(&m);
        assert_true(status == ALF_OK || (status == ALF_E_NOMEM && err.message[0] != '\0'));
        assert_true(n < 100000);
    }
}

#define CASE(function) cmocka_unit_test_setup(function, empty_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(flat_with_manifest),
        CASE(folders_of_other_tools),
        CASE(joblib_beside_onnx),
        CASE(joblib_in_folders),
        CASE(newest_layout_first),
        CASE(one_component_alone),
        CASE(what_is_half_there),
        CASE(what_is_not_there),
        CASE(files_that_do_not_belong_together),
        CASE(labels_in_three_forms),
        CASE(labels_assumed),
        CASE(labels_refused),
        CASE(named_files),
        CASE(zeros_read_literally),
        CASE(profiles),
        CASE(failed_allocations),
    };
    return cmocka_run_group_tests(tests, make_bundle, remove_root);
}
