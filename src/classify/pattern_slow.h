/* One pattern on PCRE2, with bounded work. Private to the patterns module. */
#ifndef ALF_CLASSIFY_PATTERN_SLOW_H
#define ALF_CLASSIFY_PATTERN_SLOW_H

#include "classify/patterns.h"

typedef struct slow_pattern slow_pattern;
typedef struct slow_scratch slow_scratch;

/* ALF_E_CONFIG with the place and the reason when the pattern is wrong. */
alf_status slow_compile(const pattern_spec *spec, slow_pattern **out, alf_error *err);
void slow_free(slow_pattern *p);
void slow_use_jit(slow_pattern *p); /* best effort: without it the interpreter runs */

bool slow_is_utf(const slow_pattern *p); /* runs in UTF mode */

slow_scratch *slow_scratch_new(void); /* NULL: out of memory */
void slow_scratch_free(slow_scratch *s);

/* ALF_E_LIMIT when the work allowed did not suffice. */
alf_status slow_search(const slow_pattern *p, slow_scratch *s, alf_span text, bool *found,
                       alf_error *err);

#endif
