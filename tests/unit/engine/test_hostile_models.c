/*
 * Hostile models: trees whose indices lie, vectorizers whose pools do not add up, patterns that do
 * not compile or never end. All are refused at load with the place named, or end in an error.
 */
#include "support/onnx_float.h"
#include "support/test.h"

#include "base/span.h"
#include "engine/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- trees ---- */

/* The lists of a TreeEnsembleRegressor; each test spoils one. Two trees: a stump and a leaf. */
typedef struct tree_lists {
    int64_t trees[4], nodes[4], features[4], yes[4], no[4], missing[4];
    float values[4];
    alf_span modes[4];
    int64_t leaf_trees[3], leaf_nodes[3], targets[3];
    float weights[3];
    size_t node_count, leaf_count, mode_count;
    int64_t target_count;
} tree_lists;

static tree_lists good_trees(void)
{
    return (tree_lists){
        .trees = {0, 0, 0, 1},
        .nodes = {0, 1, 2, 0},
        .features = {1, 0, 0, 0},
        .yes = {1, 0, 0, 0},
        .no = {2, 0, 0, 0},
        .values = {0.5F, 0, 0, 0},
        .modes = {SPAN_LITERAL("BRANCH_LEQ"), SPAN_LITERAL("LEAF"), SPAN_LITERAL("LEAF"),
                  SPAN_LITERAL("LEAF")},
        .leaf_trees = {0, 0, 1},
        .leaf_nodes = {1, 2, 0},
        .weights = {1, 2, 4},
        .node_count = 4,
        .leaf_count = 3,
        .mode_count = 4,
        .target_count = 1,
    };
}

static onnx_model *new_model(onnx_type type, uint32_t rank, const int64_t *dims)
{
    onnx_model *m = onnx_new("g");
    alf_error err = {0};
    assert_non_null(m);
    must(onnx_add_opset(m, "", 17, &err), &err);
    must(onnx_add_opset(m, "ai.onnx.ml", 3, &err), &err);
    must(onnx_add_opset(m, "com.microsoft", 1, &err), &err);
    must(onnx_add_input(m, "x", type, rank, dims, &err), &err);
    return m;
}

static onnx_model *tree_model(const tree_lists *l)
{
    alf_error err = {0};
    onnx_node *n;
    const int64_t dims[2] = {-1, 2}, out_dims[2] = {-1, -1};
    onnx_model *m = new_model(ONNX_FLOAT, 2, dims);
    must(onnx_add_node(m, "ai.onnx.ml", "TreeEnsembleRegressor", "trees", "x", "y", &n, &err),
         &err);
    must(onnx_set_ints(m, n, "nodes_treeids", l->trees, l->node_count, &err), &err);
    must(onnx_set_ints(m, n, "nodes_nodeids", l->nodes, l->node_count, &err), &err);
    must(onnx_set_ints(m, n, "nodes_featureids", l->features, l->node_count, &err), &err);
    must(onnx_set_ints(m, n, "nodes_truenodeids", l->yes, l->node_count, &err), &err);
    must(onnx_set_ints(m, n, "nodes_falsenodeids", l->no, l->node_count, &err), &err);
    must(onnx_set_floats(m, n, "nodes_values", l->values, l->node_count, &err), &err);
    must(onnx_set_strings(m, n, "nodes_modes", l->modes, l->mode_count, &err), &err);
    must(onnx_set_ints(m, n, "target_treeids", l->leaf_trees, l->leaf_count, &err), &err);
    must(onnx_set_ints(m, n, "target_nodeids", l->leaf_nodes, l->leaf_count, &err), &err);
    must(onnx_set_ints(m, n, "target_ids", l->targets, l->leaf_count, &err), &err);
    must(onnx_set_floats(m, n, "target_weights", l->weights, l->leaf_count, &err), &err);
    must(onnx_set_int(m, n, "n_targets", l->target_count, &err), &err);
    must(onnx_add_output(m, "y", ONNX_FLOAT, 2, out_dims, &err), &err);
    return m;
}

static alf_status load(onnx_model *m, engine **e, alf_error *err)
{
    buf file;
    buf_init(&file);
    *err = (alf_error){0};
    must(onnx_write(m, &file, err), err);
    onnx_free(m);
    alf_status status = engine_load(buf_span(&file), 1 << 20, e, err);
    buf_fini(&file);
    return status;
}

static void must_refuse(onnx_model *m, const char *words)
{
    engine *e;
    alf_error err;
    alf_status status = load(m, &e, &err);
    if (status == ALF_OK || strstr(err.message, words) == NULL)
        fail_msg("%s: '%s' does not say '%s'", alf_status_name(status), err.message, words);
}

