/*
 * What losses and gradients are in exact arithmetic, and how far a result may lie from it: written apart from the
 * library, in numbers of 113 bits, from the mathematical formulas and the bounds that docs/numerics.md states.
 *
 * Every quantity is a ball: a value, and an error that holds what the published sequence may lose on the way to it.
 */
#ifndef CLOSS_TESTS_ORACLE_H
#define CLOSS_TESTS_ORACLE_H

#include <float.h>
#include <stddef.h>

#include "closs/host.h"

#if defined(__SIZEOF_FLOAT128__)
typedef __float128 oracle_real;
#else
typedef long double oracle_real;
_Static_assert(LDBL_MANT_DIG >= 113, "the oracle needs numbers of 113 bits");
#endif

/* One result. */
typedef struct oracle_output {
  closs_tensor layout; /* type, shape and strides of the array that is compared */
  size_t components;   /* of an element: 1, complex 2 */
  size_t count;        /* components in all; 0 where the output was not asked for, or is empty */
  oracle_real *value;  /* row-major, components side by side; may be infinite or NaN */
  oracle_real *error;  /* permitted distance, the rounding to the stored type included; infinite: anything is */
} oracle_output;

typedef struct oracle_result {
  oracle_output loss;
  oracle_output input_gradient;
  oracle_output target_gradient;
} oracle_result;

/*
 * Fills the result for a computation of the whole. Reads operands, weights, upstream gradients and, where gradients are
 * accumulated, what the gradients hold: so call it before the computation under test, above all for gradients in place.
 * Returns 0, or -1 where memory is short. The options must be valid.
 */
int oracle_compute(const closs_plan_options *options, const closs_arrays *arrays, oracle_result *result);

void oracle_free(oracle_result *result);

/*
 * Compares an array of the output's layout, `actual` being its element of index (0, 0, ...). A NaN must be the one
 * quiet NaN and a zero +0. Returns how many components are wrong, and writes a line on the first of them to text (size
 * bytes; may be NULL).
 */
size_t oracle_compare(const oracle_output *expected, const void *actual, char *text, size_t size);

/*
 * The largest distance in units (the spacing of the output's type at the exact value; below the normal range the
 * smallest subnormal), over the components where both are finite. For reports.
 */
double oracle_units(const oracle_output *expected, const void *actual);

#endif
