/* Against the C library's exp2l, expl and logl, which have more digits than a double. */
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
static void check_function(double (*ours)(double), long double (*truth)(long double),
                           const double range[2], unsigned most_off)
{
    double low = range[0], high = range[1];
    enum { COUNT = 200000 };
    unsigned off = 0;
    for (int i = 0; i < COUNT; i++) {
        double x = random_in(low, high), found = ours(x);
        double expected = (double)truth((long double)x);
        if (found < expected || found > expected) {
            off++;
            if (found < nextafter(expected, -(double)INFINITY) ||
                found > nextafter(expected, (double)INFINITY))
                fail_msg("of %a: %a, expected %a", x, found, expected);
        }
    }
    if (off > most_off)
        fail_msg("%u of %d values between %g and %g are off by one", off, COUNT, low, high);
}

static void check_range(double low, double high, unsigned most_off)
{
    check_function(power_of_two, exp2l, (const double[2]){low, high}, most_off);
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

static void exponentials_and_logarithms(void **state)
{
    (void)state;
    check_function(power_exp, expl, (const double[2]){-1, 1}, 200);
    check_function(power_exp, expl, (const double[2]){-40, 40}, 200);
    check_function(power_exp, expl, (const double[2]){-708, 709.7}, 200);
    check_function(power_exp, expl, (const double[2]){-745, -708}, 20000);
    check_function(power_log, logl, (const double[2]){1e-9, 1}, 200);
    check_function(power_log, logl, (const double[2]){0.9, 1.1}, 200);
    check_function(power_log, logl, (const double[2]){1, 1e6}, 200);
    check_function(power_log, logl, (const double[2]){1e6, 1e300}, 200);
    check_function(power_log, logl, (const double[2]){0x1p-1022, 1e-300}, 200);
    for (int i = 1; i < 100000; i++) { /* counts of terms, sizes of leaves */
        double expected = (double)logl(i), found = power_log(i);
        assert_true(found >= nextafter(expected, -1) && found <= nextafter(expected, 100));
    }
}

static void special_values_are_the_c_library_s(void **state)
{
    (void)state;
    static const double values[] = {0.0,   -0.0,   1.0, -1.0,   INFINITY, -INFINITY,
                                    1e308, -1e308, 710, -746.5, 5e-324,   0x1p-1022};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        double e = exp(values[i]), l = log(values[i]);
        double found_e = power_exp(values[i]), found_l = power_log(values[i]);
        assert_true(found_e >= e && found_e <= e);
        assert_true(isnan(l) ? isnan(found_l) : found_l >= l && found_l <= l);
    }
    assert_true(isnan(power_exp((double)NAN)) && isnan(power_log((double)NAN)));
    assert_true(power_log(1) >= 0 && power_log(1) <= 0);
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
    sum = 0;
    for (int i = 1; i < 300000; i++) {
        double y[2] = {power_exp(i * -1.7e-4), power_log(i * 0.37)};
        uint64_t bits[2];
        memcpy(bits, y, sizeof bits);
        sum = (sum * 0x9E3779B97F4A7C15u + bits[0]) * 0x9E3779B97F4A7C15u + bits[1];
    }
    assert_int_equal(sum, 0xe525e01036c81257u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_to_the_truth),
        cmocka_unit_test(exponentials_and_logarithms),
        cmocka_unit_test(special_values_are_the_c_library_s),
        cmocka_unit_test(exact_where_it_can_be),
        cmocka_unit_test(same_bits_on_every_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
