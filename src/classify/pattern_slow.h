/* One pattern on PCRE2, with bounded work. Private to the patterns module. */
#ifndef ALF_CLASSIFY_PATTERN_SLOW_H
#define ALF_CLASSIFY_PATTERN_SLOW_H

#include "classify/patterns.h"

typedef struct slow_pattern slow_pattern;
typedef struct slow_scratch slow_scratch;

/* Nothing is compiled yet. ALF_E_CONFIG or ALF_E_LIMIT when the text cannot be a pattern. */
alf_status slow_new(const pattern_spec *spec, slow_pattern **out, alf_error *err);
void slow_free(slow_pattern *p);
/* Compiles, before the pattern is shared. ALF_E_CONFIG with the place and the reason when it is
 * wrong. */
alf_status slow_check(slow_pattern *p, alf_error *err);

alf_span slow_text(const slow_pattern *p);
bool slow_is_utf(const slow_pattern *p); /* runs in UTF mode */

slow_scratch *slow_scratch_new(void); /* NULL: out of memory */
void slow_scratch_free(slow_scratch *s);

/* Searches for a match that starts at byte `from` or later. The first search of all compiles what
 * is not compiled, to machine code where that is possible; threads may search at the same time.
 * ALF_E_LIMIT when the work allowed did not suffice. */
alf_status slow_search(slow_pattern *p, slow_scratch *s, alf_span text, size_t from, bool *found,
                       alf_error *err);
/* The same for a pattern checked and not shared yet, without machine code: costs less when there
 * are few texts. */
alf_status slow_try(slow_pattern *p, slow_scratch *s, alf_span text, size_t from, bool *found,
                    alf_error *err);

#endif