static float run_one(engine *e, float first, float second)
{
    float x[2] = {first, second};
    alf_error err = {0};
    tensor in = {.type = ONNX_FLOAT, .rank = 2, .dims = {1, 2}, .data = x}, out;
    engine_session *s = engine_session_new(e);
    assert_non_null(s);
    must(engine_run(s, &in, &out, &err), &err);
    float result = *(const float *)out.data;
    engine_session_free(s);
    return result;
}

static void good_trees_run(void **state)
{
    (void)state;
    engine *e;
    alf_error err;
    tree_lists l = good_trees();
    must(load(tree_model(&l), &e, &err), &err);
    assert_float_equal(run_one(e, 9, 0.5F), 5, 0);
    assert_float_equal(run_one(e, 9, 0.75F), 6, 0);
    assert_float_equal(run_one(e, 9, NAN), 6, 0);
    engine_free(e);
    l.nodes[1] = 7; /* ids need not be dense, nor in order */
    l.nodes[2] = -3;
    l.yes[0] = l.leaf_nodes[0] = 7;
    l.no[0] = l.leaf_nodes[1] = -3;
    must(load(tree_model(&l), &e, &err), &err);
    assert_float_equal(run_one(e, 9, 0.5F), 5, 0);
    assert_float_equal(run_one(e, 9, 0.75F), 6, 0);
    engine_free(e);
}

static void children_are_checked(void **state)
{
    (void)state;
    tree_lists l = good_trees();
    l.yes[0] = 3;
    must_refuse(tree_model(&l), "tree 0, node 0: its children 3 and 2 are not both there");
    l = good_trees();
    l.no[0] = INT64_MIN;
    must_refuse(tree_model(&l), "tree 0, node 0: its children");
    l = good_trees();
    l.yes[0] = 0; /* itself */
    must_refuse(tree_model(&l), "tree 0, node 0: two nodes lead to it");
    l = good_trees();
    l.yes[0] = 2; /* shared */
    must_refuse(tree_model(&l), "tree 0, node 2: two nodes lead to it");
    l = good_trees(); /* a circle */
    l.modes[1] = SPAN_LITERAL("BRANCH_LT");
    l.yes[1] = 0;
    l.no[1] = 2;
    must_refuse(tree_model(&l), "two nodes lead to it, or a circle");
    l = good_trees(); /* an island */
    l.trees[3] = 0;
    l.nodes[3] = 3;
    l.leaf_trees[2] = 0;
    l.leaf_nodes[2] = 3;
    must_refuse(tree_model(&l), "tree 0, node 3: no node leads to it");
}

static void nodes_are_checked(void **state)
{
    (void)state;
    tree_lists l = good_trees();
    l.nodes[2] = 1;
    must_refuse(tree_model(&l), "tree 0, node 1: it is there twice");
    l = good_trees();
    l.trees[1] = 1; /* 0 1 0 1 */
    l.nodes[1] = 5;
    must_refuse(tree_model(&l), "do not stand together");
    l = good_trees();
    l.values[0] = NAN;
    must_refuse(tree_model(&l), "tree 0, node 0: its threshold is not a number");
    l = good_trees();
    l.features[0] = -1;
    must_refuse(tree_model(&l), "tree 0, node 0: the feature it tests is out of range");
    l = good_trees();
    l.features[0] = 2;
    must_refuse(tree_model(&l), "the trees test 3 features, the input has 2 columns");
    l = good_trees();
    l.features[0] = INT64_MAX;
    must_refuse(tree_model(&l), "out of range");
    l = good_trees();
    l.modes[0] = SPAN_LITERAL("BRANCH_ODD");
    must_refuse(tree_model(&l), "'BRANCH_ODD' is unknown");
    l = good_trees();
    l.mode_count = 3;
    must_refuse(tree_model(&l), "4 nodes with 3 modes");
}

static void leaves_are_checked(void **state)
{
    (void)state;
    tree_lists l = good_trees();
    l.targets[1] = 1;
    must_refuse(tree_model(&l), "tree 0, node 2: a leaf value is for column 1 of 1");
    l = good_trees();
    l.targets[1] = -1;
    must_refuse(tree_model(&l), "column -1");
    l = good_trees();
    l.leaf_trees[1] = 9;
    must_refuse(tree_model(&l), "tree 9, node 2: a leaf value names it, but it is not there");
    l = good_trees();
    l.weights[0] = INFINITY;
    must_refuse(tree_model(&l), "not a finite number");
    l = good_trees();
    l.target_count = 0;
    must_refuse(tree_model(&l), "n_targets is 0");
    l = good_trees();
    l.target_count = INT64_MAX;
    must_refuse(tree_model(&l), "n_targets");
}

