/*
 * Cast. Numbers out of an integer's range become its lowest value, as the processors do that the
 * files were made on; the conversion is the same on every machine. Text is read and written as in C
 * with the "C" locale, whatever the program's locale is.
 */
#include "base/span.h"
#include "engine/operators.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct cast {
    onnx_type to;
    locale_t locale; /* for casts from and to text */
} cast;

static const uint32_t numbers = TYPES_NUMBER | TYPE_BIT(ONNX_BOOL) | TYPE_BIT(ONNX_UINT8) |
                                TYPE_BIT(ONNX_INT8) | TYPE_BIT(ONNX_UINT16) | TYPE_BIT(ONNX_INT16) |
                                TYPE_BIT(ONNX_UINT32) | TYPE_BIT(ONNX_UINT64);

static void cast_fini(void *state)
{
    cast *s = state;
    if (s->locale != (locale_t)0)
        freelocale(s->locale);
    s->locale = (locale_t)0;
}

const kernel_life life_cast = {.fini = cast_fini};

alf_status prepare_cast(prepare *p)
{
    cast *state;
    int64_t to = -1;
    bool saturate = true;
    TRY(prepare_type(p, 0, numbers | TYPE_BIT(ONNX_STRING)));
    TRY(prepare_int(p, "to", &to));
    TRY(prepare_bool(p, "saturate", &saturate)); /* only concerns float8 */
    TRY(prepare_state(p, sizeof *state, &state));
    if (to <= ONNX_UNDEFINED || to > ONNX_UINT64 ||
        ((numbers | TYPE_BIT(ONNX_STRING)) & TYPE_BIT(to)) == 0)
        return prepare_fail(p, ALF_E_UNSUPPORTED, "to type %" PRId64, to);
    state->to = (onnx_type)to;
    onnx_type from = p->inputs[0]->type;
    if (from == ONNX_STRING || state->to == ONNX_STRING) {
        state->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (state->locale == (locale_t)0)
            return error_nomem(p->err, "a locale");
    }
    prepare_output_like(p, 0, state->to, 0);
    return ALF_OK;
}

/* A number on its way: integers exactly, the rest as double. */
typedef struct number {
    bool is_integer;
    bool is_unsigned; /* a uint64 above INT64_MAX, held in i as its bits */
    int64_t i;
    double d;
} number;

static number integer(int64_t i)
{
    return (number){.is_integer = true, .i = i, .d = (double)i};
}

static number load(const tensor *t, uint64_t at)
{
    switch (t->type) {
    case ONNX_FLOAT:
        return (number){.d = (double)((const float *)t->data)[at]};
    case ONNX_DOUBLE:
        return (number){.d = ((const double *)t->data)[at]};
    case ONNX_BOOL:
        return integer(((const uint8_t *)t->data)[at] != 0);
    case ONNX_UINT8:
        return integer(((const uint8_t *)t->data)[at]);
    case ONNX_INT8:
        return integer(((const int8_t *)t->data)[at]);
    case ONNX_UINT16:
        return integer(((const uint16_t *)t->data)[at]);
    case ONNX_INT16:
        return integer(((const int16_t *)t->data)[at]);
    case ONNX_INT32:
        return integer(((const int32_t *)t->data)[at]);
    case ONNX_UINT32:
        return integer(((const uint32_t *)t->data)[at]);
    case ONNX_UINT64: {
        uint64_t u = ((const uint64_t *)t->data)[at];
        number n = integer((int64_t)u);
        n.is_unsigned = u > INT64_MAX;
        n.d = (double)u;
        return n;
    }
    default:
        return integer(((const int64_t *)t->data)[at]);
    }
}

static int64_t as_int64(number n)
{
    if (n.is_integer)
        return n.i;
    return n.d >= -9223372036854775808.0 && n.d < 9223372036854775808.0 ? (int64_t)n.d : INT64_MIN;
}

/* Floats above INT64_MAX keep their value. */
static uint64_t as_uint64(number n)
{
    if (!n.is_integer && n.d >= 9223372036854775808.0 && n.d < 18446744073709551616.0)
        return (uint64_t)n.d;
    return (uint64_t)as_int64(n);
}

static int32_t as_int32(number n)
{
    if (n.is_integer)
        return (int32_t)(uint32_t)(uint64_t)n.i;
    return n.d > -2147483648.0 - 1 && n.d < 2147483648.0 ? (int32_t)n.d : INT32_MIN;
}

static float as_float(number n)
{
    if (!n.is_integer)
        return (float)n.d;
    return n.is_unsigned ? (float)(uint64_t)n.i : (float)n.i; /* rounded once */
}

