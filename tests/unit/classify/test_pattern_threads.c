/* One set, many threads: patterns are made ready while others search, and every answer is that of
 * one thread alone. Meant for the thread sanitizer too (preset tsan). */
#include "base/embedded.h"
#include "base/mem.h"
#include "base/span.h"
#include "classify/breaker.h"
#include "classify/ruleset.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { THREADS = 4, ROUNDS = 3, TRIES = 2000 };

static const char *const logs[] = {
    "Failed password for root from 10.0.0.1 port 22 ssh2",
    "pam_unix(sshd:auth): authentication failure; logname= uid=0",
    "081109 203518 143 INFO dfs.DataNode$DataXceiver: Receiving block blk_-160 src: /10.2.5.1",
    "[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6",
    "Payment with card 4111 1111 1111 1111 exp 12/27",
    "user drsmith accessed patient record 12345",
    "kernel: Out of memory: Kill process 1234 (java) score 900",
    "GET /index.php?id=1' or '1'='1 HTTP/1.1\" 200",
    "vssadmin delete shadows /all /quiet",
    "session opened for user bob by (uid=0)",
    "backup of volume 7 has been deleted",
    "GC pause 120 ms",
    "nothing to see",
    "",
};
enum { LOGS = sizeof logs / sizeof logs[0] };

typedef struct answer {
    compliance_match covered;
    rule_match match;
    alf_status gate, rules;
} answer;

static void ask(const ruleset *r, ruleset_scratch *s, size_t i, answer *out)
{
    alf_error err;
    ruleset_scan(r, s, span_from_string(logs[i]));
    out->gate = ruleset_gate(r, s, SPAN_LITERAL("host"), &out->covered, &err);
    out->rules = ruleset_match(r, s, &out->match, &err);
}

typedef struct worker {
    pthread_t thread;
    const ruleset *rules;
    pthread_barrier_t *start;
    size_t number;
    answer answers[LOGS];
} worker;

static void *work(void *data)
{
    worker *w = data;
    ruleset_scratch *s = ruleset_scratch_new(w->rules);
    (void)pthread_barrier_wait(w->start);
    for (size_t i = 0; i < LOGS * ROUNDS && s != NULL; i++) {
        size_t log = (i + w->number * 3) % LOGS; /* not all at the same log */
        ask(w->rules, s, log, &w->answers[log]);
    }
    ruleset_scratch_free(s);
    return NULL;
}

static ruleset *load(void)
{
    ruleset *r;
    alf_error err;
    if (ruleset_parse(embedded_rules, "built-in", RULESET_ALL, &r, &err) != ALF_OK)
        fail_msg("%s", err.message);
    return r;
}

static void assert_same(const answer *a, const answer *b, size_t log)
{
    bool same = a->gate == b->gate && a->rules == b->rules &&
                a->covered.covered == b->covered.covered && a->match.matched == b->match.matched;
    same = same && (!a->covered.covered || span_equal(a->covered.rule, b->covered.rule));
    same = same && (!a->match.matched || span_equal(a->match.rule, b->match.rule));
    if (!same)
        fail_msg("another answer on \"%s\"", logs[log]);
}

static void test_patterns_get_ready_under_threads(void **state)
{
    (void)state;
    static answer expected[LOGS];
    ruleset *alone = load();
    ruleset_scratch *s = ruleset_scratch_new(alone);
    size_t matched = 0;
    for (size_t i = 0; i < LOGS; i++) {
        ask(alone, s, i, &expected[i]);
        assert_int_equal(expected[i].rules, ALF_OK);
        matched += expected[i].match.matched || expected[i].covered.covered;
    }
    assert_true(matched >= 8);
    ruleset *shared = load(); /* nothing of it is compiled yet */
    static worker workers[THREADS];
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (size_t t = 0; t < THREADS; t++) {
        workers[t] = (worker){.rules = shared, .start = &start, .number = t};
        assert_int_equal(pthread_create(&workers[t].thread, NULL, work, &workers[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_join(workers[t].thread, NULL), 0);
        for (size_t i = 0; i < LOGS; i++)
            assert_same(&workers[t].answers[i], &expected[i], i);
    }
    (void)pthread_barrier_destroy(&start);
    ruleset_scratch_free(s);
    ruleset_free(shared);
    ruleset_free(alone);
}

/* A pattern that could not be made ready for want of memory is made ready the next time. */
static void test_a_failure_to_get_ready_is_not_for_ever(void **state)
{
    (void)state;
    ruleset *r = load();
    ruleset_scratch *s = ruleset_scratch_new(r);
    assert_non_null(s);
    answer a;
    size_t failures = 0;
    for (uint64_t n = 1; n < 200; n++) {
        (void)mem_fail_after(n);
        ask(r, s, 0, &a);
        (void)mem_fail_after(0);
        assert_true(a.rules == ALF_OK || a.rules == ALF_E_NOMEM);
        if (a.rules == ALF_OK)
            break;
        failures++;
    }
    assert_true(failures > 0 && a.rules == ALF_OK && a.match.matched);
    ruleset_scratch_free(s);
    ruleset_free(r);
}

static void *try_often(void *data)
{
    breaker *b = data;
    for (uint64_t i = 0; i < TRIES; i++) {
        if (!breaker_is_calm(b) && !breaker_allow(b, i))
            continue;
        if (i % 3 == 0)
            breaker_failure(b, i);
        else
            breaker_success(b, i);
    }
    return NULL;
}

/* With successes between failures nothing opens while one thread works; with several the breaker
 * may open, and must still be in order after. */
static void test_breaker_under_threads(void **state)
{
    (void)state;
    breaker b;
    pthread_t threads[THREADS];
    breaker_init(&b, NULL);
    for (size_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, try_often, &b), 0);
    for (size_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    uint64_t later = UINT64_C(1) << 62;
    for (int i = 0; i < 3 && !breaker_is_calm(&b); i++) {
        assert_true(breaker_allow(&b, later));
        breaker_success(&b, later);
    }
    assert_true(breaker_is_calm(&b));
    assert_int_equal(breaker_state_at(&b, later), BREAKER_CLOSED);
    for (int i = 0; i < 5; i++) {
        assert_true(breaker_allow(&b, later));
        breaker_failure(&b, later);
    }
    assert_false(breaker_is_calm(&b));
    assert_false(breaker_allow(&b, later));
    breaker_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_get_ready_under_threads),
        cmocka_unit_test(test_a_failure_to_get_ready_is_not_for_ever),
        cmocka_unit_test(test_breaker_under_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
