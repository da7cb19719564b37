/* One pattern on PCRE2, with bounded work. Private to the patterns module. */
#ifndef ALF_CLASSIFY_PATTERN_SLOW_H
#define ALF_CLASSIFY_PATTERN_SLOW_H

#include "classify/patterns.h"

typedef struct slow_pattern slow_pattern;
typedef struct slow_scratch slow_scratch;

/* Patterns to be set up one by one, NULL when out of memory; freed together. */
slow_pattern *slow_list_new(size_t count);
slow_pattern *slow_at(slow_pattern *list, size_t i);
void slow_list_free(slow_pattern *list, size_t count);

/* Nothing is compiled yet. ALF_E_CONFIG or ALF_E_LIMIT when the text cannot be a pattern. */
alf_status slow_init(slow_pattern *p, const pattern_spec *spec, alf_error *err);
/* The same for a text that is known to be right and outlives the pattern. */
void slow_borrow(slow_pattern *p, const pattern_spec *spec);
/* Compiles, before the pattern is shared. ALF_E_CONFIG with the place and the reason when it is
 * wrong. */
alf_status slow_check(slow_pattern *p, alf_error *err);

/* Whether PCRE2 can make machine code here. It cannot where the system allows no memory that is
 * both writable and executable; patterns are then interpreted, with the same answers. */
bool slow_has_machine_code(void);

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
