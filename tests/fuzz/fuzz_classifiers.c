/* fuzz: convert. Any joblib file through the readers of classifiers and the joblib engine: what the
 * extractor accepts must pass forest_check, become a graph and have names for its classes; what
 * both accept must have as many classes. */
#include "codec/joblib.h"
#include "convert/emit.h"
#include "convert/extract.h"
#include "convert/reference.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS = 24, MAX_CLASSES = 1000 };

static void try_graph(const value *v, const text_classifier *c, arena *a)
{
    class_labels labels;
    onnx_model *graph = NULL;
    if (c->kind == CLASSIFIER_TREES && forest_check(&c->as.trees.trees, NULL) != ALF_OK)
        abort();
    if (emit_classifier(c, &graph, NULL) != ALF_OK)
        abort();
    onnx_free(graph);
    if (extract_classifier_labels(v, NULL, c->class_count, a, &labels, NULL) == ALF_OK &&
        labels.count != c->class_count)
        abort();
}

static void try_reference(const value *v, const text_classifier *c)
{
    static double p[MAX_CLASSES];
    uint32_t columns[COLUMNS], label;
    double values[COLUMNS];
    reference_classifier *engine;
    reference_row row = {columns, values, 0, COLUMNS};
    if (reference_classifier_new(v, &engine, NULL) != ALF_OK)
        return;
    size_t classes = reference_classifier_classes(engine);
    if (c != NULL && classes != c->class_count)
        abort();
    for (int turn = 0; turn < 3 && classes <= MAX_CLASSES; turn++) {
        if (reference_classifier_run(engine, &row, p, &label, NULL) == ALF_OK && label >= classes)
            abort();
        row.count = 0;
        for (uint32_t k = 0; k < COLUMNS; k++) {
            columns[row.count] = k;
            values[row.count++] = turn == 0 ? 0.3 : -1e300;
        }
    }
    reference_classifier_free(engine);
}

static void try_object(const value *v)
{
    arena a;
    text_classifier c;
    scaler s;
    arena_init(&a, 16 << 20);
    bool accepted = extract_classifier(v, &a, &c, NULL) == ALF_OK;
    if (accepted)
        try_graph(v, &c, &a);
    try_reference(v, accepted ? &c : NULL);
    (void)extract_is_classifier(v);
    if (extract_scaler(v, &a, &s, NULL) == ALF_OK && s.feature_count == 0)
        abort();
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    joblib_options options = {.limits = {1 << 22, 1 << 24, 50, 100000}};
    joblib_file *file;
    alf_span span = {(const char *)data, size};
    if (joblib_parse(span, &options, &file, NULL) != ALF_OK)
        return 0;
    try_object(joblib_root(file));
    joblib_free(file);
    return 0;
}
