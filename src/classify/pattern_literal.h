/*
 * What a text must contain for a pattern to match. A pattern is a choice of clauses; a clause is
 * one to four groups that must be there in order, none overlapping the one before; a group is a
 * choice of literals. Private to the patterns module.
 *
 * Literals are in a smaller alphabet, into which pattern_fold brings a text: case is lost, every
 * digit is '0', all white space is ' '. LITERAL_START stands for the place before the first byte.
 */
#ifndef ALF_CLASSIFY_PATTERN_LITERAL_H
#define ALF_CLASSIFY_PATTERN_LITERAL_H

#include "classify/pattern_parse.h"

enum {
    LITERAL_MAX_BYTES = 16,
    LITERAL_MIN_BYTES = 2,
    LITERAL_MAX_GROUP = 64,  /* literals of a group */
    LITERAL_MAX_GROUPS = 4,  /* groups of a clause */
    LITERAL_MAX_CLAUSES = 64 /* clauses of a pattern */
};
#define LITERAL_START   2          /* before the text; no byte of a text is folded to it */
#define LITERAL_NOWHERE 3          /* around the text; in no literal */
#define LITERAL_FAR     UINT32_MAX /* a distance without a bound */

typedef struct literal {
    uint8_t text[LITERAL_MAX_BYTES]; /* folded; zeros behind its size */
    uint8_t size;
} literal;

typedef struct literal_group {
    const literal *literals;
    size_t count;
    uint32_t reach; /* a match starts at most so many bytes before the literal */
    float cost;     /* how often it is likely to be found by accident */
} literal_group;

typedef struct literal_clause {
    literal_group groups[LITERAL_MAX_GROUPS];
    size_t count;
} literal_clause;

typedef struct literal_need {
    literal_clause *clauses;
    size_t count; /* 0: nothing is required */
} literal_need;

static inline uint8_t pattern_fold(uint8_t c)
{
    uint8_t lower = (uint8_t)(c | (c >= 'A' && c <= 'Z' ? 0x20 : 0));
    lower = c >= '0' && c <= '9' ? '0' : lower;
    lower = c >= 9 && c <= 13 ? ' ' : lower;
    return c == LITERAL_START || c == LITERAL_NOWHERE ? 1 : lower;
}

/* Roughly how often a folded byte is seen in logs, in parts of 1. */
float literal_frequency(uint8_t folded);

/* Everything lives in memory. */
alf_status pattern_literals(const pattern_node *node, arena *memory, literal_need *out,
                            alf_error *err);

#endif
