/* Heap memory with failure injection. The counter is atomic because tests run threads. */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

static atomic_uint_fast64_t made;
static atomic_uint_fast64_t fail_from; /* 0: never */

static bool must_fail(void)
{
    uint64_t from = atomic_load_explicit(&fail_from, memory_order_relaxed);
    if (from == 0)
        return false;
    return atomic_fetch_add_explicit(&made, 1, memory_order_relaxed) + 1 >= from;
}

uint64_t mem_fail_after(uint64_t n)
{
    uint64_t before = atomic_exchange(&made, 0);
    atomic_store(&fail_from, n);
    return before;
}

void *mem_alloc(size_t size)
{
    return must_fail() ? NULL : malloc(size != 0 ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
    if (must_fail())
        return NULL;
    return calloc(count != 0 ? count : 1, size != 0 ? size : 1);
}

void *mem_realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (must_fail() || __builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return realloc(old, bytes != 0 ? bytes : 1);
}

void mem_free(void *pointer)
{
    free(pointer);
}
