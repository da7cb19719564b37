/* Steps before the graph of a vectorizer: their names, and what they do. */
#include "model/text_steps.h"

#include "base/span.h"
#include "base/unicode.h"

text_steps text_steps_of(const text_vectorizer *v)
{
    text_steps s = {.strip = v->strip_accents, .pad_words = v->analyzer == TEXT_CHAR_WB};
    s.lower = v->lowercase && text_steps_any(&s); /* else the graph does it */
    return s;
}

bool text_steps_any(const text_steps *s)
{
    return s->lower || s->strip != TEXT_STRIP_NONE || s->pad_words;
}

/* ---- names ---- */

typedef struct named_step {
    const char *name;
    text_steps step; /* what the name sets */
} named_step;

/* In the order in which they are done. */
static const named_step names[] = {
    {"lower", {.lower = true}},
    {"strip_accents_ascii", {.strip = TEXT_STRIP_ASCII}},
    {"strip_accents_unicode", {.strip = TEXT_STRIP_UNICODE}},
    {"pad_words", {.pad_words = true}},
};

enum { NAMES = sizeof names / sizeof names[0] };

static bool has(const text_steps *s, const text_steps *step)
{
    return (step->lower && s->lower) || (step->pad_words && s->pad_words) ||
           (step->strip != TEXT_STRIP_NONE && s->strip == step->strip);
}

void text_steps_write(const text_steps *s, buf *out)
{
    const char *separator = "";
    for (size_t i = 0; i < NAMES; i++) {
        if (!has(s, &names[i].step))
            continue;
        buf_append_string(out, separator);
        buf_append_string(out, names[i].name);
        separator = " ";
    }
}

/* The place of a name in the table; NAMES: not there. */
static size_t find_name(alf_span word)
{
    size_t i = 0;
    while (i < NAMES && !span_is(word, names[i].name))
        i++;
    return i;
}

static void add(text_steps *s, const text_steps *step)
{
    s->lower = s->lower || step->lower;
    s->pad_words = s->pad_words || step->pad_words;
    if (step->strip != TEXT_STRIP_NONE)
        s->strip = step->strip;
}

alf_status text_steps_parse(alf_span text, text_steps *out, alf_error *err)
{
    size_t next = 0; /* names come in the order of the table */
    *out = (text_steps){0};
    for (size_t at = 0; at < text.size;) {
        size_t end = at;
        while (end < text.size && text.data[end] != ' ')
            end++;
        size_t i = find_name(span_of(text.data + at, end - at));
        if (i == NAMES || i < next ||
            (out->strip != TEXT_STRIP_NONE && names[i].step.strip != TEXT_STRIP_NONE))
            return error_set(err, ALF_E_UNSUPPORTED,
                             "%s \"%.*s\": expected some of lower, strip_accents_ascii or "
                             "strip_accents_unicode, and pad_words, in this order",
                             TEXT_STEPS_KEY, span_width(text), text.data);
        add(out, &names[i].step);
        next = i + 1;
        at = end + 1;
    }
    return ALF_OK;
}

/* ---- doing them ---- */

/* text.split(), each word between two spaces. */
static void pad_words(alf_span text, buf *out)
{
    const char *end = text.data + text.size;
    bool in_word = false;
    for (const char *p = text.data; p < end;) {
        char bytes[4];
        uint32_t c = unicode_next(&p, end);
        bool space = unicode_is_space(c);
        if (space == in_word)
            buf_append_char(out, ' ');
        if (!space)
            buf_append(out, bytes, unicode_put(c, bytes));
        in_word = !space;
    }
    if (in_word)
        buf_append_char(out, ' ');
}

alf_status text_steps_apply(const text_steps *s, alf_span text, buf *out, alf_error *err)
{
    buf lowered, stripped;
    buf_init(&lowered);
    buf_init(&stripped);
    if (s->lower) {
        unicode_lower(text, &lowered);
        text = buf_span(&lowered);
    }
    if (s->strip == TEXT_STRIP_ASCII)
        unicode_strip_to_ascii(text, &stripped);
    else if (s->strip == TEXT_STRIP_UNICODE)
        unicode_strip_marks(text, &stripped);
    if (s->strip != TEXT_STRIP_NONE)
        text = buf_span(&stripped);
    if (s->pad_words && text.size > 0)
        pad_words(text, out);
    else
        buf_append_span(out, text);
    alf_status status = buf_status(&lowered, err);
    if (status == ALF_OK)
        status = buf_status(&stripped, err);
    if (status == ALF_OK)
        status = buf_status(out, err);
    buf_fini(&lowered);
    buf_fini(&stripped);
    return status;
}
