/*
 * The text of LightGBM models, written here: what is damaged or not supported is refused with an
 * error that names it; a text that ends early, or has one byte changed, is read without fault; what
 * splits mean for values about zero. The library's own answers are in test_classifiers.c.
 */
#include "support/test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "convert/emit.h"
#include "convert/extract.h"
#include "convert/lightgbm_model.h"
#include "convert/reference.h"
#include "convert/source_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two rounds of one tree; the first splits feature 0 by 0.5, then 1 by -0.25; the second feature 2
 * by the categories 1, 3 and 33. */
static const char tree_0[] = "Tree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 1\nsplit_gain=3 1\n"
                             "threshold=0.5 -0.25\ndecision_type=2 8\nleft_child=1 -1\n"
                             "right_child=-2 -3\nleaf_value=-0.5 0.25 1e-1\nleaf_weight=1 1 1\n"
                             "leaf_count=3 4 5\ninternal_value=0 0\ninternal_weight=0 0\n"
                             "internal_count=12 8\nis_linear=0\nshrinkage=1\n\n\n";
static const char tree_1[] = "Tree=1\nnum_leaves=2\nnum_cat=1\nsplit_feature=2\nsplit_gain=3\n"
                             "threshold=0\ndecision_type=1\nleft_child=-1\nright_child=-2\n"
                             "leaf_value=0.125 -0.75\nleaf_weight=1 1\nleaf_count=3 4\n"
                             "internal_value=0\ninternal_weight=0\ninternal_count=7\n"
                             "cat_boundaries=0 2\ncat_threshold=10 2\nis_linear=0\n"
                             "shrinkage=0.1\n\n\n";
static const char tail[] = "end of trees\n\nfeature_importances:\na=1\n\nparameters:\n"
                           "[boosting: gbdt]\nend of parameters\n\npandas_categorical:null\n";

/* The model, with `from` replaced by `to` in its trees (before the sizes are counted) or header. */
static alf_span make_text(const char *from, const char *to)
{
    static char whole[4096], trees[4][1024];
    const char *parts[] = {tree_0, tree_1};
    size_t sizes[2];
    for (size_t i = 0; i < 2; i++) {
        const char *at = from != NULL ? strstr(parts[i], from) : NULL;
        if (at == NULL)
            (void)snprintf(trees[i], sizeof trees[i], "%s", parts[i]);
        else
            (void)snprintf(trees[i], sizeof trees[i], "%.*s%s%s", (int)(at - parts[i]), parts[i],
                           to, at + strlen(from));
        sizes[i] = strlen(trees[i]);
    }
    char head[1024], changed[1024];
    (void)snprintf(head, sizeof head,
                   "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
                   "max_feature_idx=2\nobjective=binary sigmoid:1\nfeature_names=a b c\n"
                   "feature_infos=[0:1] [0:1] 1:3:33\ntree_sizes=%zu %zu\n\n",
                   sizes[0], sizes[1]);
    (void)snprintf(changed, sizeof changed, "%s", head);
    const char *at = from != NULL ? strstr(head, from) : NULL;
    if (at != NULL)
        (void)snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - head), head, to,
                       at + strlen(from));
    int n = snprintf(whole, sizeof whole, "%s%s%s%s", changed, trees[0], trees[1], tail);
    assert_true(n > 0 && (size_t)n < sizeof whole);
    return span_of(whole, (size_t)n);
}

/* Both readers; the status is the extractor's. The text is given with nothing behind it. */
static alf_status run(alf_span text, alf_error *err)
{
    arena a;
    const value *booster;
    text_classifier c;
    reference_classifier *r;
    uint32_t columns[] = {0, 1, 2}, label;
    double values[] = {0.25, -0.5, 33}, p[1000];
    char *copy = malloc(text.size + (text.size == 0));
    assert_non_null(copy);
    memcpy(copy, text.data, text.size);
    arena_init(&a, 16 << 20);
    alf_status status =
        source_file_object(span_of(copy, text.size), "model.txt", &a, &booster, err);
    if (status == ALF_OK) {
        status = extract_classifier(booster, &a, &c, err);
        if (reference_classifier_new(booster, &r, NULL) == ALF_OK) {
            reference_row row = {columns, values, 3, 3};
            (void)reference_classifier_run(r, &row, p, &label, NULL);
            reference_classifier_free(r);
        }
    }
    arena_fini(&a);
    free(copy);
    return status;
}

