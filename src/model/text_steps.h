/*
 * What happens to a text before it enters the graph of a vectorizer, where ONNX has no operator for
 * it. The steps are a property of the file (its metadata, docs/bundle.md); the text chain does them
 * whichever engine runs the graph.
 */
#ifndef ALF_MODEL_TEXT_STEPS_H
#define ALF_MODEL_TEXT_STEPS_H

#include "base/buf.h"
#include "model/text.h"

#define TEXT_STEPS_KEY "ai_log_filter.text_steps" /* of the metadata property */

/* In this order. */
typedef struct text_steps {
    bool lower; /* Python's str.lower() */
    text_strip strip;
    bool pad_words; /* each word with a space before and after it, and nothing else */
} text_steps;

/* The steps of a vectorizer; none where its graph can do all. */
text_steps text_steps_of(const text_vectorizer *v);
bool text_steps_any(const text_steps *s);

/* "lower strip_accents_unicode pad_words" */
void text_steps_write(const text_steps *s, buf *out);
alf_status text_steps_parse(alf_span text, text_steps *out, alf_error *err);

/* Appends the text as the graph expects it. */
alf_status text_steps_apply(const text_steps *s, alf_span text, buf *out, alf_error *err);

#endif
