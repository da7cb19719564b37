/*
 * What extract_boosted and the reference refuse: models damaged one field at a time, truncated at
 * every byte, and classifiers that do not fit their booster. (test_xgboost compares what they take
 * with the library.)
 */
#include "base/file.h"
#include "convert/extract.h"
#include "convert/reference.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURES ALF_TEST_SOURCE_DIR "/tests/unit/convert/fixtures/xgboost/"

/* x0 < 0.5 ? -1 : (x1 < 2 ? 1 : 3), twice; two rounds. */
#define TREE(kinds)                                                                                \
    "{\"default_left\":[1,0,0,0,0],\"left_children\":[1,-1,3,-1,-1],"                              \
    "\"right_children\":[2,-1,4,-1,-1],\"split_conditions\":[0.5,-1,2,1,3],"                       \
    "\"split_indices\":[0,0,1,0,0]," kinds ",\"tree_param\":{\"size_leaf_vector\":\"0\"}}"
#define MODEL(tree)                                                                                \
    "{\"learner\":{\"attributes\":{\"best_iteration\":\"0\"},\"gradient_booster\":{\"model\":{"    \
    "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\"},\"iteration_indptr\":[0,1,2],"           \
    "\"tree_info\":[0,0],\"trees\":[" tree "," tree                                                \
    "]},\"name\":\"gbtree\"},\"learner_model_param\":{\"base_score\":\"5E-1\",\"num_class\":"      \
    "\"0\","                                                                                       \
    "\"num_feature\":\"2\",\"num_target\":\"1\"},\"objective\":{\"name\":\"binary:logistic\"}},"   \
    "\"version\":[2,0,3]}"
static const char model[] = MODEL(TREE("\"split_type\":[0,0,0,0,0]"));
/* x0 in {1, 33}, else as above. */
static const char set_model[] =
    MODEL(TREE("\"split_type\":[1,0,0,0,0],\"categories\":[33,1,1],\"categories_nodes\":[0],"
               "\"categories_segments\":[0],\"categories_sizes\":[3]"));

/* An object with up to 4 attributes, on the stack of a test. */
typedef struct object {
    value self, class_, state;
    value keys[4], items[4];
    value_pair pairs[4];
} object;

static void object_init(object *o, const char *module, const char *name)
{
    memset(o, 0, sizeof *o);
    o->class_.kind = VALUE_GLOBAL;
    o->class_.as.global.module = span_from_string(module);
    o->class_.as.global.name = span_from_string(name);
    o->state.kind = VALUE_DICT;
    o->state.as.dict.pairs = o->pairs;
    o->self.kind = VALUE_OBJECT;
    o->self.as.object.class_ = &o->class_;
    o->self.as.object.state = &o->state;
}

/* The place of a new attribute; the caller fills it, or gives one that exists. */
static value *object_add(object *o, const char *name, value *item)
{
    size_t i = o->state.as.dict.count++;
    o->keys[i].kind = VALUE_STRING;
    o->keys[i].as.text = span_from_string(name);
    o->pairs[i] = (value_pair){&o->keys[i], item != NULL ? item : &o->items[i]};
    return &o->items[i];
}

static void booster_init(object *o, alf_span bytes)
{
    object_init(o, "xgboost.core", "Booster");
    value *handle = object_add(o, "handle", NULL);
    handle->kind = VALUE_BYTES;
    handle->as.text = bytes;
}

static void classifier_init(object *o, object *booster)
{
    booster_init(booster, SPAN_LITERAL(model));
    object_init(o, "xgboost.sklearn", "XGBClassifier");
    object_add(o, "_Booster", &booster->self);
}

static alf_status try_both(const value *v, alf_status *reference, alf_error *err)
{
    arena memory;
    boosted_classifier b;
    reference_boosted *r = NULL;
    alf_error other = {0};
    arena_init(&memory, 0);
    alf_status status = extract_boosted(v, &memory, &b, err);
    *reference = reference_boosted_new(v, &r, &other);
    reference_boosted_free(r);
    arena_fini(&memory);
    return status;
}

/* A model with the first occurrence of a text replaced. */
static char *edited(const char *original, const char *from, const char *to)
{
    const char *at = strstr(original, from);
    if (at == NULL)
        fail_msg("'%s' is not in the model", from);
    size_t size = strlen(original) + strlen(to) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    (void)snprintf(text, size, "%.*s%s%s", (int)(at - original), original, to, at + strlen(from));
    return text;
}

