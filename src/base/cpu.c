/* What the CPU can do. The machine is asked once; the answer is one atomic number. */
#define _GNU_SOURCE /* for CPU_COUNT_S */
#include "base/cpu.h"

#include "base/mem.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[CPU_LEVELS] = {"portable", "neon", "avx2", "avx512", "avx512vbmi"};

static const int not_asked = -1;
static atomic_int best = not_asked;

static bool of_this_architecture(cpu_level level)
{
#if defined(__x86_64__)
    return level != CPU_NEON;
#elif defined(__aarch64__)
    return level <= CPU_NEON;
#else
    return level == CPU_PORTABLE;
#endif
}

/* The compilers' own check includes whether the system keeps the wide registers. */
static cpu_level ask_machine(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2") || !__builtin_cpu_supports("popcnt"))
        return CPU_PORTABLE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return CPU_AVX2;
    if (!__builtin_cpu_supports("avx512vbmi") || !__builtin_cpu_supports("avx512vbmi2") ||
        !__builtin_cpu_supports("avx512vnni") || !__builtin_cpu_supports("avx512bitalg") ||
        !__builtin_cpu_supports("avx512vpopcntdq"))
        return CPU_AVX512;
    return CPU_AVX512VBMI;
#elif defined(__aarch64__)
    return CPU_NEON;
#else
    return CPU_PORTABLE;
#endif
}

/* The highest level of this architecture at or below both. */
static cpu_level lower_of(cpu_level machine, cpu_level wanted)
{
    cpu_level level = wanted < machine ? wanted : machine;
    return of_this_architecture(level) ? level : CPU_PORTABLE;
}

cpu_level cpu_best(void)
{
    int known = atomic_load_explicit(&best, memory_order_relaxed);
    if (known != not_asked)
        return (cpu_level)known;
    cpu_level level = ask_machine(), wanted;
    const char *asked = getenv("ALF_CPU");
    if (asked != NULL && cpu_level_from_name(asked, &wanted))
        level = lower_of(level, wanted);
    atomic_store_explicit(&best, (int)level, memory_order_relaxed);
    return level;
}

bool cpu_has(cpu_level level)
{
    return of_this_architecture(level) && level <= cpu_best();
}

void cpu_limit(cpu_level highest)
{
    atomic_store_explicit(&best, (int)lower_of(ask_machine(), highest), memory_order_relaxed);
}

const char *cpu_level_name(cpu_level level)
{
    return (unsigned)level < CPU_LEVELS ? names[level] : "unknown";
}

bool cpu_level_from_name(const char *name, cpu_level *out)
{
    for (int i = 0; i < CPU_LEVELS; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (cpu_level)i;
            return true;
        }
    return false;
}

void cpu_name(char *out, size_t size)
{
    static const char key[] = "model name";
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "re");
    (void)snprintf(out, size, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *value = strchr(line, ':');
        if (strncmp(line, key, sizeof key - 1) != 0 || value == NULL)
            continue;
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, "\n")] = '\0';
        (void)snprintf(out, size, "%s", value);
        break;
    }
    if (file != NULL)
        (void)fclose(file);
}

alf_status cpu_check_environment(alf_error *err)
{
    cpu_level level;
    const char *asked = getenv("ALF_CPU");
    if (asked == NULL || asked[0] == '\0' || cpu_level_from_name(asked, &level))
        return ALF_OK;
    return error_set(
        err, ALF_E_CONFIG,
        "the environment variable ALF_CPU is \"%.50s\", expected portable, neon, avx2, "
        "avx512 or avx512vbmi; unset it to use what the CPU has",
        asked);
}

/* ---- how many ---- */

/* MOST_CPUS: far above what the kernel can be built for (8,192 on x86-64). */
enum { MOST_CPUS = 1 << 20 };

/* With room for that many CPUs: how many there are, or 0 when the kernel knows more. */
static int count_within(size_t cpus)
{
    size_t size = CPU_ALLOC_SIZE(cpus);
    cpu_set_t *set = mem_calloc(1, size);
    int found = 1;
    if (set != NULL && sched_getaffinity(0, size, set) == 0)
        found = CPU_COUNT_S(size, set);
    else if (set != NULL && errno == EINVAL)
        found = 0;
    mem_free(set);
    return found;
}

size_t cpu_cores(void)
{
    int found = 0;
    for (size_t cpus = CPU_SETSIZE; found == 0 && cpus <= MOST_CPUS; cpus *= 2)
        found = count_within(cpus);
    return found > 0 ? (size_t)found : 1;
}
