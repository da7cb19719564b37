/*
 * A graph of the emitters: run by our engine, and, where the environment variable ALF_EMIT_DIR
 * names a folder, saved there with what it was run on and what is expected, so that
 * scripts/peers/check_onnx.py can hold ONNX Runtime to the same.
 */
#ifndef ALF_TESTS_EMIT_CASE_H
#define ALF_TESTS_EMIT_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "codec/json_write.h"
#include "convert/emit.h"
#include "engine/engine.h"

enum { EMIT_CASE_OUTPUTS = 4 };

typedef struct emit_case {
    const char *name;
    buf bytes, json;
    json_writer writer;
    engine *loaded;
    engine_session *session;
} emit_case;

static inline void must(alf_status status, const alf_error *err)
{
    char text[1024];
    if (status != ALF_OK)
        fail_msg("%s: %s", alf_status_name(status), error_text(err, text, sizeof text));
}

/* Takes the graph over. */
static inline void emit_case_open(emit_case *c, const char *name, onnx_model *graph)
{
    alf_error err = {0};
    *c = (emit_case){.name = name};
    buf_init(&c->bytes);
    buf_init(&c->json);
    must(onnx_write(graph, &c->bytes, &err), &err);
    onnx_free(graph);
    must(engine_load(buf_span(&c->bytes), 0, &c->loaded, &err), &err);
    c->session = engine_session_new(c->loaded);
    assert_non_null(c->session);
    json_write_init(&c->writer, &c->json, false);
    json_write_begin_array(&c->writer);
}

static inline void emit_case_element(json_writer *w, const tensor *t, uint64_t i)
{
    char text[JSON_NUMBER_SIZE];
    switch (t->type) {
    case ONNX_FLOAT:
        json_write_raw(w, span_of(text, json_format_float(((const float *)t->data)[i], text)));
        break;
    case ONNX_DOUBLE:
        json_write_double(w, ((const double *)t->data)[i]);
        break;
    case ONNX_INT64:
        json_write_int(w, ((const int64_t *)t->data)[i]);
        break;
    case ONNX_STRING:
        json_write_string(w, ((const alf_span *)t->data)[i]);
        break;
    default:
        fail_msg("a tensor of type %s", onnx_type_name(t->type));
    }
}

static inline void emit_case_tensor(json_writer *w, alf_span name, const tensor *t,
                                    double tolerance)
{
    json_write_key_span(w, name);
    json_write_begin_object(w);
    json_write_key(w, "type");
    json_write_cstring(w, onnx_type_name(t->type));
    json_write_key(w, "tolerance");
    json_write_double(w, tolerance);
    json_write_key(w, "shape");
    json_write_begin_array(w);
    for (uint32_t i = 0; i < t->rank; i++)
        json_write_int(w, t->dims[i]);
    json_write_end_array(w);
    json_write_key(w, "data");
    json_write_begin_array(w);
    for (uint64_t i = 0; i < tensor_count(t); i++)
        emit_case_element(w, t, i);
    json_write_end_array(w);
    json_write_end_object(w);
}

/* Runs the engine on one input. expected and tolerances (for ONNX Runtime only) are one per output
 * of the graph; the caller compares what the engine gives. */
static inline void emit_case_run(emit_case *c, const tensor *input, tensor *outputs,
                                 const tensor *expected, const double *tolerances)
{
    alf_error err = {0};
    must(engine_run(c->session, input, outputs, &err), &err);
    json_writer *w = &c->writer;
    json_write_begin_object(w);
    json_write_key(w, "inputs");
    json_write_begin_object(w);
    emit_case_tensor(w, engine_input(c->loaded, 0)->name, input, 0);
    json_write_end_object(w);
    json_write_key(w, "outputs");
    json_write_begin_object(w);
    for (size_t i = 0; i < engine_output_count(c->loaded); i++)
        emit_case_tensor(w, engine_output(c->loaded, i)->name, &expected[i], tolerances[i]);
    json_write_end_object(w);
    json_write_end_object(w);
}

static inline void emit_case_save(const char *folder, const char *name, const char *ending,
                                  const buf *data)
{
    char file[128], path[512];
    alf_error err = {0};
    (void)snprintf(file, sizeof file, "%s.%s", name, ending);
    must(file_make_directories(folder, &err), &err);
    must(file_join(path, sizeof path, folder, file, &err), &err);
    must(file_write(path, buf_span(data), &err), &err);
}

static inline void emit_case_close(emit_case *c)
{
    const char *folder = getenv("ALF_EMIT_DIR");
    json_write_end_array(&c->writer);
    if (folder != NULL) {
        emit_case_save(folder, c->name, "onnx", &c->bytes);
        emit_case_save(folder, c->name, "cases.json", &c->json);
    }
    engine_session_free(c->session);
    engine_free(c->loaded);
    buf_fini(&c->bytes);
    buf_fini(&c->json);
}

#endif
