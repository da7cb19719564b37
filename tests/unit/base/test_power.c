/* power_of_two against the C library's exp2l, which has more digits than a double. */
#include "support/test.h"

#include "base/power.h"

#include <math.h>
#include <string.h>

static uint64_t random_state = 88172645463325252u;

static double random_in(double low, double high)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return low + (high - low) * ((double)(random_state >> 11) / 9007199254740992.0);
}

/* Never off by more than the last bit, and hardly ever by that. */
static void check_range(double low, double high, unsigned most_off)
{
    enum { COUNT = 200000 };
    unsigned off = 0;
    for (int i = 0; i < COUNT; i++) {
        double x = random_in(low, high), found = power_of_two(x);
        double expected = (double)exp2l((long double)x);
        if (found < expected || found > expected) {
            off++;
            if (found < nextafter(expected, 0) || found > nextafter(expected, (double)INFINITY))
                fail_msg("2^%a is %a, expected %a", x, found, expected);
        }
    }
    if (off > most_off)
        fail_msg("%u of %d values between %g and %g are off by one", off, COUNT, low, high);
}

/* exp2l itself, rounded twice, is off about once in 4,000. */
static void close_to_the_truth(void **state)
{
    (void)state;
    check_range(-1, 0, 200);
    check_range(-0.01, 0.01, 200);
    check_range(-30, 30, 200);
    check_range(-1022, 1024, 200);
    check_range(-1075, -1022, 20000); /* few digits are left here, and are rounded twice */
}

static void exact_where_it_can_be(void **state)
{
    (void)state;
    for (int e = -1074; e < 1024; e++)
        assert_true(power_of_two(e) >= ldexp(1, e) && power_of_two(e) <= ldexp(1, e));
    assert_true(power_of_two(-0.0) >= 1 && power_of_two(-0.0) <= 1);
    assert_true(power_of_two(1e-320) >= 1 && power_of_two(1e-320) <= 1);
    assert_true(isinf(power_of_two(1024)) && isinf(power_of_two((double)INFINITY)));
    assert_true(isfinite(power_of_two(nextafter(1024, 0))));
    assert_true(power_of_two(-1e300) <= 0 && power_of_two(-(double)INFINITY) <= 0);
    assert_true(isnan(power_of_two((double)NAN)));
}

/* The same bits everywhere: taken on x86-64, and compared on what else the tests run on. */
static void same_bits_on_every_cpu(void **state)
{
    (void)state;
    uint64_t sum = 0;
    for (int i = 0; i < 1000000; i++) {
        double y = power_of_two(-i * 1.7e-6);
        uint64_t bits;
        memcpy(&bits, &y, sizeof bits);
        sum = sum * 0x9E3779B97F4A7C15u + bits;
    }
    assert_int_equal(sum, 0x77fee3237c23178cu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_to_the_truth),
        cmocka_unit_test(exact_where_it_can_be),
        cmocka_unit_test(same_bits_on_every_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