static void expect(const char *from, const char *to, alf_status want, const char *says)
{
    alf_error err = {0};
    alf_status status = run(make_text(from, to), &err);
    if (status != want || strstr(err.message, says) == NULL)
        fail_msg("'%s' for '%s': status %d, expected %d; '%s' should mention '%s'", to, from,
                 status, want, err.message, says);
}

static void test_damaged(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"tree\n", "tre\n", "first line"},
        {"num_class=1", "num_class=0", "num_class"},
        {"num_class=1", "num_class=2", "does not fit"},
        {"num_class=1", "num_class=", "num_class"},
        {"num_class=1\n", "", "num_class is missing"},
        {"num_class=1", "num_class=1\nnum_class=1", "twice"},
        {"num_tree_per_iteration=1", "num_tree_per_iteration=3", "does not fit"},
        {"max_feature_idx=2", "max_feature_idx=99999999999999999999", "max_feature_idx"},
        {"max_feature_idx=2", "max_feature_idx=1", "feature_names are not 2"},
        {"feature_infos=[0:1] ", "feature_infos=", "feature_infos are not 3"},
        {"sigmoid:1", "sigmoid:-1", "sigmoid"},
        {"sigmoid:1", "sigmoid:1x", "sigmoid"},
        {"tree_sizes=", "tree_sizes=1", "cut off"},
        {"tree_sizes=", "tree_sizes=99", "cut off"},
        {"tree_sizes=", "tree_sizes=-", "expected a size"},
        {"Tree=1", "Tree=2", "Tree=1"},
        {"num_leaves=3", "num_leaves=4", "leaf_value"},
        {"num_leaves=3", "num_leaves=2", "more than 2 numbers"},
        {"num_leaves=3", "num_leaves=0", "num_leaves"},
        {"num_leaves=3", "num_leaves=2147483647", "leaf_value should have"},
        {"num_leaves=3\n", "", "num_leaves is missing"},
        {"num_cat=0", "num_cat=9", "num_cat"},
        {"num_cat=0", "num_cat=1", "no cat_boundaries"},
        {"num_cat=1", "num_cat=0", "should have no cat_boundaries"},
        {"split_feature=0 1", "split_feature=0 3", "split_feature"},
        {"split_feature=0 1", "split_feature=0 -1", "split_feature"},
        {"split_feature=0 1", "split_feature=0 1.5", "split_feature"},
        {"split_feature=0 1\n", "", "no split_feature"},
        {"threshold=0.5 -0.25", "threshold=0.5", "threshold"},
        {"threshold=0.5", "threshold=nan", "threshold"},
        {"threshold=0.5", "threshold=0x1", "threshold"},
        {"threshold=0\n", "threshold=1\n", "no set"},
        {"threshold=0\n", "threshold=0.5\n", "no set"},
        {"threshold=0\n", "threshold=-1\n", "no set"},
        {"decision_type=2 8", "decision_type=2 12", "decision_type"},
        {"left_child=1 -1", "left_child=0 -1", "two splits lead"},
        {"left_child=1 -1", "left_child=2 -1", "left_child"},
        {"left_child=1 -1", "left_child=-1 -1", "nothing leads"},
        {"left_child=1 -1", "left_child=-4 -1", "left_child"},
        {"left_child=1 -1", "left_child=-3 -1", "nothing leads"},
        {"right_child=-2 -3", "right_child=-2 -2", "two splits lead"},
        {"leaf_value=-0.5", "leaf_value=inf", "leaf_value"},
        {"leaf_value=-0.5", "leaf_value=-0.5e", "leaf_value"},
        {"leaf_value=-0.5", "leaf_value=1e999", "leaf_value"},
        {"cat_boundaries=0 2", "cat_boundaries=1 2", "begin with 0"},
        {"cat_boundaries=0 2", "cat_boundaries=0 3", "cat_threshold"},
        {"cat_boundaries=0 2", "cat_boundaries=0 1", "cat_threshold has more"},
        {"cat_boundaries=0 2", "cat_boundaries=0 2000000000", "cat_threshold should have"},
        {"cat_threshold=10 2", "cat_threshold=10 4294967296", "cat_threshold"},
        {"is_linear=0", "is_linear=2", "is_linear"},
    };
    expect(NULL, NULL, ALF_OK, "");
    expect("is_linear=0\n", "", ALF_OK, "");
    expect("threshold=0.5", "threshold=inf", ALF_OK, "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i][0], cases[i][1], ALF_E_FORMAT, cases[i][2]);
}

