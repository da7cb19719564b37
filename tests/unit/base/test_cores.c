/* How many CPUs there are, on machines of any size: the kernel's answer is replaced. */
#define _GNU_SOURCE
#include "base/cpu.h"

#include "base/mem.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "support/test.h"

static size_t known;  /* CPUs the kernel could have */
static size_t usable; /* by this process: every third of them from the last one down */
static int refused;   /* errno where the kernel says no for another reason */

/* As sched_setaffinity(2) says: EINVAL for a set smaller than the kernel's. */
int sched_getaffinity(pid_t process, size_t size, cpu_set_t *set)
{
    (void)process;
    if (refused != 0 || size * 8 < known) {
        errno = refused != 0 ? refused : EINVAL;
        return -1;
    }
    CPU_ZERO_S(size, set);
    for (size_t i = 0; i < usable; i++)
        CPU_SET_S(known - 1 - 3 * i, size, set);
    return 0;
}

static void counts_all(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 64, 1023, 1024, 1025, 2048, 4097, 8192, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        known = sizes[i];
        usable = (known + 2) / 3;
        assert_int_equal(cpu_cores(), usable);
        usable = 1;
        assert_int_equal(cpu_cores(), 1);
    }
}

static void at_least_one(void **state)
{
    (void)state;
    known = 4096;
    usable = 5;
    (void)mem_fail_after(1);
    assert_int_equal(cpu_cores(), 1);
    (void)mem_fail_after(0);
    assert_int_equal(cpu_cores(), 5);
    refused = EPERM;
    assert_int_equal(cpu_cores(), 1);
    refused = EINVAL; /* for ever: it ends */
    assert_int_equal(cpu_cores(), 1);
    refused = 0;
    usable = 0;
    assert_int_equal(cpu_cores(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_all),
                                       cmocka_unit_test(at_least_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
