/* Element values as bits: random ones of every type, what they are worth, and distances in units in the last place. */
#ifndef TESTS_SUPPORT_VALUES_H
#define TESTS_SUPPORT_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "closs/types.h"

/* What random elements look like. Integers and bool follow suit. */
typedef enum test_values {
  TEST_PLAIN,    /* both signs, magnitudes 1/8 to 16 */
  TEST_POSITIVE, /* the same without the sign */
  TEST_GRID,     /* multiples of 1/4 from -2 to 2, zeros of both signs: exact ties at every beta and delta in use */
  TEST_EXTREME,  /* finite: subnormals, the smallest and largest numbers, any exponent, zeros, and plain ones */
  TEST_SPECIAL,  /* the same with infinities and NaNs of any payload */
  TEST_VALUES_COUNT
} test_values;

/* The next number of a stream; any seed will do. */
uint64_t test_random(uint64_t *stream);

/* Fills `count` elements, complex ones component by component. */
void test_fill(closs_dtype dtype, void *elements, size_t count, test_values values, uint64_t *stream);

/* The value of a real element, exactly (64-bit integers: rounded). Of a complex one, the real part. */
double test_value(closs_dtype dtype, const void *element);

/* Stores a value that the type holds exactly. Complex: imaginary part 0. */
void test_store(closs_dtype dtype, void *element, double value);

/* The component's type: of a complex one its real type, else itself; and how many components it has. */
closs_dtype test_component(closs_dtype dtype);
unsigned test_components(closs_dtype dtype);

/* The spacing of a real floating type at a magnitude: below the normal range the smallest subnormal. */
double test_unit(closs_dtype dtype, double magnitude);

/* Whether rounding a value to a real floating type overflows. */
bool test_overflows(closs_dtype dtype, double value);

/* Whether a real floating element is a NaN other than the one quiet NaN, or -0: what no result may hold. */
bool test_forbidden(closs_dtype dtype, const void *element);

#endif
