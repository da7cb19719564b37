/* Hashing of byte strings, and a map from byte strings to 32-bit values. */
#ifndef ALF_BASE_HASH_H
#define ALF_BASE_HASH_H

#include "ai_log_filter.h"

/* A 64-bit hash; not cryptographic. The same everywhere for the same seed. */
uint64_t hash_bytes(const void *data, size_t size, uint64_t seed);

/*
 * Open addressing, linear probing; keys are borrowed and must outlive the map. Each map has a
 * secret seed of its own, so keys chosen by an attacker cannot make it quadratic.
 */
typedef struct strmap_entry {
    alf_span key;
    uint32_t hash;
    uint32_t value;
} strmap_entry;

typedef struct strmap {
    strmap_entry *entries; /* key.data == NULL: free */
    size_t capacity;       /* a power of two, or 0 */
    size_t count;
    uint64_t seed;
} strmap;

void strmap_init(strmap *map);
void strmap_fini(strmap *map);

/* Room for `count` keys in all, so that adding them moves nothing. false: out of memory. */
bool strmap_reserve(strmap *map, size_t count);

/* Adds key; *added tells whether it was new (an existing key keeps its value).
 * false: out of memory. */
bool strmap_put(strmap *map, alf_span key, uint32_t value, bool *added);

/* true and *value when key is there. Thread-safe against other readers. */
bool strmap_get(const strmap *map, alf_span key, uint32_t *value);

#endif
