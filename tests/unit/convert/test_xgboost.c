/*
 * XGBoost models as the library itself answers for them: the extracted forest and the reference
 * must both give its labels and, bit for bit, its margins. The fixtures are made by
 * scripts/fixtures/make_xgboost_fixtures.py with many versions of XGBoost.
 */
#include "base/file.h"
#include "base/mem.h"
#include "codec/joblib.h"
#include "codec/json.h"
#include "convert/extract.h"
#include "convert/reference.h"
#include "convert/source_file.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REFERENCE ALF_TEST_SOURCE_DIR "/../shared/reference/models/v3/tfidf_xgboost/model.joblib"

/* ALF_XGBOOST_FIXTURES names another folder: models by chance (docs/fidelity.md). */
static const char *fixtures(void)
{
    const char *named = getenv("ALF_XGBOOST_FIXTURES");
    return named != NULL ? named : ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/xgboost";
}

enum { MAX_FEATURES = 16, MAX_CLASSES = 16 };

static void must(alf_status status, const alf_error *err)
{
    char text[1024];
    if (status != ALF_OK)
        fail_msg("%s", error_text(err, text, sizeof text));
}

/* A model file of any kind as a value: a joblib root, or what a library's own file becomes. */
typedef struct model_file {
    joblib_file *joblib;
    buf bytes;
    arena memory;
    const value *root;
} model_file;

static bool is_joblib(alf_span file)
{
    static const char ending[] = ".joblib";
    size_t n = sizeof ending - 1;
    return file.size > n && memcmp(file.data + file.size - n, ending, n) == 0;
}

static void model_open(model_file *m, alf_span file)
{
    char path[4096];
    alf_error err;
    (void)snprintf(path, sizeof path, "%s/%.*s", fixtures(), (int)file.size, file.data);
    *m = (model_file){0};
    arena_init(&m->memory, 0);
    buf_init(&m->bytes);
    if (is_joblib(file)) {
        must(joblib_open(path, NULL, &m->joblib, &err), &err);
        m->root = joblib_root(m->joblib);
        return;
    }
    must(file_read(path, 1 << 24, &m->bytes, &err), &err);
    must(source_file_object(buf_span(&m->bytes), path, &m->memory, &m->root, &err), &err);
}

static void model_close(model_file *m)
{
    joblib_free(m->joblib);
    arena_fini(&m->memory);
    buf_fini(&m->bytes);
}

/* ---- the answers ---- */

static double number_at(const value *list, size_t i)
{
    double number = 0;
    bool found = list->kind == VALUE_ARRAY ? value_array_double(&list->as.array, i, &number)
                                           : value_to_double(value_item(list, i), &number);
    if (!found)
        fail_msg("no number %zu in the answers", i);
    return number;
}

static size_t size_at(const value *dict, const char *key)
{
    int64_t number = -1;
    assert_true(value_to_int64(value_get(dict, key), &number));
    return (size_t)number;
}

static void same_bits(float found, float expected, const char *what, size_t row, size_t column)
{
    if (!(found <= expected && found >= expected)) /* -0 and 0 are one */
        fail_msg("%s of row %zu, column %zu: %.9g, but the library says %.9g", what, row, column,
                 (double)found, (double)expected);
}

static void near(float found, float expected, const char *what, size_t row, size_t column)
{
    if (!(fabsf(found - expected) <= 1e-6F))
        fail_msg("%s of row %zu, column %zu: %.9g, but the library says %.9g", what, row, column,
                 (double)found, (double)expected);
}

/* The link in plain arithmetic. */
static uint32_t link_margins(const boosted_classifier *b, const double *margins, float *p)
{
    uint32_t best = 0;
    if (b->trees.target_count == 1) {
        double m = margins[0];
        p[1] = (float)(b->link == BOOSTED_SIGMOID ? 1.0 / (1.0 + exp(-m)) : m);
        p[0] = 1.0F - p[1];
        return p[1] > 0.5F;
    }
    double sum = 0.0;
    for (uint32_t i = 0; i < b->class_count; i++) {
        sum += exp(margins[i]);
        best = margins[i] > margins[best] ? i : best;
    }
    for (uint32_t i = 0; i < b->class_count; i++)
        p[i] = (float)(exp(margins[i]) / sum);
    return best;
}

static void check_extracted(const boosted_classifier *b, const value *answers)
{
    const value *inputs = value_get(answers, "inputs");
    size_t features = size_at(answers, "features");
    uint32_t groups = b->trees.target_count;
    assert_int_equal(b->trees.feature_count, features);
    assert_int_equal(value_length(value_get(answers, "margins")),
                     groups * size_at(answers, "rows"));
    for (size_t row = 0; row < size_at(answers, "rows"); row++) {
        double x[MAX_FEATURES];
        double margins[MAX_CLASSES] = {0};
        float p[MAX_CLASSES] = {0};
        for (size_t i = 0; i < features; i++)
            x[i] = number_at(inputs, row * features + i);
        forest_sum(&b->trees, x, margins);
        for (size_t i = 0; i < groups; i++)
            same_bits((float)margins[i],
                      (float)number_at(value_get(answers, "margins"), row * groups + i), "margin",
                      row, i);
        uint32_t label = link_margins(b, margins, p);
        assert_int_equal(label, (int)number_at(value_get(answers, "labels"), row));
        for (size_t i = 0; i < b->class_count; i++)
            near(p[i],
                 (float)number_at(value_get(answers, "probabilities"), row * b->class_count + i),
                 "probability", row, i);
    }
}

