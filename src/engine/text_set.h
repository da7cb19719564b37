/*
 * Runs of one set of characters: what the token patterns of text vectorizers find. In RE2 syntax,
 * as the Tokenizer operator takes it: [CLASS]+ or [CLASS]{n,}, where the class holds letters and
 * numbers, decimal digits, white space, and ASCII characters by number, or is the complement.
 */
#ifndef ALF_ENGINE_TEXT_SET_H
#define ALF_ENGINE_TEXT_SET_H

#include "ai_log_filter.h"

typedef struct text_set {
    uint8_t ascii[128]; /* 1: in the set */
    bool word;          /* beyond ASCII: letters and numbers, */
    bool decimal;       /* decimal digits, */
    bool space;         /* white space */
    bool negated;       /* ... are out, all else is in; `ascii` is right as it is */
    uint32_t min_length;
} text_set;

/* false: the expression has another form. */
bool text_set_parse(alf_span expression, text_set *out);

bool text_set_has_wide(const text_set *s, uint32_t c); /* c >= 128 */

static inline bool text_set_has(const text_set *s, uint32_t c)
{
    return c < 128 ? s->ascii[c] != 0 : text_set_has_wide(s, c);
}

/* Finds the next run of at least min_length characters in valid or invalid UTF-8 from *at on (an
 * invalid byte is in no set). false: there is none. On success *at moves behind it. */
bool text_set_next(const text_set *s, const char **at, const char *end, alf_span *run);

#endif
