/*
 * The thresholds of a column as a search tree, level by level: level 0 are all of them, ascending,
 * level k + 1 every KEYS-th of level k. Each level is filled up with infinity to whole nodes of
 * KEYS, and one more.
 */
#ifndef ALF_ENGINE_FOREST_KEYS_H
#define ALF_ENGINE_FOREST_KEYS_H

#include "engine/forest_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct forest_split {
    double threshold;
    uint32_t node;
} forest_split;

/* By threshold, ascending, equal ones as they were; room holds as many. */
void forest_sort_splits(forest_split *a, forest_split *room, size_t count);

enum { KEYS = 8, MOST_LEVELS = 11 };

typedef struct forest_keys {
    uint32_t levels;
    const double *keys[MOST_LEVELS]; /* each aligned to 64 bytes */
} forest_keys;

size_t forest_keys_size(uint32_t count); /* doubles that the levels take */
/* room holds `count` ascending thresholds; the levels are made of it. Returns the end of what they
 * take. */
double *forest_keys_fill(forest_keys *keys, double *room, uint32_t count);

/* How many of the KEYS ascending keys lie below x. */
typedef uint32_t (*forest_search)(const double *keys, double x);

static inline uint32_t forest_search_portable(const double *keys, double x)
{
    uint32_t count = 0;
    for (int i = 0; i < KEYS; i++)
        count += keys[i] < x;
    return count;
}

#if defined(__x86_64__)
CPU_TARGET_AVX2 static inline uint32_t forest_search_avx2(const double *keys, double x)
{
    __m256d all = _mm256_set1_pd(x);
    __m256d low = _mm256_cmp_pd(_mm256_load_pd(keys), all, _CMP_LT_OQ);
    __m256d high = _mm256_cmp_pd(_mm256_load_pd(keys + 4), all, _CMP_LT_OQ);
    int mask = _mm256_movemask_pd(low) | _mm256_movemask_pd(high) << 4;
    return (uint32_t)__builtin_popcount((unsigned)mask);
}

CPU_TARGET_AVX512 static inline uint32_t forest_search_avx512(const double *keys, double x)
{
    __mmask8 mask = _mm512_cmp_pd_mask(_mm512_load_pd(keys), _mm512_set1_pd(x), _CMP_LT_OQ);
    return (uint32_t)__builtin_popcount(mask);
}
#endif

/* How many thresholds lie below x. */
static inline __attribute__((always_inline)) uint32_t
forest_keys_below(const forest_keys *keys, double x, forest_search search)
{
    uint32_t at = 0;
    for (uint32_t level = keys->levels; level-- > 0;)
        at = at * KEYS + search(keys->keys[level] + (size_t)at * KEYS, x);
    return at;
}

#endif
