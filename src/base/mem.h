/*
 * Heap memory. All allocation goes through here, so that tests can make the n-th one fail.
 * Sizes are products checked for overflow. NULL on failure; never aborts.
 */
#ifndef ALF_BASE_MEM_H
#define ALF_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);                /* uninitialised; size 0 gives a pointer */
void *mem_calloc(size_t count, size_t size); /* zeroed */
void *mem_realloc(void *old, size_t count,
                  size_t size); /* count * size bytes; old stays on failure */
void mem_free(void *pointer);   /* NULL allowed */

/* Tests only, process-wide: the n-th allocation from now on fails, and all after it
 * (0 = never fail). Returns how many allocations were made since the last call. */
uint64_t mem_fail_after(uint64_t n);

#endif
