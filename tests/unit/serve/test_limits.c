/* Buckets and counts per client, alone and from several threads. */
#include "support/test.h"

#include "serve/limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>

static const uint64_t second = 1000000000u;
static const limits_rate two_per_second = {2, 5};

static uint64_t client_of(limits *l, const char *text)
{
    struct sockaddr_storage any = {0};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
        memcpy(&any, &ipv4, sizeof ipv4);
    else {
        assert_int_equal(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1);
        memcpy(&any, &ipv6, sizeof ipv6);
    }
    return limits_client(l, (const struct sockaddr *)&any);
}

static void who_is_counted_together(void **state)
{
    (void)state;
    limits *l = limits_new();
    assert_true(client_of(l, "10.0.0.1") != client_of(l, "10.0.0.2"));
    assert_true(client_of(l, "10.0.0.1") == client_of(l, "::ffff:10.0.0.1"));
    assert_true(client_of(l, "2001:db8::1") == client_of(l, "2001:db8::ffff:1"));
    assert_true(client_of(l, "2001:db8::1") != client_of(l, "2001:db8:0:1::1"));
    limits_free(l);
}

static void a_bucket(void **state)
{
    (void)state;
    limits *l = limits_new();
    uint64_t wait;
    uint64_t now = 1000 * second;
    for (int i = 0; i < 5; i++)
        assert_true(limits_take(l, 7, two_per_second, now, &wait));
    assert_false(limits_take(l, 7, two_per_second, now, &wait));
    assert_int_equal(wait, second / 2);
    assert_true(limits_take(l, 8, two_per_second, now, &wait)); /* somebody else */
    assert_false(limits_take(l, 7, two_per_second, now + second / 2 - 1, &wait));
    assert_true(limits_take(l, 7, two_per_second, now + second / 2, &wait));
    assert_false(limits_take(l, 7, two_per_second, now + second / 2, &wait));
    /* Full again after a while, and never more than full. */
    now += 100 * second;
    int taken = 0;
    while (taken < 100 && limits_take(l, 7, two_per_second, now, &wait))
        taken++;
    assert_int_equal(taken, 5);
    assert_true(limits_take(l, 7, (limits_rate){0, 1}, now, &wait)); /* no limit */
    limits_free(l);
}

/* Over a long time a client gets its rate, not more. */
static void the_rate_holds(void **state)
{
    (void)state;
    limits *l = limits_new();
    uint64_t wait;
    int taken = 0;
    for (uint64_t ms = 0; ms < 60000; ms++)
        taken += limits_take(l, 7, two_per_second, second + ms * 1000000, &wait);
    assert_true(taken >= 124 && taken <= 125);
    limits_free(l);
}

/* More addresses than slots: nothing breaks, and one client still cannot exceed its rate much. */
static void a_flood_of_addresses(void **state)
{
    (void)state;
    limits *l = limits_new();
    uint64_t wait;
    for (uint64_t client = 1; client < 4 * LIMITS_SLOTS; client++)
        (void)limits_take(l, client * 2654435761u, two_per_second, second, &wait);
    int taken = 0;
    for (int i = 0; i < 100; i++)
        taken += limits_take(l, 12345, two_per_second, second, &wait);
    assert_true(taken <= 5);
    limits_free(l);
}

static void connections(void **state)
{
    (void)state;
    limits *l = limits_new();
    bool counted;
    for (int i = 0; i < 3; i++) {
        assert_true(limits_enter(l, 7, 3, &counted));
        assert_true(counted);
    }
    assert_false(limits_enter(l, 7, 3, &counted));
    assert_false(counted);
    assert_true(limits_enter(l, 8, 3, &counted));
    limits_leave(l, 7);
    assert_true(limits_enter(l, 7, 3, &counted));
    assert_false(limits_enter(l, 7, 3, &counted));
    assert_true(limits_enter(l, 7, 0, &counted)); /* no limit */
    assert_false(counted);
    limits_free(l);
}

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct shared {
    limits *limits;
    atomic_uint taken;
} shared;

static void *use(void *context)
{
    shared *s = context;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t wait;
        bool counted;
        if (limits_take(s->limits, 7, (limits_rate){1, 1000}, second, &wait))
            atomic_fetch_add(&s->taken, 1);
        (void)limits_take(s->limits, (uint64_t)i, two_per_second, second, &wait);
        if (limits_enter(s->limits, 9, 2, &counted) && counted)
            limits_leave(s->limits, 9);
    }
    return NULL;
}

static void from_several_threads(void **state)
{
    (void)state;
    shared s = {.limits = limits_new()};
    pthread_t threads[THREADS];
    uint64_t wait;
    bool counted;
    /* Its slot is held, so that the others cannot take it over. */
    assert_true(limits_take(s.limits, 7, (limits_rate){1, 1000}, second, &wait));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, &s), 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_true(atomic_load(&s.taken) <= 999);
    assert_true(limits_enter(s.limits, 9, 2, &counted));
    assert_true(limits_enter(s.limits, 9, 2, &counted));
    assert_false(limits_enter(s.limits, 9, 2, &counted));
    limits_free(s.limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_counted_together),
                                       cmocka_unit_test(a_bucket),
                                       cmocka_unit_test(the_rate_holds),
                                       cmocka_unit_test(a_flood_of_addresses),
                                       cmocka_unit_test(connections),
                                       cmocka_unit_test(from_several_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
