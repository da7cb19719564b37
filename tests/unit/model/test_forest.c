/* Forests: every invariant that forest_check proves, all kinds of tests, and the arithmetic. */
#include "base/mem.h"
#include "model/forest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Two trees over two features and two targets:
 *   0: x0 < 1.5 ? node 1 : (x1 in {2, 5} ? leaf {+1 to target 0, +10 to target 1} : leaf -2)
 *   5: one leaf, +0.5 to target 1 */
typedef struct sample {
    forest f;
    uint32_t roots[2];
    forest_node nodes[6];
    forest_leaf_value leaves[5];
    double set[2];
    double base[2];
} sample;

static void sample_init(sample *s)
{
    *s = (sample){
        .roots = {0, 5},
        .nodes = {{.threshold = 1.5, .feature = 0, .yes = 1, .no = 2, .mode = FOREST_LT},
                  {.feature = -1, .yes = 0, .no = 1},
                  {.feature = 1,
                   .yes = 3,
                   .no = 4,
                   .mode = FOREST_MEMBER,
                   .missing_yes = true,
                   .set_begin = 0,
                   .set_count = 2},
                  {.feature = -1, .yes = 1, .no = 2},
                  {.feature = -1, .yes = 3, .no = 1},
                  {.feature = -1, .yes = 4, .no = 1}},
        .leaves = {{4.0, 0}, {1.0, 0}, {10.0, 1}, {-2.0, 0}, {0.5, 1}},
        .set = {2.0, 5.0},
        .base = {100.0, 0.0},
    };
    s->f = (forest){.number = FOREST_F32,
                    .feature_count = 2,
                    .target_count = 2,
                    .tree_count = 2,
                    .node_count = 6,
                    .leaf_value_count = 5,
                    .set_value_count = 2,
                    .roots = s->roots,
                    .nodes = s->nodes,
                    .leaf_values = s->leaves,
                    .set_values = s->set,
                    .base = s->base};
}

