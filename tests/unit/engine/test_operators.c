/*
 * Every operator against ONNX Runtime's answers: replays the cases of fixtures/ (made by
 * scripts/fixtures/make_engine_fixtures.py, which describes the format), each run twice; every
 * fifth also with each of its allocations failing in turn.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "engine/engine.h"
#include "engine/kernel.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define FOLDER ALF_TEST_SOURCE_DIR "/tests/unit/engine/fixtures"

enum { MOST_TENSORS = 8, MOST_BYTES = 4 << 20, STARVE_EVERY = 5 };

typedef struct reader {
    const char *at, *end;
} reader;

static const void *take(reader *r, size_t size)
{
    const char *at = r->at;
    assert_true((size_t)(r->end - r->at) >= size);
    r->at += size;
    return at;
}

static uint32_t take_u32(reader *r)
{
    uint32_t n;
    memcpy(&n, take(r, sizeof n), sizeof n);
    return n;
}

static alf_span take_text(reader *r)
{
    uint32_t size = take_u32(r);
    return span_of(take(r, size), size);
}

/* The elements are copied: the file does not align them. */
static tensor take_tensor(reader *r)
{
    tensor t = {.type = (onnx_type)take_u32(r), .rank = take_u32(r)};
    assert_true(t.rank <= ONNX_MAX_RANK);
    for (uint32_t k = 0; k < t.rank; k++)
        memcpy(&t.dims[k], take(r, sizeof(int64_t)), sizeof(int64_t));
    size_t count = (size_t)tensor_count(&t);
    t.data = malloc(count * tensor_element_size(t.type) + 1);
    assert_non_null(t.data);
    if (t.type == ONNX_STRING)
        for (size_t i = 0; i < count; i++)
            ((alf_span *)t.data)[i] = take_text(r);
    else if (count > 0)
        memcpy(t.data, take(r, count * tensor_element_size(t.type)),
               count * tensor_element_size(t.type));
    return t;
}

static bool close_enough(double found, double expected, double tolerance)
{
    if (isnan(expected))
        return isnan(found);
    if (isinf(expected) || isinf(found))
        return !(found < expected) && !(found > expected);
    return fabs(found - expected) <= tolerance * fmax(0.1, fabs(expected));
}

static bool same_element(const tensor *a, const tensor *b, uint64_t i, double tolerance)
{
    size_t size = tensor_element_size(a->type);
    if (a->type == ONNX_FLOAT)
        return close_enough((double)((const float *)a->data)[i],
                            (double)((const float *)b->data)[i], tolerance);
    if (a->type == ONNX_DOUBLE)
        return close_enough(((const double *)a->data)[i], ((const double *)b->data)[i], tolerance);
    if (a->type == ONNX_STRING)
        return span_equal(((const alf_span *)a->data)[i], ((const alf_span *)b->data)[i]);
    return memcmp((const char *)a->data + i * size, (const char *)b->data + i * size, size) == 0;
}

static void print_element(const tensor *t, uint64_t i)
{
    if (t->type == ONNX_FLOAT)
        print_error("%.9g", (double)((const float *)t->data)[i]);
    else if (t->type == ONNX_DOUBLE)
        print_error("%.17g", ((const double *)t->data)[i]);
    else if (t->type == ONNX_STRING)
        print_error("'%.*s'", span_width(((const alf_span *)t->data)[i]),
                    ((const alf_span *)t->data)[i].data);
    else if (t->type == ONNX_INT64)
        print_error("%lld", (long long)((const int64_t *)t->data)[i]);
    else
        print_error("%d", ((const uint8_t *)t->data)[i * tensor_element_size(t->type)]);
}

static bool same_tensor(const tensor *found, const tensor *expected, double tolerance)
{
    char a[DIMS_TEXT], b[DIMS_TEXT];
    if (found->type != expected->type || found->rank != expected->rank ||
        memcmp(found->dims, expected->dims, found->rank * sizeof found->dims[0]) != 0) {
        print_error("  found %s %s, expected %s %s\n", onnx_type_name(found->type),
                    dims_text(found->dims, found->rank, a, sizeof a),
                    onnx_type_name(expected->type),
                    dims_text(expected->dims, expected->rank, b, sizeof b));
        return false;
    }
    uint64_t count = tensor_count(expected);
    for (uint64_t i = 0; i < count; i++) {
        if (same_element(found, expected, i, tolerance))
            continue;
        print_error("  element %llu: found ", (unsigned long long)i);
        print_element(found, i);
        print_error(", expected ");
        print_element(expected, i);
        print_error("\n");
        return false;
    }
    return true;
}

