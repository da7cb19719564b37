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

/* A chain of two files: as a bundle's is, lean, or to be interpreted. false: it does not load. */
static inline bool pair_open(alf_span vectorizer, alf_span classifier, bool zero_is_absent,
                             bool lean, text_chain *out)
{
    engine_options options = {.max_memory = 1 << 24, .plain = lean};
    engine *v, *x;
    if (engine_load_with(vectorizer, &options, &v, NULL) != ALF_OK)
        return false;
    if (engine_load_with(classifier, &options, &x, NULL) != ALF_OK) {
        engine_free(v);
        return false;
    }
    if (text_chain_init(out, v, x, zero_is_absent, NULL) != ALF_OK)
        return false;
    if (lean)
        text_chain_trim(out);
    return true;
}

/* fast: as a bundle's; slow: interpreted here. */
static inline pair_result pair_compare(const text_chain *fast, text_chain *slow,
                                       const alf_span *texts, size_t n)
{
    static pair_answers one, other; /* large */
    alf_status status = pair_run(fast, texts, n, &one);
    text_chain_interpret(slow);
    if (pair_run(slow, texts, n, &other) != ALF_OK)
        return fast->path == NULL ? PAIR_GRAPHS : PAIR_REFUSED;
    bool same = status == ALF_OK && memcmp(one.labels, other.labels, n * sizeof *one.labels) == 0 &&
                memcmp(one.terms, other.terms, n * sizeof *one.terms) == 0 &&
                memcmp(one.probabilities, other.probabilities,
                       n * slow->class_count * sizeof *one.probabilities) == 0;
    return !same ? PAIR_DIFFERS : fast->path == NULL ? PAIR_GRAPHS : PAIR_SAME;
}

/* n: at most PAIR_TEXTS. */
static inline pair_result pair_check(alf_span vectorizer, alf_span classifier, bool zero_is_absent,
                                     const alf_span *texts, size_t n)
{
    text_chain fast, slow;
    if (!pair_open(vectorizer, classifier, zero_is_absent, true, &fast))
        return PAIR_REFUSED;
    pair_result result = PAIR_REFUSED;
    if (pair_open(vectorizer, classifier, zero_is_absent, false, &slow)) {
        result = pair_compare(&fast, &slow, texts, n);
        text_chain_fini(&slow);
    }
    text_chain_fini(&fast);
    return result;
}

#endif
