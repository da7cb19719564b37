/*
 * Which patterns can match a text at all: those of which a clause's groups occur in it, in order.
 * One pass over the text finds the literals of all patterns. Private to the patterns module.
 *
 * Build: prefilter_new, prefilter_add for pattern 0, 1, 2 ..., prefilter_finish. From then on it is
 * immutable but for prefilter_distrust, and shared; each thread has its own scratch.
 */
#ifndef ALF_CLASSIFY_PATTERN_PREFILTER_H
#define ALF_CLASSIFY_PATTERN_PREFILTER_H

#include "classify/pattern_image.h"
#include "classify/pattern_literal.h"

typedef struct prefilter prefilter;
typedef struct prefilter_scratch prefilter_scratch;

prefilter *prefilter_new(size_t patterns); /* NULL: out of memory */
void prefilter_free(prefilter *p);

/* What pattern needs. It is always a candidate when it needs nothing, or there would be too many
 * literals. */
alf_status prefilter_add(prefilter *p, size_t pattern, const literal_need *need, alf_error *err);
alf_status prefilter_finish(prefilter *p, alf_error *err);

/* A finished filter from the lists of another one of as many patterns; they are borrowed. *out is
 * to be freed in any case. */
alf_status prefilter_from_image(size_t patterns, const pattern_image *image, prefilter **out,
                                alf_error *err);
/* The lists of a finished filter. */
const pattern_image *prefilter_image(const prefilter *p);
/* Whether the pattern is tried only on texts that have one of its literals. */
bool prefilter_is_filtered(const prefilter *p, size_t pattern);

/* cost: per pattern, how many entries a text with all its literals walks through, saturating. */
void prefilter_costs(const prefilter *p, uint32_t *cost);

/* From now on the pattern is always a candidate. Only before the filter is shared. */
void prefilter_distrust(prefilter *p, size_t pattern);

prefilter_scratch *prefilter_scratch_new(const prefilter *p); /* NULL: out of memory */
void prefilter_scratch_free(prefilter_scratch *s);

/* The answer about one text: a bit for each pattern, and where a search for it may begin. */
typedef struct prefilter_answer {
    uint64_t *candidates; /* a word for each 64 patterns */
    size_t *from;         /* per pattern; set for candidates only */
} prefilter_answer;

void prefilter_search(const prefilter *p, prefilter_scratch *s, alf_span text,
                      const prefilter_answer *out);

#endif
