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

/* All ones when low <= c < low + count, else zero. */
static inline uint8_t pattern_in_range(uint8_t c, uint8_t low, uint8_t count)
{
    return (uint8_t) - ((uint8_t)(c - low) < count);
}

static inline uint8_t pattern_fold(uint8_t c)
{
    uint8_t upper = pattern_in_range(c, 'A', 26), digit = pattern_in_range(c, '0', 10);
    uint8_t space = pattern_in_range(c, '\t', 5), mark = pattern_in_range(c, LITERAL_START, 2);
    unsigned folded = c | (upper & 0x20U);
    folded &= ~(digit & 0x0fU) & ~(unsigned)(space | mark);
    return (uint8_t)(folded | (space & 0x20U) | (mark & 1U));
}

enum { PATTERN_FOLD_STEP = 16 };
/* pattern_fold of every byte in place, PATTERN_FOLD_STEP at a time: up to so many bytes behind the
 * text are readable, and have any content afterwards. */
void pattern_fold_text(uint8_t *text, size_t size);

/* Roughly the chance to find a folded string at a place of a log. */
float literal_chance(const uint8_t *folded, size_t size);

/* Everything lives in memory. */
alf_status pattern_literals(const pattern_node *node, arena *memory, literal_need *out,
                            alf_error *err);

#endif
