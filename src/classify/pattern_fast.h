/*
 * Many patterns at once on Hyperscan, where it is there (x86-64); elsewhere no pattern is
 * accepted. Private to the patterns module.
 */
#ifndef ALF_CLASSIFY_PATTERN_FAST_H
#define ALF_CLASSIFY_PATTERN_FAST_H

#include "classify/patterns.h"

typedef struct fast_set fast_set;
typedef struct fast_scratch fast_scratch;

bool fast_available(void);

/* Whether the engine takes this pattern on its own. */
bool fast_accepts(const pattern_spec *spec);

/* Compiles specs[ids[0]], specs[ids[1]], ... *refused is the position in ids of a pattern that it
 * will not have (then ALF_E_UNSUPPORTED), or count. */
alf_status fast_new(const pattern_spec *specs, const uint32_t *ids, size_t count, fast_set **out,
                    size_t *refused, alf_error *err);
void fast_free(fast_set *set);

fast_scratch *fast_scratch_new(const fast_set *set); /* NULL: out of memory */
void fast_scratch_free(fast_scratch *s);

/* Calls found(context, id) once per pattern found; it returns true to stop. */
alf_status fast_search(const fast_set *set, fast_scratch *s, alf_span text,
                       bool (*found)(void *context, uint32_t id), void *context, alf_error *err);

#endif
