/*
 * Small joblib models cut at every byte, and with every byte changed, go through everything that
 * convert does with them: reading, extraction, writing ONNX, loading it. A cut file is refused with
 * a place in the file; whatever a changed file still is, nothing crashes, leaks or takes long.
 */
#include "support/test.h"

#include "base/file.h"
#include "base/span.h"
#include "codec/joblib.h"
#include "convert/emit.h"
#include "convert/extract.h"
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

#define FIXTURES ALF_TEST_SOURCE_DIR "/tests/integration/fixtures/hostile/"

enum { LIMIT = 32 << 20 };

static void read_model(const char *name, buf *out)
{
    alf_error err = {0};
    buf_init(out);
    must(file_read(name, LIMIT, out, &err), &err);
}

/* Writes the graph and loads it again. */
static void check_graph(alf_status status, onnx_model *const *graph)
{
    alf_error err;
    buf file;
    engine *e = NULL;
    if (status != ALF_OK)
        return;
    buf_init(&file);
    if (onnx_write(*graph, &file, &err) == ALF_OK)
        (void)engine_load(buf_span(&file), 0, &e, &err);
    engine_free(e);
    buf_fini(&file);
    onnx_free(*graph);
}

static void convert_forest(const value *root)
{
    alf_error err;
    arena a;
    scaler plain;
    isolation_forest trees;
    onnx_model *graph = NULL;
    const value *first = value_get(root, "scaler");
    const value *second = value_get(root, "model");
    arena_init(&a, LIMIT);
    if (first != NULL && extract_scaler(first, &a, &plain, &err) == ALF_OK)
        check_graph(emit_scaler(&plain, &graph, &err), &graph);
    if (second != NULL && extract_isolation_forest(second, &a, &trees, &err) == ALF_OK)
        check_graph(emit_isolation_forest(&trees, &graph, &err), &graph);
    arena_fini(&a);
}

static void convert_text(const value *root)
{
    alf_error err;
    arena a;
    text_vectorizer vectorizer;
    boosted_classifier boosted;
    class_labels labels;
    onnx_model *graph = NULL;
    const value *first = value_get(root, "vectorizer");
    const value *second = value_get(root, "model");
    const value *third = value_get(root, "label_encoder");
    arena_init(&a, LIMIT);
    if (first != NULL && extract_vectorizer(first, &a, &vectorizer, &err) == ALF_OK)
        check_graph(emit_vectorizer(&vectorizer, &graph, &err), &graph);
    if (second != NULL && extract_boosted(second, &a, &boosted, &err) == ALF_OK)
        check_graph(emit_boosted(&boosted, &graph, &err), &graph);
    if (third != NULL)
        (void)extract_labels(third, &a, &labels, &err);
    arena_fini(&a);
}

static alf_status convert_bytes(const char *bytes, size_t size, alf_error *err)
{
    joblib_file *file = NULL;
    alf_status status = joblib_parse(span_of(bytes, size), NULL, &file, err);
    if (status == ALF_OK && joblib_root(file)->kind == VALUE_DICT) {
        convert_forest(joblib_root(file));
        convert_text(joblib_root(file));
    }
    joblib_free(file);
    return status;
}

/* A copy of exactly that size, so that reading behind it is seen. */
static char *copy_of(const buf *model, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, model->data, size);
    return copy;
}

static void cut_everywhere(const char *path)
{
    buf model;
    alf_error err;
    read_model(path, &model);
    must(convert_bytes(model.data, model.size, &err), &err);
    for (size_t size = 0; size < model.size; size++) {
        err = (alf_error){0};
        char *copy = copy_of(&model, size);
        if (convert_bytes(copy, size, &err) == ALF_OK)
            fail_msg("%s cut at byte %zu was accepted", path, size);
        assert_true(err.message[0] != '\0');
        assert_true(err.offset == ALF_NO_OFFSET || err.offset <= model.size);
        free(copy);
    }
    buf_fini(&model);
}

static void change_everywhere(const char *path)
{
    static const unsigned char masks[] = {0xFF, 0x01};
    buf model;
    alf_error err;
    read_model(path, &model);
    for (size_t at = 0; at < model.size; at++)
        for (size_t i = 0; i < sizeof masks; i++) {
            char old = model.data[at];
            model.data[at] = (char)((unsigned char)old ^ masks[i]);
            (void)convert_bytes(model.data, model.size, &err);
            model.data[at] = old;
        }
    buf_fini(&model);
}

static void forest_cut(void **state)
{
    (void)state;
    cut_everywhere(FIXTURES "good_forest.joblib");
}

static void text_cut(void **state)
{
    (void)state;
    cut_everywhere(FIXTURES "good_text.joblib");
}

static void compressed_cut(void **state)
{
    (void)state;
    cut_everywhere(FIXTURES "cycle_attribute.joblib"); /* a good forest, in zlib */
}

static void forest_changed(void **state)
{
    (void)state;
    change_everywhere(FIXTURES "good_forest.joblib");
}

static void text_changed(void **state)
{
    (void)state;
    change_everywhere(FIXTURES "good_text.joblib");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forest_cut),     cmocka_unit_test(text_cut),
        cmocka_unit_test(compressed_cut), cmocka_unit_test(forest_changed),
        cmocka_unit_test(text_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