/* A chain as deep as it is long: laid out without recursion. */
static void deep_trees_load(void **state)
{
    (void)state;
    enum { SPLITS = 20000, NODES = 2 * SPLITS + 1 };
    int64_t *ids = calloc(NODES, sizeof *ids), *zeros = calloc(NODES, sizeof *zeros);
    int64_t *yes = calloc(NODES, sizeof *yes), *no = calloc(NODES, sizeof *no);
    float *values = calloc(NODES, sizeof *values);
    alf_span *modes = calloc(NODES, sizeof *modes);
    const int64_t dims[2] = {-1, 2}, last = NODES - 1, zero = 0;
    const float one = 1;
    alf_error err = {0};
    onnx_node *n;
    engine *e;
    assert_true(ids && zeros && yes && no && values && modes);
    for (int64_t i = 0; i < NODES; i++) {
        ids[i] = i;
        modes[i] = i % 2 == 0 && i < NODES - 1 ? SPAN_LITERAL("BRANCH_LT") : SPAN_LITERAL("LEAF");
        yes[i] = i + 1;
        no[i] = i + 2;
    }
    onnx_model *m = new_model(ONNX_FLOAT, 2, dims);
    must(onnx_add_node(m, "ai.onnx.ml", "TreeEnsembleRegressor", "deep", "x", "y", &n, &err), &err);
    must(onnx_set_ints(m, n, "nodes_treeids", zeros, NODES, &err), &err);
    must(onnx_set_ints(m, n, "nodes_nodeids", ids, NODES, &err), &err);
    must(onnx_set_ints(m, n, "nodes_featureids", zeros, NODES, &err), &err);
    must(onnx_set_ints(m, n, "nodes_truenodeids", yes, NODES, &err), &err);
    must(onnx_set_ints(m, n, "nodes_falsenodeids", no, NODES, &err), &err);
    must(onnx_set_floats(m, n, "nodes_values", values, NODES, &err), &err);
    must(onnx_set_strings(m, n, "nodes_modes", modes, NODES, &err), &err);
    must(onnx_set_ints(m, n, "target_treeids", &zero, 1, &err), &err);
    must(onnx_set_ints(m, n, "target_nodeids", &last, 1, &err), &err);
    must(onnx_set_ints(m, n, "target_ids", &zero, 1, &err), &err);
    must(onnx_set_floats(m, n, "target_weights", &one, 1, &err), &err);
    must(onnx_set_int(m, n, "n_targets", 1, &err), &err);
    must(onnx_add_output(m, "y", ONNX_FLOAT, 2, dims, &err), &err);
    must(load(m, &e, &err), &err);
    assert_float_equal(run_one(e, 1, 0), 1, 0);
    engine_free(e);
    free(ids);
    free(zeros);
    free(yes);
    free(no);
    free(values);
    free(modes);
}

/* ---- vectorizers ---- */

typedef struct pool_lists {
    int64_t counts[2], indexes[3], low, high, skips;
    size_t count_count, index_count, weight_count;
} pool_lists;

static pool_lists good_pool(void)
{
    return (pool_lists){.counts = {0, 1},
                        .indexes = {0, 1},
                        .low = 1,
                        .high = 2,
                        .count_count = 2,
                        .index_count = 2,
                        .weight_count = 2};
}

static onnx_model *tfidf_model(const pool_lists *l)
{
    const alf_span pool[3] = {SPAN_LITERAL("a"), SPAN_LITERAL("b"), SPAN_LITERAL("c")};
    const float weights[3] = {1, 2, 3};
    const int64_t dims[1] = {-1};
    alf_error err = {0};
    onnx_node *n;
    onnx_model *m = new_model(ONNX_STRING, 1, dims);
    must(onnx_add_node(m, "", "TfIdfVectorizer", "grams", "x", "y", &n, &err), &err);
    must(onnx_set_strings(m, n, "pool_strings", pool, 3, &err), &err);
    must(onnx_set_ints(m, n, "ngram_counts", l->counts, l->count_count, &err), &err);
    must(onnx_set_ints(m, n, "ngram_indexes", l->indexes, l->index_count, &err), &err);
    must(onnx_set_floats(m, n, "weights", weights, l->weight_count, &err), &err);
    must(onnx_set_string(m, n, "mode", SPAN_LITERAL("TFIDF"), &err), &err);
    must(onnx_set_int(m, n, "min_gram_length", l->low, &err), &err);
    must(onnx_set_int(m, n, "max_gram_length", l->high, &err), &err);
    must(onnx_set_int(m, n, "max_skip_count", l->skips, &err), &err);
    must(onnx_add_output(m, "y", ONNX_FLOAT, 1, dims, &err), &err);
    return m;
}

