/* The circuit breaker: state by state, with time passed in. */
#include "classify/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SECOND = 1000000000 };

static void fail_times(breaker *b, int n, uint64_t now)
{
    for (int i = 0; i < n; i++) {
        assert_true(breaker_allow(b, now));
        breaker_failure(b, now);
    }
}

static void test_opens_after_five_in_a_row(void **state)
{
    (void)state;
    breaker b;
    breaker_init(&b, NULL);
    fail_times(&b, 4, 0);
    assert_true(breaker_allow(&b, 0));
    breaker_success(&b, 0); /* the row is broken */
    fail_times(&b, 4, 0);
    assert_int_equal(breaker_state_at(&b, 0), BREAKER_CLOSED);
    fail_times(&b, 1, 0);
    assert_int_equal(breaker_state_at(&b, 0), BREAKER_OPEN);
    assert_false(breaker_allow(&b, 0));
    breaker_fini(&b);
}

static void test_half_open_after_thirty_seconds(void **state)
{
    (void)state;
    breaker b;
    uint64_t at = 7;
    breaker_init(&b, NULL);
    fail_times(&b, 5, at);
    assert_false(breaker_allow(&b, at + 30ull * SECOND - 1));
    assert_int_equal(breaker_state_at(&b, at + 30ull * SECOND), BREAKER_HALF_OPEN);
    uint64_t later = at + 30ull * SECOND;
    for (int i = 0; i < 3; i++) {
        assert_true(breaker_allow(&b, later));
        assert_int_equal(breaker_state_at(&b, later), BREAKER_HALF_OPEN);
        breaker_success(&b, later);
    }
    assert_int_equal(breaker_state_at(&b, later), BREAKER_CLOSED);
    fail_times(&b, 4, later);
    assert_int_equal(breaker_state_at(&b, later), BREAKER_CLOSED);
    breaker_fini(&b);
}

static void test_one_failure_while_half_open_opens_again(void **state)
{
    (void)state;
    breaker b;
    breaker_init(&b, NULL);
    fail_times(&b, 5, 0);
    uint64_t later = 31ull * SECOND;
    assert_true(breaker_allow(&b, later));
    breaker_success(&b, later);
    assert_true(breaker_allow(&b, later));
    breaker_failure(&b, later);
    assert_int_equal(breaker_state_at(&b, later), BREAKER_OPEN);
    assert_false(breaker_allow(&b, later + 29ull * SECOND));
    assert_true(breaker_allow(&b, later + 30ull * SECOND));
    breaker_fini(&b);
}

static void test_trials_are_few_and_lost_ones_are_forgotten(void **state)
{
    (void)state;
    breaker b;
    breaker_init(&b, NULL);
    fail_times(&b, 5, 0);
    uint64_t later = 31ull * SECOND;
    for (int i = 0; i < 3; i++)
        assert_true(breaker_allow(&b, later));
    assert_false(breaker_allow(&b, later)); /* three are under way */
    assert_false(breaker_allow(&b, later + 29ull * SECOND));
    assert_true(breaker_allow(&b, later + 30ull * SECOND));
    breaker_fini(&b);
}

static void test_late_answers_and_clock_going_back(void **state)
{
    (void)state;
    breaker b;
    breaker_init(&b, NULL);
    fail_times(&b, 5, 100ull * SECOND);
    breaker_success(&b, 101ull * SECOND); /* from a call made before it opened */
    breaker_failure(&b, 102ull * SECOND);
    assert_int_equal(breaker_state_at(&b, 103ull * SECOND), BREAKER_OPEN);
    assert_false(breaker_allow(&b, 1));              /* earlier than the opening */
    assert_true(breaker_allow(&b, 130ull * SECOND)); /* not put off by the late failure */
    breaker_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_after_five_in_a_row),
        cmocka_unit_test(test_half_open_after_thirty_seconds),
        cmocka_unit_test(test_one_failure_while_half_open_opens_again),
        cmocka_unit_test(test_trials_are_few_and_lost_ones_are_forgotten),
        cmocka_unit_test(test_late_answers_and_clock_going_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
