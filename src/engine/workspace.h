/*
 * The memory of a run: one growing block per slot (values whose lives do not meet share one), one
 * scratch block, and what nodes keep. Blocks only grow, so a batch size seen before allocates
 * nothing. All of it together stays within the limit.
 */
#ifndef ALF_ENGINE_WORKSPACE_H
#define ALF_ENGINE_WORKSPACE_H

#include "engine/kernel.h"

typedef struct workspace_block {
    void *data;
    size_t capacity;
} workspace_block;

struct workspace {
    size_t limit;
    size_t used; /* capacity of all blocks */
    size_t slot_count;
    workspace_block *slots;
    workspace_block scratch;
};

/* slots: an array the caller provides and keeps, zeroed. */
void workspace_init(workspace *w, size_t limit, workspace_block *slots, size_t slot_count);
void workspace_fini(workspace *w); /* frees the blocks, not the array */

/* Makes the block at least `bytes` large. keep: its contents survive. */
alf_status workspace_grow(workspace *w, workspace_block *block, size_t bytes, bool keep,
                          alf_error *err);

#endif
