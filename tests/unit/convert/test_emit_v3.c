/*
 * The v3 reference models -> ONNX: the files must be compact and always the same. Where
 * ALF_EMIT_DIR names a folder they are saved in it under v3/, for scripts/peers/check_onnx.py
 * ALF_EMIT_DIR/v3 --golden GOLDEN.
 */
#include "emit_case.h"

#include "codec/joblib.h"
#include "convert/extract.h"

#define MODELS ALF_TEST_SOURCE_DIR "/../shared/reference/models/v3"

static const char anomaly_file[] = MODELS "/anomaly_detector/model.joblib";
static const char text_file[] = MODELS "/tfidf_xgboost/model.joblib";

/* Extracts the estimator under a key of a file and emits it. */
typedef alf_status converter(const value *object, arena *a, onnx_model **out, alf_error *err);

static alf_status convert_scaler(const value *object, arena *a, onnx_model **out, alf_error *err)
{
    scaler model;
    must(extract_scaler(object, a, &model, err), err);
    return emit_scaler(&model, out, err);
}

static alf_status convert_isolation(const value *object, arena *a, onnx_model **out, alf_error *err)
{
    isolation_forest model;
    must(extract_isolation_forest(object, a, &model, err), err);
    return emit_isolation_forest(&model, out, err);
}

static alf_status convert_vectorizer(const value *object, arena *a, onnx_model **out,
                                     alf_error *err)
{
    text_vectorizer model;
    must(extract_vectorizer(object, a, &model, err), err);
    return emit_vectorizer(&model, out, err);
}

static alf_status convert_boosted(const value *object, arena *a, onnx_model **out, alf_error *err)
{
    boosted_classifier model;
    must(extract_boosted(object, a, &model, err), err);
    return emit_boosted(&model, out, err);
}

static const struct {
    const char *name, *file, *key;
    converter *convert;
    size_t limit; /* bytes */
} parts[] = {
    {"scaler", anomaly_file, "scaler", convert_scaler, 1024},
    {"anomaly_detector", anomaly_file, "model", convert_isolation, 300 * 1024},
    {"tfidf_vectorizer", text_file, "vectorizer", convert_vectorizer, 100 * 1024},
    {"xgboost", text_file, "classifier", convert_boosted, 100 * 1024},
};

enum { PARTS = sizeof parts / sizeof parts[0], BUNDLE_LIMIT = 650 * 1024 };

static void convert_part(size_t i, buf *out)
{
    alf_error err = {0};
    joblib_file *file;
    onnx_model *graph;
    arena memory;
    arena_init(&memory, 0);
    buf_init(out);
    must(joblib_open(parts[i].file, NULL, &file, &err), &err);
    const value *object = value_get(joblib_root(file), parts[i].key);
    assert_non_null(object);
    must(parts[i].convert(object, &memory, &graph, &err), &err);
    must(onnx_write(graph, out, &err), &err);
    onnx_free(graph);
    joblib_free(file);
    arena_fini(&memory);
}

static void files_are_compact(void **state)
{
    (void)state;
    const char *folder = getenv("ALF_EMIT_DIR");
    size_t total = 0;
    for (size_t i = 0; i < PARTS; i++) {
        buf bytes;
        convert_part(i, &bytes);
        print_message("%s.onnx: %zu bytes\n", parts[i].name, bytes.size);
        assert_true(bytes.size <= parts[i].limit);
        total += bytes.size;
        if (folder != NULL) {
            char path[512];
            must(file_join(path, sizeof path, folder, "v3", NULL), NULL);
            emit_case_save(path, parts[i].name, "onnx", &bytes);
        }
        buf_fini(&bytes);
    }
    assert_true(total <= BUNDLE_LIMIT);
}

static void files_are_always_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < PARTS; i++) {
        buf first, second;
        convert_part(i, &first);
        convert_part(i, &second);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
        buf_fini(&first);
        buf_fini(&second);
    }
}

/* The engine must take what the converter writes. */
static void the_engine_loads_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < PARTS; i++) {
        buf bytes;
        alf_error err = {0};
        engine *loaded;
        convert_part(i, &bytes);
        must(engine_load(buf_span(&bytes), 0, &loaded, &err), &err);
        engine_free(loaded);
        buf_fini(&bytes);
    }
}

int main(void)
{
    if (!file_exists(anomaly_file) || !file_exists(text_file)) {
        (void)printf("skipped: the reference models are not there\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_compact),
        cmocka_unit_test(files_are_always_the_same),
        cmocka_unit_test(the_engine_loads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
