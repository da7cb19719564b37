/*
 * What the CPU can do, found at run time. The levels of an architecture are a ladder: a CPU that
 * has one has all below it. Code for a level gives the same bits as the portable code; only the
 * time differs.
 *
 * The environment variable ALF_CPU (portable, avx2, avx512, avx512vbmi, neon) lowers the level of
 * the whole process; it never raises it. A name that is none of them changes nothing here, so that
 * a library does not fail for it; the program ends with an error (cpu_check_environment).
 */
#ifndef ALF_BASE_CPU_H
#define ALF_BASE_CPU_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum cpu_level {
    CPU_PORTABLE,
    CPU_NEON,      /* arm64: always there */
    CPU_AVX2,      /* AVX2, BMI1, BMI2, POPCNT */
    CPU_AVX512,    /* and AVX-512 F, BW, CD, DQ, VL */
    CPU_AVX512VBMI /* and AVX-512 VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ */
} cpu_level;
enum { CPU_LEVELS = CPU_AVX512VBMI + 1 };

/* The highest level to use: the machine's, lowered by ALF_CPU and cpu_limit. Thread-safe. */
cpu_level cpu_best(void);
/* Whether code of that level may run: the level is of this architecture and not above cpu_best. */
bool cpu_has(cpu_level level);

/* ALF_E_CONFIG when ALF_CPU is set to something that is not the name of a level. */
alf_status cpu_check_environment(alf_error *err);

/* How many CPUs this process may run on; at least 1. */
size_t cpu_cores(void);

/* Tests and benchmarks: lowers the level of this process from now on, in place of ALF_CPU. What was
 * built before keeps the level it was built for. */
void cpu_limit(cpu_level highest);

/* What the system calls the CPU, cut to size (at least 1); "unknown" where it does not say. */
void cpu_name(char *out, size_t size);

const char *cpu_level_name(cpu_level level);
bool cpu_level_from_name(const char *name, cpu_level *out);

/* Functions marked so may use that level's instructions (x86-64, gcc and clang). No fused
 * multiply-add among them: results must not depend on the level. */
#if defined(__x86_64__)
#define CPU_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define CPU_TARGET_AVX512                                                                          \
    __attribute__((target("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")))
#define CPU_TARGET_AVX512VBMI                                                                      \
    __attribute__((target(                                                                         \
        "avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2," \
        "avx512vnni,avx512bitalg,avx512vpopcntdq")))
#endif

#endif