static void refuses(sample *s, const char *words)
{
    alf_error err = {0};
    assert_int_equal(forest_check(&s->f, &err), ALF_E_FORMAT);
    if (strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    sample_init(s);
    assert_int_equal(forest_check(&s->f, &err), ALF_OK);
}

static void test_links_are_checked(void **state)
{
    (void)state;
    sample s;
    sample_init(&s);
    s.nodes[2].yes = 2;
    refuses(&s, "tree 0, node 2: a child does not lie after it");
    s.nodes[2].no = 1;
    refuses(&s, "a child does not lie after it");
    s.nodes[2].no = 5;
    refuses(&s, "within its tree");
    s.nodes[2].no = UINT32_MAX;
    refuses(&s, "within its tree");
    s.nodes[2].no = 3;
    refuses(&s, "node 3: it has two parents");
    s.nodes[0].no = 3;
    refuses(&s, "nothing leads to it");
    s.roots[0] = 1;
    refuses(&s, "the first tree starts at node 1");
    s.roots[1] = 0;
    refuses(&s, "overlaps its neighbour");
    s.roots[1] = 6;
    refuses(&s, "nothing leads to it");
    s.f.node_count = 5;
    refuses(&s, "no nodes");
    s.f.tree_count = 0;
    refuses(&s, "0 trees with 6 nodes");
}

static void test_contents_are_checked(void **state)
{
    (void)state;
    sample s;
    sample_init(&s);
    s.nodes[0].threshold = NAN;
    refuses(&s, "threshold is not a number");
    s.nodes[0].threshold = 0.1; /* not a float32 */
    refuses(&s, "threshold is not a number of the forest's type");
    s.nodes[0].feature = 2;
    refuses(&s, "a feature that does not exist");
    s.nodes[0].feature = -2;
    refuses(&s, "a feature that does not exist");
    s.nodes[0].mode = 7;
    refuses(&s, "kind of test");
    s.nodes[2].set_count = 3;
    refuses(&s, "its set lies outside");
    s.nodes[2].set_begin = UINT32_MAX;
    refuses(&s, "its set lies outside");
    s.set[1] = NAN;
    refuses(&s, "a set value");
    s.set[0] = 6.0;
    refuses(&s, "its set is not in ascending order");
    s.f.rounding = (uint8_t[]){0, 3};
    refuses(&s, "the rounding of feature 1 is unknown");
    s.nodes[1].yes = 6;
    refuses(&s, "leaf values lie outside");
    s.nodes[1].no = UINT32_MAX;
    refuses(&s, "leaf values lie outside");
    s.leaves[2].target = 2;
    refuses(&s, "output column that does not exist");
    s.leaves[0].weight = INFINITY;
    refuses(&s, "not a finite number");
    s.base[1] = NAN;
    refuses(&s, "base value 1");
    s.f.target_count = 0;
    refuses(&s, "no output column");
    s.f.nodes = NULL;
    refuses(&s, "a table of the forest is missing");
}

static void sums(const forest *f, double x0, double x1, double first, double second)
{
    double out[2];
    forest_sum(f, (double[]){x0, x1}, out);
    assert_true(out[0] >= first && out[0] <= first);
    assert_true(out[1] >= second && out[1] <= second);
}

static void test_sums(void **state)
{
    (void)state;
    sample s;
    sample_init(&s);
    sums(&s.f, 1.0, NAN, 104.0, 0.5);
    sums(&s.f, 1.5, 2.0, 101.0, 10.5);
    sums(&s.f, 9.0, 5.0, 101.0, 10.5);
    sums(&s.f, 9.0, 3.0, 98.0, 0.5);
    sums(&s.f, NAN, NAN, 101.0, 10.5); /* node 0 sends missing to no, node 2 to yes */
    s.f.base = NULL;
    sums(&s.f, 1.0, 0.0, 4.0, 0.5);
    assert_int_equal(forest_leaf(&s.f, 0, (double[]){1.0, 0.0}), 1);
    assert_int_equal(forest_leaf(&s.f, 0, (double[]){2.0, 0.0}), 4);
    assert_int_equal(forest_leaf(&s.f, 1, (double[]){2.0, 0.0}), 5);
}

static void test_sets(void **state)
{
    (void)state;
    sample s;
    sample_init(&s);
    sums(&s.f, 9.0, 2.5, 98.0, 0.5); /* not a member as it is */
    sums(&s.f, 9.0, 6.0, 98.0, 0.5);
    sums(&s.f, 9.0, -INFINITY, 98.0, 0.5);
    s.f.rounding = (uint8_t[]){FOREST_AS_IS, FOREST_FLOOR};
    sums(&s.f, 1.9, 2.5, 101.0, 10.5); /* feature 0 keeps its fraction */
    sums(&s.f, 9.0, 5.99, 101.0, 10.5);
    sums(&s.f, 9.0, 1.99, 98.0, 0.5);
    sums(&s.f, 9.0, NAN, 101.0, 10.5);
    s.set[0] = 0.0;
    sums(&s.f, 9.0, -0.5, 98.0, 0.5);
    s.f.rounding = (uint8_t[]){FOREST_AS_IS, FOREST_TRUNC};
    sums(&s.f, 9.0, -0.5, 101.0, 10.5);
    sums(&s.f, 9.0, -1.0, 98.0, 0.5);
    s.nodes[2].set_count = 0; /* nothing is in the empty set */
    sums(&s.f, 9.0, 2.0, 98.0, 0.5);
}

/* Whether x satisfies the test of the given mode against 1.5 in the given arithmetic. */
static bool holds(uint8_t mode, forest_number number, double x)
{
    uint32_t roots[] = {0};
    forest_node nodes[] = {{.threshold = 1.5, .yes = 1, .no = 2, .mode = mode},
                           {.feature = -1, .yes = 0, .no = 1},
                           {.feature = -1, .yes = 1, .no = 1}};
    forest_leaf_value leaves[] = {{1.0, 0}, {0.0, 0}};
    forest f = {.number = number,
                .feature_count = 1,
                .target_count = 1,
                .tree_count = 1,
                .node_count = 3,
                .leaf_value_count = 2,
                .roots = roots,
                .nodes = nodes,
                .leaf_values = leaves};
    double out;
    assert_int_equal(forest_check(&f, NULL), ALF_OK);
    forest_sum(&f, &x, &out);
    return out > 0.5;
}

static void test_modes(void **state)
{
    (void)state;
    static const bool expected[6][3] = {
        [FOREST_LEQ] = {true, true, false}, [FOREST_LT] = {true, false, false},
        [FOREST_GTE] = {false, true, true}, [FOREST_GT] = {false, false, true},
        [FOREST_EQ] = {false, true, false}, [FOREST_NEQ] = {true, false, true},
    };
    static const double inputs[3] = {1.25, 1.5, 1.75};
    for (uint8_t mode = 0; mode < 6; mode++)
        for (int i = 0; i < 3; i++)
            assert_int_equal(holds(mode, i % 2 == 0 ? FOREST_F64 : FOREST_F32, inputs[i]),
                             expected[mode][i]);
    /* The last bit of a double is nothing in float32, and decides in float64. */
    double below = nextafter(1.5, 0.0);
    assert_true(holds(FOREST_LT, FOREST_F64, below));
    assert_false(holds(FOREST_LT, FOREST_F32, below));
    assert_true(holds(FOREST_LEQ, FOREST_F32, nextafter(1.5, 2.0)));
    assert_true(holds(FOREST_GT, FOREST_F64, INFINITY));
    assert_true(holds(FOREST_LT, FOREST_F32, -INFINITY));
}

/* 2^24 + 1 + 1: float32 loses both ones, one after the other; float64 keeps them. */
static void test_rounding_after_every_addition(void **state)
{
    (void)state;
    uint32_t roots[] = {0, 1};
    forest_node nodes[] = {{.feature = -1, .yes = 0, .no = 1}, {.feature = -1, .yes = 1, .no = 1}};
    forest_leaf_value leaves[] = {{1.0, 0}, {1.0, 0}};
    double base = 16777216.0;
    double out;
    forest f = {.number = FOREST_F32,
                .target_count = 1,
                .tree_count = 2,
                .node_count = 2,
                .leaf_value_count = 2,
                .roots = roots,
                .nodes = nodes,
                .leaf_values = leaves,
                .base = &base};
    assert_int_equal(forest_check(&f, NULL), ALF_OK);
    forest_sum(&f, NULL, &out);
    assert_true(out >= 16777216.0 && out <= 16777216.0);
    f.number = FOREST_F64;
    forest_sum(&f, NULL, &out);
    assert_true(out >= 16777218.0 && out <= 16777218.0);
}

static void test_no_trees(void **state)
{
    (void)state;
    double base = 3.0;
    double out = 0.0;
    forest f = {.number = FOREST_F64, .target_count = 1, .base = &base};
    assert_int_equal(forest_check(&f, NULL), ALF_OK);
    forest_sum(&f, NULL, &out);
    assert_true(out >= 3.0 && out <= 3.0);
}

static void test_no_memory(void **state)
{
    (void)state;
    sample s;
    alf_error err;
    sample_init(&s);
    mem_fail_after(1);
    assert_int_equal(forest_check(&s.f, &err), ALF_E_NOMEM);
    mem_fail_after(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_are_checked),
        cmocka_unit_test(test_contents_are_checked),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_rounding_after_every_addition),
        cmocka_unit_test(test_no_trees),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
