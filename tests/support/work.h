/* One computation, run by the reference and on the device, and compared byte for byte. */
#ifndef TESTS_SUPPORT_WORK_H
#define TESTS_SUPPORT_WORK_H

#include "array.h"
#include "device.h"

enum test_slot {
  TEST_INPUT,
  TEST_TARGET,
  TEST_WEIGHT,
  TEST_UPSTREAM,
  TEST_LOSS,
  TEST_INPUT_GRADIENT,
  TEST_TARGET_GRADIENT,
  TEST_SLOTS
};

/*
 * What is computed and on what. The tensors in options are taken from the arrays when it runs; a slot without an array
 * is left out. Make it with test_work_make(), then change options and arrays at will.
 */
typedef struct test_work {
  closs_plan_options options;
  closs_parameter parameter;
  double upstream_value;
  test_array arrays[TEST_SLOTS]; /* as they are before the computation */
} test_work;

/* Operands of two tensors, filled with random values; outputs, layouts and the rest are the caller's. */
test_work test_work_make(closs_loss loss, closs_reduction reduction, uint32_t outputs, const closs_tensor *input,
                         const closs_tensor *target);

/*
 * mse of n rows of so many columns, summed, and the gradient of the target, which is one row where `broadcast`. Of each
 * column the terms of the first half come again in another order and with the other sign, over a range of magnitudes
 * that no pair holds: the exact sums are 0, and what is left is the rounding of one order of additions and of no other.
 */
test_work test_work_order(uint64_t n, uint64_t columns, bool broadcast, uint64_t stream);

/* The loss's parameter, where it has one. */
void test_work_parameter(test_work *work, double value);

/* Adds what is missing: contiguous arrays for the outputs, `shift` elements off. A gradient in place has none. */
void test_work_outputs(test_work *work, size_t shift);

void test_work_free(test_work *work);

/* All arrays as a computation leaves them. A gradient in place is in its operand's slot. */
typedef struct test_results {
  test_array arrays[TEST_SLOTS];
} test_results;

closs_status test_work_reference(test_work *work, test_results *results, closs_error *error);
closs_status test_work_device(const test_device *device, test_work *work, test_results *results, closs_error *error);
/* The device's two steps: a prepared plan, NULL on failure; and an enqueue of it, on copies of the arrays. */
closs_status test_work_plan(const test_device *device, test_work *work, closs_plan **plan, closs_error *error);
closs_status test_work_enqueue(const test_device *device, test_work *work, closs_plan *plan, test_results *results,
                               closs_error *error);
/* What an enqueue gets, by where the slots' arrays are. */
closs_buffers test_work_buffers(const test_work *work, const closs_buffer places[TEST_SLOTS], closs_buffer workspace);
/* By closs_compute(), on the arrays themselves. */
closs_status test_work_compute(const test_device *device, test_work *work, test_results *results, closs_error *error);
void test_results_free(test_results *results);

/* The array where a slot's values are: for a gradient in place its operand's. */
const test_array *test_result(const test_work *work, const test_results *results, enum test_slot slot);

/* Fails the test unless both computations left every array, operands too, with the same bytes. */
void test_results_same(const test_results *expected, const test_results *actual, const char *what);

/*
 * Runs both and compares every array, operands too: one status; same bytes; nothing written beside the outputs'
 * elements; no -0 and no other NaN in the results. Where `keep` is not NULL it gets the results; test_results_free().
 * Returns the status; where the device refuses, f64 without fp64 or layouts that take longer loops than it does,
 * nothing is compared.
 */
closs_status test_work_compare(const test_device *device, test_work *work, const char *what, test_results *keep);

/* Fails the test where a result lies outside the oracle's bounds by more than so many units. */
void test_work_bounds(test_work *work, const test_results *results, double units, const char *what);

#endif
