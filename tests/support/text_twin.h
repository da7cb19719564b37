/*
 * One pair of graphs as two text chains: one compiled (engine/text_path.h), one that runs the
 * graphs as they are. They must agree in every bit. Needs alf_engine.
 */
#ifndef ALF_TESTS_SUPPORT_TEXT_TWIN_H
#define ALF_TESTS_SUPPORT_TEXT_TWIN_H

#include "support/test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/span.h"
#include "engine/chain.h"
#include "engine/text_path.h"

#include <string.h>

typedef struct text_twin {
    text_chain compiled, graphs;
} text_twin;

/* What one run answers. */
typedef struct twin_answers {
    float *probabilities;
    uint32_t *labels, *terms;
} twin_answers;

static inline void twin_load(text_chain *c, alf_span vectorizer, alf_span classifier,
                             bool zero_is_absent)
{
    alf_error err = {0};
    engine *v, *x;
    must(engine_load(vectorizer, 0, &v, &err), &err);
    must(engine_load(classifier, 0, &x, &err), &err);
    must(text_chain_init(c, v, x, zero_is_absent, &err), &err);
}

static inline void text_twin_open(text_twin *t, alf_span vectorizer, alf_span classifier,
                                  bool zero_is_absent)
{
    twin_load(&t->compiled, vectorizer, classifier, zero_is_absent);
    twin_load(&t->graphs, vectorizer, classifier, zero_is_absent);
    text_chain_interpret(&t->graphs);
    assert_null(t->graphs.path);
}

static inline void text_twin_close(text_twin *t)
{
    text_chain_fini(&t->compiled);
    text_chain_fini(&t->graphs);
}

static inline void twin_answers_init(twin_answers *a, const text_chain *c, size_t n)
{
    a->probabilities = mem_calloc(n, c->class_count * sizeof *a->probabilities);
    a->labels = mem_calloc(n, sizeof *a->labels);
    a->terms = mem_calloc(n, sizeof *a->terms);
    assert_true(a->probabilities != NULL && a->labels != NULL && a->terms != NULL);
}

static inline void twin_answers_fini(twin_answers *a)
{
    mem_free(a->probabilities);
    mem_free(a->labels);
    mem_free(a->terms);
}

static inline void twin_compare(const text_chain *c, const twin_answers *found,
                                const twin_answers *wanted, const alf_span *texts, size_t n)
{
    size_t classes = c->class_count;
    for (size_t i = 0; i < n; i++)
        if (found->labels[i] != wanted->labels[i] || found->terms[i] != wanted->terms[i] ||
            memcmp(found->probabilities + i * classes, wanted->probabilities + i * classes,
                   classes * sizeof(float)) != 0)
            fail_msg("text \"%.*s\": label %u, %u terms, p %a %a; expected %u, %u, %a %a",
                     span_width(texts[i]), texts[i].data, (unsigned)found->labels[i],
                     (unsigned)found->terms[i], (double)found->probabilities[i * classes],
                     (double)found->probabilities[i * classes + 1], (unsigned)wanted->labels[i],
                     (unsigned)wanted->terms[i], (double)wanted->probabilities[i * classes],
                     (double)wanted->probabilities[i * classes + 1]);
}

/* Runs the texts in batches and compares. */
static inline void twin_batches(const text_chain *c, text_chain_session *s, const alf_span *texts,
                                size_t n, size_t batch, const twin_answers *wanted)
{
    twin_answers found;
    alf_error err = {0};
    twin_answers_init(&found, c, n);
    for (size_t at = 0; at < n; at += batch)
        must(text_chain_run(s, texts + at, n - at < batch ? n - at : batch,
                            found.probabilities + at * c->class_count, found.labels + at,
                            found.terms + at, &err),
             &err);
    twin_compare(c, &found, wanted, texts, n);
    twin_answers_fini(&found);
}

/* The compiled chain must have a path. */
static inline void text_twin_check(const text_twin *t, const alf_span *texts, size_t n)
{
    static const size_t batches[] = {1, 65, SIZE_MAX};
    const text_chain *c = &t->compiled;
    text_chain_session slow;
    text_chain_session fast;
    twin_answers wanted;
    alf_error err = {0};
    assert_non_null(c->path);
    assert_int_equal(c->term_count, t->graphs.term_count);
    assert_int_equal(c->class_count, t->graphs.class_count);
    assert_int_equal(c->width, t->graphs.width);
    twin_answers_init(&wanted, c, n);
    must(text_chain_session_init(&slow, &t->graphs, &err), &err);
    must(text_chain_run(&slow, texts, n, wanted.probabilities, wanted.labels, wanted.terms, &err),
         &err);
    text_chain_session_fini(&slow);
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        size_t batch = batches[i] < n ? batches[i] : n > 0 ? n : 1;
        for (int memo = 0; memo < 2; memo++) {
            must(text_chain_session_init(&fast, c, &err), &err);
            text_path_session_free(fast.path);
            must(text_path_session_new(c->path, memo != 0, &fast.path, &err), &err);
            for (int again = 0; again <= memo; again++) /* the second time from the memo */
                twin_batches(c, &fast, texts, n, batch, &wanted);
            text_chain_session_fini(&fast);
        }
    }
    twin_answers_fini(&wanted);
}

#endif
