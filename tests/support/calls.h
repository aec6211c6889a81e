/* A table of OpenCL functions that counts calls, and can let one fail. One thread, one such table at a time. */
#ifndef TESTS_SUPPORT_CALLS_H
#define TESTS_SUPPORT_CALLS_H

#include "closs/opencl.h"

enum test_call {
#define TEST_CALL(name) TEST_CALL_##name,
  CLOSS_OPENCL_FUNCTIONS(TEST_CALL)
#undef TEST_CALL
      TEST_CALLS
};

typedef struct test_calls {
  unsigned made[TEST_CALLS]; /* calls that did not fail by order */
  unsigned events;           /* events that commands gave */
  unsigned total;            /* calls that could be let fail: all but releases */
  unsigned fail_at;          /* the number, from 1, of the call that fails with CL_OUT_OF_RESOURCES; 0: none */
} test_calls;

/* Sets all to 0 and returns the table; the counters stay valid until the next call. */
const closs_opencl *test_calls_start(test_calls **calls);

/* Fails the test unless every object was released that was made or retained, but for `events` events. */
void test_calls_balance(const test_calls *calls, unsigned events);

#endif
