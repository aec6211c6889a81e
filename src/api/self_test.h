/* Whether a device computes what it should, by the programs that it is given. */
#ifndef CLOSS_API_SELF_TEST_H
#define CLOSS_API_SELF_TEST_H

#include "closs/plan.h"

/*
 * Computes with each program of the context's bundle that is the device's, or, where there is none, l1 of f32, and
 * compares the results with the reference's. The operands are such that every operation is exact: so the bits are those
 * of devices of all classes. Two things are not, the length of a complex number and a mean of 16 bits; they are for
 * devices that are known to be of class exact or normal. Blocks. CLOSS_SELF_TEST_FAILED, or why a computation was not
 * possible.
 */
closs_status closs_self_test(closs_context *context, closs_error *error);

#endif
