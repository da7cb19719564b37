/*
 * Damaged classifiers of scikit-learn are refused with an error that fits, by the extractor; the
 * joblib engine neither crashes nor loops on them. Models are damaged in memory after they have
 * been read. Running out of memory at any point is survived too.
 */
#include "support/test.h"

#include "base/mem.h"
#include "base/span.h"
#include "codec/joblib.h"
#include "convert/emit.h"
#include "convert/extract.h"
#include "convert/reference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FOLDER ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/classifiers/"

typedef struct model {
    joblib_file *file;
    const value *root;
} model;

static value none = {.kind = VALUE_NONE};
static value one = {.kind = VALUE_INT, .as.integer = 1};
static value huge = {.kind = VALUE_INT, .as.integer = INT64_MAX};
static value nan_value; /* NaN; set by open_model */
static value empty = {.kind = VALUE_LIST};
static value text = {.kind = VALUE_STRING, .as.text = {"x", 1}};

static model open_model(const char *name)
{
    char path[512];
    model m;
    nan_value = (value){.kind = VALUE_FLOAT, .as.real = (double)NAN};
    (void)snprintf(path, sizeof path, "%s%s.joblib", FOLDER, name);
    assert_int_equal(joblib_open(path, NULL, &m.file, NULL), ALF_OK);
    m.root = joblib_root(m.file);
    return m;
}

/* Both readers, and every row that can make the joblib engine walk; the status is the extractor's.
 */
static alf_status run(const value *root, alf_error *err)
{
    enum { WIDTH = 24 };
    arena a;
    text_classifier plain;
    reference_classifier *engine;
    uint32_t columns[WIDTH], label;
    double values[WIDTH], p[1000];
    arena_init(&a, 16 << 20);
    alf_status status = extract_classifier(root, &a, &plain, err);
    arena_fini(&a);
    if (reference_classifier_new(root, &engine, NULL) != ALF_OK)
        return status;
    for (int sign = -1; sign <= 1; sign++) {
        reference_row row = {columns, values, 0, WIDTH};
        for (uint32_t k = 0; k < WIDTH && sign != 0; k++) {
            columns[row.count] = k;
            values[row.count++] = 1e300 * sign;
        }
        (void)reference_classifier_run(engine, &row, p, &label, NULL);
    }
    reference_classifier_free(engine);
    return status;
}

static void expect(const value *root, alf_status want, const char *says)
{
    alf_error err = {0};
    alf_status status = run(root, &err);
    if (status != want || strstr(err.message, says) == NULL)
        fail_msg("status %d, expected %d; '%s' should mention '%s'", status, want, err.message,
                 says);
}

/* Replaces an attribute for one look. */
static void swap(const value *object, const value *root, const char *name, value *new_one,
                 alf_status want)
{
    const value *state = object->as.object.state;
    for (size_t i = 0; i < state->as.dict.count; i++)
        if (span_is(state->as.dict.pairs[i].key->as.text, name)) {
            value *old = state->as.dict.pairs[i].item;
            state->as.dict.pairs[i].item = new_one;
            expect(root, want, "");
            state->as.dict.pairs[i].item = old;
            return;
        }
    fail_msg("no attribute %s", name);
}

static const value *tree_of(const value *root, size_t t)
{
    const value *estimators = value_attribute(root, "estimators_");
    const value *estimator = estimators != NULL ? value_item(estimators, t) : root;
    const value *tree = value_attribute(estimator, "tree_");
    assert_non_null(tree);
    return tree;
}

/* Overwrites 8 bytes for one look. */
static void damage_bytes(const value *root, char *at, const void *bytes, const char *says)
{
    char old[8];
    memcpy(old, at, 8);
    memcpy(at, bytes, 8);
    expect(root, ALF_E_FORMAT, says);
    memcpy(at, old, 8);
    assert_int_equal(run(root, NULL), ALF_OK);
}

static void damage_node(const value *root, size_t t, size_t node, const char *field,
                        const void *bytes, const char *says)
{
    const value_array *nodes = &value_attribute(tree_of(root, t), "nodes")->as.array;
    const dtype_field *f = value_array_field(nodes, field);
    assert_non_null(f);
    damage_bytes(root, (char *)nodes->data.data + node * nodes->type.item_size + f->offset, bytes,
                 says);
}

