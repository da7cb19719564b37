/*
 * The compiled text path: what chain_text.c runs in place of the two graphs where both are as the
 * converter writes them. Texts become counts, counts a sparse row, the row sums of trees or of a
 * matrix; only what the classifier does after that is left to its graph. Every answer has the bits
 * that the graphs give.
 *
 * A path is immutable and shared; each thread has a session. Nothing is allocated while scoring but
 * room for a text longer than those before.
 */
#ifndef ALF_ENGINE_TEXT_PATH_H
#define ALF_ENGINE_TEXT_PATH_H

#include "engine/engine.h"

typedef struct text_path text_path;
typedef struct text_path_session text_path_session;

typedef struct text_path_shape {
    bool zero_is_absent; /* as in text_chain */
    bool is_wide;
    size_t label_output, probability_output; /* of the classifier */
} text_path_shape;

/* *out is NULL where a graph has another form. Both engines must outlive the path. */
alf_status text_path_new(const engine *vectorizer, const engine *classifier,
                         const text_path_shape *shape, text_path **out, alf_error *err);
void text_path_free(text_path *p); /* NULL allowed */

uint32_t text_path_terms(const text_path *p);
uint32_t text_path_classes(const text_path *p);
size_t text_path_head(const text_path *p); /* the last node of the classifier that it replaces */

/* remember: keeps answers to count vectors seen before. */
alf_status text_path_session_new(const text_path *p, bool remember, text_path_session **out,
                                 alf_error *err);
void text_path_session_free(text_path_session *s); /* NULL allowed */

/* As text_chain_run. */
alf_status text_path_run(text_path_session *s, const alf_span *texts, size_t n,
                         float *probabilities, uint32_t *labels, uint32_t *terms, alf_error *err);

#endif
