/* fuzz: convert: the text of a LightGBM model. What the extractor takes must be a forest that
 * checks and a graph; the joblib engine must take it too and give the same probabilities. */
#include "convert/emit.h"
#include "convert/extract.h"
#include "convert/reference.h"
#include "convert/source_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS = 64, CLASSES = 1000 };

static double x[COLUMNS], sums[CLASSES], expected[CLASSES], p[CLASSES];

/* What the graph computes, from the plain model. */
static void run_model(const text_classifier *c)
{
    static double row[COLUMNS];
    const tree_classifier *t = &c->as.trees;
    double largest = -INFINITY, total = 0;
    for (uint32_t i = 0; i < t->trees.feature_count; i++)
        row[i] = t->zero_is_missing != NULL && t->zero_is_missing[i] && fabs(x[i]) <= TREE_ZERO
                     ? (double)NAN
                     : x[i];
    forest_sum(&t->trees, row, sums);
    for (uint32_t k = 0; k < t->trees.target_count; k++) {
        sums[k] = t->divisor > 0 ? sums[k] / t->divisor : sums[k];
        largest = fmax(largest, sums[k]);
    }
    for (uint32_t k = 0; k < t->trees.target_count; k++) {
        expected[k] = t->link == TREE_SOFTMAX ? exp(sums[k] - largest)
                                              : 1.0 / (1.0 + exp(-t->slope * sums[k]));
        total += expected[k];
    }
    for (uint32_t k = 0; k < t->trees.target_count && t->link == TREE_SOFTMAX; k++)
        expected[k] /= total;
    if (t->link == TREE_LOGISTIC) {
        expected[1] = expected[0];
        expected[0] = 1.0 - expected[1];
    }
}

static void compare(const text_classifier *c, reference_classifier *r)
{
    static const double fills[] = {0, 1e-36, -1e-36, 1, 3.5, -2, 1e300, -1e300, NAN, 40};
    uint32_t columns[COLUMNS], label;
    double values[COLUMNS];
    uint32_t n = c->as.trees.trees.feature_count;
    for (size_t k = 0; k < sizeof fills / sizeof *fills; k++) {
        reference_row row = {columns, values, n, COLUMNS};
        for (uint32_t i = 0; i < n; i++) {
            columns[i] = i;
            values[i] = x[i] = (i + k) % 3 == 0 ? fills[0] : fills[k];
        }
        if (reference_classifier_run(r, &row, p, &label, NULL) != ALF_OK)
            abort();
        run_model(c);
        for (uint32_t i = 0; i < c->class_count; i++)
            if (p[i] < expected[i] || p[i] > expected[i] || isnan(p[i]) != isnan(expected[i]))
                abort();
    }
}

static void try_model(const value *booster, arena *a)
{
    text_classifier c;
    onnx_model *graph = NULL;
    reference_classifier *r = NULL;
    alf_status reference = reference_classifier_new(booster, &r, NULL);
    if (extract_classifier(booster, a, &c, NULL) == ALF_OK) {
        if (forest_check(&c.as.trees.trees, NULL) != ALF_OK || reference != ALF_OK ||
            emit_classifier(&c, &graph, NULL) != ALF_OK)
            abort();
        onnx_free(graph);
        if (c.as.trees.trees.feature_count <= COLUMNS)
            compare(&c, r);
    }
    reference_classifier_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    arena a;
    const value *booster;
    arena_init(&a, (size_t)64 << 20);
    if (size > 0 &&
        source_file_object((alf_span){(const char *)data, size}, "model.txt", &a, &booster, NULL) ==
            ALF_OK &&
        value_is_a(booster, "lightgbm", "Booster"))
        try_model(booster, &a);
    arena_fini(&a);
    return 0;
}
