/*
 * How much of the CPUs the control group of this process may use. A container's CPU limit is such a
 * quota: the kernel still shows it every CPU of the machine, but stands its threads still when they
 * have used up their time.
 */
#ifndef ALF_BASE_CGROUP_H
#define ALF_BASE_CGROUP_H

#include <stddef.h>

/* The quota in CPUs, rounded up: the least of the group's own and of those above it; 0 when there
 * is none, or none that can be read. Versions 1 and 2 of control groups. root: put before /proc and
 * /sys, for tests; else "". */
size_t cgroup_cpus(const char *root);

/* Threads worth running: the CPUs of cpu_cores(), but no more than the quota; at least 1. */
size_t cgroup_threads(void);

#endif
