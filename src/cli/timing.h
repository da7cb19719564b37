/* Figures of repeated runs. */
#ifndef ALF_CLI_TIMING_H
#define ALF_CLI_TIMING_H

#include <stddef.h>

/* The median of count numbers, at least one, which are sorted on the way. */
double timing_median(double *values, size_t count);

#endif