typedef struct run_data {
    size_t input_count, output_count;
    tensor inputs[MOST_TENSORS], outputs[MOST_TENSORS];
} run_data;

static void take_run(reader *r, run_data *run)
{
    run->input_count = take_u32(r);
    assert_true(run->input_count <= MOST_TENSORS);
    for (size_t i = 0; i < run->input_count; i++)
        run->inputs[i] = take_tensor(r);
    run->output_count = take_u32(r);
    assert_true(run->output_count <= MOST_TENSORS);
    for (size_t i = 0; i < run->output_count; i++)
        run->outputs[i] = take_tensor(r);
}

static void free_run(run_data *run)
{
    for (size_t i = 0; i < run->input_count; i++)
        free(run->inputs[i].data);
    for (size_t i = 0; i < run->output_count; i++)
        free(run->outputs[i].data);
}

/* Every case must load; counts the runs that differ. */
static bool replay_run(engine *e, engine_session *s, const run_data *run, double tolerance)
{
    tensor found[MOST_TENSORS];
    alf_error err = {0};
    char text[1024];
    assert_int_equal(engine_input_count(e), run->input_count);
    assert_int_equal(engine_output_count(e), run->output_count);
    for (int again = 0; again < 2; again++) {
        (void)mem_fail_after(0);
        if (engine_run(s, run->inputs, found, &err) != ALF_OK) {
            print_error("  %s\n", error_text(&err, text, sizeof text));
            return false;
        }
        for (size_t i = 0; i < run->output_count; i++)
            if (!same_tensor(&found[i], &run->outputs[i], tolerance))
                return false;
    }
    return true;
}

/* Fails each allocation in turn: an error and no leak, until it succeeds. */
static void starve(alf_span model, const run_data *run)
{
    tensor out[MOST_TENSORS];
    alf_error err;
    for (uint64_t n = 1;; n++) {
        engine *e = NULL;
        (void)mem_fail_after(n);
        alf_status status = engine_load(model, 0, &e, &err);
        engine_session *s = status == ALF_OK ? engine_session_new(e) : NULL;
        if (s != NULL)
            status = engine_run(s, run->inputs, out, &err);
        (void)mem_fail_after(0);
        bool done = s != NULL && status == ALF_OK;
        engine_session_free(s);
        engine_free(e);
        if (done)
            return;
        assert_true(s == NULL || status == ALF_E_NOMEM || status == ALF_E_LIMIT);
    }
}

static size_t replay_case(reader *r, bool starved)
{
    size_t failed = 0;
    double tolerance;
    alf_error err = {0};
    char text[1024];
    engine *e = NULL;
    alf_span name = take_text(r), model = take_text(r);
    memcpy(&tolerance, take(r, sizeof tolerance), sizeof tolerance);
    uint32_t runs = take_u32(r);
    if (engine_load(model, 0, &e, &err) != ALF_OK) {
        print_error("%.*s: %s\n", span_width(name), name.data, error_text(&err, text, sizeof text));
        failed++;
    }
    engine_session *s = e != NULL ? engine_session_new(e) : NULL;
    for (uint32_t i = 0; i < runs; i++) {
        run_data run;
        take_run(r, &run);
        if (s != NULL && !replay_run(e, s, &run, tolerance)) {
            print_error("%.*s: run %u differs\n", span_width(name), name.data, i);
            failed++;
        }
        if (starved && s != NULL && i == 0)
            starve(model, &run);
        free_run(&run);
    }
    engine_session_free(s);
    engine_free(e);
    return failed;
}

static void replay_file(const char *path, size_t *cases, size_t *failed)
{
    char *data = malloc(MOST_BYTES);
    gzFile file = gzopen(path, "rb");
    assert_non_null(data);
    assert_non_null(file);
    int size = gzread(file, data, MOST_BYTES);
    assert_int_equal(gzclose(file), Z_OK);
    assert_true(size > 8 && size < MOST_BYTES);
    reader r = {data, data + size};
    assert_memory_equal(take(&r, 4), "ALFC", 4);
    for (uint32_t left = take_u32(&r); left > 0; left--, (*cases)++)
        *failed += replay_case(&r, *cases % STARVE_EVERY == 0);
    assert_ptr_equal(r.at, r.end);
    free(data);
}

static void operators_equal_onnx_runtime(void **state)
{
    (void)state;
    size_t cases = 0, failed = 0;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[1024];
        if (strstr(entry->d_name, ".cases.gz") == NULL)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", FOLDER, entry->d_name);
        replay_file(path, &cases, &failed);
    }
    closedir(folder);
    print_message("%zu cases, %zu differ\n", cases, failed);
    assert_true(cases > 1500);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators_equal_onnx_runtime)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
