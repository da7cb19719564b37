/*
 * Classifiers and scalers of scikit-learn 0.19 to 1.8 and classifiers of LightGBM 2.2 to 4.6 with
 * the libraries' own answers (fixtures/classifiers and fixtures/lightgbm, written by
 * make_classifier_fixtures.py and make_lightgbm.py in scripts/fixtures): the joblib engine, and the
 * ONNX graph in our engine, both give those answers. Labels are equal; probabilities within 1e-12
 * in the joblib engine (LightGBM: equal to the bit, or the last), and 1e-7 out of the graph, which
 * rounds them to float32. ONNX Runtime is held to the same by scripts/peers/check_emitted.sh.
 */
#include "emit_case.h"

#include "codec/joblib.h"
#include "convert/extract.h"
#include "convert/reference.h"
#include "convert/source_file.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <zlib.h>

#define FIXTURES ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/"

static const char *fixture_folder; /* one of these, or ALF_CLASSIFIER_FIXTURES: models by chance */

#define LAST_BIT 0x1p-53

enum { MAX_ROWS = 32, MAX_COLUMNS = 32, MAX_CLASSES = 16 };

typedef struct fixture {
    char name[256];    /* of the case, for messages */
    joblib_file *file; /* NULL: root is the Booster of a text file */
    buf text;
    const value *root;
    json_t *answers;
    arena memory;
} fixture;

static bool check_status(const fixture *f, alf_status status, const alf_error *err)
{
    char line[1024];
    if (status != ALF_OK)
        print_error("%s: %s\n", f->name, error_text(err, line, sizeof line));
    return status == ALF_OK;
}

static bool failed(const fixture *f, const char *what, size_t row)
{
    print_error("%s: %s, row %zu\n", f->name, what, row);
    return false;
}

static double number_at(const json_t *array, size_t i)
{
    const json_t *number = json_array_get(array, i);
    return json_is_null(number) ? (double)NAN : json_number_value(number);
}

static json_t *answer(const fixture *f, const char *key)
{
    json_t *v = json_object_get(f->answers, key);
    assert_non_null(v);
    return v;
}

/* ------------------------------------------------------------------ classifiers */

/* What the library said, and what it was asked. */
typedef struct questions {
    size_t rows, columns, classes;
    double wide[MAX_ROWS * MAX_COLUMNS];
    float narrow[MAX_ROWS * MAX_COLUMNS];
    double probabilities[MAX_ROWS * MAX_CLASSES];
    float narrow_probabilities[MAX_ROWS * MAX_CLASSES];
    int64_t labels[MAX_ROWS];
} questions;

static void read_questions(const fixture *f, questions *q)
{
    json_t *rows = answer(f, "rows");
    *q = (questions){.rows = json_array_size(rows),
                     .columns = (size_t)json_integer_value(answer(f, "columns")),
                     .classes = json_array_size(answer(f, "names"))};
    assert_true(q->rows > 3 && q->rows <= MAX_ROWS && q->columns <= MAX_COLUMNS &&
                q->classes >= 2 && q->classes <= MAX_CLASSES);
    for (size_t r = 0; r < q->rows; r++) {
        json_t *pairs = json_array_get(rows, r);
        json_t *p = json_array_get(answer(f, "probabilities"), r);
        for (size_t i = 0; i + 1 < json_array_size(pairs); i += 2) {
            size_t at = r * q->columns + (size_t)number_at(pairs, i);
            q->wide[at] = number_at(pairs, i + 1);
            q->narrow[at] = (float)q->wide[at];
        }
        for (size_t k = 0; k < q->classes; k++) {
            q->probabilities[r * q->classes + k] = number_at(p, k);
            q->narrow_probabilities[r * q->classes + k] = (float)number_at(p, k);
        }
        q->labels[r] = (int64_t)number_at(answer(f, "labels"), r);
    }
}

static bool check_joblib_engine(const fixture *f, const questions *q)
{
    alf_error err = {0};
    reference_classifier *r;
    uint32_t columns[MAX_COLUMNS];
    double values[MAX_COLUMNS], p[MAX_CLASSES];
    bool exact = value_is_a(f->root, "lightgbm", "LGBMClassifier") ||
                 value_is_a(f->root, "lightgbm", "Booster");
    double tolerance = exact ? LAST_BIT : 1e-12;
    if (!check_status(f, reference_classifier_new(f->root, &r, &err), &err))
        return false;
    bool good = reference_classifier_classes(r) == q->classes;
    for (size_t i = 0; i < q->rows && good; i++) {
        reference_row row = {columns, values, 0, MAX_COLUMNS};
        uint32_t label;
        for (uint32_t k = 0; k < q->columns; k++) {
            double x = q->wide[i * q->columns + k];
            if (x < 0 || x > 0 || isnan(x)) {
                columns[row.count] = k;
                values[row.count++] = x;
            }
        }
        good = check_status(f, reference_classifier_run(r, &row, p, &label, &err), &err);
        for (size_t k = 0; k < q->classes && good; k++)
            if (!(fabs(p[k] - q->probabilities[i * q->classes + k]) <= tolerance))
                good = failed(f, "probability of the joblib engine", i);
        if (good && label != q->labels[i])
            good = failed(f, "label of the joblib engine", i);
    }
    reference_classifier_free(r);
    return good;
}

