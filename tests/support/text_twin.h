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
    static const size_t batches[] = {1, 3, 64, 65, SIZE_MAX};
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
            for (int again = 0; again < 2; again++) /* the second time from the memo */
                twin_batches(c, &fast, texts, n, batch, &wanted);
            text_chain_session_fini(&fast);
        }
    }
    twin_answers_fini(&wanted);
}

/* ---- texts by chance ---- */

typedef struct text_dice {
    uint64_t state;
} text_dice;

static inline uint32_t dice_roll(text_dice *d, uint32_t below)
{
    d->state = d->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(d->state >> 33) % below;
}

/* Appends a text of words and what may stand between and inside them, valid or invalid. */
static inline void dice_text(text_dice *d, const alf_span *words, size_t count, size_t pieces,
                             buf *out)
{
    static const char *const odd[] = {
        " ",    "  ", ".", "-", "_",      "7",      "a",          "Z",      "\t",      "\n",
        "é",    "É",  "ß", "Σ", "ΑΣ",     "İ",      "日本",       "٣",      "\xFF",    "\xE6\x97",
        "\xC3", "²",  "½", "—", "\u2028", "\u00a0", "\U0001F600", "\uFFFD", "o\u0301", "x y z"};
    for (size_t i = 0; i < pieces; i++) {
        uint32_t kind = dice_roll(d, 8);
        if (kind < 5 && count > 0) {
            alf_span word = words[dice_roll(d, (uint32_t)count)];
            size_t begin = out->size;
            buf_append_span(out, word);
            for (size_t k = begin; k < out->size && kind == 0; k++)
                if (out->data[k] >= 'a' && out->data[k] <= 'z')
                    out->data[k] = (char)(out->data[k] - 32);
            if (kind < 4)
                buf_append_char(out, ' ');
        } else if (kind == 7) {
            buf_append_char(out, (char)dice_roll(d, 256));
        } else {
            buf_append_string(out, odd[dice_roll(d, sizeof odd / sizeof odd[0])]);
        }
    }
}

#endif
