/*
 * Texts -> tokens -> counts of n-grams, in one pass over the tokens. An ASCII text is lower-cased
 * and marked 64 characters at a time; others go through base/unicode.h. Either way a token is found
 * in the vocabulary by its bytes, and everything after works on numbers.
 */
#ifndef ALF_ENGINE_TEXT_TOKENS_H
#define ALF_ENGINE_TEXT_TOKENS_H

#include "base/buf.h"
#include "base/error.h"
#include "engine/text_ngrams.h"
#include "engine/text_set.h"
#include "engine/text_vocabulary.h"

#define TOKEN_DROPPED UINT32_MAX /* number of a token that n-grams reach across */

enum { TEXT_MOST_RANGES = 8 };

typedef struct text_tokens {
    bool lowercase;
    text_set set;
    bool drops;          /* tokens that have a character of `outside` are dropped too */
    text_set outside;    /* min_length 1 */
    uint8_t range_count; /* the ASCII part of the set; more than TEXT_MOST_RANGES: use the table */
    uint8_t first[TEXT_MOST_RANGES][16], span[TEXT_MOST_RANGES][16]; /* each 16 times */
    text_vocabulary vocabulary; /* numbers below ngrams.token_count, or TOKEN_DROPPED */
    text_ngrams ngrams;
} text_tokens;

/* To be called once `set` is there. */
void text_tokens_set_ranges(text_tokens *t);

/* Working memory of a session; grows to the longest text. */
typedef struct text_room {
    buf text;  /* lower-case, with TEXT_PADDING bytes behind it */
    buf marks; /* a bit per character: it is in the set */
} text_room;

void text_room_init(text_room *r);
void text_room_fini(text_room *r);

/* Counts the n-grams of a text; the counter is empty before. ALF_E_NOMEM is the only error. */
alf_status text_tokens_count(const text_tokens *t, text_room *room, ngram_counter *counter,
                             alf_span text, alf_error *err);

#endif
