/* Trees cut into pieces of at most 64 leaves. */
#ifndef ALF_ENGINE_FOREST_CUT_H
#define ALF_ENGINE_FOREST_CUT_H

#include "engine/forest_internal.h"

typedef struct forest_cut {
    normal_forest n; /* of the pieces */
    forest f;        /* n.f: only trees and counts are those of the pieces */
    uint32_t *roots;
} forest_cut;

/* *done false: the trees cannot be cut, or memory has its limit in the way. The targets are taken
 * from memory, all else from n's temporary memory. out must stay where it is. */
alf_status forest_cut_make(const normal_forest *n, arena *memory, forest_cut *out, bool *done,
                           alf_error *err);

#endif