static void damage_trees(const value *root, size_t t)
{
    const int64_t children[] = {0, -2, 1 << 30, INT64_MIN, INT64_MAX};
    const int64_t features[] = {-2, 24, INT64_MAX, INT64_MIN};
    const double nan = (double)NAN;
    int64_t same;
    const value_array *nodes = &value_attribute(tree_of(root, t), "nodes")->as.array;
    for (size_t i = 0; i < sizeof children / sizeof children[0]; i++) {
        damage_node(root, t, 0, "left_child", &children[i], "node 0");
        damage_node(root, t, 0, "right_child", &children[i], "node 0");
    }
    assert_true(value_record_int64(nodes, value_array_field(nodes, "left_child"), 0, &same));
    damage_node(root, t, 0, "right_child", &same, "node 0");
    same = -1; /* a leaf, so that nothing leads to the others */
    damage_node(root, t, 0, "left_child", &same, "nothing leads to it");
    damage_node(root, t, 0, "threshold", &nan, "threshold");
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
        damage_node(root, t, 0, "feature", &features[i], "column");
}

static void test_forests(void **state)
{
    (void)state;
    model m = open_model("sk18-forest");
    damage_trees(m.root, 2);
    const value *values = value_attribute(tree_of(m.root, 1), "values");
    const value_array *nodes = &value_attribute(tree_of(m.root, 1), "nodes")->as.array;
    const double bad[] = {(double)NAN, (double)INFINITY};
    char *last = (char *)values->as.array.data.data + (nodes->count - 1) * 4 * sizeof(double);
    for (size_t i = 0; i < 2; i++)
        damage_bytes(m.root, last, &bad[i], "its value");
    swap(m.root, m.root, "estimators_", &none, ALF_E_FORMAT);
    swap(m.root, m.root, "estimators_", &empty, ALF_E_FORMAT);
    swap(m.root, m.root, "n_features_in_", &one, ALF_E_FORMAT);
    swap(m.root, m.root, "n_features_in_", &huge, ALF_E_FORMAT);
    swap(m.root, m.root, "n_classes_", &one, ALF_E_FORMAT);
    swap(m.root, m.root, "n_outputs_", &text, ALF_E_FORMAT);
    swap(m.root, m.root, "n_outputs_", &huge, ALF_E_UNSUPPORTED);
    swap(m.root, m.root, "classes_", &none, ALF_E_FORMAT);
    swap(m.root, m.root, "classes_", &empty, ALF_E_FORMAT);
    value *estimator = (value *)value_item(value_attribute(m.root, "estimators_"), 0);
    swap(estimator, m.root, "tree_", &none, ALF_E_FORMAT);
    swap(estimator, m.root, "tree_", (value *)m.root, ALF_E_FORMAT);
    swap(tree_of(m.root, 0), m.root, "values", &none, ALF_E_FORMAT);
    swap(tree_of(m.root, 0), m.root, "values", (value *)value_attribute(m.root, "classes_"),
         ALF_E_FORMAT);
    swap(tree_of(m.root, 0), m.root, "nodes", (value *)values, ALF_E_FORMAT);
    joblib_free(m.file);
}

static void test_single_trees_and_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"sk019-forest", "sk18-tree", "sk019-tree"};
    for (size_t i = 0; i < 3; i++) {
        model m = open_model(names[i]);
        damage_trees(m.root, 0);
        joblib_free(m.file);
    }
}

static void test_class_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"sk18-forest", "sk18-tree", "sk18-gradient",
                                        "sk18-logistic"};
    for (size_t i = 0; i < 4; i++) {
        model m = open_model(names[i]);
        value_array *classes = (value_array *)&value_attribute(m.root, "classes_")->as.array;
        uint64_t count = classes->count;
        for (uint64_t n = 1; n < count; n++) {
            classes->count = classes->shape[0] = n;
            expect(m.root, ALF_E_FORMAT, "");
        }
        joblib_free(m.file);
    }
}

