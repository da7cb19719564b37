/* Limits per client address. */
#include "serve/limits.h"

#include "base/hash.h"
#include "base/mem.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

enum { COUNT_BITS = 16, COUNT_MASK = 0xFFFF };

limits *limits_new(void)
{
    limits *l = mem_calloc(1, sizeof *l);
    if (l != NULL && getrandom(&l->seed, sizeof l->seed, 0) != (ssize_t)sizeof l->seed)
        l->seed = (uint64_t)(uintptr_t)l;
    return l;
}

void limits_free(limits *l)
{
    mem_free(l);
}

static uint64_t hash_address(const limits *l, const void *bytes, size_t size)
{
    uint64_t client = hash_bytes(bytes, size, l->seed) >> COUNT_BITS;
    return client != 0 ? client : 1;
}

uint64_t limits_client(const limits *l, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, address, sizeof ipv4);
        return hash_address(l, &ipv4.sin_addr, sizeof ipv4.sin_addr);
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, address, sizeof ipv6);
        const unsigned char *bytes = ipv6.sin6_addr.s6_addr;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr);
        return mapped ? hash_address(l, bytes + 12, 4) : hash_address(l, bytes, 8);
    }
    return 1;
}

/* The client's bucket; else one to take over: the first that is full by now, or the fullest. */
static limits_bucket *find_bucket(limits *l, uint64_t client, uint64_t now)
{
    limits_bucket *best = NULL;
    uint64_t best_at = UINT64_MAX;
    for (size_t i = 0; i < LIMITS_PROBES; i++) {
        limits_bucket *b = &l->buckets[(client + i) % LIMITS_SLOTS];
        if (atomic_load_explicit(&b->client, memory_order_relaxed) == client)
            return b;
        uint64_t at = atomic_load_explicit(&b->full_at, memory_order_relaxed);
        at = at < now ? 0 : at;
        if (at < best_at) {
            best = b;
            best_at = at;
        }
    }
    atomic_store_explicit(&best->client, client, memory_order_relaxed);
    return best;
}

bool limits_take(limits *l, uint64_t client, limits_rate rate, uint64_t now, uint64_t *wait)
{
    *wait = 0;
    if (!(rate.per_second > 0))
        return true;
    uint64_t interval = (uint64_t)(1e9 / rate.per_second);
    uint64_t spare = (uint64_t)((rate.burst - 1) * 1e9 / rate.per_second);
    limits_bucket *b = find_bucket(l, client, now);
    uint64_t at = atomic_load_explicit(&b->full_at, memory_order_relaxed);
    for (;;) {
        uint64_t from = at > now ? at : now;
        if (from - now > spare) {
            *wait = from - now - spare;
            return false;
        }
        if (atomic_compare_exchange_weak(&b->full_at, &at, from + interval))
            return true;
    }
}

/* Adds one to the client's count in this slot. */
static bool count_up(atomic_uint_fast64_t *slot, uint64_t client, uint32_t most, bool *refused)
{
    uint64_t seen = atomic_load_explicit(slot, memory_order_relaxed);
    for (;;) {
        uint64_t count = seen & COUNT_MASK;
        bool mine = seen >> COUNT_BITS == client;
        *refused = mine && count >= most;
        if (*refused || (!mine && count > 0))
            return false;
        uint64_t next = client << COUNT_BITS | (mine ? count + 1 : 1);
        if (atomic_compare_exchange_weak(slot, &seen, next))
            return true;
    }
}

bool limits_enter(limits *l, uint64_t client, uint32_t most, bool *counted)
{
    *counted = false;
    if (most == 0)
        return true;
    most = most < COUNT_MASK ? most : COUNT_MASK;
    client &= UINT64_MAX >> COUNT_BITS;
    bool refused = false;
    /* First where the client is, then where there is room. */
    for (size_t i = 0; i < LIMITS_PROBES; i++) {
        atomic_uint_fast64_t *slot = &l->connections[(client + i) % LIMITS_SLOTS];
        uint64_t seen = atomic_load_explicit(slot, memory_order_relaxed);
        if (seen >> COUNT_BITS != client || (seen & COUNT_MASK) == 0)
            continue;
        *counted = count_up(slot, client, most, &refused);
        if (*counted || refused)
            return !refused;
    }
    for (size_t i = 0; i < LIMITS_PROBES && !*counted && !refused; i++)
        *counted = count_up(&l->connections[(client + i) % LIMITS_SLOTS], client, most, &refused);
    return !refused;
}

void limits_leave(limits *l, uint64_t client)
{
    client &= UINT64_MAX >> COUNT_BITS;
    for (size_t i = 0; i < LIMITS_PROBES; i++) {
        atomic_uint_fast64_t *slot = &l->connections[(client + i) % LIMITS_SLOTS];
        uint64_t seen = atomic_load_explicit(slot, memory_order_relaxed);
        while (seen >> COUNT_BITS == client && (seen & COUNT_MASK) > 0)
            if (atomic_compare_exchange_weak(slot, &seen, seen - 1))
                return;
    }
}
