/*
 * Forests, isolation forests, boosted classifiers and scalers -> ONNX -> engine. What is expected
 * comes from the plain model itself: forest_sum and the formulas of the libraries. ONNX Runtime is
 * held to the same numbers by scripts/peers/check_onnx.py (see emit_case.h).
 */
#include "emit_case.h"

#include "convert/emit_internal.h"

#include <math.h>

enum { FEATURES = 5, TARGETS = 3, ROWS = 200, MAX_NODES = 2000 };

/* ---- forests by chance, but the same every time ---- */

static uint32_t seed;

static uint32_t draw(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* A coarse grid, so that rows often equal thresholds; every number is a float32. */
static double draw_number(void)
{
    return ((int)draw(17) - 8) / 4.0;
}

typedef struct grown_forest {
    forest f;
    forest_node nodes[MAX_NODES];
    forest_leaf_value values[MAX_NODES];
    uint32_t roots[64];
    double sets[MAX_NODES];
    double base[TARGETS];
} grown_forest;

static void grow_leaf(grown_forest *g, uint32_t at, uint32_t most_values)
{
    forest *f = &g->f;
    uint32_t count = most_values == 1 ? 1 : draw(most_values + 1);
    g->nodes[at] = (forest_node){.feature = -1, .yes = f->leaf_value_count, .no = count};
    for (uint32_t i = 0; i < count; i++) {
        double weight = f->number == FOREST_F32 ? (double)((float)draw(1000) / 997.0F - 0.5F)
                                                : draw(1000) / 997.0 - 0.5;
        g->values[f->leaf_value_count++] = (forest_leaf_value){weight, draw(f->target_count)};
    }
}

/* modes: how many of the kinds of tests are used. */
static uint32_t grow(grown_forest *g, uint32_t depth, uint32_t modes, uint32_t most_values)
{
    uint32_t at = g->f.node_count++;
    if (depth == 0 || draw(5) == 0) {
        grow_leaf(g, at, most_values);
        return at;
    }
    forest_node node = {.feature = (int32_t)draw(FEATURES),
                        .threshold = draw_number(),
                        .mode = (uint8_t)(modes == 1 ? FOREST_LT : draw(modes)),
                        .missing_yes = draw(2) == 1};
    if (node.mode == FOREST_MEMBER) {
        node.set_begin = g->f.set_value_count;
        node.set_count = draw(5);
        for (uint32_t i = 0; i < node.set_count; i++)
            g->sets[g->f.set_value_count++] = 3 * i + draw(3); /* categories */
    }
    node.yes = grow(g, depth - 1, modes, most_values);
    node.no = grow(g, depth - 1, modes, most_values);
    g->nodes[at] = node;
    return at;
}

static void make_forest(grown_forest *g, forest_number number, uint32_t targets, uint32_t modes,
                        uint32_t most_values)
{
    *g = (grown_forest){.f = {.number = number,
                              .feature_count = FEATURES,
                              .target_count = targets,
                              .tree_count = 30}};
    g->f.nodes = g->nodes;
    g->f.leaf_values = g->values;
    g->f.roots = g->roots;
    g->f.set_values = g->sets;
    for (uint32_t t = 0; t < g->f.tree_count; t++)
        g->roots[t] = grow(g, t % 6, modes, most_values);
    assert_true(g->f.node_count < MAX_NODES);
    assert_int_equal(forest_check(&g->f, NULL), ALF_OK);
}

static void add_base(grown_forest *g)
{
    for (uint32_t k = 0; k < g->f.target_count; k++)
        g->base[k] = (double)(0.1F * (float)(k + 1));
    g->f.base = g->base;
}

static double draw_input(void)
{
    switch (draw(8)) {
    case 0:
        return (double)NAN;
    case 1:
        return draw(2) == 0 ? -0.0 : 0.0;
    case 2:
        return draw(2) == 0 ? -3e38 : 3e38;
    default:
        return draw_number();
    }
}

/* ---- TreeEnsemble ---- */

static void check_ensemble(const char *name, const forest *f)
{
    static double wide[ROWS * FEATURES], sums[ROWS * TARGETS];
    static float narrow[ROWS * FEATURES], narrow_sums[ROWS * TARGETS];
    alf_error err = {0};
    onnx_model *graph;
    onnx_type type = f->number == FOREST_F32 ? ONNX_FLOAT : ONNX_DOUBLE;
    must(emit_begin(name, &graph, &err), &err);
    must(emit_input(graph, "x", type, FEATURES, &err), &err);
    must(emit_tree_ensemble(graph, f, "x", "y", &err), &err);
    must(emit_output(graph, "y", type, f->target_count, &err), &err);
    emit_case c;
    emit_case_open(&c, name, graph);
    for (size_t i = 0; i < (size_t)ROWS * FEATURES; i++)
        narrow[i] = (float)(wide[i] = draw_input());
    for (size_t r = 0; r < ROWS; r++)
        forest_sum(f, wide + r * FEATURES, sums + r * f->target_count);
    for (size_t i = 0; i < (size_t)ROWS * f->target_count; i++)
        narrow_sums[i] = (float)sums[i];
    bool is_narrow = f->number == FOREST_F32;
    const tensor input = {type, 2, {ROWS, FEATURES}, is_narrow ? (void *)narrow : (void *)wide};
    const tensor expected = {
        type, 2, {ROWS, f->target_count}, is_narrow ? (void *)narrow_sums : (void *)sums};
    tensor found;
    emit_case_run(&c, &input, &found, &expected, (const double[]){0});
    assert_int_equal(found.type, type);
    assert_int_equal(tensor_count(&found), tensor_count(&expected));
    assert_memory_equal(found.data, expected.data,
                        (size_t)tensor_count(&found) * onnx_type_size(type));
    emit_case_close(&c);
}

static void ensembles_sum_exactly(void **state)
{
    static grown_forest g;
    (void)state;
    seed = 1;
    make_forest(&g, FOREST_F32, TARGETS, 1, 1);
    add_base(&g);
    check_ensemble("forest_f32", &g.f);
    make_forest(&g, FOREST_F64, 1, 1, 1);
    check_ensemble("forest_f64", &g.f);
    make_forest(&g, FOREST_F32, TARGETS, FOREST_MEMBER, 1);
    check_ensemble("forest_modes_f32", &g.f);
    make_forest(&g, FOREST_F64, TARGETS, FOREST_MEMBER, 3);
    add_base(&g);
    check_ensemble("forest_modes_f64", &g.f);
    make_forest(&g, FOREST_F32, TARGETS, FOREST_MEMBER + 1, 1);
    check_ensemble("forest_sets_f32", &g.f);
    make_forest(&g, FOREST_F64, 2, FOREST_MEMBER + 1, 1);
    check_ensemble("forest_sets_f64", &g.f);
    uint8_t rounding[FEATURES] = {FOREST_FLOOR, FOREST_TRUNC, FOREST_FLOOR, FOREST_TRUNC,
                                  FOREST_FLOOR};
    make_forest(&g, FOREST_F32, TARGETS, FOREST_MEMBER + 1, 1);
    g.f.rounding = rounding;
    check_ensemble("forest_rounded_f32", &g.f);
    make_forest(&g, FOREST_F64, TARGETS, FOREST_MEMBER + 1, 1);
    g.f.rounding = rounding;
    check_ensemble("forest_rounded_f64", &g.f);
    memset(rounding, FOREST_FLOOR, sizeof rounding);
    check_ensemble("forest_floored_f64", &g.f);
}

static void forests_without_trees(void **state)
{
    (void)state;
    double base[] = {0.25, 0, -1};
    forest f = {.number = FOREST_F32, .feature_count = FEATURES, .target_count = TARGETS};
    check_ensemble("forest_empty", &f);
    f.base = base;
    check_ensemble("forest_base", &f);
}

/* ---- the scaler ---- */

static void check_scaler(const char *name, const double *offset, const double *scale)
{
    double x[] = {1.5, -2.25, 1e30, 0.1, 7, -0.0};
    float y[6];
    alf_error err = {0};
    onnx_model *graph;
    emit_case c;
    const scaler model = {.feature_count = 2,
                          .offset = (double *)(uintptr_t)offset,
                          .scale = (double *)(uintptr_t)scale};
    must(emit_scaler(&model, &graph, &err), &err);
    emit_case_open(&c, name, graph);
    for (size_t i = 0; i < 6; i++) {
        double number = offset != NULL ? x[i] - offset[i % 2] : x[i];
        y[i] = (float)(scale != NULL ? number / scale[i % 2] : number);
    }
    const tensor input = {ONNX_DOUBLE, 2, {3, 2}, x}, expected = {ONNX_FLOAT, 2, {3, 2}, y};
    tensor found;
    emit_case_run(&c, &input, &found, &expected, (const double[]){0});
    assert_memory_equal(found.data, y, sizeof y);
    emit_case_close(&c);
}

enum { NORM_COLUMNS = 19 };

static double plain_norm(text_norm kind, const double *x)
{
    double sum = 0, largest = 0;
    for (size_t k = 0; k < NORM_COLUMNS; k++) {
        sum += kind == TEXT_NORM_L2 ? x[k] * x[k] : fabs(x[k]);
        largest = fmax(largest, fabs(x[k]));
    }
    return kind == TEXT_NORM_MAX ? largest : kind == TEXT_NORM_L2 ? sqrt(sum) : sum;
}

/* A Normalizer behind a scaler that does nothing. Which way numpy adds up is tested with its own
 * answers (test_sklearn.c): in float32 it does not show here. */
static void check_norm(const char *name, text_norm kind)
{
    double x[3 * NORM_COLUMNS];
    float y[3 * NORM_COLUMNS];
    alf_error err = {0};
    onnx_model *graph;
    emit_case c;
    scaler norm = {.feature_count = NORM_COLUMNS, .norm = kind, .least_norm = 1e-12};
    const scaler model = {.feature_count = NORM_COLUMNS, .next = &norm};
    seed = 11;
    for (size_t i = 0; i < 3 * NORM_COLUMNS; i++) /* a small row, and one of zeros */
        x[i] = draw_number() * (i < NORM_COLUMNS ? 1 : i < 2 * NORM_COLUMNS ? 1e-15 : 0);
    for (size_t r = 0; r < 3; r++) {
        double divisor = plain_norm(kind, x + r * NORM_COLUMNS);
        for (size_t k = 0; k < NORM_COLUMNS; k++)
            y[r * NORM_COLUMNS + k] =
                (float)(x[r * NORM_COLUMNS + k] / (divisor < norm.least_norm ? 1 : divisor));
    }
    must(emit_scaler(&model, &graph, &err), &err);
    emit_case_open(&c, name, graph);
    const tensor input = {ONNX_DOUBLE, 2, {3, NORM_COLUMNS}, x};
    const tensor expected = {ONNX_FLOAT, 2, {3, NORM_COLUMNS}, y};
    tensor found;
    emit_case_run(&c, &input, &found, &expected, (const double[]){0});
    assert_memory_equal(found.data, y, sizeof y);
    emit_case_close(&c);
}

static void scalers(void **state)
{
    (void)state;
    const double offset[] = {0.3, -7.1}, scale[] = {3, 0.7};
    check_scaler("scaler_both", offset, scale);
    check_scaler("scaler_offset", offset, NULL);
    check_scaler("scaler_scale", NULL, scale);
    check_scaler("scaler_none", NULL, NULL);
    check_norm("scaler_l1", TEXT_NORM_L1);
    check_norm("scaler_l2", TEXT_NORM_L2);
    check_norm("scaler_max", TEXT_NORM_MAX);
}

/* ---- isolation forests ---- */

static void isolation_forests(void **state)
{
    static grown_forest g;
    static float x[ROWS * FEATURES];
    static double scores[ROWS], decisions[ROWS];
    static int64_t labels[ROWS];
    (void)state;
    alf_error err = {0};
    onnx_model *graph;
    emit_case c;
    seed = 5;
    make_forest(&g, FOREST_F64, 1, 1, 1);
    const isolation_forest model = {g.f, 12.75, -0.9};
    must(emit_isolation_forest(&model, &graph, &err), &err);
    emit_case_open(&c, "isolation", graph);
    for (size_t r = 0; r < ROWS; r++) {
        double row[FEATURES], depth;
        for (size_t k = 0; k < FEATURES; k++) {
            x[r * FEATURES + k] = (float)draw_number() * 1.1F;
            row[k] = (double)x[r * FEATURES + k];
        }
        forest_sum(&g.f, row, &depth);
        scores[r] = -pow(2.0, -depth / model.denominator);
        decisions[r] = scores[r] - model.offset;
        labels[r] = decisions[r] < 0 ? -1 : 1;
    }
    const tensor input = {ONNX_FLOAT, 2, {ROWS, FEATURES}, x};
    const tensor expected[] = {{ONNX_INT64, 1, {ROWS}, labels},
                               {ONNX_DOUBLE, 1, {ROWS}, decisions},
                               {ONNX_DOUBLE, 1, {ROWS}, scores}};
    tensor found[3];
    emit_case_run(&c, &input, found, expected, (const double[]){0, 1e-12, 1e-12});
    assert_memory_equal(found[0].data, labels, sizeof labels);
    for (size_t r = 0; r < ROWS; r++) {
        assert_true(fabs(((const double *)found[1].data)[r] - decisions[r]) <= 1e-15);
        assert_true(fabs(((const double *)found[2].data)[r] - scores[r]) <= 1e-15);
    }
    emit_case_close(&c);
}

/* ---- boosted classifiers ---- */

/* As XGBoost: the largest margin is subtracted, the sum is kept in double. */
static void softmax(const double *margins, uint32_t n, float *out)
{
    float top = (float)margins[0];
    double sum = 0;
    for (uint32_t k = 1; k < n; k++)
        top = fmaxf(top, (float)margins[k]);
    for (uint32_t k = 0; k < n; k++) {
        out[k] = expf((float)margins[k] - top);
        sum += (double)out[k];
    }
    for (uint32_t k = 0; k < n; k++)
        out[k] /= (float)sum;
}

static void answer(const boosted_classifier *model, const double *margins, float *p, int64_t *label)
{
    uint32_t n = model->class_count;
    if (model->trees.target_count == 1) {
        float m = (float)margins[0];
        p[1] = model->link == BOOSTED_SIGMOID ? 1.0F / (1.0F + expf(-m)) : m;
        p[0] = 1.0F - p[1];
        *label = p[1] > 0.5F;
        return;
    }
    softmax(margins, n, p);
    *label = 0;
    for (uint32_t k = 1; k < n; k++)
        if (model->link == BOOSTED_SOFTMAX ? p[k] > p[*label] : margins[k] > margins[*label])
            *label = k;
}

static void check_boosted(const char *name, const boosted_classifier *model)
{
    static float x[ROWS * FEATURES], p[ROWS * TARGETS];
    static int64_t labels[ROWS];
    alf_error err = {0};
    onnx_model *graph;
    emit_case c;
    must(emit_boosted(model, &graph, &err), &err);
    emit_case_open(&c, name, graph);
    for (size_t r = 0; r < ROWS; r++) {
        double row[FEATURES], margins[TARGETS];
        for (size_t k = 0; k < FEATURES; k++) {
            x[r * FEATURES + k] = (float)draw_input();
            row[k] = x[r * FEATURES + k] == 0.0F ? (double)NAN : (double)x[r * FEATURES + k];
        }
        forest_sum(&model->trees, row, margins);
        answer(model, margins, p + r * model->class_count, &labels[r]);
    }
    const tensor input = {ONNX_FLOAT, 2, {ROWS, FEATURES}, x};
    const tensor expected[] = {{ONNX_INT64, 1, {ROWS}, labels},
                               {ONNX_FLOAT, 2, {ROWS, model->class_count}, p}};
    tensor found[2];
    emit_case_run(&c, &input, found, expected, (const double[]){0, 1e-6});
    assert_memory_equal(found[0].data, labels, sizeof labels);
    assert_int_equal(found[1].dims[1], model->class_count);
    assert_memory_equal(found[1].data, p, (size_t)ROWS * model->class_count * sizeof *p);
    emit_case_close(&c);
}

static void boosted_classifiers(void **state)
{
    static grown_forest g;
    (void)state;
    seed = 9;
    make_forest(&g, FOREST_F32, TARGETS, 1, 1);
    add_base(&g);
    check_boosted("boosted_softmax", &(boosted_classifier){g.f, BOOSTED_SOFTMAX, TARGETS});
    check_boosted("boosted_margins", &(boosted_classifier){g.f, BOOSTED_HARD_MARGIN, TARGETS});
    make_forest(&g, FOREST_F32, 1, 1, 1);
    add_base(&g);
    check_boosted("boosted_sigmoid", &(boosted_classifier){g.f, BOOSTED_SIGMOID, 2});
    check_boosted("boosted_margin", &(boosted_classifier){g.f, BOOSTED_HARD_MARGIN, 2});
}

/* ---- what must be refused, and lack of memory ---- */

static void refuses_models_that_do_not_fit(void **state)
{
    static grown_forest g;
    (void)state;
    onnx_model *graph;
    alf_error err = {0};
    seed = 3;
    make_forest(&g, FOREST_F32, TARGETS, 1, 1);
    const boosted_classifier wrong[] = {
        {g.f, BOOSTED_SIGMOID, 2}, {g.f, BOOSTED_SOFTMAX, 2}, {g.f, BOOSTED_HARD_MARGIN, 4}};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(emit_boosted(&wrong[i], &graph, &err), ALF_E_ARGUMENT);
        assert_null(graph);
    }
    assert_int_equal(emit_isolation_forest(&(isolation_forest){g.f, 1, 0}, &graph, &err),
                     ALF_E_ARGUMENT);
    assert_int_equal(emit_scaler(&(scaler){0}, &graph, &err), ALF_E_ARGUMENT);
    make_forest(&g, FOREST_F64, 1, 1, 1);
    assert_int_equal(emit_isolation_forest(&(isolation_forest){g.f, 0, 0}, &graph, &err),
                     ALF_E_ARGUMENT);
    assert_int_equal(emit_isolation_forest(&(isolation_forest){g.f, (double)NAN, 0}, &graph, &err),
                     ALF_E_ARGUMENT);
    g.nodes[g.f.roots[5]].yes = g.f.roots[5]; /* a damaged tree */
    assert_int_equal(emit_isolation_forest(&(isolation_forest){g.f, 1, 0}, &graph, &err),
                     ALF_E_FORMAT);
    assert_null(graph);
}