static void test_gradient_boosting(void **state)
{
    (void)state;
    model m = open_model("sk18-gradient");
    damage_trees(m.root, 1);
    swap(m.root, m.root, "learning_rate", &nan_value, ALF_E_FORMAT);
    swap(m.root, m.root, "learning_rate", &text, ALF_E_FORMAT);
    swap(m.root, m.root, "loss", &text, ALF_E_UNSUPPORTED);
    swap(m.root, m.root, "loss", &none, ALF_E_UNSUPPORTED);
    value exponential = {.kind = VALUE_STRING, .as.text = SPAN_LITERAL("exponential")};
    swap(m.root, m.root, "loss", &exponential, ALF_E_FORMAT);
    swap(m.root, m.root, "init_", &none, ALF_E_FORMAT);
    swap(m.root, m.root, "init_", &text, ALF_E_UNSUPPORTED);
    swap(m.root, m.root, "init_", (value *)m.root, ALF_E_UNSUPPORTED);
    const value *init = value_attribute(m.root, "init_");
    swap(init, m.root, "strategy", &text, ALF_E_UNSUPPORTED);
    swap(init, m.root, "class_prior_", &none, ALF_E_FORMAT);
    swap(m.root, m.root, "estimators_", &empty, ALF_E_FORMAT);
    value_array *rounds = (value_array *)&value_attribute(m.root, "estimators_")->as.array;
    uint64_t columns = rounds->shape[1];
    rounds->shape[1] = columns - 1;
    expect(m.root, ALF_E_FORMAT, "estimators_");
    rounds->shape[1] = columns;
    value *tree = rounds->items[0];
    rounds->items[0] = &none;
    expect(m.root, ALF_E_FORMAT, "DecisionTreeRegressor");
    rounds->items[0] = tree;
    joblib_free(m.file);
    m = open_model("sk019-gradient");
    swap(value_attribute(m.root, "init_"), m.root, "priors", &none, ALF_E_FORMAT);
    joblib_free(m.file);
    m = open_model("sk019-gradient-two");
    swap(value_attribute(m.root, "init_"), m.root, "prior", &nan_value, ALF_E_FORMAT);
    joblib_free(m.file);
}

