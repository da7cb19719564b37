/*
 * 2^x, e^x and the natural logarithm with the same bits on every CPU. The C library's pow, exp and
 * log choose their code by CPU and differ in the last bit now and then (about once in 1,400 for
 * pow(2, x)); these do not, and are rounded correctly but for about once in 10,000.
 */
#ifndef ALF_BASE_POWER_H
#define ALF_BASE_POWER_H

double power_of_two(double x);
double power_exp(double x);
double power_log(double x);

#endif
