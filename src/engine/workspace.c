/* Growing blocks under one limit. */
#include "engine/workspace.h"

#include "base/mem.h"

void workspace_init(workspace *w, size_t limit, workspace_block *slots, size_t slot_count)
{
    *w = (workspace){.limit = limit, .slots = slots, .slot_count = slot_count};
}

void workspace_fini(workspace *w)
{
    for (size_t i = 0; i < w->slot_count; i++) {
        mem_free(w->slots[i].data);
        w->slots[i] = (workspace_block){0};
    }
    mem_free(w->scratch.data);
    w->scratch = (workspace_block){0};
    w->used = 0;
}

/* Blocks are exactly as large as asked: with room to spare, what fits would depend on the order of
 * runs. */
alf_status workspace_grow(workspace *w, workspace_block *block, size_t bytes, bool keep,
                          alf_error *err)
{
    if (bytes <= block->capacity && block->data != NULL)
        return ALF_OK;
    size_t others = w->used - block->capacity;
    if (others > w->limit || bytes > w->limit - others)
        return error_set(err, ALF_E_LIMIT,
                         "a tensor of %zu bytes beside %zu bytes in use is over the limit of %zu "
                         "bytes for one run; use smaller batches",
                         bytes, others, w->limit);
    if (!keep) {
        mem_free(block->data);
        *block = (workspace_block){0};
        w->used = others;
    }
    void *data = mem_realloc(block->data, bytes, 1);
    if (data == NULL)
        return error_nomem(err, "a tensor");
    *block = (workspace_block){data, bytes};
    w->used = others + bytes;
    return ALF_OK;
}