static void check_reference(const reference_boosted *r, const value *answers)
{
    const value *inputs = value_get(answers, "inputs");
    size_t features = size_at(answers, "features");
    size_t classes = reference_boosted_classes(r);
    for (size_t row = 0; row < size_at(answers, "rows"); row++) {
        uint32_t columns[MAX_FEATURES];
        double values[MAX_FEATURES];
        reference_row sparse = {columns, values, 0, MAX_FEATURES};
        for (size_t i = 0; i < features; i++) {
            double x = number_at(inputs, row * features + i);
            if (isnan(x))
                continue;
            columns[sparse.count] = (uint32_t)i;
            values[sparse.count++] = x;
        }
        float p[MAX_CLASSES];
        uint32_t label;
        alf_error err;
        must(reference_boosted_run(r, &sparse, p, &label, &err), &err);
        assert_int_equal(label, (int)number_at(value_get(answers, "labels"), row));
        for (size_t i = 0; i < classes; i++)
            near(p[i], (float)number_at(value_get(answers, "probabilities"), row * classes + i),
                 "the reference's probability", row, i);
    }
}

static void check_case(const value *answers)
{
    model_file m;
    boosted_classifier b;
    arena memory;
    alf_error err = {0};
    reference_boosted *r = NULL;
    alf_span file = value_get(answers, "file")->as.text;
    print_message("%.*s\n", (int)file.size, file.data);
    model_open(&m, file);
    arena_init(&memory, 0);
    if (value_get(answers, "refused") != NULL) {
        assert_int_equal(extract_boosted(m.root, &memory, &b, &err), ALF_E_UNSUPPORTED);
        assert_true(strlen(err.message) > 20);
        if (!value_is_a(m.root, "xgboost", "XGBRegressor"))
            assert_int_equal(reference_boosted_new(m.root, &r, &err), ALF_E_UNSUPPORTED);
    } else {
        must(extract_boosted(m.root, &memory, &b, &err), &err);
        must(forest_check(&b.trees, &err), &err);
        check_extracted(&b, answers);
        must(reference_boosted_new(m.root, &r, &err), &err);
        assert_int_equal(reference_boosted_classes(r), b.class_count);
        check_reference(r, answers);
    }
    reference_boosted_free(r);
    arena_fini(&memory);
    model_close(&m);
}

static void check_version(const char *name)
{
    char path[4096];
    alf_error err;
    buf text;
    arena memory;
    value *root;
    buf_init(&text);
    arena_init(&memory, 0);
    (void)snprintf(path, sizeof path, "%s/%s", fixtures(), name);
    must(file_read(path, 1 << 24, &text, &err), &err);
    must(json_parse(buf_span(&text), &memory, &root, &err), &err);
    const value *cases = value_get(root, "cases");
    assert_true(value_length(cases) > 0);
    for (size_t i = 0; i < value_length(cases); i++)
        check_case(value_item(cases, i));
    arena_fini(&memory);
    buf_fini(&text);
}

/* Answers are in VERSION.json, models in VERSION-CASE.*. */
static bool is_answers(const char *name)
{
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".json") == 0 && strchr(name, '-') == NULL;
}

static void test_every_version(void **state)
{
    (void)state;
    int versions = 0;
    DIR *folder = opendir(fixtures());
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (!is_answers(entry->d_name))
            continue;
        check_version(entry->d_name);
        versions++;
    }
    closedir(folder);
    assert_true(versions >= (getenv("ALF_XGBOOST_FIXTURES") != NULL ? 1 : 10));
}

/* ---- running out of memory ---- */

static void fail_each_allocation(const char *file)
{
    model_file m;
    alf_status status = ALF_E_NOMEM;
    model_open(&m, span_from_string(file));
    for (uint64_t n = 1; status != ALF_OK; n++) {
        arena memory;
        boosted_classifier b;
        alf_error err;
        reference_boosted *r = NULL;
        arena_init(&memory, 0);
        mem_fail_after(n);
        status = extract_boosted(m.root, &memory, &b, &err);
        if (status == ALF_OK)
            status = reference_boosted_new(m.root, &r, &err);
        mem_fail_after(0);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        assert_true((r != NULL) == (status == ALF_OK));
        reference_boosted_free(r);
        arena_fini(&memory);
        assert_true(n < 1000);
    }
    model_close(&m);
}

static void test_no_memory(void **state)
{
    (void)state;
    if (getenv("ALF_XGBOOST_FIXTURES") != NULL)
        skip();
    fail_each_allocation("0.90-early.joblib");
    fail_each_allocation("1.2.1-dart.joblib");
    fail_each_allocation("1.5.2-early-multi.joblib");
    fail_each_allocation("3.1.3-early-multi.joblib");
    fail_each_allocation("1.6.2-sets.joblib");
}

/* ---- the reference bundle ---- */

static void test_reference_bundle(void **state)
{
    (void)state;
    if (!file_exists(REFERENCE)) {
        print_message("skipped: no reference data\n");
        skip();
    }
    alf_error err;
    joblib_file *file;
    boosted_classifier b;
    reference_boosted *r;
    arena memory;
    arena_init(&memory, 0);
    must(joblib_open(REFERENCE, NULL, &file, &err), &err);
    const value *classifier = value_get(joblib_root(file), "classifier");
    must(extract_boosted(classifier, &memory, &b, &err), &err);
    must(reference_boosted_new(classifier, &r, &err), &err);
    assert_int_equal(b.class_count, 4);
    assert_int_equal(reference_boosted_classes(r), 4);
    assert_int_equal(b.link, BOOSTED_SOFTMAX);
    assert_true(b.trees.feature_count > 0);
    reference_boosted_free(r);
    joblib_free(file);
    arena_fini(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_reference_bundle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
