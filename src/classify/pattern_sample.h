/*
 * Texts that a pattern matches or nearly matches, derived from the pattern. Private to the
 * patterns module: they prove at load that a fast engine and PCRE2 agree.
 */
#ifndef ALF_CLASSIFY_PATTERN_SAMPLE_H
#define ALF_CLASSIFY_PATTERN_SAMPLE_H

#include "base/arena.h"
#include "base/error.h"

typedef struct sample_node sample_node;

/* What is understood of a pattern. *out is NULL when it uses something that the sampler does not
 * know (look-around, back references, Unicode properties ...), or nests or repeats too much. */
alf_status sample_parse(alf_span pattern, arena *memory, const sample_node **out, alf_error *err);

/* How many samples are worth trying: grows with the number of alternatives. */
size_t sample_count(const sample_node *node);

enum { SAMPLE_MAX = 600 };

/* Writes sample number n of the pattern (deterministic in seed and n) to out. Returns its size. */
size_t sample_make(const sample_node *node, uint64_t seed, size_t n, char out[SAMPLE_MAX]);

/* Texts that tell regular-expression engines apart: line ends, NUL, high bytes, word edges. */
extern const alf_span sample_fixed[];
extern const size_t sample_fixed_count;

#endif