static void test_unsupported(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"version=v4", "version=v5", "v2, v3 and v4"},
        {"version=v4", "version=v4\nnew_thing=1", "new_thing"},
        {"split_gain=3 1", "split_mood=3 1", "split_mood"},
        {"is_linear=0", "is_linear=1", "linear_tree"},
        {"binary sigmoid:1", "regression", "regression"},
        {"binary sigmoid:1", "binary weird:1", "weird"},
        {"objective=binary sigmoid:1\n", "", "no objective"},
        {"split_feature=2", "split_feature=1", "both by categories"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(cases[i][0], cases[i][1], ALF_E_UNSUPPORTED, cases[i][2]);
}

/* A text that ends before the trees do is refused, and never read past its end. */
static void test_cut_off(void **state)
{
    (void)state;
    alf_span text = make_text(NULL, NULL);
    size_t needed =
        (size_t)(strstr(text.data, "end of trees") + strlen("end of trees") - text.data);
    for (size_t size = 0; size <= text.size; size++) {
        alf_status status = run(span_of(text.data, size), NULL);
        if ((status == ALF_OK) != (size >= needed))
            fail_msg("cut off after %zu bytes: status %d", size, status);
    }
}

static void test_changed_bytes(void **state)
{
    (void)state;
    static const char bytes[] = {'\0', '\n', ' ', '=', '-', '0', '9', '.', 'e', 'x', '\xff'};
    alf_span text = make_text(NULL, NULL);
    char *changed = malloc(text.size);
    assert_non_null(changed);
    for (size_t i = 0; i < text.size; i++)
        for (size_t k = 0; k < sizeof bytes; k++) {
            memcpy(changed, text.data, text.size);
            changed[i] = bytes[k];
            (void)run(span_of(changed, text.size), NULL);
        }
    free(changed);
}

static void run_out_of_memory(alf_span text)
{
    arena a;
    const value *booster;
    alf_status status = ALF_E_NOMEM;
    for (uint64_t n = 1; status != ALF_OK; n++) {
        text_classifier c;
        onnx_model *graph = NULL;
        reference_classifier *r = NULL;
        arena_init(&a, 16 << 20);
        (void)mem_fail_after(n);
        status = source_file_object(text, "model.txt", &a, &booster, NULL);
        if (status == ALF_OK)
            status = extract_classifier(booster, &a, &c, NULL);
        if (status == ALF_OK)
            status = reference_classifier_new(booster, &r, NULL);
        if (status == ALF_OK)
            status = emit_classifier(&c, &graph, NULL);
        (void)mem_fail_after(0);
        reference_classifier_free(r);
        onnx_free(graph);
        arena_fini(&a);
        assert_true(status == ALF_OK || status == ALF_E_NOMEM);
        assert_true(n < 10000);
    }
}

static void test_out_of_memory(void **state)
{
    (void)state;
    run_out_of_memory(make_text(NULL, NULL));
    run_out_of_memory(make_text("decision_type=2 8", "decision_type=4 8")); /* zeros to drop */
}

/* Overwrites what was found by as many bytes. */
static void append_times(buf *out, const char *word, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_append_string(out, word);
}

/* Many splits that share one large, empty set: little text, and much work for each split. */
static void test_shared_sets(void **state)
{
    (void)state;
    enum { SPLITS = 8200, WORDS = 8200 };
    alf_error err = {0};
    buf text;
    buf_init(&text);
    buf_printf(&text,
               "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
               "max_feature_idx=0\nobjective=binary sigmoid:1\nfeature_names=a\n"
               "feature_infos=none\n\nTree=0\nnum_leaves=%d\nnum_cat=1\nsplit_feature=",
               SPLITS + 1);
    append_times(&text, "0 ", SPLITS);
    buf_append_string(&text, "\nthreshold=");
    append_times(&text, "0 ", SPLITS);
    buf_append_string(&text, "\ndecision_type=");
    append_times(&text, "1 ", SPLITS);
    buf_append_string(&text, "\nleft_child=");
    for (int i = 0; i < SPLITS; i++)
        buf_printf(&text, "%d ", ~i);
    buf_append_string(&text, "\nright_child=");
    for (int i = 0; i < SPLITS; i++)
        buf_printf(&text, "%d ", i + 1 < SPLITS ? i + 1 : ~SPLITS);
    buf_append_string(&text, "\nleaf_value=");
    append_times(&text, "0 ", SPLITS + 1);
    buf_printf(&text, "\ncat_boundaries=0 %d\ncat_threshold=", WORDS);
    append_times(&text, "0 ", WORDS);
    buf_append_string(&text, "\n\nend of trees\n");
    assert_int_equal(run(buf_span(&text), &err), ALF_E_LIMIT);
    assert_non_null(strstr(err.message, "words"));
    buf_fini(&text);
}

