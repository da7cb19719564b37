/*
 * Texts that a pattern matches or nearly matches, derived from the pattern. Private to the
 * patterns module: they try the literal filter at load, and compare searches in tests.
 */
#ifndef ALF_CLASSIFY_PATTERN_SAMPLE_H
#define ALF_CLASSIFY_PATTERN_SAMPLE_H

#include "classify/pattern_parse.h"

/* How many samples are worth trying: grows with the number of alternatives. */
size_t sample_count(const pattern_node *node);

enum { SAMPLE_MAX = 600 };

/* Writes sample number n of the pattern (deterministic in seed and n) to out; those with n
 * divisible by 3 are meant to match. Returns its size. */
size_t sample_make(const pattern_node *node, uint64_t seed, size_t n, char out[SAMPLE_MAX]);

#endif