static void refuses_in(const char *original, const char *from, const char *to, alf_status status,
                       const char *words)
{
    char *text = edited(original, from, to);
    object booster;
    alf_error err = {0};
    alf_status reference;
    booster_init(&booster, span_from_string(text));
    assert_int_equal(try_both(&booster.self, &reference, &err), status);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    if ((status == ALF_E_UNSUPPORTED) == (original == model))
        assert_int_equal(reference, status);
    free(text);
}

static void refuses(const char *from, const char *to, alf_status status, const char *words)
{
    refuses_in(model, from, to, status, words);
}

static void test_the_model_itself(void **state)
{
    (void)state;
    object booster;
    arena memory;
    boosted_classifier b;
    alf_error err;
    double out;
    arena_init(&memory, 0);
    booster_init(&booster, SPAN_LITERAL(model));
    assert_int_equal(extract_boosted(&booster.self, &memory, &b, &err), ALF_OK);
    assert_int_equal(b.trees.tree_count, 2); /* a bare booster uses all */
    assert_int_equal(b.trees.node_count, 10);
    forest_sum(&b.trees, (double[]){0.5, 2.0}, &out);
    assert_true(out > 5.9 && out < 6.1);
    forest_sum(&b.trees, (double[]){NAN, 2.0}, &out); /* missing goes left */
    assert_true(out < -1.9 && out > -2.1);
    object classifier;
    classifier_init(&classifier, &booster);
    assert_int_equal(extract_boosted(&classifier.self, &memory, &b, &err), ALF_OK);
    assert_int_equal(b.trees.tree_count, 1); /* a classifier stops at best_iteration */
    arena_fini(&memory);
}

static void test_trees(void **state)
{
    (void)state;
    const alf_status format = ALF_E_FORMAT;
    const char *left = "[1,-1,3,-1,-1]";
    refuses(left, "[1,-1,0,-1,-1]", format, "tree 0, node 0 of the XGBoost model: two splits");
    refuses(left, "[1,-1,2,-1,-1]", format, "node 2 of the XGBoost model: two splits");
    refuses(left, "[2,-1,3,-1,-1]", format, "two splits lead to it");
    refuses(left, "[1,-1,5,-1,-1]", format, "a child is not a node");
    refuses(left, "[1,-1,3,-1,-2]", format, "node 4 of a tree");
    refuses(left, "[1,-1,3000000000,-1,-1]", format, "node 2 of a tree");
    refuses(left, "[1,-1,3.5,-1,-1]", format, "node 2 of a tree");
    refuses(left, "[1,-1,3,-1]", format, "5 items in 'right_children', expected 4");
    refuses(left, "[]", format, "'left_children', expected 1 to 2^28");
    refuses(left, "\"x\"", format, "has str for 'left_children'");
    refuses("[2,-1,4,-1,-1]", "[2,-1,-1,-1,-1]", format, "a child is not a node");
    refuses("[0.5,-1,2,1,3]", "[NaN,-1,2,1,3]", format, "its threshold is not a number");
    refuses("[0.5,-1,2,1,3]", "[0.5,NaN,2,1,3]", format, "not a finite number");
    refuses("[0.5,-1,2,1,3]", "[0.5,1e39,2,1,3]", format, "not a finite number");
    refuses("[0.5,-1,2,1,3]", "[0.5,1]", format, "2 items in 'split_conditions', expected 5");
    refuses("[0.5,-1,2,1,3]", "[0.5,\"1\",2,1,3]", format, "node 1 of a tree");
    refuses("[0,0,1,0,0]", "[0,0,2,0,0]", format, "a feature that does not exist");
    refuses("[0,0,1,0,0]", "[0,0,-1,0,0]", format, "node 2 of a tree");
    refuses("[1,0,0,0,0]", "[2,0,0,0,0]", format, "node 0 of a tree");
    refuses("\"size_leaf_vector\":\"0\"", "\"size_leaf_vector\":\"3\"", ALF_E_UNSUPPORTED,
            "leaves hold vectors");
    refuses("\"split_type\":[0", "\"split_type\":[2", format, "split_type");
}

static void refuses_sets(const char *from, const char *to, const char *words)
{
    refuses_in(set_model, from, to, ALF_E_FORMAT, words);
}

