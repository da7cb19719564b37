/*
 * Which patterns can match a text at all: those of which a required literal occurs in it. One pass
 * over the text finds the literals of all patterns (Aho-Corasick, ASCII letters of any case).
 * Private to the patterns module.
 */
#ifndef ALF_CLASSIFY_PATTERN_PREFILTER_H
#define ALF_CLASSIFY_PATTERN_PREFILTER_H

#include "classify/pattern_literal.h"

typedef struct prefilter prefilter;

/* sets: per pattern; a pattern without literals is always a candidate, and so is one for which the
 * table would get too large. */
alf_status prefilter_new(const literal_set *sets, size_t count, prefilter **out, alf_error *err);
void prefilter_free(prefilter *p);

/* Bits of 64 patterns each. */
size_t prefilter_words(const prefilter *p);

/* From now on the pattern is always a candidate. Only before the filter is shared. */
void prefilter_distrust(prefilter *p, size_t pattern);

/* Sets the bit of every candidate, clears the others. */
void prefilter_search(const prefilter *p, alf_span text, uint64_t *candidates);

#endif
