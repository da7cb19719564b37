/*
 * Damaged and hostile scikit-learn models are refused with an error that fits; neither the
 * extractors nor the joblib engine crash, loop or leak on them. Models are damaged in memory after
 * they have been read. Running out of memory at any point is survived too.
 */
#include "base/mem.h"
#include "codec/joblib.h"
#include "convert/emit.h"
#include "convert/extract.h"
#include "convert/reference.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FOLDER ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/sklearn/"

typedef struct model {
    joblib_file *file;
    const value *root;
} model;

static value none = {.kind = VALUE_NONE};

static model open_model(const char *name)
{
    char path[512];
    model m;
    (void)snprintf(path, sizeof path, "%s%s.joblib", FOLDER, name);
    assert_int_equal(joblib_open(path, NULL, &m.file, NULL), ALF_OK);
    m.root = joblib_root(m.file);
    return m;
}

/* Replaces an attribute (a value of the test) and returns the old one. */
static value *replace(const value *object, const char *name, value *new_one)
{
    const value *state = object->as.object.state;
    for (size_t i = 0; i < state->as.dict.count; i++)
        if (span_is(state->as.dict.pairs[i].key->as.text, name)) {
            value *old = state->as.dict.pairs[i].item;
            state->as.dict.pairs[i].item = new_one;
            return old;
        }
    fail_msg("no attribute %s", name);
    return NULL;
}

/* Runs everything there is for the kind of model; the status is that of the extractor. */
static alf_status run_forest(const value *root, alf_error *err)
{
    arena a;
    arena_init(&a, 4 << 20);
    isolation_forest plain;
    alf_status status = extract_isolation_forest(root, &a, &plain, err);
    arena_fini(&a);
    reference_isolation *engine;
    if (reference_isolation_new(root, &engine, NULL) != ALF_OK)
        return status;
    double x[2][4] = {{0.1, -20.0, 0.001, 1.0}, {1e300, -1e300, -5.0, 0.0}};
    for (int i = 0; i < 2; i++) {
        double score;
        double decision;
        int label;
        (void)reference_isolation_run(engine, x[i], 4, &score, &decision, &label, NULL);
    }
    reference_isolation_free(engine);
    return status;
}

static alf_status run_text(const value *root, alf_error *err)
{
    arena a;
    arena_init(&a, 4 << 20);
    text_vectorizer plain;
    alf_status status = extract_vectorizer(root, &a, &plain, err);
    arena_fini(&a);
    reference_text *engine;
    alf_status opened = reference_text_new(root, &engine, NULL);
    if (opened == ALF_OK) {
        reference_row row = {0};
        (void)reference_text_run(engine, SPAN_LITERAL("Error: disk \xFF code user_name=admin"),
                                 &row, NULL);
        reference_row_fini(&row);
        reference_text_free(engine);
    }
    assert_int_equal(status == ALF_OK, opened == ALF_OK);
    return status;
}

static alf_status run_scaler(const value *root, alf_error *err)
{
    arena a;
    arena_init(&a, 1 << 20);
    scaler plain;
    double x[4] = {1.0, 2.0, 3.0, 4.0};
    double out[4];
    alf_status status = extract_scaler(root, &a, &plain, err);
    (void)reference_scale(root, x, 4, out, NULL);
    arena_fini(&a);
    return status;
}

static alf_status run_labels(const value *root, alf_error *err)
{
    arena a;
    arena_init(&a, 1 << 20);
    class_labels plain;
    alf_status status = extract_labels(root, &a, &plain, err);
    arena_fini(&a);
    return status;
}

typedef alf_status runner(const value *root, alf_error *err);

static void expect(runner *run, const value *root, alf_status want, const char *says)
{
    alf_error err = {0};
    alf_status status = run(root, &err);
    if (status != want || strstr(err.message, says) == NULL)
        fail_msg("status %d, expected %d; '%s' should mention '%s'", status, want, err.message,
                 says);
}

/* ------------------------------------------------------------------ trees */

static value_array *nodes_of(const value *root, size_t tree)
{
    const value *estimator = value_item(value_attribute(root, "estimators_"), tree);
    const value *nodes = value_attribute(value_attribute(estimator, "tree_"), "nodes");
    assert_non_null(nodes);
    return (value_array *)&nodes->as.array;
}