static void test_sets(void **state)
{
    (void)state;
    object booster;
    arena memory;
    boosted_classifier b;
    alf_error err;
    double out;
    arena_init(&memory, 0);
    booster_init(&booster, SPAN_LITERAL(set_model));
    assert_int_equal(extract_boosted(&booster.self, &memory, &b, &err), ALF_OK);
    assert_int_equal(b.trees.nodes[0].mode, FOREST_MEMBER);
    assert_int_equal(b.trees.nodes[0].set_count, 2);   /* sorted, without repetition */
    forest_sum(&b.trees, (double[]){33.0, 9.0}, &out); /* members go right */
    assert_true(out > 5.9 && out < 6.1);
    forest_sum(&b.trees, (double[]){2.0, 9.0}, &out);
    assert_true(out > -2.1 && out < -1.9);
    forest_sum(&b.trees, (double[]){NAN, 9.0}, &out); /* by default left */
    assert_true(out > -2.1 && out < -1.9);
    arena_fini(&memory);
    refuses_sets("[33,1,1]", "[33,1,-1]", "whole numbers from 0");
    refuses_sets("[33,1,1]", "[33,1,16777216]", "whole numbers from 0 to 16777215");
    refuses_sets("[33,1,1]", "[33,1,0.5]", "whole numbers from 0");
    refuses_sets("[33,1,1]", "[33,1]", "categories_segments");
    refuses_sets("\"categories\":", "\"x\":", "'categories'");
    refuses_sets("_nodes\":[0]", "_nodes\":[1]", "nodes with a categorical split, ascending");
    refuses_sets("_nodes\":[0]", "_nodes\":[5]", "categories_segments");
    refuses_sets("_segments\":[0]", "_segments\":[1]", "categories_segments");
    refuses_sets("_segments\":[0]", "_segments\":[-1]", "categories_segments");
    refuses_sets("_sizes\":[3]", "_sizes\":[4]", "categories_segments");
    refuses_sets("_sizes\":[3]", "_sizes\":[]", "0 items in 'categories_sizes', expected 1");
    refuses_in(set_model, "[0,0,1,0,0]", "[0,0,0,0,0]", ALF_E_UNSUPPORTED,
               "tested both as a number and as a category");
    /* 1.4 and older did not look at the sets on CPU. */
    refuses_in(set_model, "[2,0,3]", "[1,4,2]", ALF_E_UNSUPPORTED,
               "categorical splits of XGBoost 1.4");
}

static void test_booster(void **state)
{
    (void)state;
    const alf_status format = ALF_E_FORMAT;
    refuses("\"tree_info\":[0,0]", "\"tree_info\":[0,1]", format, "tree 1 of the XGBoost model");
    refuses("\"tree_info\":[0,0]", "\"tree_info\":[0]", format, "1 items in 'tree_info'");
    refuses("\"tree_info\":[0,0]", "\"tree_info\":[0,-1]", format, "tree_info");
    refuses("[0,1,2]", "[0,3,2]", format, "iteration_indptr");
    refuses("[0,1,2]", "[0,2,1]", format, "iteration_indptr");
    refuses("[0,1,2]", "[]", format, "iteration_indptr");
    refuses("\"gbtree\"", "\"gblinear\"", ALF_E_UNSUPPORTED, "supported are gbtree and dart");
    refuses("\"gbtree\"", "\"dart\"", format, "'gbtree'");
    refuses("binary:logistic", "rank:pairwise", ALF_E_UNSUPPORTED, "multi:softprob");
    refuses("binary:logistic", "multi:softprob", format, "has 0 classes");
    refuses("\"num_class\":\"0\"", "\"num_class\":\"3\"", format, "has 3 classes");
    refuses("\"num_class\":\"0\"", "\"num_class\":\"-1\"", format, "'num_class'");
    refuses("\"num_class\":\"0\"", "\"num_class\":\"99999999999\"", format, "'num_class'");
    refuses("\"num_class\":\"0\"", "\"num_class\":\"x\"", format, "'x' for 'num_class'");
    refuses("\"num_feature\":\"2\"", "\"num_feature\":\"1\"", format, "a feature that does not");
    refuses("\"num_feature\":\"2\"", "\"num_feature\":\"4294967295\"", format, "features");
    refuses("\"num_target\":\"1\"", "\"num_target\":\"2\"", ALF_E_UNSUPPORTED, "2 targets");
    refuses("5E-1", "0", format, "base_score 0");
    refuses("5E-1", "NaN", format, "no finite margin");
    refuses("5E-1", "[5E-1,5E-1]", format, "2 base scores for 1 margins");
    refuses("5E-1", "half", format, "'half' for 'base_score'");
    refuses("\"version\":[2,0,3]", "\"version\":[]", format, "version");
    refuses("\"learner\":", "\"x\":", format, "'learner'");
    refuses("\"trees\":", "\"x\":", format, "'trees'");
    refuses("\"objective\":", "\"x\":", format, "'objective'");
}

