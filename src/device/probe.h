/* The device's class: how far its arithmetic is IEEE's, from what cl/probe.cl computes of a few chosen operands. */
#ifndef CLOSS_DEVICE_PROBE_H
#define CLOSS_DEVICE_PROBE_H

#include "closs/types.h"
#include "device/context.h"

/* What the kernel does with the operands of every case; a case looks at one of its results. probe.cl numbers them
 * alike. */
typedef enum closs_probe_operation {
  CLOSS_PROBE_SUM,           /* a + b */
  CLOSS_PROBE_DIFFERENCE,    /* a - b */
  CLOSS_PROBE_PRODUCT,       /* a * b */
  CLOSS_PROBE_PRODUCT_PLUS,  /* a * b + c, rounded twice */
  CLOSS_PROBE_MINUS_PRODUCT, /* c - a * b, rounded twice */
  CLOSS_PROBE_ERROR,         /* what a + b loses, by TwoSum */
  CLOSS_PROBE_SUM_OF_THREE,  /* (a + b) + c */
  CLOSS_PROBE_LESS,          /* a < b: 1, else 0 */
  CLOSS_PROBE_NAN,           /* a != a: 1, else 0 */
  CLOSS_PROBE_LOAD,          /* the bytes of a, read as an element of a type */
  CLOSS_PROBE_STORE,         /* a, stored as an element of a type */
  CLOSS_PROBE_OPERATIONS
} closs_probe_operation;

/* Bits of the arithmetic type but for loads and stores: there `a` or `expected` holds the element's bytes. */
typedef struct closs_probe_case {
  closs_probe_operation operation;
  closs_dtype type; /* of loads and stores */
  uint64_t a, b, c;
  uint64_t expected;
  bool subnormal; /* an operand, the result or what is between them is subnormal */
} closs_probe_case;

/* The cases for an arithmetic type, CLOSS_F32 or CLOSS_F64. */
const closs_probe_case *closs_probe_cases(closs_dtype arithmetic, size_t *count);

/* The class that results, one a case, speak for. */
closs_device_class closs_probe_judge(const closs_probe_case *cases, size_t count, const uint64_t *results);

/* Runs the cases for an arithmetic type on the device. Blocks. */
closs_status closs_probe_run(closs_context *context, closs_dtype arithmetic, closs_device_class *device_class,
                             closs_error *error);

#endif
