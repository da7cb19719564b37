/* fuzz: convert. Any joblib file through the readers of scikit-learn estimators and the joblib
 * engine: whatever an extractor accepts must pass forest_check and be walkable. */
#include "codec/joblib.h"
#include "convert/emit.h"
#include "convert/extract.h"
#include "convert/reference.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_COLUMNS = 64 };

static void try_forest(const value *v, arena *a)
{
    isolation_forest plain;
    reference_isolation *engine;
    double x[MAX_COLUMNS];
    double depth;
    for (int i = 0; i < MAX_COLUMNS; i++)
        x[i] = i % 5 == 4 ? (double)NAN : 0.5 * i;
    if (extract_isolation_forest(v, a, &plain, NULL) == ALF_OK) {
        if (forest_check(&plain.trees, NULL) != ALF_OK)
            abort();
        if (plain.trees.feature_count <= MAX_COLUMNS)
            forest_sum(&plain.trees, x, &depth);
    }
    if (reference_isolation_new(v, &engine, NULL) == ALF_OK) {
        double score;
        double decision;
        int label;
        for (size_t n = 1; n <= MAX_COLUMNS; n++)
            (void)reference_isolation_run(engine, x, n, &score, &decision, &label, NULL);
        reference_isolation_free(engine);
    }
}

static void try_text(const value *v, arena *a)
{
    text_vectorizer plain;
    reference_text *engine;
    bool accepted = extract_vectorizer(v, a, &plain, NULL) == ALF_OK;
    if (accepted)
        for (uint32_t i = 0; i < plain.term_count; i++)
            if (plain.terms[i].data == NULL)
                abort();
    if (reference_text_new(v, &engine, NULL) == ALF_OK) {
        reference_row row = {0};
        (void)reference_text_run(engine, SPAN_LITERAL("Error: disk \xC3\x89 x=1 \xFF"), &row, NULL);
        for (size_t i = 0; accepted && i < row.count; i++)
            if (row.columns[i] >= plain.term_count)
                abort();
        reference_row_fini(&row);
        reference_text_free(engine);
    }
}

static void try_all(const value *v)
{
    arena a;
    scaler s;
    onnx_model *graph;
    class_labels labels;
    double x[4] = {0};
    arena_init(&a, 16 << 20);
    if (extract_scaler(v, &a, &s, NULL) == ALF_OK && emit_scaler(&s, &graph, NULL) == ALF_OK)
        onnx_free(graph);
    (void)reference_scale(v, x, 4, x, NULL);
    (void)extract_labels(v, &a, &labels, NULL);
    try_forest(v, &a);
    try_text(v, &a);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    joblib_options options = {.limits = {1 << 22, 1 << 24, 50, 100000}};
    joblib_file *file;
    alf_span span = {(const char *)data, size};
    if (joblib_parse(span, &options, &file, NULL) != ALF_OK)
        return 0;
    const value *root = joblib_root(file);
    try_all(root);
    if (root->kind == VALUE_DICT)
        for (size_t i = 0; i < root->as.dict.count && i < 8; i++)
            try_all(root->as.dict.pairs[i].item);
    joblib_free(file);
    return 0;
}
