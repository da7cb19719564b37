/*
 * A model as text, in the form that scripts/fixtures/make_onnx_fixtures.py prints what the onnx
 * package finds. Also what every test here needs: fixtures and expectations.
 */
#ifndef ALF_TESTS_ONNX_DUMP_H
#define ALF_TESTS_ONNX_DUMP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/span.h"
#include "onnx/onnx.h"

#include <inttypes.h>

static void dump_text(buf *out, alf_span text)
{
    buf_append_string(out, " '");
    for (size_t i = 0; i < text.size; i++)
        buf_printf(out, "%02x", (unsigned)(unsigned char)text.data[i]);
}

static void dump_dims(buf *out, uint32_t rank, const int64_t *dims)
{
    buf_append_string(out, " [");
    for (uint32_t i = 0; i < rank; i++)
        buf_printf(out, "%s%" PRId64, i > 0 ? "," : "", dims[i]);
    buf_append_string(out, "]");
}

static void dump_float(buf *out, float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    buf_printf(out, " %08" PRIx32, bits);
}

static void dump_element(buf *out, const onnx_tensor *t, uint64_t i)
{
    switch (t->type) {
    case ONNX_FLOAT:
        buf_printf(out, " %08" PRIx32, ((const uint32_t *)t->data)[i]);
        break;
    case ONNX_DOUBLE:
        buf_printf(out, " %016" PRIx64, ((const uint64_t *)t->data)[i]);
        break;
    case ONNX_FLOAT16:
        buf_printf(out, " %04x", (unsigned)((const uint16_t *)t->data)[i]);
        break;
    case ONNX_UINT8:
    case ONNX_BOOL:
        buf_printf(out, " %d", ((const uint8_t *)t->data)[i]);
        break;
    case ONNX_INT8:
        buf_printf(out, " %d", ((const int8_t *)t->data)[i]);
        break;
    case ONNX_UINT16:
        buf_printf(out, " %d", ((const uint16_t *)t->data)[i]);
        break;
    case ONNX_INT16:
        buf_printf(out, " %d", ((const int16_t *)t->data)[i]);
        break;
    case ONNX_INT32:
        buf_printf(out, " %" PRId32, ((const int32_t *)t->data)[i]);
        break;
    case ONNX_UINT32:
        buf_printf(out, " %" PRIu32, ((const uint32_t *)t->data)[i]);
        break;
    case ONNX_INT64:
        buf_printf(out, " %" PRId64, ((const int64_t *)t->data)[i]);
        break;
    case ONNX_UINT64:
        buf_printf(out, " %" PRIu64, ((const uint64_t *)t->data)[i]);
        break;
    case ONNX_STRING:
        dump_text(out, t->strings[i]);
        break;
    case ONNX_UNDEFINED:
        break;
    }
}

static void dump_tensor(buf *out, const onnx_tensor *t)
{
    buf_printf(out, " %s", onnx_type_name(t->type));
    dump_dims(out, t->rank, t->dims);
    for (uint64_t i = 0; i < t->count; i++)
        dump_element(out, t, i);
}

static void dump_attribute(buf *out, const onnx_attribute *a)
{
    static const char *const kinds[] = {"", "f", "i", "s", "t", "", "fs", "is", "ss"};
    buf_append_string(out, " ");
    dump_text(out, a->name);
    buf_printf(out, " %s", kinds[a->type]);
    if (a->type == ONNX_ATTR_FLOAT)
        dump_float(out, a->f);
    if (a->type == ONNX_ATTR_INT)
        buf_printf(out, " %" PRId64, a->i);
    if (a->type == ONNX_ATTR_STRING)
        dump_text(out, a->s);
    if (a->type == ONNX_ATTR_TENSOR)
        dump_tensor(out, a->t);
    for (size_t i = 0; i < a->count; i++) {
        if (a->type == ONNX_ATTR_FLOATS)
            dump_float(out, a->floats[i]);
        if (a->type == ONNX_ATTR_INTS)
            buf_printf(out, " %" PRId64, a->ints[i]);
        if (a->type == ONNX_ATTR_STRINGS)
            dump_text(out, a->strings[i]);
    }
    buf_append_string(out, "\n");
}

static void dump_value(buf *out, const char *kind, const onnx_value_info *v)
{
    buf_append_string(out, kind);
    dump_text(out, v->name);
    if (v->kind != ONNX_VALUE_TENSOR) {
        buf_append_string(out, v->kind == ONNX_VALUE_MAP ? " map\n" : " sequence\n");
        return;
    }
    buf_printf(out, " %s", onnx_type_name(v->type));
    if (v->has_shape)
        dump_dims(out, v->rank, v->dims);
    else
        buf_append_string(out, " ?");
    buf_append_string(out, "\n");
}

static void dump_node(buf *out, const onnx_node *n)
{
    buf_append_string(out, "node");
    dump_text(out, n->name);
    dump_text(out, n->op_type);
    dump_text(out, n->domain);
    buf_printf(out, " %" PRId64 "\n  in", n->version);
    for (size_t i = 0; i < n->input_count; i++)
        dump_text(out, n->inputs[i]);
    buf_append_string(out, "\n  out");
    for (size_t i = 0; i < n->output_count; i++)
        dump_text(out, n->outputs[i]);
    buf_append_string(out, "\n");
    for (size_t i = 0; i < n->attribute_count; i++)
        dump_attribute(out, &n->attributes[i]);
}

static inline void dump_model(buf *out, const onnx_model *m)
{
    buf_printf(out, "ir %" PRId64 "\nproducer", m->ir_version);
    dump_text(out, m->producer_name);
    buf_append_string(out, "\ngraph");
    dump_text(out, m->graph_name);
    buf_append_string(out, "\n");
    for (size_t i = 0; i < m->opset_count; i++) {
        buf_append_string(out, "opset");
        dump_text(out, m->opsets[i].domain);
        buf_printf(out, " %" PRId64 "\n", m->opsets[i].version);
    }
    for (size_t i = 0; i < m->metadata_count; i++) {
        buf_append_string(out, "metadata");
        dump_text(out, m->metadata[i].key);
        dump_text(out, m->metadata[i].value);
        buf_append_string(out, "\n");
    }
    for (size_t i = 0; i < m->input_count; i++)
        dump_value(out, "input", &m->inputs[i]);
    for (size_t i = 0; i < m->output_count; i++)
        dump_value(out, "output", &m->outputs[i]);
    for (size_t i = 0; i < m->initializer_count; i++) {
        buf_append_string(out, "initializer");
        dump_text(out, m->initializers[i].name);
        dump_tensor(out, &m->initializers[i]);
        buf_append_string(out, "\n");
    }
    for (size_t i = 0; i < m->node_count; i++)
        dump_node(out, &m->nodes[i]);
}

/* The bytes of a file of the fixtures folder; the caller calls buf_fini. */
static inline void read_fixture(const char *name, buf *out)
{
    char path[512];
    buf_init(out);
    assert_int_equal(
        file_join(path, sizeof path, ALF_TEST_SOURCE_DIR "/tests/unit/onnx/fixtures", name, NULL),
        ALF_OK);
    assert_int_equal(file_read(path, (size_t)1 << 20, out, NULL), ALF_OK);
}

static inline void expect_ok(alf_status status, const alf_error *err)
{
    if (status != ALF_OK)
        fail_msg("%s: %s (node %s)", alf_status_name(status), err->message, err->node);
}

#endif
