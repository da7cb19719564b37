/*
 * The anomaly chain as one function: fused exactly where the graphs are those that `convert`
 * writes, with the bits of the graphs run node by node and of the plain arithmetic, at every CPU
 * level.
 */
#include "support/test.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "base/span.h"
#include "convert/emit.h"
#include "engine/chain.h"
#include "support/plain_anomaly.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 5, TREES = 30, LEAVES = 20, ROWS = 300 };

static uint64_t random_state = 0xD1B54A32D192ED03u;

static double random_in(double low, double high)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return low + (high - low) * ((double)(random_state >> 11) / 9007199254740992.0);
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)random_in(0, limit);
}

/* ---- a model by chance ---- */

typedef struct model {
    uint32_t roots[TREES];
    forest_node nodes[TREES * 2 * LEAVES];
    forest_leaf_value leaves[TREES * LEAVES];
    double columns[4][COLUMNS];
    scaler scaler;
    isolation_forest isolation;
} model;

static void add_tree(model *m)
{
    forest *f = &m->isolation.trees;
    uint32_t open[LEAVES], count = 1;
    open[0] = f->node_count;
    f->roots[f->tree_count++] = f->node_count++;
    while (count < LEAVES) {
        uint32_t i = below(count), child = f->node_count;
        f->nodes[open[i]] = (forest_node){.threshold = random_in(-2, 2),
                                          .feature = (int32_t)below(COLUMNS),
                                          .yes = child,
                                          .no = child + 1,
                                          .missing_yes = below(2) != 0};
        open[i] = child;
        open[count++] = child + 1;
        f->node_count += 2;
    }
    for (uint32_t i = 0; i < count; i++) {
        f->nodes[open[i]] = (forest_node){.feature = -1, .yes = f->leaf_value_count, .no = 1};
        f->leaf_values[f->leaf_value_count++] = (forest_leaf_value){random_in(1, 9), 0};
    }
}

static void model_init(model *m)
{
    *m = (model){0};
    m->isolation.trees = (forest){.number = FOREST_F64,
                                  .feature_count = COLUMNS,
                                  .target_count = 1,
                                  .roots = m->roots,
                                  .nodes = m->nodes,
                                  .leaf_values = m->leaves};
    for (int t = 0; t < TREES; t++)
        add_tree(m);
    m->isolation.denominator = TREES * 6.5;
    m->isolation.offset = -0.55;
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < COLUMNS; i++)
            m->columns[k][i] = random_in(0.5, 1.5);
    m->scaler = (scaler){.feature_count = COLUMNS, .offset = m->columns[0], .scale = m->columns[1]};
}

/* As a bundle's: compiled by the chain alone. */
static bool lean;

static void write_graph(onnx_model *graph, engine **out)
{
    const engine_options options = {.plain = lean};
    buf bytes;
    alf_error err = {0};
    buf_init(&bytes);
    must(onnx_write(graph, &bytes, &err), &err);
    must(engine_load_with(buf_span(&bytes), &options, out, &err), &err);
    buf_fini(&bytes);
    onnx_free(graph);
}

/* A change of the scaler's or of the forest's graph. */
typedef void (*changer)(onnx_model *m);

static void open_chain(const model *m, changer scaler_change, changer forest_change,
                       anomaly_chain *out)
{
    onnx_model *graphs[2];
    engine *engines[2];
    alf_error err = {0};
    must(emit_scaler(&m->scaler, &graphs[0], &err), &err);
    must(emit_isolation_forest(&m->isolation, &graphs[1], &err), &err);
    if (scaler_change != NULL)
        scaler_change(graphs[0]);
    if (forest_change != NULL)
        forest_change(graphs[1]);
    write_graph(graphs[0], &engines[0]);
    write_graph(graphs[1], &engines[1]);
    must(anomaly_chain_init(out, engines[0], engines[1], COLUMNS, &err), &err);
}

/* ---- same bits ---- */

