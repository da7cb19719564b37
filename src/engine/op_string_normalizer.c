/*
 * StringNormalizer: drops stop words, changes case. Case follows Unicode whatever the locale
 * attribute says; lower-casing is base/unicode.h's. When nothing is left, one empty string is.
 */
#include "engine/operators.h"

#include "base/hash.h"
#include "base/span.h"
#include "base/unicode.h"

#include <inttypes.h>
#include <utf8proc.h>

typedef enum case_change { CASE_NONE, CASE_LOWER, CASE_UPPER } case_change;

typedef struct string_normalizer {
    case_change change;
    case_change compare; /* how stop words and strings are compared */
    strmap stop_words;
} string_normalizer;

static void normalizer_fini(void *state)
{
    strmap_fini(&((string_normalizer *)state)->stop_words);
}

const kernel_life life_string_normalizer = {.fini = normalizer_fini};

static void append_changed(alf_span text, case_change change, buf *out)
{
    const char *at = text.data, *end = text.size > 0 ? text.data + text.size : text.data;
    if (change == CASE_NONE) {
        buf_append_span(out, text);
        return;
    }
    if (change == CASE_LOWER) {
        unicode_lower(text, out);
        return;
    }
    while (at < end) {
        char bytes[4];
        uint32_t upper = (uint32_t)utf8proc_toupper((utf8proc_int32_t)unicode_next(&at, end));
        buf_append(out, bytes, unicode_put(upper, bytes));
    }
}

static alf_status add_stop_words(const prepare *p, string_normalizer *s)
{
    const alf_span *words;
    size_t count;
    buf text;
    alf_status status = ALF_OK;
    TRY(prepare_strings(p, "stopwords", &words, &count));
    buf_init(&text);
    for (size_t i = 0; i < count; i++) {
        alf_span word;
        buf_clear(&text);
        append_changed(words[i], s->compare, &text);
        TRY_OUT(buf_status(&text, p->err));
        TRY_OUT(prepare_copy_text(p, buf_span(&text), &word));
        if (!strmap_put(&s->stop_words, word, 0, NULL))
            TRY_OUT(error_nomem(p->err, "stop words"));
    }
out:
    buf_fini(&text);
    return status;
}

alf_status prepare_string_normalizer(prepare *p)
{
    static const char *const changes[] = {"NONE", "LOWER", "UPPER", NULL};
    string_normalizer *s;
    bool case_sensitive = false;
    int change = CASE_NONE;
    alf_span locale;
    TRY(prepare_type(p, 0, TYPE_BIT(ONNX_STRING)));
    TRY(prepare_rank(p, 0, 1, 2));
    TRY(prepare_state(p, sizeof *s, &s));
    strmap_init(&s->stop_words);
    TRY(prepare_choice(p, "case_change_action", changes, &change));
    TRY(prepare_bool(p, "is_case_sensitive", &case_sensitive));
    TRY(prepare_string(p, "locale", &locale));
    s->change = (case_change)change;
    s->compare = case_sensitive ? CASE_NONE : s->change == CASE_UPPER ? CASE_UPPER : CASE_LOWER;
    TRY(add_stop_words(p, s));
    prepare_output_rank(p, 0, ONNX_STRING, p->inputs[0]->rank);
    return ALF_OK;
}

/* Whether the string stays. Uses the text buffer beyond its end. */
static bool stays(const string_normalizer *s, alf_span string, buf *text)
{
    uint32_t unused;
    if (s->stop_words.count == 0)
        return true;
    if (s->compare == CASE_NONE)
        return !strmap_get(&s->stop_words, string, &unused);
    size_t before = text->size;
    append_changed(string, s->compare, text);
    bool found =
        !text->failed &&
        strmap_get(&s->stop_words, span_of(text->data + before, text->size - before), &unused);
    text->size = before;
    return !found;
}

static alf_status set_shape(const kernel_call *c, uint64_t count)
{
    int64_t dims[2] = {1, 1};
    uint32_t rank = c->inputs[0]->rank;
    dims[rank - 1] = (int64_t)count;
    return call_output(c, 0, rank, dims);
}

/* Sizes first: the text may move while it grows. */
static alf_status change_case(const kernel_call *c, alf_span *strings, uint64_t count)
{
    const string_normalizer *s = c->state;
    buf *text = &c->own->text;
    for (uint64_t i = 0; i < count; i++) {
        size_t before = text->size;
        append_changed(strings[i], s->change, text);
        TRY(call_text_status(c));
        strings[i].size = text->size - before;
    }
    size_t at = 0;
    for (uint64_t i = 0; i < count; at += strings[i].size, i++)
        strings[i].data = text->data != NULL ? text->data + at : "";
    return ALF_OK;
}

alf_status run_string_normalizer(const kernel_call *c)
{
    const string_normalizer *s = c->state;
    const tensor *in = c->inputs[0];
    if (in->rank < 1 || in->rank > 2 || (in->rank == 2 && in->dims[0] != 1))
        return call_fail(c, ALF_E_FORMAT, "an input that is neither [C] nor [1, C]");
    uint64_t count = tensor_count(in), kept = 0;
    const alf_span *from = in->data;
    alf_span *list;
    TRY(call_scratch(c, (size_t)count, sizeof *list, &list));
    for (uint64_t i = 0; i < count; i++)
        if (stays(s, from[i], &c->own->text))
            list[kept++] = from[i];
    TRY(call_text_status(c));
    bool none = kept == 0 && count > 0;
    TRY(set_shape(c, none ? 1 : kept));
    alf_span *to = c->outputs[0]->data;
    if (none)
        to[0] = (alf_span){"", 0};
    for (uint64_t i = 0; i < kept; i++)
        to[i] = list[i];
    return s->change != CASE_NONE ? change_case(c, to, kept) : ALF_OK;
}

bool string_normalizer_only_lowers(const void *state)
{
    const string_normalizer *s = state;
    return s->change == CASE_LOWER && s->stop_words.count == 0;
}