static void store(tensor *t, uint64_t at, number n)
{
    switch (t->type) {
    case ONNX_FLOAT:
        ((float *)t->data)[at] = as_float(n);
        break;
    case ONNX_DOUBLE:
        ((double *)t->data)[at] = n.d;
        break;
    case ONNX_BOOL:
        ((uint8_t *)t->data)[at] = n.is_integer ? n.i != 0 : n.d < 0 || n.d > 0 || isnan(n.d);
        break;
    case ONNX_UINT8:
        ((uint8_t *)t->data)[at] = (uint8_t)(uint32_t)as_int32(n);
        break;
    case ONNX_INT8:
        ((int8_t *)t->data)[at] = (int8_t)(uint8_t)(uint32_t)as_int32(n);
        break;
    case ONNX_UINT16:
        ((uint16_t *)t->data)[at] = (uint16_t)(uint32_t)as_int32(n);
        break;
    case ONNX_INT16:
        ((int16_t *)t->data)[at] = (int16_t)(uint16_t)(uint32_t)as_int32(n);
        break;
    case ONNX_INT32:
        ((int32_t *)t->data)[at] = as_int32(n);
        break;
    case ONNX_UINT32:
        ((uint32_t *)t->data)[at] = (uint32_t)(uint64_t)as_int64(n);
        break;
    case ONNX_UINT64:
        ((uint64_t *)t->data)[at] = as_uint64(n);
        break;
    default:
        ((int64_t *)t->data)[at] = as_int64(n);
    }
}

/* ---- text ---- */

static alf_status parse(const kernel_call *c, alf_span text, number *out)
{
    char copy[64];
    char *end;
    if (text.size == 0 || text.size >= sizeof copy || memchr(text.data, '\0', text.size) != NULL)
        return call_fail(c, ALF_E_FORMAT, "'%.*s' is not a number", span_width(text),
                         text.size > 0 ? text.data : "");
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    bool whole = c->outputs[0]->type != ONNX_FLOAT && c->outputs[0]->type != ONNX_DOUBLE;
    if (whole)
        *out = integer(strtoll(copy, &end, 10));
    else
        *out = (number){.d = strtod(copy, &end)};
    if (end == copy || *end != '\0')
        return call_fail(c, ALF_E_FORMAT, "'%s' is not a number", copy);
    return ALF_OK;
}

static alf_status cast_from_text(const kernel_call *c, uint64_t n)
{
    const alf_span *from = c->inputs[0]->data;
    for (uint64_t i = 0; i < n; i++) {
        number value;
        TRY(parse(c, from[i], &value));
        if (c->outputs[0]->type == ONNX_FLOAT)
            ((float *)c->outputs[0]->data)[i] = (float)value.d;
        else
            store(c->outputs[0], i, value);
    }
    return ALF_OK;
}

/* Eight digits, whatever the type: the text that ONNX Runtime makes. */
static void print(buf *text, number n)
{
    if (!n.is_integer && isnan(n.d))
        buf_append_string(text, "NaN");
    else if (!n.is_integer && isinf(n.d))
        buf_append_string(text, n.d > 0 ? "INF" : "-INF");
    else if (!n.is_integer)
        buf_printf(text, "%.8g", n.d);
    else if (n.is_unsigned)
        buf_printf(text, "%" PRIu64, (uint64_t)n.i);
    else
        buf_printf(text, "%" PRId64, n.i);
}

/* Two steps, since the text may move while it grows: sizes first, then spans. */
static alf_status cast_to_text(const kernel_call *c, uint64_t n)
{
    alf_span *to = c->outputs[0]->data;
    buf *text = &c->own->text;
    for (uint64_t i = 0; i < n; i++) {
        size_t before = text->size;
        print(text, load(c->inputs[0], i));
        TRY(call_text_status(c));
        to[i] = (alf_span){NULL, text->size - before};
    }
    const char *at = text->data;
    for (uint64_t i = 0; i < n; i++) {
        to[i].data = at;
        at += to[i].size;
    }
    return ALF_OK;
}

alf_status run_cast(const kernel_call *c)
{
    const cast *state = c->state;
    const tensor *in = c->inputs[0];
    uint64_t n = tensor_count(in);
    TRY(call_output_like(c, 0, in));
    tensor *out = c->outputs[0];
    if (in->type == out->type) {
        if (n > 0)
            memcpy(out->data, in->data, (size_t)n * tensor_element_size(in->type));
        return ALF_OK;
    }
    if (in->type == ONNX_STRING || out->type == ONNX_STRING) {
        locale_t before = uselocale(state->locale);
        alf_status status = in->type == ONNX_STRING ? cast_from_text(c, n) : cast_to_text(c, n);
        uselocale(before);
        return status;
    }
    for (uint64_t i = 0; i < n; i++)
        store(out, i, load(in, i));
    return ALF_OK;
}