/* Overwrites one field of one node; the old bytes go to old (8 bytes). */
static char *field_bytes(value_array *nodes, size_t node, const char *field)
{
    const dtype_field *f = value_array_field(nodes, field);
    assert_non_null(f);
    assert_int_equal(f->type.item_size, 8);
    return (char *)nodes->data.data + node * nodes->type.item_size + f->offset;
}

static size_t first_leaf(const value_array *nodes)
{
    const dtype_field *left = value_array_field(nodes, "left_child");
    int64_t child;
    for (size_t i = 0; i < nodes->count; i++)
        if (value_record_int64(nodes, left, i, &child) && child == -1)
            return i;
    fail_msg("no leaf");
    return 0;
}

static void damage(const value *root, size_t node, const char *field, const void *bytes,
                   const char *says)
{
    char old[8];
    char *at = field_bytes(nodes_of(root, 2), node, field);
    memcpy(old, at, 8);
    memcpy(at, bytes, 8);
    expect(run_forest, root, ALF_E_FORMAT, says);
    memcpy(at, old, 8);
    assert_int_equal(run_forest(root, NULL), ALF_OK);
}

static void test_trees(void **state)
{
    (void)state;
    model m = open_model("1.8-all-forest");
    size_t leaf = first_leaf(nodes_of(m.root, 2));
    const int64_t children[] = {0, -2, 1 << 30, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof children / sizeof children[0]; i++) {
        damage(m.root, 0, "left_child", &children[i], "tree 2, node 0");
        damage(m.root, 0, "right_child", &children[i], "tree 2, node 0");
    }
    int64_t n = 1;
    damage(m.root, 0, "right_child", &n, "tree 2, node 0"); /* both children the same */
    damage(m.root, leaf, "left_child", &n, "tree 2, node"); /* a second parent, or backwards */
    n = -1;
    damage(m.root, 0, "left_child", &n, "no node leads to it");
    const double nan = NAN;
    damage(m.root, 0, "threshold", &nan, "threshold");
    const int64_t features[] = {-2, 4, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
        damage(m.root, 0, "feature", &features[i], "column");
    const int64_t samples[] = {0, -7, 100000, INT64_MAX};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        damage(m.root, leaf, "n_node_samples", &samples[i], "n_node_samples");
    joblib_free(m.file);

    m = open_model("1.0-forest-columns"); /* features go through estimators_features_ */
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
        damage(m.root, 0, "feature", &features[i], "column");
    n = 0;
    damage(m.root, first_leaf(nodes_of(m.root, 2)), "n_node_samples", &n, "n_node_samples");
    joblib_free(m.file);
}

/* From 1.3 on the path lengths that the file keeps are used, to the last bit. */
static void test_kept_path_lengths(void **state)
{
    (void)state;
    model m = open_model("1.8-all-forest");
    const value *averages = value_attribute(m.root, "_average_path_length_per_tree");
    const value_array *first = &value_item(averages, 0)->as.array;
    const value_array *nodes = nodes_of(m.root, 0);
    const dtype_field *samples = value_array_field(nodes, "n_node_samples");
    size_t leaf = first_leaf(nodes);
    int64_t n;
    for (; leaf < nodes->count; leaf++) /* one whose path length is not a whole number */
        if (value_record_int64(nodes, samples, leaf, &n) && n > 2 &&
            memcmp(field_bytes((value_array *)nodes, leaf, "left_child"), "\xFF\xFF", 2) == 0)
            break;
    assert_true(leaf < nodes->count);
    double kept;
    char *at = (char *)first->data.data + leaf * sizeof kept;
    memcpy(&kept, at, sizeof kept);
    for (int i = 0; i < 3; i++) {
        arena a;
        isolation_forest plain;
        arena_init(&a, 1 << 20);
        memcpy(at, &kept, sizeof kept);
        assert_int_equal(extract_isolation_forest(m.root, &a, &plain, NULL), ALF_OK);
        double weight = plain.trees.leaf_values[plain.trees.nodes[leaf].yes].weight;
        double depth = round(weight + 1.0 - kept);
        assert_true(fabs(depth + kept - 1.0 - weight) <= 0.0);
        arena_fini(&a);
        kept += 1e-14;
    }
    joblib_free(m.file);
}

static void swap_expect(runner *run, const value *object, const value *root, const char *name,
                        value *new_one, alf_status want)
{
    value *old = replace(object, name, new_one);
    expect(run, root, want, "");
    replace(object, name, old);
}

static void test_forest_attributes(void **state)
{
    (void)state;
    model m = open_model("1.8-all-forest-columns");
    value zero = {.kind = VALUE_INT};
    value huge = {.kind = VALUE_INT, .as.integer = INT64_MAX};
    value nan = {.kind = VALUE_FLOAT, .as.real = NAN};
    value one = {.kind = VALUE_INT, .as.integer = 1};
    value empty = {.kind = VALUE_LIST};
    value text = {.kind = VALUE_STRING, .as.text = {"x", 1}};
    swap_expect(run_forest, m.root, m.root, "estimators_", &none, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "estimators_", &empty, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "estimators_features_", &none, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "estimators_features_",
                (value *)value_attribute(m.root, "estimators_"), ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "n_features_in_", &zero, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "n_features_in_", &huge, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "n_features_in_", &one, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "_max_features", &text, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "_max_samples", &zero, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "_max_samples", &one, ALF_E_UNSUPPORTED);
    swap_expect(run_forest, m.root, m.root, "offset_", &nan, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "offset_", &none, ALF_E_FORMAT);
    swap_expect(run_forest, m.root, m.root, "_average_path_length_per_tree", &empty, ALF_E_FORMAT);
    value *tree = (value *)value_item(value_attribute(m.root, "estimators_"), 0);
    swap_expect(run_forest, tree, m.root, "tree_", &none, ALF_E_FORMAT);
    swap_expect(run_forest, tree, m.root, "tree_", (value *)m.root, ALF_E_FORMAT);
    joblib_free(m.file);
}

/* ------------------------------------------------------------------ the others */

static void test_scaler_attributes(void **state)
{
    (void)state;
    model m = open_model("1.8-all-standard");
    value text = {.kind = VALUE_STRING, .as.text = {"x", 1}};
    value_array *scale = (value_array *)&value_attribute(m.root, "scale_")->as.array;
    char *data = (char *)scale->data.data;
    const double bad[] = {0.0, NAN, INFINITY};
    for (size_t i = 0; i < 3; i++) {
        char old[8];
        memcpy(old, data, 8);
        memcpy(data, &bad[i], 8);
        expect(run_scaler, m.root, ALF_E_FORMAT, "scale_");
        memcpy(data, old, 8);
    }
    swap_expect(run_scaler, m.root, m.root, "scale_", &none, ALF_E_FORMAT);
    swap_expect(run_scaler, m.root, m.root, "mean_", &text, ALF_E_FORMAT);
    swap_expect(run_scaler, m.root, m.root, "with_std", &text, ALF_E_FORMAT);
    uint64_t count = scale->count;
    scale->count = scale->shape[0] = count - 1;
    expect(run_scaler, m.root, ALF_E_FORMAT, "scale_");
    scale->count = scale->shape[0] = 0;
    expect(run_scaler, m.root, ALF_E_FORMAT, "scale_");
    joblib_free(m.file);
}

static value pair_of(value items[2], value *pointers[2])
{
    pointers[0] = &items[0];
    pointers[1] = &items[1];
    return (value){.kind = VALUE_TUPLE, .as.list = {pointers, 2, 2}};
}

static void test_text_attributes(void **state)
{
    (void)state;
    model m = open_model("1.8-all-tfidf");
    const value *r = m.root;
    const value *weights = value_attribute(r, "_tfidf");
    static const int64_t ranges[][2] = {{0, 1}, {2, 1}, {-1, 1}, {1, 17}, {1, INT64_MAX}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        value numbers[2] = {{.kind = VALUE_INT, .as.integer = ranges[i][0]},
                            {.kind = VALUE_INT, .as.integer = ranges[i][1]}};
        value *pointers[2];
        value range = pair_of(numbers, pointers);
        swap_expect(run_text, r, r, "ngram_range", &range, ALF_E_UNSUPPORTED);
    }
    value text = {.kind = VALUE_STRING, .as.text = {"max", 3}};
    value empty = {.kind = VALUE_DICT};
    value number = {.kind = VALUE_INT, .as.integer = 3};
    value *number_pointer[1] = {&number};
    value numbers = {.kind = VALUE_LIST, .as.list = {number_pointer, 1, 1}};
    swap_expect(run_text, r, r, "ngram_range", &none, ALF_E_FORMAT);
    swap_expect(run_text, r, r, "analyzer", &text, ALF_E_UNSUPPORTED);
    swap_expect(run_text, r, r, "strip_accents", &text, ALF_E_UNSUPPORTED);
    swap_expect(run_text, r, r, "input", &text, ALF_E_UNSUPPORTED);
    swap_expect(run_text, r, r, "stop_words", &text, ALF_E_UNSUPPORTED);
    swap_expect(run_text, r, r, "stop_words", &numbers, ALF_E_FORMAT);
    swap_expect(run_text, r, r, "tokenizer", (value *)m.root, ALF_E_UNSUPPORTED);
    swap_expect(run_text, r, r, "token_pattern", &none, ALF_E_FORMAT);
    swap_expect(run_text, r, r, "vocabulary_", &none, ALF_E_FORMAT);
    swap_expect(run_text, r, r, "vocabulary_", &empty, ALF_E_FORMAT);
    swap_expect(run_text, r, r, "_tfidf", (value *)m.root, ALF_E_FORMAT);
    swap_expect(run_text, weights, r, "norm", &text, ALF_E_UNSUPPORTED);
    swap_expect(run_text, weights, r, "idf_", &none, ALF_E_FORMAT);
    swap_expect(run_text, weights, r, "idf_", &numbers, ALF_E_FORMAT);
    value_pair *pair = &value_attribute(r, "vocabulary_")->as.dict.pairs[0];
    value *column = pair[0].item;
    pair[0].item = pair[1].item; /* a column twice */
    expect(run_text, r, ALF_E_FORMAT, "two terms");
    pair[0].item = &text;
    expect(run_text, r, ALF_E_FORMAT, "vocabulary_");
    value outside = {.kind = VALUE_INT, .as.integer = -1};
    pair[0].item = &outside;
    expect(run_text, r, ALF_E_FORMAT, "vocabulary_");
    pair[0].item = column;
    value *key = pair[0].key;
    pair[0].key = pair[1].key; /* a term twice */
    expect(run_text, r, ALF_E_FORMAT, "twice");
    pair[0].key = key;
    assert_int_equal(run_text(r, NULL), ALF_OK);
    joblib_free(m.file);
}

static void test_diagonal(void **state)
{
    (void)state;
    model m = open_model("1.0-tfidf");
    const value *weights = value_attribute(m.root, "_tfidf");
    const value *matrix = value_attribute(weights, "_idf_diag");
    value_array *indices = (value_array *)&value_attribute(matrix, "indices")->as.array;
    char *data = (char *)indices->data.data;
    data[0] ^= 1;
    alf_error err = {0};
    arena a;
    arena_init(&a, 1 << 20);
    text_vectorizer plain;
    assert_int_equal(extract_vectorizer(m.root, &a, &plain, &err), ALF_E_FORMAT);
    assert_non_null(strstr(err.message, "_idf_diag"));
    arena_fini(&a);
    data[0] ^= 1;
    assert_int_equal(run_text(m.root, NULL), ALF_OK);
    joblib_free(m.file);
}

static void test_labels_and_classes(void **state)
{
    (void)state;
    model m = open_model("1.8-all-labels");
    value empty = {.kind = VALUE_LIST};
    swap_expect(run_labels, m.root, m.root, "classes_", &none, ALF_E_FORMAT);
    swap_expect(run_labels, m.root, m.root, "classes_", &empty, ALF_E_FORMAT);
    swap_expect(run_labels, m.root, m.root, "classes_", (value *)m.root, ALF_E_UNSUPPORTED);
    expect(run_forest, m.root, ALF_E_UNSUPPORTED, "LabelEncoder");
    expect(run_text, m.root, ALF_E_UNSUPPORTED, "LabelEncoder");
    expect(run_scaler, m.root, ALF_E_UNSUPPORTED, "LabelEncoder");
    expect(run_forest, &none, ALF_E_UNSUPPORTED, "None");
    expect(run_text, &none, ALF_E_UNSUPPORTED, "None");
    expect(run_scaler, &none, ALF_E_UNSUPPORTED, "None");
    expect(run_labels, &none, ALF_E_UNSUPPORTED, "None");
    joblib_free(m.file);
}

/* ------------------------------------------------------------------ memory */

static alf_status both_forests(const value *root)
{
    arena a;
    arena_init(&a, 4 << 20);
    isolation_forest plain;
    reference_isolation *engine = NULL;
    double x[4] = {0};
    double score;
    double decision;
    int label;
    alf_status status = extract_isolation_forest(root, &a, &plain, NULL);
    if (status == ALF_OK)
        status = reference_isolation_new(root, &engine, NULL);
    if (status == ALF_OK)
        status = reference_isolation_run(engine, x, 4, &score, &decision, &label, NULL);
    reference_isolation_free(engine);
    arena_fini(&a);
    return status;
}

static alf_status scaler_graph(const value *root)
{
    arena a;
    scaler plain;
    onnx_model *graph = NULL;
    arena_init(&a, 1 << 20);
    alf_status status = extract_scaler(root, &a, &plain, NULL);
    if (status == ALF_OK)
        status = emit_scaler(&plain, &graph, NULL);
    onnx_free(graph);
    arena_fini(&a);
    return status;
}

static alf_status both_texts(const value *root)
{
    arena a;
    arena_init(&a, 4 << 20);
    text_vectorizer plain;
    reference_text *engine = NULL;
    reference_row row = {0};
    alf_status status = extract_vectorizer(root, &a, &plain, NULL);
    if (status == ALF_OK)
        status = reference_text_new(root, &engine, NULL);
    if (status == ALF_OK)
        status =
            reference_text_run(engine, SPAN_LITERAL("Error: d\xC3\xA9j\xC3\xA0 disk"), &row, NULL);
    reference_row_fini(&row);
    reference_text_free(engine);
    arena_fini(&a);
    return status;
}

static void survive(const char *name, alf_status (*run)(const value *))
{
    model m = open_model(name);
    alf_status status = ALF_E_NOMEM;
    uint64_t n = 1;
    for (; status == ALF_E_NOMEM && n < 10000; n++) {
        mem_fail_after(n);
        status = run(m.root);
        mem_fail_after(0);
    }
    assert_int_equal(status, ALF_OK);
    assert_true(n > 3);
    joblib_free(m.file);
}

static void test_allocation_failure(void **state)
{
    (void)state;
    survive("1.8-all-forest-columns", both_forests);
    survive("0.20-all-forestold", both_forests);
    survive("1.8-all-tfidf", both_texts);
    survive("1.8-all-unicode", both_texts);
    survive("1.8-all-stop", both_texts);
    survive("1.8-all-charwb", both_texts);
    survive("1.8-all-char", both_texts);
    survive("1.4-all-pipeline", both_texts);
    survive("1.4-steps-standard-l1", both_texts);
    survive("1.8-steps-english-pairs", both_texts);
    survive("1.8-steps-norm-three", scaler_graph);
    model m = open_model("1.8-all-labels");
    mem_fail_after(1);
    assert_int_equal(run_labels(m.root, NULL), ALF_E_NOMEM);
    mem_fail_after(0);
    joblib_free(m.file);
}

/* An arena that is too small is a limit, not a crash. */
static void test_memory_limit(void **state)
{
    (void)state;
    model m = open_model("1.8-all-forest");
    for (size_t limit = 16; limit < 4096; limit *= 2) {
        arena a;
        isolation_forest plain;
        arena_init(&a, limit);
        assert_int_equal(extract_isolation_forest(m.root, &a, &plain, NULL), ALF_E_LIMIT);
        arena_fini(&a);
    }
    joblib_free(m.file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_forest_attributes),
        cmocka_unit_test(test_kept_path_lengths),
        cmocka_unit_test(test_scaler_attributes),
        cmocka_unit_test(test_text_attributes),
        cmocka_unit_test(test_diagonal),
        cmocka_unit_test(test_labels_and_classes),
        cmocka_unit_test(test_allocation_failure),
        cmocka_unit_test(test_memory_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
