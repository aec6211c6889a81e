/* Times, and what is made of them. */
#ifndef PROGRAM_TIMING_H
#define PROGRAM_TIMING_H

#include <stddef.h>

/* Seconds by the monotonic clock. */
double seconds_now(void);

/* The median, of an even number the upper one; sorts the values. */
double median(double *values, size_t count);

#endif
