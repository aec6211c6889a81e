/**
 * @file host.h
 * Arrays in host memory: the whole way in one call, and the reference without OpenCL.
 */
#ifndef CLOSS_HOST_H
#define CLOSS_HOST_H

#include "closs/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup host Arrays in host memory, and the reference
 * @{ */

/**
 * Arrays in host memory. Each pointer is that of the element of index (0, 0, ...), and is aligned to its element's size
 * (complex: its component's). Start from #CLOSS_ARRAYS_INIT; what the computation does not use is ignored. All arrays
 * stay the caller's.
 */
typedef struct closs_arrays {
  size_t size;           /**< sizeof(closs_arrays) */
  const void *input;     /**< read */
  const void *target;    /**< read */
  const void *weight;    /**< read where the options have weights */
  const void *upstream;  /**< read where the options have an upstream tensor */
  double upstream_value; /**< where the options have no upstream tensor; 1 by default */
  void *loss;            /**< written where it is wanted */
  void *input_gradient;  /**< written where it is wanted; read too where it accumulates */
  void *target_gradient; /**< likewise */
} closs_arrays;

/** No arrays, and an upstream gradient of 1. */
#define CLOSS_ARRAYS_INIT                                                                                              \
  { sizeof(closs_arrays), NULL, NULL, NULL, NULL, 1.0, NULL, NULL, NULL }

/** Seconds that the steps of closs_compute() took, by the host's monotonic clock. */
typedef struct closs_timing {
  double program;  /**< closs_plan_prepare() */
  double transfer; /**< making buffers, and copying to and from the device where it has memory of its own */
  double kernel;   /**< from the launch to its end */
} closs_timing;

/**
 * Plans, prepares, computes and waits: everything in one call, for host pointers. Where the device shares the host's
 * memory the arrays are used where they are. When it returns nothing is at work on them, also where it failed.
 * @param plan_out  NULL, or gets the plan, for questions about it (layouts, program origin); the caller destroys it
 * @param timing  may be NULL
 * @return as closs_plan_create(), closs_plan_prepare() and closs_enqueue()
 */
CLOSS_API closs_status closs_compute(closs_context *context, const closs_plan_options *options,
                                     const closs_arrays *arrays, closs_plan **plan_out, closs_timing *timing,
                                     closs_error *error);

/**
 * The same results, bit for bit those of a device of class EXACT, on the host in plain C: no OpenCL, one thread,
 * written to be read. Takes plans of the whole only. Thread-safe.
 */
CLOSS_API closs_status closs_reference(const closs_plan_options *options, const closs_arrays *arrays,
                                       closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