static alf_status emit_any(size_t which, const grown_forest *narrow, const grown_forest *wide,
                           onnx_model **graph)
{
    double ones[] = {1, 1};
    switch (which) {
    case 0:
        return emit_scaler(&(scaler){.feature_count = 2, .offset = ones, .scale = ones}, graph,
                           NULL);
    case 1:
        return emit_isolation_forest(&(isolation_forest){wide->f, 1, 0}, graph, NULL);
    case 2:
        return emit_boosted(&(boosted_classifier){narrow->f, BOOSTED_SIGMOID, 2}, graph, NULL);
    default:
        return ALF_E_INTERNAL;
    }
}

static void survives_lack_of_memory(void **state)
{
    static grown_forest narrow, wide;
    (void)state;
    seed = 4;
    make_forest(&narrow, FOREST_F32, 1, FOREST_MEMBER + 1, 1);
    make_forest(&wide, FOREST_F64, 1, 1, 1);
    for (size_t which = 0; which < 3; which++) {
        alf_status status = ALF_E_NOMEM;
        for (uint64_t n = 1; status != ALF_OK; n++) {
            onnx_model *graph;
            mem_fail_after(n);
            status = emit_any(which, &narrow, &wide, &graph);
            mem_fail_after(0);
            assert_true(status == ALF_OK || status == ALF_E_NOMEM);
            onnx_free(graph);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ensembles_sum_exactly),
        cmocka_unit_test(forests_without_trees),
        cmocka_unit_test(scalers),
        cmocka_unit_test(isolation_forests),
        cmocka_unit_test(boosted_classifiers),
        cmocka_unit_test(refuses_models_that_do_not_fit),
        cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
