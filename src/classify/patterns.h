/*
 * A set of regular expressions in PCRE syntax, searched in one text at once. PCRE2 does the
 * searching; before it, one pass over the text finds which patterns' required literals occur in
 * it, and only those patterns run. The filter never changes an answer.
 *
 * Text is bytes: it need not be valid UTF-8. "." matches a line end, "^" only the start of the
 * text, "$" its end (or before a last line feed). A set is shared between threads; each thread has
 * its own scratch. With PCRE2's JIT nothing is allocated while matching, except that a pattern is
 * made ready when it is tried for the first time.
 */
#ifndef ALF_CLASSIFY_PATTERNS_H
#define ALF_CLASSIFY_PATTERNS_H

#include "base/error.h"

enum { PATTERN_MAX_BYTES = 4096, PATTERN_MAX_COUNT = 20000, PATTERN_MAX_TOTAL = 1 << 20 };

typedef struct pattern_spec {
    alf_span text; /* no NUL inside */
    bool caseless;
    bool vetted; /* built in: tests have checked it, so that loading need not */
} pattern_spec;

typedef struct pattern_set pattern_set;
typedef struct pattern_scratch pattern_scratch;

/* Makes a set of count patterns (borrowed only during the call); all but vetted ones are compiled
 * at once. filtered false: no filter, every pattern is tried on every text. On failure *bad is the
 * index of the pattern at fault, or count when none is. */
alf_status pattern_set_new(const pattern_spec *specs, size_t count, bool filtered,
                           pattern_set **out, size_t *bad, alf_error *err);
void pattern_set_free(pattern_set *set);

/* The same set from what pattern_set_image() said of one with the same patterns, all vetted, in
 * much less time. The texts and the image are borrowed for good. */
typedef struct pattern_image pattern_image;
alf_status pattern_set_from_image(const pattern_spec *specs, size_t count,
                                  const pattern_image *image, pattern_set **out, alf_error *err);
const pattern_image *pattern_set_image(const pattern_set *set); /* of a filtered one */
/* Tells lists of patterns apart. */
uint64_t pattern_specs_hash(const pattern_spec *specs, size_t count);

/* Whether patterns run as machine code in this process; if not, they are interpreted: the same
 * answers, in about twice the time. Tries it, so ask once. */
bool pattern_machine_code(void);

size_t pattern_set_count(const pattern_set *set);
/* Whether pattern i is tried only on texts that have one of its literals. */
bool pattern_set_is_filtered(const pattern_set *set, size_t i);

pattern_scratch *pattern_scratch_new(const pattern_set *set); /* NULL: out of memory */
void pattern_scratch_free(pattern_scratch *scratch);

/* The pass over a text (borrowed until the next one) on which the questions below are asked, each
 * about the patterns [begin, end). */
void pattern_set_scan(const pattern_set *set, pattern_scratch *scratch, alf_span text);

/* false: none of them is found in the text. */
bool pattern_set_may_match(const pattern_scratch *scratch, size_t begin, size_t end);

/* *first: the lowest index of a pattern found in the text, or end when there is none. ALF_E_LIMIT
 * when a pattern took more work than allowed: then the answer is not known. */
alf_status pattern_set_first(const pattern_set *set, pattern_scratch *scratch, size_t begin,
                             size_t end, size_t *first, alf_error *err);

/* Sets found[i - begin] for every pattern i found in the text, clears the others. */
alf_status pattern_set_mark(const pattern_set *set, pattern_scratch *scratch, size_t begin,
                            size_t end, bool *found, alf_error *err);

#endif
