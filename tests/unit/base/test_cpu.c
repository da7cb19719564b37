/* CPU levels: ALF_CPU and cpu_limit lower them, nothing raises them. */
#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "support/test.h"

/* First, before anything has asked for the level. */
static void environment_lowers(void **state)
{
    (void)state;
    assert_int_equal(setenv("ALF_CPU", "portable", 1), 0);
    assert_int_equal(cpu_best(), CPU_PORTABLE);
    for (int i = CPU_PORTABLE + 1; i < CPU_LEVELS; i++)
        assert_false(cpu_has((cpu_level)i));
    assert_true(cpu_has(CPU_PORTABLE));
}

static void wrong_names_are_errors(void **state)
{
    (void)state;
    alf_error err = {0};
    for (int i = 0; i < CPU_LEVELS; i++) {
        assert_int_equal(setenv("ALF_CPU", cpu_level_name((cpu_level)i), 1), 0);
        must(cpu_check_environment(&err), &err);
    }
    static const char *const wrong[] = {"avx", "AVX2", "avx2 ", "unknown", "%s"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(setenv("ALF_CPU", wrong[i], 1), 0);
        assert_int_equal(cpu_check_environment(&err), ALF_E_CONFIG);
        assert_non_null(strstr(err.message, wrong[i]));
        for (int k = 0; k < CPU_LEVELS; k++)
            assert_non_null(strstr(err.message, cpu_level_name((cpu_level)k)));
    }
    assert_int_equal(setenv("ALF_CPU", "", 1), 0);
    must(cpu_check_environment(&err), &err);
    assert_int_equal(unsetenv("ALF_CPU"), 0);
    must(cpu_check_environment(&err), &err);
}

static void limit_lowers_and_restores(void **state)
{
    (void)state;
    cpu_limit(CPU_AVX512VBMI);
    cpu_level machine = cpu_best();
    for (int i = 0; i < CPU_LEVELS; i++) {
        cpu_limit((cpu_level)i);
        assert_true(cpu_best() <= machine);
        assert_true((int)cpu_best() <= i);
        assert_true(cpu_has(cpu_best()));
        for (int k = i + 1; k < CPU_LEVELS; k++)
            assert_false(cpu_has((cpu_level)k));
    }
    assert_int_equal(cpu_best(), machine);
#if defined(__aarch64__)
    assert_int_equal(machine, CPU_NEON);
#elif defined(__x86_64__)
    assert_int_not_equal(machine, CPU_NEON);
    assert_false(cpu_has(CPU_NEON));
#endif
}

static void names_read_back(void **state)
{
    (void)state;
    cpu_level level;
    for (int i = 0; i < CPU_LEVELS; i++) {
        assert_true(cpu_level_from_name(cpu_level_name((cpu_level)i), &level));
        assert_int_equal(level, i);
    }
    assert_false(cpu_level_from_name("sse9", &level));
    assert_false(cpu_level_from_name("", &level));
    assert_string_equal(cpu_level_name((cpu_level)CPU_LEVELS), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(environment_lowers),
        cmocka_unit_test(wrong_names_are_errors),
        cmocka_unit_test(limit_lowers_and_restores),
        cmocka_unit_test(names_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