static bool check_graph(fixture *f, questions *q, bool is_wide, onnx_model *graph)
{
    char name[160];
    emit_case c;
    tensor found[2];
    int64_t rows = (int64_t)q->rows, classes = (int64_t)q->classes;
    bool good = true;
    const char *ending = strrchr(f->name, '.');
    (void)snprintf(name, sizeof name, "classifier_%.*s", (int)(ending - f->name), f->name);
    emit_case_open(&c, name, graph);
    const tensor input = {is_wide ? ONNX_DOUBLE : ONNX_FLOAT,
                          2,
                          {rows, (int64_t)q->columns},
                          is_wide ? (void *)q->wide : (void *)q->narrow};
    const tensor expected[] = {{ONNX_INT64, 1, {rows}, q->labels},
                               {ONNX_FLOAT, 2, {rows, classes}, q->narrow_probabilities}};
    emit_case_run(&c, &input, found, expected, (const double[]){0, 1e-7});
    assert_int_equal(found[1].type, ONNX_FLOAT);
    assert_int_equal(tensor_count(&found[1]), q->rows * q->classes);
    for (size_t i = 0; i < q->rows && good; i++)
        if (((const int64_t *)found[0].data)[i] != q->labels[i])
            good = failed(f, "label of the graph", i);
    for (size_t i = 0; i < q->rows * q->classes && good; i++)
        if (!(fabs((double)((const float *)found[1].data)[i] - q->probabilities[i]) <= 1e-7))
            good = failed(f, "probability of the graph", i / q->classes);
    emit_case_close(&c);
    return good;
}

static bool check_names(fixture *f, uint32_t class_count)
{
    alf_error err = {0};
    class_labels labels;
    json_t *names = answer(f, "names");
    if (!check_status(
            f, extract_classifier_labels(f->root, NULL, class_count, &f->memory, &labels, &err),
            &err))
        return false;
    if (labels.count != json_array_size(names))
        return failed(f, "number of class names", labels.count);
    for (size_t i = 0; i < labels.count; i++)
        if (!span_is(labels.names[i], json_string_value(json_array_get(names, i))))
            return failed(f, "class name", i);
    return true;
}

static bool check_classifier(fixture *f)
{
    static questions q;
    alf_error err = {0};
    text_classifier model;
    onnx_model *graph = NULL;
    read_questions(f, &q);
    if (!extract_is_classifier(f->root))
        return failed(f, "not taken for a classifier", 0);
    if (!check_status(f, extract_classifier(f->root, &f->memory, &model, &err), &err) ||
        !check_names(f, model.class_count) || !check_joblib_engine(f, &q) ||
        !check_status(f, emit_classifier(&model, &graph, &err), &err))
        return false;
    return check_graph(f, &q, text_classifier_is_wide(&model), graph);
}

/* ------------------------------------------------------------------ scalers */

static bool check_scaler(fixture *f)
{
    enum { WIDTH = 4 };
    alf_error err = {0};
    scaler model;
    onnx_model *graph = NULL;
    double x[MAX_ROWS * WIDTH], out[WIDTH];
    float want[MAX_ROWS * WIDTH];
    char name[160];
    emit_case c;
    tensor found;
    size_t rows = json_array_size(answer(f, "rows"));
    bool good = true;
    assert_true(rows > 3 && rows <= MAX_ROWS);
    if (!check_status(f, extract_scaler(f->root, &f->memory, &model, &err), &err) ||
        !check_status(f, emit_scaler(&model, &graph, &err), &err))
        return false;
    for (size_t i = 0; i < rows && good; i++) {
        json_t *wanted = json_array_get(answer(f, "out"), i);
        for (size_t k = 0; k < WIDTH; k++)
            x[i * WIDTH + k] = number_at(json_array_get(answer(f, "rows"), i), k);
        good = check_status(f, reference_scale(f->root, x + i * WIDTH, WIDTH, out, &err), &err);
        for (size_t k = 0; k < WIDTH && good; k++) {
            double expected = number_at(wanted, k);
            want[i * WIDTH + k] = (float)expected;
            if (memcmp(&expected, &out[k], sizeof expected) != 0)
                good = failed(f, "scaled value of the joblib engine", i);
        }
    }
    (void)snprintf(name, sizeof name, "scaler_%.*s", (int)(strlen(f->name) - 7), f->name);
    emit_case_open(&c, name, graph);
    const tensor input = {ONNX_DOUBLE, 2, {(int64_t)rows, WIDTH}, x};
    const tensor expected = {ONNX_FLOAT, 2, {(int64_t)rows, WIDTH}, want};
    if (good)
        emit_case_run(&c, &input, &found, &expected, (const double[]){0});
    if (good && memcmp(found.data, want, rows * WIDTH * sizeof *want) != 0)
        good = failed(f, "scaled value of the graph", 0);
    emit_case_close(&c);
    return good;
}

