/* Plain OpenMP loops over the same arrays: what a program without closs would have. */
#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__GNUC__)
#define BENCH_API __attribute__((visibility("default")))
#else
#define BENCH_API
#endif

/* The mean loss, l1 or huber with delta 1. */
BENCH_API float loop_forward(bool huber, size_t elements, const float *x, const float *y);

/*
 * The same with the gradient of x, and of y where dy is not NULL, stored past the cache. Arrays are aligned to 64
 * bytes, their elements a multiple of 16.
 */
BENCH_API float loop_gradient(bool huber, size_t elements, const float *x, const float *y, float *dx, float *dy);

#endif