static void overwrite(char *text, const char *from, const char *to)
{
    char *at = strstr(text, from);
    assert_non_null(at);
    memcpy(at, to, strlen(from));
}

static void compare_rows(const text_classifier *c, reference_classifier *r, const char *what)
{
    static const double points[] = {0,      1e-36, -1e-36, 0x1.a95a5cp-117, -0x1.a95a5cp-117, 1e-20,
                                    -1e-20, 1,     -1,     (double)NAN};
    const tree_classifier *t = &c->as.trees;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        for (size_t k = 0; k < sizeof points / sizeof points[0]; k++) {
            uint32_t columns[] = {0, 1}, label;
            double values[] = {points[i], points[k]}, row[3] = {points[i], points[k], 0}, p[2], sum;
            reference_row given = {columns, values, 2, 2};
            for (size_t f = 0; f < 2; f++)
                if (t->zero_is_missing != NULL && t->zero_is_missing[f] &&
                    fabs(row[f]) <= TREE_ZERO)
                    row[f] = (double)NAN;
            forest_sum(&t->trees, row, &sum);
            assert_int_equal(reference_classifier_run(r, &given, p, &label, NULL), ALF_OK);
            double mine = 1.0 / (1.0 + exp(-sum));
            if (mine < p[1] || mine > p[1])
                fail_msg("%s: %g and %g differ", what, points[i], points[k]);
        }
}

/* The two splits of the first tree with these decision types, thresholds (as long as those that
 * are there) and features: the forest, after zeros became NaN as the graph does it, goes where the
 * joblib engine goes. */
static alf_status compare_zeros(const char *types, const char *thresholds, const char *features)
{
    char text[2048], what[128];
    arena a;
    const value *booster;
    text_classifier c;
    reference_classifier *r;
    alf_error err = {0};
    (void)snprintf(what, sizeof what, "decision_type=%s", types);
    alf_span base = make_text("decision_type=2 8", what);
    int n = snprintf(text, sizeof text, "%.*s", (int)base.size, base.data);
    overwrite(text, "0.5 -0.25", thresholds);
    overwrite(text, "split_feature=0 1", features);
    (void)snprintf(what, sizeof what, "%s, %s, %s", types, thresholds, features);
    arena_init(&a, 16 << 20);
    assert_int_equal(source_file_object(span_of(text, (size_t)n), "model.txt", &a, &booster, &err),
                     ALF_OK);
    assert_int_equal(reference_classifier_new(booster, &r, &err), ALF_OK);
    alf_status status = extract_classifier(booster, &a, &c, &err);
    if (status == ALF_OK)
        compare_rows(&c, r, what);
    else if (strstr(err.message, "feature 0") == NULL)
        fail_msg("%s: %s", what, err.message);
    reference_classifier_free(r);
    arena_fini(&a);
    return status;
}

static void test_zeros(void **state)
{
    (void)state;
    static const char *const types[] = {"0 0", "2 2", "4 4", "6 6", "8 8",  "10 10",
                                        "4 8", "4 0", "6 0", "0 4", "10 6", "8 6"};
    static const char *const thresholds[] = {"0.5 -0.25", "0.0 -0.00", "-0.3 0.25", "1e-35 0.2"};
    size_t refused = 0, taken = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        for (size_t k = 0; k < sizeof thresholds / sizeof thresholds[0]; k++) {
            assert_int_equal(compare_zeros(types[i], thresholds[k], "split_feature=0 1"), ALF_OK);
            alf_status status = compare_zeros(types[i], thresholds[k], "split_feature=0 0");
            assert_true(status == ALF_OK || (status == ALF_E_UNSUPPORTED && i >= 6));
            refused += i >= 6 && status != ALF_OK;
            taken += i >= 6 && status == ALF_OK;
        }
    assert_true(refused > 3 && taken > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged),     cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_cut_off),     cmocka_unit_test(test_changed_bytes),
        cmocka_unit_test(test_shared_sets), cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_zeros)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
