/*
 * Two files, maybe damaged, as a text chain: what the compiled path answers against what the graphs
 * answer. For tests that change files by chance, with cmocka or without.
 */
#ifndef ALF_TESTS_SUPPORT_TEXT_PAIR_H
#define ALF_TESTS_SUPPORT_TEXT_PAIR_H

#include "engine/chain.h"
#include "engine/text_path.h"

#include <string.h>

enum { PAIR_TEXTS = 16 };

typedef enum pair_result {
    PAIR_REFUSED, /* the files do not load, or their graphs do not run */
    PAIR_GRAPHS,  /* not compiled */
    PAIR_SAME,
    PAIR_DIFFERS
} pair_result;

typedef struct pair_answers {
    float probabilities[PAIR_TEXTS * CHAIN_MAX_CLASSES];
    uint32_t labels[PAIR_TEXTS], terms[PAIR_TEXTS];
} pair_answers;

static inline alf_status pair_run(const text_chain *c, const alf_span *texts, size_t n,
                                  pair_answers *out)
{
    text_chain_session s;
    TRY(text_chain_session_init(&s, c, NULL));
    alf_status status =
        text_chain_run(&s, texts, n, out->probabilities, out->labels, out->terms, NULL);
    text_chain_session_fini(&s);
    return status;
}

static inline pair_result pair_compare(text_chain *c, const alf_span *texts, size_t n)
{
    static pair_answers fast, slow; /* large */
    if (c->path == NULL)
        return PAIR_GRAPHS;
    alf_status status = pair_run(c, texts, n, &fast);
    text_chain_interpret(c);
    if (pair_run(c, texts, n, &slow) != ALF_OK)
        return PAIR_REFUSED;
    bool same = status == ALF_OK &&
                memcmp(fast.labels, slow.labels, n * sizeof *fast.labels) == 0 &&
                memcmp(fast.terms, slow.terms, n * sizeof *fast.terms) == 0 &&
                memcmp(fast.probabilities, slow.probabilities,
                       n * c->class_count * sizeof *fast.probabilities) == 0;
    return same ? PAIR_SAME : PAIR_DIFFERS;
}

/* n: at most PAIR_TEXTS. */
static inline pair_result pair_check(alf_span vectorizer, alf_span classifier, bool zero_is_absent,
                                     const alf_span *texts, size_t n)
{
    enum { MEMORY = 1 << 24 };
    engine *v, *x;
    text_chain c;
    if (engine_load(vectorizer, MEMORY, &v, NULL) != ALF_OK)
        return PAIR_REFUSED;
    if (engine_load(classifier, MEMORY, &x, NULL) != ALF_OK) {
        engine_free(v);
        return PAIR_REFUSED;
    }
    if (text_chain_init(&c, v, x, zero_is_absent, NULL) != ALF_OK)
        return PAIR_REFUSED;
    pair_result result = pair_compare(&c, texts, n);
    text_chain_fini(&c);
    return result;
}

#endif
