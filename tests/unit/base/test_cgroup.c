/* Quotas of control groups, from trees of files as Linux has them (cgroups(7), the kernel's
 * Documentation/admin-guide/cgroup-v2.rst), and from others that it never has. */
#include "base/cgroup.h"

#include "base/cpu.h"
#include "base/file.h"
#include "support/test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[64];

static int make_root(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/alf-cgroup-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    file_remove_tree(root);
    return 0;
}

/* Writes a file below the root, and the folders on the way. */
static void put(const char *name, const char *text)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void version_2(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/\n"); /* a container with a namespace of its own */
    assert_int_equal(cgroup_cpus(root), 0);
    put("sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_int_equal(cgroup_cpus(root), 0);
    put("sys/fs/cgroup/cpu.max", "50000 100000\n"); /* half a CPU */
    assert_int_equal(cgroup_cpus(root), 1);
    put("sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_int_equal(cgroup_cpus(root), 2);
    put("sys/fs/cgroup/cpu.max", "200001 100000\n");
    assert_int_equal(cgroup_cpus(root), 3);
}

static void groups_above(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/system.slice/filter.service\n");
    put("sys/fs/cgroup/system.slice/cpu.max", "800000 100000\n");
    put("sys/fs/cgroup/system.slice/filter.service/cpu.max", "max 100000\n");
    assert_int_equal(cgroup_cpus(root), 8);
    put("sys/fs/cgroup/system.slice/filter.service/cpu.max", "300000 100000\n");
    assert_int_equal(cgroup_cpus(root), 3);
    put("sys/fs/cgroup/system.slice/filter.service/cpu.max", "900000 100000\n");
    assert_int_equal(cgroup_cpus(root), 8);
    put("proc/self/cgroup", "0::/../../elsewhere\n"); /* not in what is mounted here */
    assert_int_equal(cgroup_cpus(root), 0);
    put("sys/fs/cgroup/cpu.max", "100000 50000\n");
    assert_int_equal(cgroup_cpus(root), 2);
}

static void version_1(void **state)
{
    (void)state;
    put("proc/self/cgroup",
        "5:memory:/docker/x\n4:cpuset:/docker/x\n3:cpu,cpuacct:/docker/x\n0::/\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cgroup_cpus(root), 0);
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n"); /* seen from inside: at the mount */
    assert_int_equal(cgroup_cpus(root), 3);
    put("sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "100000\n");
    put("sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
    assert_int_equal(cgroup_cpus(root), 1);
}

static void what_linux_never_writes(void **state)
{
    (void)state;
    static const char *const quotas[] = {
        "",           "\n",         "0 0\n",         "0 100000\n",
        "100000\n",   "100000 0\n", "-5 100\n",      "x y\n",
        "100 -100\n", "1e9 1\n",    "100  100000\n", "99999999999999999999999 1\n"};
    static const char *const groups[] = {"",     "\n",      "::",    "0\n",
                                         "0:\n", "3:cpu\n", "0::\n", "0::x\n"};
    put("proc/self/cgroup", "0::/\n");
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
        put("sys/fs/cgroup/cpu.max", quotas[i]);
        assert_int_equal(cgroup_cpus(root), 0);
    }
    put("sys/fs/cgroup/cpu.max", "9223372036854775807 1\n");
    assert_true(cgroup_cpus(root) > 1000);
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        put("proc/self/cgroup", groups[i]);
        (void)cgroup_cpus(root);
    }
    char *endless = malloc(20000);
    assert_non_null(endless);
    memset(endless, '/', 20000);
    endless[19999] = '\0';
    put("proc/self/cgroup", endless);
    assert_int_equal(cgroup_cpus(root), 0);
    memcpy(endless, "0::", 3);
    put("proc/self/cgroup", endless);
    assert_int_equal(cgroup_cpus(root), 0);
    free(endless);
}

static void there_is_always_a_thread(void **state)
{
    (void)state;
    assert_true(cgroup_threads() >= 1);
    assert_true(cgroup_threads() <= cpu_cores());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_2, make_root, remove_root),
        cmocka_unit_test_setup_teardown(groups_above, make_root, remove_root),
        cmocka_unit_test_setup_teardown(version_1, make_root, remove_root),
        cmocka_unit_test_setup_teardown(what_linux_never_writes, make_root, remove_root),
        cmocka_unit_test(there_is_always_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