static void pools_are_checked(void **state)
{
    (void)state;
    engine *e;
    alf_error err;
    pool_lists l = good_pool();
    must(load(tfidf_model(&l), &e, &err), &err);
    engine_free(e);
    l.counts[1] = 2; /* one item left for 2-grams */
    must_refuse(tfidf_model(&l), "items 2 to 3");
    l = good_pool();
    l.counts[1] = 9;
    must_refuse(tfidf_model(&l), "of a pool of 3");
    l = good_pool();
    l.counts[0] = -1;
    must_refuse(tfidf_model(&l), "items -1");
    l = good_pool();
    l.counts[0] = INT64_MIN;
    l.counts[1] = INT64_MAX;
    must_refuse(tfidf_model(&l), "items");
    l = good_pool();
    l.indexes[0] = -1;
    must_refuse(tfidf_model(&l), "output index -1");
    l = good_pool();
    l.indexes[0] = INT64_MAX;
    must_refuse(tfidf_model(&l), "output index");
    l = good_pool();
    l.index_count = 1;
    must_refuse(tfidf_model(&l), "2 weights for 1 n-grams");
    l = good_pool();
    l.index_count = l.weight_count = 3;
    must_refuse(tfidf_model(&l), "2 n-grams and 3 output indexes");
    l = good_pool();
    l.high = 3;
    must_refuse(tfidf_model(&l), "2 lengths in the pool");
    l = good_pool();
    l.low = 0;
    must_refuse(tfidf_model(&l), "n-grams of 0");
    l = good_pool();
    l.skips = INT64_MAX;
    must_refuse(tfidf_model(&l), "max_skip_count");
}

/* ---- patterns ---- */

static onnx_model *tokenizer_model(const char *pattern)
{
    const int64_t dims[2] = {-1, -1};
    alf_error err = {0};
    onnx_node *n;
    onnx_model *m = new_model(ONNX_STRING, 1, dims);
    must(onnx_add_node(m, "com.microsoft", "Tokenizer", "tokens", "x", "y", &n, &err), &err);
    must(onnx_set_string(m, n, "tokenexp", span_from_string(pattern), &err), &err);
    must(onnx_set_string(m, n, "pad_value", SPAN_LITERAL("#"), &err), &err);
    must(onnx_set_int(m, n, "mark", 0, &err), &err);
    must(onnx_set_int(m, n, "mincharnum", 1, &err), &err);
    must(onnx_add_output(m, "y", ONNX_STRING, 2, dims, &err), &err);
    return m;
}

static void patterns_are_checked(void **state)
{
    (void)state;
    must_refuse(tokenizer_model("a(b"), "the pattern 'a(b' at byte 3");
    must_refuse(tokenizer_model(""), "neither separators nor tokenexp");
    must_refuse(tokenizer_model("\\C"), "pattern");
    must_refuse(tokenizer_model("\xFF"), "pattern");
}

/* Patterns that would backtrack for ever end, in a result or an error. */
static void patterns_end(void **state)
{
    (void)state;
    static const char *const patterns[] = {"(a+)+b", "(a|aa)*b", "(?:a?){40}a{40}b", "(a*)*c",
                                           "((a{0,60}){0,60}){0,60}x"};
    alf_span text = SPAN_LITERAL("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        engine *e;
        alf_error err;
        tensor in = {.type = ONNX_STRING, .rank = 1, .dims = {1}, .data = &text}, out;
        if (load(tokenizer_model(patterns[i]), &e, &err) != ALF_OK)
            continue;
        engine_session *s = engine_session_new(e);
        assert_non_null(s);
        alf_status status = engine_run(s, &in, &out, &err);
        assert_true(status == ALF_OK || status == ALF_E_LIMIT);
        engine_session_free(s);
        engine_free(e);
    }
}

/* Invalid bytes part a text; what is around them is found. */
static void invalid_text_is_parted(void **state)
{
    (void)state;
    static const char *const expected[] = {"ab", "cd", "\xC3\xA9", "x\xEF\xBF\xBDy"};
    alf_span text = SPAN_LITERAL("ab\xFF\xC3"
                                 "cd \xC3\xA9\xE2\x82 x\xEF\xBF\xBDy");
    engine *e;
    alf_error err;
    tensor in = {.type = ONNX_STRING, .rank = 1, .dims = {1}, .data = &text}, out;
    must(load(tokenizer_model("[^ ]+"), &e, &err), &err);
    engine_session *s = engine_session_new(e);
    must(engine_run(s, &in, &out, &err), &err);
    assert_int_equal(out.dims[1], 4);
    for (int i = 0; i < 4; i++)
        assert_text(((const alf_span *)out.data)[i], expected[i]);
    engine_session_free(s);
    engine_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_trees_run),         cmocka_unit_test(children_are_checked),
        cmocka_unit_test(nodes_are_checked),      cmocka_unit_test(leaves_are_checked),
        cmocka_unit_test(deep_trees_load),        cmocka_unit_test(pools_are_checked),
        cmocka_unit_test(patterns_are_checked),   cmocka_unit_test(patterns_end),
        cmocka_unit_test(invalid_text_is_parted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
