/*
 * 2^x with the same bits on every CPU. The C library's pow, exp and log choose their code by CPU
 * and differ in the last bit now and then (about once in 1,400 for pow(2, x)); this does not, and
 * is rounded correctly but for about once in 10,000.
 */
#ifndef ALF_BASE_POWER_H
#define ALF_BASE_POWER_H

double power_of_two(double x);

#endif
