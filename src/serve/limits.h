/*
 * Limits per client address, shared by all threads without locks: a token bucket for requests (as
 * the time at which the bucket will be full again) and a count of open connections. Both are tables
 * of fixed size. Where many addresses fall on the same slots, a slot whose bucket is full, or whose
 * count is 0, is taken over; when there is none, the bucket that is fullest is shared, and a
 * connection goes uncounted.
 */
#ifndef ALF_SERVE_LIMITS_H
#define ALF_SERVE_LIMITS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

enum { LIMITS_SLOTS = 1 << 14, LIMITS_PROBES = 8 };

typedef struct limits_bucket {
    atomic_uint_fast64_t client;
    atomic_uint_fast64_t full_at; /* nanoseconds of clock_now() */
} limits_bucket;

typedef struct limits {
    uint64_t seed; /* drawn, so that nobody can choose addresses that meet */
    limits_bucket buckets[LIMITS_SLOTS];
    atomic_uint_fast64_t connections[LIMITS_SLOTS]; /* client << 16 | count */
} limits;

typedef struct limits_rate {
    double per_second; /* 0: no limit */
    double burst;
} limits_rate;

limits *limits_new(void); /* NULL: out of memory */
void limits_free(limits *l);

/* Who is counted together: an IPv4 address, or the /64 of an IPv6 one (an IPv4 address in IPv6 form
 * is that IPv4 address). Never 0. */
uint64_t limits_client(const limits *l, const struct sockaddr *address);

/* Takes one token. false: there is none for *wait nanoseconds. */
bool limits_take(limits *l, uint64_t client, limits_rate rate, uint64_t now, uint64_t *wait);

/* Counts one more connection of the client, at most `most` (0: no limit). false: too many. *counted
 * tells whether limits_leave is due. */
bool limits_enter(limits *l, uint64_t client, uint32_t most, bool *counted);
void limits_leave(limits *l, uint64_t client);

#endif