static void refuses_value(const value *v, alf_status status, const char *words)
{
    alf_error err = {0};
    alf_status reference;
    assert_int_equal(try_both(v, &reference, &err), status);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
}

static void test_classifiers(void **state)
{
    (void)state;
    object booster;
    object classifier;
    classifier_init(&classifier, &booster);
    *object_add(&classifier, "n_classes_", NULL) = (value){.kind = VALUE_INT, .as.integer = 3};
    refuses_value(&classifier.self, ALF_E_FORMAT, "n_classes_ 3, but its booster has 2 classes");
    classifier_init(&classifier, &booster);
    *object_add(&classifier, "missing", NULL) = (value){.kind = VALUE_FLOAT, .as.real = -999.0};
    refuses_value(&classifier.self, ALF_E_UNSUPPORTED, "marks missing features by -999");
    classifier_init(&classifier, &booster);
    *object_add(&booster, "best_iteration", NULL) = (value){.kind = VALUE_INT, .as.integer = 2};
    refuses_value(&classifier.self, ALF_E_FORMAT, "best_iteration is 2");
    object_init(&classifier, "xgboost.sklearn", "XGBClassifier");
    refuses_value(&classifier.self, ALF_E_FORMAT, "saved before it was fitted");
    object_init(&classifier, "xgboost.sklearn", "XGBRegressor");
    refuses_value(&classifier.self, ALF_E_UNSUPPORTED, "xgboost.sklearn.XGBRegressor");
    object_init(&booster, "xgboost.core", "Booster");
    refuses_value(&booster.self, ALF_E_FORMAT, "nothing for 'handle'");
    refuses_value(&(value){.kind = VALUE_NONE}, ALF_E_UNSUPPORTED, "None is not supported");
    booster_init(&booster, SPAN_LITERAL(""));
    refuses_value(&booster.self, ALF_E_FORMAT, "ends within the learner's parameters");
    booster_init(&booster, SPAN_LITERAL("CONFIG-offset:\xff\0\0\0\0\0\0\0binf"));
    refuses_value(&booster.self, ALF_E_FORMAT, "it is truncated");
}

/* Every prefix of a file fails, up to what neither reader needs (the names of metrics). */
static void refuses_prefixes(const char *name, size_t unread)
{
    char path[4096];
    buf whole;
    alf_error err;
    buf_init(&whole);
    (void)snprintf(path, sizeof path, "%s%s", FIXTURES, name);
    assert_int_equal(file_read(path, 1 << 20, &whole, &err), ALF_OK);
    assert_true(whole.size > 500);
    for (size_t n = 0; n + unread < whole.size; n += n < 400 ? 1 : 7) {
        char *copy = malloc(n > 0 ? n : 1); /* exact, so that ASan sees any read past the end */
        object booster;
        alf_status reference;
        assert_non_null(copy);
        memcpy(copy, whole.data, n);
        booster_init(&booster, span_of(copy, n));
        assert_int_equal(try_both(&booster.self, &reference, &err), ALF_E_FORMAT);
        assert_int_equal(reference, ALF_E_FORMAT);
        free(copy);
    }
    buf_fini(&whole);
}

static void test_truncation(void **state)
{
    (void)state;
    refuses_prefixes("0.90-file.bin", 64);
    refuses_prefixes("1.3.3-file.json", 0);
    refuses_prefixes("1.7.4-file.ubj", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_model_itself), cmocka_unit_test(test_trees),
        cmocka_unit_test(test_booster),          cmocka_unit_test(test_classifiers),
        cmocka_unit_test(test_truncation),       cmocka_unit_test(test_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
