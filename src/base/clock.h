/* Time. */
#ifndef ALF_BASE_CLOCK_H
#define ALF_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a clock that only goes forward; its zero means nothing. */
uint64_t clock_now(void);

#endif
