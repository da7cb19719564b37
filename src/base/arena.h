/*
 * Bump allocation with a byte limit; freed all at once. What a loader builds from a hostile
 * file lives in one arena, so its memory is bounded and cleaning up cannot be forgotten.
 */
#ifndef ALF_BASE_ARENA_H
#define ALF_BASE_ARENA_H

#include <stddef.h>

typedef struct arena_block arena_block;

typedef struct arena {
    arena_block *blocks;
    size_t used;  /* bytes handed out, in all blocks */
    size_t limit; /* largest total; 0 = none */
} arena;

void arena_init(arena *a, size_t limit);
void arena_fini(arena *a);  /* frees everything; the arena can be used again */
void arena_reset(arena *a); /* forgets everything, keeps one block for reuse */

/* count * size bytes, zeroed, aligned for any type; NULL when over the limit or out of memory.
 * (A caller that must tell the two apart looks at arena_over_limit first.) */
void *arena_alloc(arena *a, size_t count, size_t size);
int arena_over_limit(const arena *a, size_t count, size_t size);
/* What the limit leaves, at least 1; SIZE_MAX: there is none. */
size_t arena_left(const arena *a);

/* The same with any content, for what is written in full before it is read: large pieces then cost
 * no zeroing. */
void *arena_alloc_unset(arena *a, size_t count, size_t size);

/* A NUL-terminated copy of size bytes. */
char *arena_strndup(arena *a, const char *text, size_t size);

#endif
