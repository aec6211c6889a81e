/* Whether a device computes what it should, by the programs that it is given. */
#ifndef CLOSS_API_SELF_TEST_H
#define CLOSS_API_SELF_TEST_H

#include "closs/plan.h"

/*
 * Computes with each program of the context's bundle that this schedule takes, or, where there is no bundle, l1 of f32,
 * and compares the results with the reference's. The operands are such that every operation is exact: so the bits are
 * those of devices of all classes. Blocks. CLOSS_SELF_TEST_FAILED, or why a computation was not possible.
 */
closs_status closs_self_test(closs_context *context, closs_schedule schedule, closs_error *error);

#endif
