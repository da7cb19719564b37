/*
 * Literals that a text must contain for a pattern to match: one of them at least, in any case.
 * Private to the patterns module.
 */
#ifndef ALF_CLASSIFY_PATTERN_LITERAL_H
#define ALF_CLASSIFY_PATTERN_LITERAL_H

#include "classify/pattern_parse.h"

enum { LITERAL_MAX_COUNT = 128, LITERAL_MAX_BYTES = 24, LITERAL_MIN_BYTES = 2 };

typedef struct literal_set {
    alf_span *text; /* lower-cased ASCII letters, other bytes as they are */
    size_t count;   /* 0: nothing is required */
} literal_set;

/* The set that is likely to be found least often. Everything lives in memory. */
alf_status pattern_literals(const pattern_node *node, arena *memory, literal_set *out,
                            alf_error *err);

#endif
