/*
 * Patterns as trees, for what is derived from them: samples and required literals. Private to the
 * patterns module. PCRE2 alone says what a pattern matches; the tree may match more, never less.
 */
#ifndef ALF_CLASSIFY_PATTERN_PARSE_H
#define ALF_CLASSIFY_PATTERN_PARSE_H

#include "base/arena.h"
#include "base/error.h"

typedef enum pattern_kind {
    PATTERN_EDGE,     /* matches the empty string: $ \\b look-around ... */
    PATTERN_START,    /* matches the empty string at the start of the text only */
    PATTERN_SET,      /* one byte */
    PATTERN_SEQUENCE, /* all children, one after the other */
    PATTERN_CHOICE,   /* one of the children */
    PATTERN_REPEAT,   /* the child, low to high times */
    PATTERN_OPAQUE    /* some text: a back reference */
} pattern_kind;

typedef struct pattern_node {
    pattern_kind kind;
    uint32_t low, high; /* repeats; without a bound, high is a few more than low */
    bool endless;       /* repeats: without a bound */
    uint32_t expansion; /* bytes after writing out all repeats */
    uint32_t choices;   /* alternatives below */
    uint64_t set[4];
    struct pattern_node *first, *next;
} pattern_node;

static inline bool pattern_set_has(const uint64_t set[4], unsigned c)
{
    return (set[c >> 6] >> (c & 63) & 1) != 0;
}

/* The first member of the set from c on, or 256. */
static inline unsigned pattern_set_next(const uint64_t set[4], unsigned c)
{
    while (c < 256) {
        uint64_t left = set[c >> 6] >> (c & 63);
        if (left != 0)
            return c + (unsigned)__builtin_ctzll(left);
        c = (c | 63) + 1;
    }
    return 256;
}

/* *out is NULL when the pattern uses something that is not understood (recursion, conditions,
 * verbs, Unicode properties ...), or nests or repeats too much. Case is kept as written. */
alf_status pattern_parse(alf_span pattern, arena *memory, const pattern_node **out, alf_error *err);

#endif
