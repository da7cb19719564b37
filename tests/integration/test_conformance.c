/*
 * The ONNX project's own node tests (Debian: libonnx-testdata), for every operator the engine runs.
 * Prints how many passed, how many the engine refuses by name, and those that failed; a failure
 * fails the test. ALF_ONNX_TESTDATA names another folder of such cases; with ALF_VERBOSE every case
 * is named (scripts/peers/conformance.py reads that). Skipped where there is none.
 */
#include "support/test.h"

#include "base/file.h"
#include "base/span.h"
#include "engine/engine.h"
#include "engine/kernel.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 16, SKIPPED = 77, MOST_BYTES = 64 << 20 };

/* Cases whose answer the specification leaves open: the digits of a number made text, where we
 * write what ONNX Runtime writes. */
static const char *const known_differences[] = {
    "test_cast_FLOAT_to_STRING",
    "test_castlike_FLOAT_to_STRING_expanded",
    NULL,
};

static const char *folder_name(void)
{
    const char *named = getenv("ALF_ONNX_TESTDATA");
    return named != NULL ? named : "/usr/share/libonnx-testdata/data/node";
}

/* ---- TensorProto files: wrapped into a model, so that the ONNX reader reads them ---- */

static void put_varint(buf *b, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        buf_append_char(b, (char)(n | 0x80));
    buf_append_char(b, (char)n);
}

static void put_field(buf *b, uint32_t field, alf_span bytes)
{
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, bytes.size);
    buf_append_span(b, bytes);
}

/* A model whose only initializer is the tensor. */
static alf_status read_tensor(alf_span proto, buf *storage, onnx_model **out)
{
    alf_error err;
    buf graph;
    buf_init(&graph);
    put_field(&graph, 5, proto); /* GraphProto.initializer */
    put_varint(storage, 1 << 3); /* ModelProto.ir_version */
    put_varint(storage, 8);
    put_field(storage, 7, buf_span(&graph)); /* ModelProto.graph */
    buf_fini(&graph);
    return onnx_read(buf_span(storage), out, &err);
}

typedef struct loaded {
    buf file, storage;
    onnx_model *model;
    tensor t;
} loaded;

static bool load_tensor(const char *folder, const char *kind, size_t number, loaded *out)
{
    char path[1024];
    alf_error err;
    buf_init(&out->file);
    buf_init(&out->storage);
    out->model = NULL;
    (void)snprintf(path, sizeof path, "%s/test_data_set_0/%s_%zu.pb", folder, kind, number);
    if (file_read(path, MOST_BYTES, &out->file, &err) != ALF_OK)
        return false;
    if (read_tensor(buf_span(&out->file), &out->storage, &out->model) != ALF_OK ||
        out->model->initializer_count != 1)
        return false;
    const onnx_tensor *from = &out->model->initializers[0];
    out->t = (tensor){.type = from->type, .rank = from->rank};
    memcpy(out->t.dims, from->dims, sizeof out->t.dims);
    const void *data = from->type == ONNX_STRING ? (const void *)from->strings : from->data;
    memcpy(&out->t.data, &data, sizeof data);
    return true;
}

static void free_tensor(loaded *l)
{
    onnx_free(l->model);
    buf_fini(&l->storage);
    buf_fini(&l->file);
}

/* ---- comparing, as the suite does: 1e-3 relative, 1e-7 absolute ---- */

static bool alike(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return !(a < b) && !(a > b);
    return fabs(a - b) <= 1e-7 + 1e-3 * fabs(b);
}

static bool same(const tensor *a, const tensor *b)
{
    if (a->type != b->type || a->rank != b->rank ||
        memcmp(a->dims, b->dims, a->rank * sizeof a->dims[0]) != 0)
        return false;
    uint64_t count = tensor_count(b);
    for (uint64_t i = 0; i < count; i++) {
        if (a->type == ONNX_FLOAT
                ? !alike((double)((const float *)a->data)[i], (double)((const float *)b->data)[i])
            : a->type == ONNX_DOUBLE
                ? !alike(((const double *)a->data)[i], ((const double *)b->data)[i])
            : a->type == ONNX_STRING
                ? !span_equal(((const alf_span *)a->data)[i], ((const alf_span *)b->data)[i])
                : memcmp((const char *)a->data + i * tensor_element_size(a->type),
                         (const char *)b->data + i * tensor_element_size(b->type),
                         tensor_element_size(a->type)) != 0)
            return false;
    }
    return true;
}

