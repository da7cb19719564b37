/*
 * Which forests the compiled text path takes: not those whose sums would take far more memory than
 * their file. That what it takes has the bits of the graphs is in test_text_path.c.
 */
#include "support/test.h"

#include "engine/forest_fast.h"
#include "engine/text_forest.h"

enum { TREES = 20000 };

/* Trees of one split; targets take turns in an order that is not the usual one. */
typedef struct many {
    forest f;
    uint32_t roots[TREES];
    forest_node nodes[3 * TREES];
    forest_leaf_value leaves[2 * TREES];
} many;

static void make_many(many *m, uint32_t tree_count, uint32_t target_count)
{
    for (uint32_t t = 0; t < tree_count; t++) {
        uint32_t at = 3 * t;
        m->roots[t] = at;
        m->nodes[at] = (forest_node){.feature = 0, .mode = FOREST_LT, .yes = at + 1, .no = at + 2};
        for (uint32_t i = 0; i < 2; i++) {
            m->nodes[at + 1 + i] = (forest_node){.feature = -1, .yes = 2 * t + i, .no = 1};
            m->leaves[2 * t + i] = (forest_leaf_value){.weight = i, .target = t * 7 % target_count};
        }
    }
    m->f = (forest){.number = FOREST_F32,
                    .feature_count = 1,
                    .target_count = target_count,
                    .tree_count = tree_count,
                    .node_count = 3 * tree_count,
                    .leaf_value_count = 2 * tree_count,
                    .roots = m->roots,
                    .nodes = m->nodes,
                    .leaf_values = m->leaves};
}

static bool fits(const forest *f)
{
    arena memory;
    text_forest t;
    alf_error err = {0};
    bool taken;
    must(forest_check(f, &err), &err);
    arena_init(&memory, 64 << 20);
    must(text_forest_init(&t, f, true, &memory, &taken, &err), &err);
    arena_fini(&memory);
    return taken;
}

static void memory_is_bounded(void **state)
{
    (void)state;
    static many m;
    make_many(&m, TREES, 4);
    assert_true(fits(&m.f));
    make_many(&m, TREES, 60000); /* 150 MB of sums, from 2 MB of file */
    assert_false(fits(&m.f));
    make_many(&m, 100, 60000);
    assert_true(fits(&m.f));
}

/* Neither way of compiling a forest rounds features. */
static void rounding_is_not_compiled(void **state)
{
    (void)state;
    static many m;
    uint8_t rounding[] = {FOREST_FLOOR};
    arena memory;
    const forest_fast *fast;
    arena_init(&memory, 0);
    make_many(&m, 10, 1);
    assert_int_equal(forest_fast_build(&m.f, &memory, &fast, NULL), ALF_OK);
    assert_non_null(fast);
    m.f.rounding = rounding;
    assert_false(fits(&m.f));
    assert_int_equal(forest_fast_build(&m.f, &memory, &fast, NULL), ALF_OK);
    assert_null(fast);
    arena_fini(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(rounding_is_not_compiled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
