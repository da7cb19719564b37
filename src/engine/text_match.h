/*
 * Recognises, in loaded graphs, the vectorizers and classifiers that the converter writes, and
 * takes from them what the compiled text path needs. It looks at operators, constants and how they
 * are linked, never at names. Whatever deviates is not taken: then the graphs are run as they are.
 */
#ifndef ALF_ENGINE_TEXT_MATCH_H
#define ALF_ENGINE_TEXT_MATCH_H

#include "engine/graph.h"
#include "engine/text_tokens.h"
#include "engine/text_weights.h"
#include "model/forest.h"

/* Where a graph has another form, *fits is false. Some of the memory is the engine's, which must
 * outlive it. */
alf_status text_match_vectorizer(const engine *e, arena *memory, text_tokens *tokens,
                                 text_weights *weights, bool *fits, alf_error *err);

/* The large part of a classifier: a forest, or a matrix [columns, targets] in float64. What comes
 * after it is small, and is run as it is. */
typedef struct text_head {
    const forest *trees; /* or NULL */
    const double *matrix;
    uint32_t columns, targets; /* of the matrix */
    bool maps_zero;            /* zeros become NaN first */
    size_t node;               /* index of its last node */
    uint32_t value;            /* what it makes */
} text_head;

bool text_match_classifier(const engine *e, text_head *out);

#endif