/* ------------------------------------------------------------------ refusals */

/* Refused, and the reason is named. */
static bool check_refused(fixture *f)
{
    alf_error err = {0};
    text_classifier model;
    const char *says = json_string_value(answer(f, "says"));
    if (!extract_is_classifier(f->root))
        return failed(f, "not taken for a classifier", 0);
    if (extract_classifier(f->root, &f->memory, &model, &err) == ALF_OK)
        return failed(f, "accepted", 0);
    if (strstr(err.message, says) != NULL)
        return true;
    print_error("'%s' does not mention '%s'; ", err.message, says);
    return failed(f, "message", 0);
}

/* ------------------------------------------------------------------ all fixtures */

/* A joblib file, or the text of a LightGBM model. */
static bool open_fixture(fixture *f, const char *path)
{
    alf_error err = {0};
    if (strstr(path, ".txt") == NULL) {
        if (!check_status(f, joblib_open(path, NULL, &f->file, &err), &err))
            return false;
        f->root = joblib_root(f->file);
        return true;
    }
    return check_status(f, file_read(path, 1 << 20, &f->text, &err), &err) &&
           check_status(
               f, source_file_object(buf_span(&f->text), "model.txt", &f->memory, &f->root, &err),
               &err);
}

static bool check_case(json_t *answers)
{
    static const struct {
        const char *kind;
        bool (*check)(fixture *);
    } kinds[] = {
        {"classifier", check_classifier}, {"scaler", check_scaler}, {"refused", check_refused}};
    fixture f = {.answers = answers};
    const char *kind = json_string_value(json_object_get(answers, "kind"));
    (void)snprintf(f.name, sizeof f.name, "%s",
                   json_string_value(json_object_get(answers, "file")));
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", fixture_folder, f.name);
    arena_init(&f.memory, 16 << 20);
    buf_init(&f.text);
    if (!open_fixture(&f, path))
        return false;
    bool good = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kind, kinds[i].kind) == 0)
            good = kinds[i].check(&f);
    arena_fini(&f.memory);
    buf_fini(&f.text);
    joblib_free(f.file);
    return good;
}

static json_t *read_answers(const char *name)
{
    enum { CAPACITY = 1 << 24 };
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", fixture_folder, name);
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(CAPACITY);
    assert_non_null(text);
    int size = gzread(file, text, CAPACITY);
    assert_true(size > 0 && size < CAPACITY);
    gzclose(file);
    json_t *root = json_loadb(text, (size_t)size, 0, NULL);
    free(text);
    assert_non_null(root);
    return root;
}

/* All models of a folder; at least that many, of that many versions. */
static void check_folder(const char *path, size_t least_versions, size_t least_cases)
{
    size_t versions = 0, cases = 0, wrong = 0;
    fixture_folder = path;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".json.gz") == NULL)
            continue;
        json_t *root = read_answers(entry->d_name);
        size_t i;
        json_t *answers;
        json_array_foreach(json_object_get(root, "cases"), i, answers)
        {
            cases++;
            wrong += !check_case(answers);
        }
        json_decref(root);
        versions++;
    }
    closedir(folder);
    print_message("%zu library versions, %zu models, %zu wrong\n", versions, cases, wrong);
    assert_int_equal(wrong, 0);
    assert_true(versions >= least_versions && cases >= least_cases);
}

static void every_version_of_scikit_learn(void **state)
{
    (void)state;
    check_folder(FIXTURES "classifiers", 15, 150);
}

static void every_version_of_lightgbm(void **state)
{
    (void)state;
    check_folder(FIXTURES "lightgbm", 6, 90);
}

static void models_by_chance(void **state)
{
    (void)state;
    check_folder(getenv("ALF_CLASSIFIER_FIXTURES"), 1, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_version_of_scikit_learn),
                                       cmocka_unit_test(every_version_of_lightgbm)};
    const struct CMUnitTest chance[] = {cmocka_unit_test(models_by_chance)};
    return getenv("ALF_CLASSIFIER_FIXTURES") != NULL ? cmocka_run_group_tests(chance, NULL, NULL)
                                                     : cmocka_run_group_tests(tests, NULL, NULL);
}