/* ---- one case ---- */

typedef struct tally {
    size_t passed, unsupported, failed, known;
} tally;

static bool is_known(const char *name)
{
    for (size_t i = 0; known_differences[i] != NULL; i++)
        if (strcmp(known_differences[i], name) == 0)
            return true;
    return false;
}

/* Inputs given in the order of the graph's. NULL: passed. */
static const char *run_case(const char *folder, engine *e, alf_error *err)
{
    loaded inputs[MOST_TENSORS], expected;
    tensor in[MOST_TENSORS], out[MOST_TENSORS];
    const char *problem = NULL;
    size_t count = engine_input_count(e), made = 0;
    if (count > MOST_TENSORS || engine_output_count(e) > MOST_TENSORS)
        return "too many inputs";
    for (; made < count && problem == NULL; made++) {
        if (!load_tensor(folder, "input", made, &inputs[made]))
            problem = "an input could not be read";
        in[made] = inputs[made].t;
    }
    engine_session *s = problem == NULL ? engine_session_new(e) : NULL;
    if (problem == NULL && engine_run(s, in, out, err) != ALF_OK)
        problem = err->message;
    for (size_t i = 0; problem == NULL && i < engine_output_count(e); i++) {
        if (!load_tensor(folder, "output", i, &expected))
            problem = "an output could not be read";
        else if (!same(&out[i], &expected.t))
            problem = "another answer";
        free_tensor(&expected);
    }
    engine_session_free(s);
    for (size_t i = 0; i < made; i++)
        free_tensor(&inputs[i]);
    return problem;
}

static void try_case(const char *name, tally *t)
{
    char folder[512], path[1024];
    alf_error err = {0};
    engine *e = NULL;
    buf file;
    (void)snprintf(folder, sizeof folder, "%s/%s", folder_name(), name);
    (void)snprintf(path, sizeof path, "%s/model.onnx", folder);
    buf_init(&file);
    if (file_read(path, MOST_BYTES, &file, &err) != ALF_OK) {
        buf_fini(&file);
        return;
    }
    const char *problem = NULL;
    alf_status status = engine_load(buf_span(&file), 0, &e, &err);
    if (status == ALF_OK)
        problem = run_case(folder, e, &err);
    else if (status != ALF_E_UNSUPPORTED)
        problem = err.message;
    if (status == ALF_E_UNSUPPORTED) {
        t->unsupported++;
        if (getenv("ALF_VERBOSE") != NULL)
            print_message("unsupported: %s: %s\n", name, err.message);
    } else if (problem == NULL) {
        t->passed++;
        if (getenv("ALF_VERBOSE") != NULL)
            print_message("passed: %s\n", name);
    } else if (is_known(name)) {
        t->known++;
        if (getenv("ALF_VERBOSE") != NULL)
            print_message("known: %s: %s\n", name, problem);
    } else {
        t->failed++;
        print_message("failed: %s: %s\n", name, problem);
    }
    engine_free(e);
    buf_fini(&file);
}

static void onnx_node_tests(void **state)
{
    (void)state;
    tally t = {0};
    DIR *folder = opendir(folder_name());
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (entry->d_name[0] != '.')
            try_case(entry->d_name, &t);
    closedir(folder);
    print_message("%zu passed, %zu unsupported, %zu known to differ, %zu failed\n", t.passed,
                  t.unsupported, t.known, t.failed);
    assert_true(t.passed > 100);
    assert_int_equal(t.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(onnx_node_tests)};
    if (!file_is_directory(folder_name())) {
        printf("skipped: no ONNX node tests in %s\n", folder_name());
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
