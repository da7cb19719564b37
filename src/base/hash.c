/* Multiply-and-fold hashing, and a string map over it. */
#include "base/hash.h"

#include "base/mem.h"
#include "base/span.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>

static uint64_t fold(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Up to 8 bytes as a little-endian number, so that the hash is the same on every machine. */
static uint64_t load(const unsigned char *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

uint64_t hash_bytes(const void *data, size_t size, uint64_t seed)
{
    const unsigned char *p = data;
    const uint64_t k0 = 0x9E3779B97F4A7C15u;
    const uint64_t k1 = 0xD6E8FEB86659FD93u;
    uint64_t h = seed ^ fold(size ^ k0, k1);
    for (; size >= 8; p += 8, size -= 8)
        h = fold(h ^ load(p, 8), k0);
    if (size > 0)
        h = fold(h ^ load(p, size) ^ (uint64_t)size << 56, k1);
    return fold(h ^ k1, k0);
}

/* A process draws one secret; the n-th seed is a hash of that and n. Loading a bundle makes dozens
 * of maps, and each system call would cost more than most of them. A failure to read randomness
 * leaves seeds that can be known: slower under attack, still right. */
static uint64_t next_seed(void)
{
    static atomic_uint_fast64_t secret, count;
    uint64_t drawn = atomic_load_explicit(&secret, memory_order_relaxed);
    if (drawn == 0 && getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) == (ssize_t)sizeof drawn)
        atomic_store_explicit(&secret, drawn, memory_order_relaxed); /* of several, any will do */
    uint64_t n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return hash_bytes(&n, sizeof n, drawn);
}

void strmap_init(strmap *map)
{
    *map = (strmap){.seed = next_seed()};
}

void strmap_fini(strmap *map)
{
    mem_free(map->entries);
    map->entries = NULL;
    map->capacity = 0;
    map->count = 0;
}

static strmap_entry *find(strmap_entry *entries, size_t capacity, alf_span key, uint32_t hash)
{
    size_t i = hash & (capacity - 1);
    while (entries[i].key.data != NULL &&
           (entries[i].hash != hash || !span_equal(entries[i].key, key)))
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

static bool resize(strmap *map, size_t capacity)
{
    strmap_entry *entries = mem_calloc(capacity, sizeof *entries);
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < map->capacity; i++) {
        const strmap_entry *old = &map->entries[i];
        if (old->key.data != NULL)
            *find(entries, capacity, old->key, old->hash) = *old;
    }
    mem_free(map->entries);
    map->entries = entries;
    map->capacity = capacity;
    return true;
}

bool strmap_reserve(strmap *map, size_t count)
{
    size_t capacity = map->capacity > 16 ? map->capacity : 16;
    while (capacity / 2 < count)
        capacity *= 2;
    return capacity == map->capacity || resize(map, capacity);
}

bool strmap_put(strmap *map, alf_span key, uint32_t value, bool *added)
{
    if (map->count * 2 >= map->capacity && !strmap_reserve(map, map->count + 1))
        return false;
    if (key.data == NULL)
        key = SPAN_LITERAL("");
    uint32_t hash = (uint32_t)hash_bytes(key.data, key.size, map->seed);
    strmap_entry *entry = find(map->entries, map->capacity, key, hash);
    bool is_new = entry->key.data == NULL;
    if (is_new) {
        *entry = (strmap_entry){key, hash, value};
        map->count++;
    }
    if (added != NULL)
        *added = is_new;
    return true;
}

bool strmap_get(const strmap *map, alf_span key, uint32_t *value)
{
    if (map->capacity == 0)
        return false;
    if (key.data == NULL)
        key = SPAN_LITERAL("");
    uint32_t hash = (uint32_t)hash_bytes(key.data, key.size, map->seed);
    const strmap_entry *entry = find(map->entries, map->capacity, key, hash);
    if (entry->key.data == NULL)
        return false;
    *value = entry->value;
    return true;
}
