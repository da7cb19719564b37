/*
 * The literal filter of a set of patterns as plain data, so that the filter of the built-in
 * patterns can be part of the program (builtin_rules.h). Private to the patterns module and to what
 * writes such data.
 */
#ifndef ALF_CLASSIFY_PATTERN_IMAGE_H
#define ALF_CLASSIFY_PATTERN_IMAGE_H

#include "classify/pattern_literal.h"
#include "classify/patterns.h"

typedef struct image_clause {
    uint32_t pattern;
    uint32_t groups;
    uint32_t reach;   /* a match starts at most so many bytes before a literal of the first group */
    uint32_t gram_at; /* where in those literals their grams are, at most */
} image_clause;

typedef struct image_literal {
    uint8_t text[LITERAL_MAX_BYTES]; /* folded; zeros behind its size */
    uint8_t size;
    uint8_t gram_at;  /* where in it its gram is */
    uint32_t entries; /* its first one */
    uint32_t count;   /* of its entries */
} image_literal;

/* One literal of one clause. */
typedef struct image_entry {
    uint32_t clause;
    uint32_t group;
} image_entry;

struct pattern_image {
    const image_clause *clauses;   /* a pattern without any is tried on every text */
    const image_literal *literals; /* those of one gram stand together */
    const image_entry *entries;    /* by literal */
    uint32_t clause_count, literal_count, entry_count;
};

#endif