static void make_rows(double *rows)
{
    static const double special[] = {0, -0.0, 1e-320, 1e300, -1e300};
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        uint32_t kind = below(20);
        rows[i] = kind == 0   ? (double)NAN
                  : kind == 1 ? (double)INFINITY
                  : kind == 2 ? -(double)INFINITY
                  : kind == 3 ? special[below(5)]
                              : random_in(-3, 3);
    }
}

static void check_chain(const anomaly_chain *c, const double *rows, const plain_answer *expected,
                        size_t batch)
{
    anomaly_chain_session s;
    alf_error err = {0};
    double scores[ROWS], decisions[ROWS];
    int labels[ROWS];
    must(anomaly_chain_session_init(&s, c, &err), &err);
    for (size_t i = 0; i < ROWS; i += batch) {
        size_t n = ROWS - i < batch ? ROWS - i : batch;
        must(anomaly_chain_run(&s, rows + i * COLUMNS, n, scores + i, decisions + i, labels + i,
                               &err),
             &err);
    }
    anomaly_chain_session_fini(&s);
    for (size_t i = 0; i < ROWS; i++) {
        assert_memory_equal(&scores[i], &expected[i].score, sizeof(double));
        assert_memory_equal(&decisions[i], &expected[i].decision, sizeof(double));
        assert_int_equal(labels[i], expected[i].label);
    }
}

static void check_model(const model *m)
{
    static const size_t batches[] = {1, 2, 9, 63, 64, 65, 300};
    double rows[ROWS * COLUMNS];
    plain_answer expected[ROWS];
    make_rows(rows);
    for (size_t i = 0; i < ROWS; i++)
        expected[i] = plain_anomaly(&m->scaler, &m->isolation, rows + i * COLUMNS);
    for (int level = 0; level < CPU_LEVELS; level++) {
        anomaly_chain c;
        cpu_limit(CPU_AVX512VBMI);
        if (!cpu_has((cpu_level)level))
            continue;
        cpu_limit((cpu_level)level);
        open_chain(m, NULL, NULL, &c);
        assert_non_null(c.fused);
        for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++)
            check_chain(&c, rows, expected, batches[i]);
        anomaly_chain_unfuse(&c);
        assert_null(c.fused);
        check_chain(&c, rows, expected, 7);
        check_chain(&c, rows, expected, 300);
        anomaly_chain_fini(&c);
        lean = true;
        open_chain(m, NULL, NULL, &c);
        lean = false;
        assert_non_null(c.fused);
        anomaly_chain_trim(&c);
        check_chain(&c, rows, expected, 64);
        anomaly_chain_fini(&c);
    }
}

static void fused_equals_graphs_and_plain_arithmetic(void **state)
{
    (void)state;
    static model m;
    for (int i = 0; i < 4; i++) {
        model_init(&m);
        if (i == 1)
            m.scaler.offset = NULL;
        if (i == 2)
            m.scaler.scale = NULL;
        if (i == 3) {
            m.scaler.factor = m.columns[2];
            m.scaler.shift = m.columns[3];
        }
        check_model(&m);
    }
}

/* ---- what is not fused ---- */

static onnx_node *find_node(onnx_model *m, const char *output)
{
    for (size_t i = 0; i < m->node_count; i++)
        if (span_is(m->nodes[i].outputs[0], output))
            return &m->nodes[i];
    fail_msg("no node makes %s", output);
    return NULL;
}

static onnx_tensor *find_constant(onnx_model *m, const char *name)
{
    for (size_t i = 0; i < m->initializer_count; i++)
        if (span_is(m->initializers[i].name, name))
            return &m->initializers[i];
    fail_msg("no constant %s", name);
    return NULL;
}

static void rename_operator(onnx_model *m, const char *output, const char *op_type)
{
    find_node(m, output)->op_type = span_from_string(op_type);
}

static void swap_inputs(onnx_model *m, const char *output)
{
    onnx_node *node = find_node(m, output);
    alf_span first = node->inputs[0];
    node->inputs[0] = node->inputs[1];
    node->inputs[1] = first;
}

static void to_rank_one(onnx_model *m, const char *name)
{
    onnx_tensor *t = find_constant(m, name);
    t->rank = 1;
    t->dims[0] = 1;
}