static void test_logistic_regression(void **state)
{
    (void)state;
    model m = open_model("sk18-logistic");
    value_array *coef = (value_array *)&value_attribute(m.root, "coef_")->as.array;
    const value_array kept = *coef;
    const double bad[] = {(double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 2; i++) {
        damage_bytes(m.root, (char *)coef->data.data + 8, &bad[i], "coef_");
        damage_bytes(m.root, (char *)value_attribute(m.root, "intercept_")->as.array.data.data,
                     &bad[i], "intercept_");
    }
    coef->shape[0]--;
    coef->count -= coef->shape[1];
    expect(m.root, ALF_E_FORMAT, "coef_");
    *coef = kept;
    coef->shape[1] = coef->count = 0;
    expect(m.root, ALF_E_FORMAT, "coef_");
    *coef = kept;
    coef->rank = 1;
    coef->shape[0] = coef->count;
    expect(m.root, ALF_E_FORMAT, "coef_");
    *coef = kept;
    swap(m.root, m.root, "coef_", &none, ALF_E_FORMAT);
    swap(m.root, m.root, "coef_", &text, ALF_E_FORMAT);
    swap(m.root, m.root, "coef_", (value *)m.root, ALF_E_UNSUPPORTED);
    swap(m.root, m.root, "intercept_", &none, ALF_E_FORMAT);
    swap(m.root, m.root, "intercept_", &text, ALF_E_FORMAT);
    swap(m.root, m.root, "intercept_", &nan_value, ALF_E_FORMAT);
    swap(m.root, m.root, "intercept_", (value *)value_attribute(m.root, "coef_"), ALF_E_FORMAT);
    assert_int_equal(run(m.root, NULL), ALF_OK);
    joblib_free(m.file);
}

static void test_what_is_no_classifier(void **state)
{
    (void)state;
    expect(&none, ALF_E_UNSUPPORTED, "RandomForestClassifier");
    expect(&none, ALF_E_UNSUPPORTED, "LogisticRegression");
    assert_int_equal(extract_classifier(NULL, NULL, &(text_classifier){0}, NULL),
                     ALF_E_UNSUPPORTED);
    assert_false(extract_is_classifier(&none));
    assert_false(extract_is_classifier(NULL));
}

/* ------------------------------------------------------------------ labels */

static void test_labels(void **state)
{
    (void)state;
    alf_error err = {0};
    class_labels labels;
    arena a;
    arena_init(&a, 1 << 20);
    model named = open_model("sk18-logistic-two"), numbered = open_model("sk18-tree");
    value names[5];
    value *items[5];
    value encoder = {.kind = VALUE_LIST, .as.list = {items, 4, 5}};
    for (size_t i = 0; i < 5; i++) {
        names[i] = (value){.kind = VALUE_STRING, .as.text = span_of(&"ABCDE"[i], 1)};
        items[i] = &names[i];
    }
    must(extract_classifier_labels(numbered.root, &encoder, 4, &a, &labels, &err), &err);
    assert_int_equal(labels.count, 4);
    assert_text(labels.names[3], "D");
    /* a classifier that knows names of its own does not need the encoder's */
    must(extract_classifier_labels(named.root, &encoder, 2, &a, &labels, &err), &err);
    assert_text(labels.names[1], "noise");
    encoder.as.list.count = 3;
    assert_int_equal(extract_classifier_labels(numbered.root, &encoder, 4, &a, &labels, &err),
                     ALF_E_FORMAT);
    encoder.as.list.count = 5; /* the last one was not in the training data */
    must(extract_classifier_labels(numbered.root, &encoder, 4, &a, &labels, &err), &err);
    assert_int_equal(labels.count, 4);
    /* neither names them */
    must(extract_classifier_labels(&none, NULL, 3, &a, &labels, &err), &err);
    assert_text(labels.names[2], "2");
    assert_int_equal(extract_classifier_labels(&none, &encoder, 4, &a, &labels, &err),
                     ALF_E_FORMAT);
    arena_fini(&a);
    joblib_free(named.file);
    joblib_free(numbered.file);
}

/* ------------------------------------------------------------------ memory */

static alf_status everything(const value *root)
{
    arena a;
    text_classifier plain;
    class_labels labels;
    onnx_model *graph = NULL;
    reference_classifier *engine = NULL;
    reference_row row = {0};
    double p[16];
    uint32_t label;
    arena_init(&a, 16 << 20);
    alf_status status = extract_classifier(root, &a, &plain, NULL);
    if (status == ALF_OK)
        status = extract_classifier_labels(root, NULL, plain.class_count, &a, &labels, NULL);
    if (status == ALF_OK)
        status = emit_classifier(&plain, &graph, NULL);
    if (status == ALF_OK)
        status = reference_classifier_new(root, &engine, NULL);
    if (status == ALF_OK)
        status = reference_classifier_run(engine, &row, p, &label, NULL);
    onnx_free(graph);
    reference_classifier_free(engine);
    arena_fini(&a);
    return status;
}

static void test_lack_of_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"sk18-forest", "sk18-tree", "sk18-gradient",
                                        "sk18-logistic", "sk019-logistic-ovr"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        model m = open_model(names[i]);
        alf_status status = ALF_E_NOMEM;
        for (uint64_t n = 1; status != ALF_OK; n++) {
            mem_fail_after(n);
            status = everything(m.root);
            mem_fail_after(0);
            assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        }
        joblib_free(m.file);
    }
}

static void test_parts_that_do_not_fit(void **state)
{
    (void)state;
    double numbers[4] = {0};
    onnx_model *graph;
    const text_classifier wrong[] = {
        {CLASSIFIER_LINEAR, 3, .as.linear = {4, 1, numbers, numbers, LINEAR_SOFTMAX}},
        {CLASSIFIER_LINEAR, 2, .as.linear = {0, 1, numbers, numbers, LINEAR_SOFTMAX}},
        {CLASSIFIER_TREES, 2, .as.trees = {.link = TREE_AVERAGE}},
        {CLASSIFIER_TREES, 3,
         .as.trees = {.trees = {FOREST_F64, .feature_count = 1, .target_count = 1},
                      .link = TREE_LOGISTIC,
                      .slope = 1}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(emit_classifier(&wrong[i], &graph, NULL), ALF_E_ARGUMENT);
        assert_null(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forests),
        cmocka_unit_test(test_single_trees_and_counts),
        cmocka_unit_test(test_class_counts),
        cmocka_unit_test(test_gradient_boosting),
        cmocka_unit_test(test_logistic_regression),
        cmocka_unit_test(test_what_is_no_classifier),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_lack_of_memory),
        cmocka_unit_test(test_parts_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
