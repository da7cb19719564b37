/* Reads /proc/self/cgroup and the files it leads to: version 2 has cpu.max ("QUOTA PERIOD" or "max
 * PERIOD"), version 1 cpu.cfs_quota_us (-1: none) and cpu.cfs_period_us. */
#include "base/cgroup.h"

#include "base/cpu.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 8192, MOST_LINES = 256 };

/* The first line of a file, without its end; false: there is none, or it is too long. */
static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    bool got = file != NULL && fgets(line, size, file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    if (!got || (strchr(line, '\n') == NULL && strlen(line) + 1 == (size_t)size))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* A number above zero at *text, which moves behind it; 0: there is none. */
static uint64_t take_number(const char **text)
{
    char *end = NULL;
    if (**text < '0' || **text > '9')
        return 0;
    errno = 0;
    unsigned long long value = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0 && value <= INT64_MAX ? value : 0;
}

/* 0: what is there is no quota. */
static size_t cpus_of(uint64_t quota, uint64_t period)
{
    if (quota == 0 || period == 0)
        return 0;
    return (size_t)((quota - 1) / period + 1);
}

static size_t read_version_2(const char *folder)
{
    char path[PATH_MAX];
    char line[64];
    if (snprintf(path, sizeof path, "%s/cpu.max", folder) >= (int)sizeof path ||
        !read_line(path, line, sizeof line))
        return 0;
    const char *at = line;
    uint64_t quota = take_number(&at);
    if (*at != ' ')
        return 0;
    at++;
    return cpus_of(quota, take_number(&at));
}

static size_t read_version_1(const char *folder)
{
    char path[PATH_MAX];
    char quota[64];
    char period[64];
    if (snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder) >= (int)sizeof path ||
        !read_line(path, quota, sizeof quota) ||
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder) >= (int)sizeof path ||
        !read_line(path, period, sizeof period))
        return 0;
    const char *first = quota, *second = period;
    uint64_t number = take_number(&first);
    return cpus_of(number, take_number(&second));
}

static size_t least(size_t a, size_t b)
{
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}

/* The least of all folders from `mount` plus `group` up to `mount`. A group outside what is mounted
 * here ("/..") leaves the mount itself, as in a container without a namespace of its own. */
static size_t walk_up(const char *mount, const char *group, size_t (*read)(const char *folder))
{
    char folder[PATH_MAX];
    size_t top = strlen(mount);
    if (strstr(group, "..") != NULL)
        group = "";
    if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder)
        return 0;
    size_t found = 0;
    for (;;) {
        found = least(found, read(folder));
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= top || slash == NULL)
            return found;
        *(slash < folder + top ? folder + top : slash) = '\0';
    }
}

/* Whether "cpu" is one of the names, which commas part. */
static bool has_cpu(const char *names, size_t size)
{
    for (const char *end = names + size; names < end;) {
        size_t n = strcspn(names, ",:");
        if (n == 3 && memcmp(names, "cpu", 3) == 0)
            return true;
        names += n + 1;
    }
    return false;
}

/* A line: "ID:CONTROLLERS:GROUP"; version 2 has no controllers. */
static size_t read_group(const char *root, char *line)
{
    char mount[PATH_MAX];
    line[strcspn(line, "\n")] = '\0';
    char *names = strchr(line, ':');
    char *group = names != NULL ? strchr(names + 1, ':') : NULL;
    if (group == NULL)
        return 0;
    bool second = group == names + 1;
    if (!second && !has_cpu(names + 1, (size_t)(group - names - 1)))
        return 0;
    int size = snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s", root, second ? "" : "/cpu");
    if (size >= (int)sizeof mount)
        return 0;
    return walk_up(mount, group + 1, second ? read_version_2 : read_version_1);
}

size_t cgroup_cpus(const char *root)
{
    char path[PATH_MAX];
    char line[LINE];
    size_t found = 0;
    if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= (int)sizeof path)
        return 0;
    FILE *file = fopen(path, "re");
    for (int i = 0; file != NULL && i < MOST_LINES && fgets(line, sizeof line, file) != NULL; i++)
        found = least(found, read_group(root, line));
    if (file != NULL)
        (void)fclose(file);
    return found;
}

size_t cgroup_threads(void)
{
    return least(cpu_cores(), cgroup_cpus(""));
}
