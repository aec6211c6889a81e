/*
 * What is timed on an OpenCL device: closs, kernels to hold it against, and CLBlast. Each is made once for its arrays,
 * which the device uses in place, and run any number of times. Used by against_loop.c, and from Python by peers.py
 * (ctypes), so that all run in turn in one process.
 */
#ifndef BENCH_CONTENDERS_H
#define BENCH_CONTENDERS_H

#include <stdint.h>

#include "loops.h"

/* How the operands lie. Elements are a multiple of 4096 but for PLAIN. */
enum contender_layout {
  CONTENDER_PLAIN = 0,      /* contiguous */
  CONTENDER_WEIGHTED = 1,   /* a third array: weights; mean over the count */
  CONTENDER_BROADCAST = 2,  /* the target is one row of 4096 */
  CONTENDER_STRIDED = 3,    /* rows of 4096 - 64 in arrays with rows of 4096: 64 elements of each are left out */
  CONTENDER_TRANSPOSED = 4, /* the input lies column by column, the target row by row */
};

typedef struct contender contender;

/* Takes the device of device.h. What fails is told on stderr, and gives NULL or -1. */
BENCH_API int contenders_open(void);
BENCH_API const char *contenders_device(void);
BENCH_API void *contenders_device_id(void); /* a cl_device_id, of contenders_open() */

/* closs: bits of closs_output; dtype a closs_dtype, of all arrays. */
BENCH_API contender *contender_closs(const char *loss, int dtype, unsigned outputs, int layout, uint64_t elements,
                                     void *x, void *y, void *weights, void *dx, void *dy);
/* A kernel without work; and l1's mean as closs computes it on a CPU, by float lanes and chunks, but with plain sums.
 */
BENCH_API contender *contender_empty(void);
BENCH_API contender *contender_uncompensated(uint64_t elements, float *x, float *y);
/* CLBlast's axpy and asum, which overwrite a copy of x by x - y: only the first run gives the loss. NULL without
 * CLBlast. */
BENCH_API contender *contender_clblast(uint64_t elements, float *x, float *y);

/* Runs, and waits for the end; 0, or -1. */
BENCH_API int contender_run(contender *c);
/* The mean loss that the last run left, as float (f16: converted). */
BENCH_API double contender_result(contender *c);
BENCH_API void contender_free(contender *c);

#endif
