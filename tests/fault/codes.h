/* The errors that OpenCL 1.2 lets each call return. */
#ifndef TESTS_FAULT_CODES_H
#define TESTS_FAULT_CODES_H

#include "support/calls.h"

/* In order, the end is CL_SUCCESS. The first is the most likely to be met. */
const cl_int *fault_codes(enum test_call call);

#endif
