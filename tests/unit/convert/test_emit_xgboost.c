/*
 * XGBoost models of every version -> ONNX -> engine: the library's own labels, and its
 * probabilities to 1e-6 (its exp is not ours to the last bit). Fixtures:
 * scripts/fixtures/make_xgboost_fixtures.py. Rows that store a zero are left out: in the graph a
 * zero is an absent term.
 */
#include "emit_case.h"

#include "codec/joblib.h"
#include "codec/json.h"
#include "convert/extract.h"

#include <dirent.h>
#include <math.h>

/* ALF_XGBOOST_FIXTURES names another folder: models by chance (docs/fidelity.md). */
static const char *fixtures(void)
{
    const char *named = getenv("ALF_XGBOOST_FIXTURES");
    return named != NULL ? named : ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/xgboost";
}

enum { MAX_ROWS = 32, MAX_WIDTH = 16 };

typedef struct rows {
    float inputs[MAX_ROWS * MAX_WIDTH], probabilities[MAX_ROWS * MAX_WIDTH];
    int64_t labels[MAX_ROWS];
    int64_t count;
} rows;

static double number_at(const value *fixture, const char *key, size_t i)
{
    double number;
    const value *array = value_get(fixture, key);
    assert_non_null(array);
    assert_true(value_array_double(&array->as.array, i, &number));
    return number;
}

static size_t size_at(const value *fixture, const char *key)
{
    int64_t size;
    assert_true(value_to_int64(value_get(fixture, key), &size));
    assert_in_range(size, 1, MAX_ROWS);
    return (size_t)size;
}

/* The rows without zeros, and what the library says of them. */
static void take_rows(const value *fixture, size_t width, size_t classes, rows *out)
{
    out->count = 0;
    for (size_t r = 0; r < size_at(fixture, "rows"); r++) {
        size_t to = (size_t)out->count;
        bool has_zero = false;
        for (size_t k = 0; k < width; k++) {
            float x = (float)number_at(fixture, "inputs", r * width + k);
            has_zero = has_zero || x == 0.0F;
            out->inputs[to * width + k] = x;
        }
        for (size_t k = 0; k < classes; k++)
            out->probabilities[to * classes + k] =
                (float)number_at(fixture, "probabilities", r * classes + k);
        out->labels[to] = (int64_t)number_at(fixture, "labels", r);
        out->count += !has_zero;
    }
}

static void compare(const char *name, const tensor *found, const rows *expected, size_t classes)
{
    const int64_t *labels = found[0].data;
    const float *probabilities = found[1].data;
    assert_int_equal(tensor_count(&found[1]), (size_t)expected->count * classes);
    for (size_t r = 0; r < (size_t)expected->count; r++) {
        if (labels[r] != expected->labels[r])
            fail_msg("%s: row %zu: label %d, expected %d", name, r, (int)labels[r],
                     (int)expected->labels[r]);
        for (size_t k = r * classes; k < (r + 1) * classes; k++)
            if (!(fabsf(probabilities[k] - expected->probabilities[k]) <= 1e-6F))
                fail_msg("%s: row %zu: probability %.9g, expected %.9g", name, r,
                         (double)probabilities[k], (double)expected->probabilities[k]);
    }
}

static void run_model(const char *name, const boosted_classifier *model, const value *fixture)
{
    static rows expected;
    alf_error err = {0};
    onnx_model *graph;
    emit_case c;
    tensor found[2];
    size_t width = size_at(fixture, "features"), classes = model->class_count;
    assert_in_range(classes, 2, MAX_WIDTH);
    assert_in_range(width, 1, MAX_WIDTH);
    take_rows(fixture, width, classes, &expected);
    must(emit_boosted(model, &graph, &err), &err);
    emit_case_open(&c, name, graph);
    const tensor input = {ONNX_FLOAT, 2, {expected.count, (int64_t)width}, expected.inputs};
    const tensor outputs[] = {
        {ONNX_INT64, 1, {expected.count}, expected.labels},
        {ONNX_FLOAT, 2, {expected.count, (int64_t)classes}, expected.probabilities}};
    emit_case_run(&c, &input, found, outputs, (const double[]){0, 1e-6});
    compare(name, found, &expected, classes);
    emit_case_close(&c);
}

/* Returns whether the fixture was one to convert. */
static bool run_fixture(const value *fixture)
{
    char name[128], path[512];
    alf_span file_name = value_get(fixture, "file")->as.text;
    static const char ending[] = ".joblib";
    size_t base = file_name.size - (sizeof ending - 1);
    if (file_name.size < sizeof ending || value_get(fixture, "refused") != NULL ||
        memcmp(file_name.data + base, ending, sizeof ending - 1) != 0)
        return false;
    (void)snprintf(name, sizeof name, "xgboost-%.*s", (int)base, file_name.data);
    (void)snprintf(path, sizeof path, "%s/%.*s", fixtures(), (int)file_name.size, file_name.data);
    alf_error err = {0};
    joblib_file *file;
    boosted_classifier model;
    arena memory;
    arena_init(&memory, 0);
    must(joblib_open(path, NULL, &file, &err), &err);
    must(extract_boosted(joblib_root(file), &memory, &model, &err), &err);
    run_model(name, &model, fixture);
    joblib_free(file);
    arena_fini(&memory);
    return true;
}

static size_t run_version(const char *path)
{
    alf_error err = {0};
    buf text;
    arena memory;
    value *root;
    size_t run = 0;
    buf_init(&text);
    arena_init(&memory, 0);
    must(file_read(path, (size_t)1 << 24, &text, &err), &err);
    must(json_parse(buf_span(&text), &memory, &root, &err), &err);
    const value *cases = value_get(root, "cases");
    for (size_t i = 0; cases != NULL && i < value_length(cases); i++)
        run += run_fixture(value_item(cases, i));
    arena_fini(&memory);
    buf_fini(&text);
    return run;
}

static void equals_the_library(void **state)
{
    (void)state;
    size_t run = 0;
    DIR *folder = opendir(fixtures());
    assert_non_null(folder);
    for (struct dirent *e = readdir(folder); e != NULL; e = readdir(folder)) {
        char path[512];
        size_t n = strlen(e->d_name);
        if (n < 6 || strcmp(e->d_name + n - 5, ".json") != 0 || strchr(e->d_name, '-') != NULL)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", fixtures(), e->d_name);
        run += run_version(path);
    }
    (void)closedir(folder);
    print_message("%zu models\n", run);
    assert_true(run >= 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(equals_the_library)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