static void set_int(onnx_model *m, const char *attribute, int64_t number)
{
    alf_error err = {0};
    must(onnx_set_int(m, find_node(m, "depth"), attribute, number, &err), &err);
}

static void another_base(onnx_model *m)
{
    static const double two_and_a_bit = 2.0000000000000004;
    find_constant(m, "two")->data = &two_and_a_bit;
}

static void base_and_exponent_swapped(onnx_model *m)
{
    swap_inputs(m, "power");
}

static void division_turned_round(onnx_model *m)
{
    swap_inputs(m, "exponent");
}

static void offset_turned_round(onnx_model *m)
{
    swap_inputs(m, "scores");
}

static void offset_added(onnx_model *m)
{
    rename_operator(m, "scores", "Add");
}

static void less_or_equal(onnx_model *m)
{
    rename_operator(m, "below", "LessOrEqual");
}

static void absolute_depth(onnx_model *m)
{
    rename_operator(m, "negative", "Abs");
}

static void mean_of_trees(onnx_model *m)
{
    set_int(m, "aggregate_function", 0);
}

static void logistic_of_depth(onnx_model *m)
{
    set_int(m, "post_transform", 2);
}

static void vector_denominator(onnx_model *m)
{
    to_rank_one(m, "denominator");
}

static void another_node(onnx_model *m)
{
    onnx_node *node;
    alf_error err = {0};
    must(onnx_add_node(m, "", "Neg", "extra", "scores", "extra", &node, &err), &err);
    must(onnx_add_output(m, "extra", ONNX_DOUBLE, 1, (const int64_t[]){-1}, &err), &err);
}

/* The decision is made from the score before the offset. */
static void branches(onnx_model *m)
{
    find_node(m, "below")->inputs[0] = span_from_string("score_samples");
}

static void a_test_of_equality(onnx_model *m)
{
    onnx_node *node = find_node(m, "depth");
    for (size_t i = 0; i < node->attribute_count; i++)
        if (span_is(node->attributes[i].name, "nodes_modes"))
            ((uint8_t *)(uintptr_t)node->attributes[i].t->data)[3] = FOREST_EQ;
}

static void row_of_constants(onnx_model *m)
{
    onnx_tensor *t = find_constant(m, "scale");
    t->rank = 2;
    t->dims[1] = t->dims[0];
    t->dims[0] = 1;
}

static void scale_turned_round(onnx_model *m)
{
    swap_inputs(m, "scaled");
}

static void scaler_absolute(onnx_model *m)
{
    onnx_node *node = find_node(m, "centered");
    node->op_type = span_from_string("Abs");
    node->input_count = 1;
}

static void deviations_are_not_fused(void **state)
{
    (void)state;
    static const changer forests[] = {another_base,          base_and_exponent_swapped,
                                      division_turned_round, offset_turned_round,
                                      offset_added,          less_or_equal,
                                      absolute_depth,        mean_of_trees,
                                      logistic_of_depth,     vector_denominator,
                                      another_node,          branches,
                                      a_test_of_equality};
    static const changer scalers[] = {row_of_constants, scale_turned_round, scaler_absolute};
    static model m;
    anomaly_chain c;
    model_init(&m);
    for (size_t i = 0; i < sizeof forests / sizeof forests[0]; i++) {
        open_chain(&m, NULL, forests[i], &c);
        if (c.fused != NULL)
            fail_msg("forest %zu is fused", i);
        anomaly_chain_fini(&c);
    }
    for (size_t i = 0; i < sizeof scalers / sizeof scalers[0]; i++) {
        open_chain(&m, scalers[i], NULL, &c);
        if (c.fused != NULL)
            fail_msg("scaler %zu is fused", i);
        anomaly_chain_fini(&c);
    }
    m.scaler.clips = true;
    m.scaler.low = -1;
    m.scaler.high = 1;
    open_chain(&m, NULL, NULL, &c);
    assert_null(c.fused);
    anomaly_chain_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fused_equals_graphs_and_plain_arithmetic),
        cmocka_unit_test(deviations_are_not_fused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
