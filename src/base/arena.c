/* Bump allocation with a byte limit. Blocks double up to 1 MiB; requests of a quarter of the next
 * one get their own. */
#include "base/arena.h"

#include "base/mem.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 1 << 20 };

struct arena_block {
    arena_block *next;
    size_t size; /* of data */
    size_t used;
    size_t dirty; /* bytes that were handed out before a reset; those behind are still zero */
    alignas(max_align_t) char data[];
};

void arena_init(arena *a, size_t limit)
{
    *a = (arena){.limit = limit};
}

static void free_blocks(arena_block *block)
{
    while (block != NULL) {
        arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
}

void arena_fini(arena *a)
{
    free_blocks(a->blocks);
    a->blocks = NULL;
    a->used = 0;
}

void arena_reset(arena *a)
{
    if (a->blocks != NULL) {
        free_blocks(a->blocks->next);
        a->blocks->next = NULL;
        if (a->blocks->dirty < a->blocks->used)
            a->blocks->dirty = a->blocks->used;
        a->blocks->used = 0;
    }
    a->used = 0;
}

/* The padded size of a request; 0 when it overflows. */
static size_t padded(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return 0;
    size_t mask = alignof(max_align_t) - 1;
    return bytes == 0 ? mask + 1 : (bytes + mask) & ~mask;
}

size_t arena_left(const arena *a)
{
    if (a->limit == 0)
        return SIZE_MAX;
    return a->used < a->limit ? a->limit - a->used : 1;
}

int arena_over_limit(const arena *a, size_t count, size_t size)
{
    size_t bytes = padded(count, size);
    return bytes == 0 || (a->limit != 0 && (a->used > a->limit || bytes > a->limit - a->used));
}

/* The size of the next block. */
static size_t next_size(const arena *a)
{
    size_t size = a->blocks == NULL ? (size_t)FIRST_BLOCK : a->blocks->size * 2;
    return size < LARGEST_BLOCK ? size : (size_t)LARGEST_BLOCK;
}

/* A new block of zeros, not yet in the list. Zeroed by the allocator: it knows what fresh memory
 * is, and pages that are never used are never touched. */
static arena_block *new_block(size_t size)
{
    arena_block *block = mem_calloc(1, sizeof *block + size);
    if (block != NULL)
        block->size = size;
    return block;
}

static arena_block *add_block(arena *a, size_t bytes)
{
    size_t size = next_size(a);
    arena_block *block = new_block(size < bytes ? bytes : size);
    if (block == NULL)
        return NULL;
    block->next = a->blocks;
    a->blocks = block;
    return block;
}

/* A full block behind the first one, which stays in use. */
static void put_behind(arena *a, arena_block *block)
{
    block->used = block->size;
    block->next = a->blocks->next;
    a->blocks->next = block;
    a->used += block->size;
}

void *arena_alloc(arena *a, size_t count, size_t size)
{
    if (arena_over_limit(a, count, size))
        return NULL;
    size_t bytes = padded(count, size);
    arena_block *block = a->blocks;
    if (block != NULL && block->size - block->used < bytes && bytes >= next_size(a) / 4) {
        block = new_block(bytes); /* what is left of the block at hand would be lost for it */
        if (block != NULL)
            put_behind(a, block);
        return block != NULL ? block->data : NULL;
    }
    if (block == NULL || block->size - block->used < bytes) {
        block = add_block(a, bytes);
        if (block == NULL)
            return NULL;
    }
    char *result = block->data + block->used;
    if (block->used < block->dirty)
        memset(result, 0, bytes < block->dirty - block->used ? bytes : block->dirty - block->used);
    block->used += bytes;
    a->used += bytes;
    return result;
}

enum { OWN_BLOCK = 4096 }; /* from here on a request is worth a block of its own */

/* Memory whose zeros nobody may count on is filled where sanitizers look. */
static void spoil(void *memory, size_t size)
{
#if defined __SANITIZE_ADDRESS__
    memset(memory, 0xA5, size);
#else
    (void)memory;
    (void)size;
#endif
}

void *arena_alloc_unset(arena *a, size_t count, size_t size)
{
    size_t bytes = padded(count, size);
    if (bytes < OWN_BLOCK || a->blocks == NULL || arena_over_limit(a, count, size)) {
        void *small = arena_alloc(a, count, size);
        if (small != NULL)
            spoil(small, bytes);
        return small;
    }
    arena_block *block = mem_alloc(sizeof *block + bytes);
    if (block == NULL)
        return NULL;
    block->size = block->dirty = bytes;
    put_behind(a, block);
    spoil(block->data, bytes);
    return block->data;
}

char *arena_strndup(arena *a, const char *text, size_t size)
{
    if (size == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(a, size + 1, 1);
    if (copy != NULL && size > 0)
        memcpy(copy, text, size);
    return copy;
}
