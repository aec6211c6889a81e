/*
 * A table of OpenCL functions that counts calls, and can let one fail. One thread, one such table at a time.
 *
 * A test that compiles calls.c for itself with TEST_CALLS_INTERPOSE has these functions in place of the loader's: all
 * calls in its process are counted then, whether closs, its program, CLBlast or the test makes them.
 */
#ifndef TESTS_SUPPORT_CALLS_H
#define TESTS_SUPPORT_CALLS_H

#include <stdbool.h>

#include "closs/opencl.h"

/* Those that closs makes none of, but its program and CLBlast do. */
#define TEST_OTHER_CALLS(X)                                                                                            \
  X(GetPlatformIDs)                                                                                                    \
  X(GetDeviceIDs)                                                                                                      \
  X(CreateContext)                                                                                                     \
  X(GetKernelWorkGroupInfo)                                                                                            \
  X(EnqueueWriteBuffer)                                                                                                \
  X(EnqueueCopyBuffer)                                                                                                 \
  X(WaitForEvents)                                                                                                     \
  X(Flush)

enum test_call {
#define TEST_CALL(name) TEST_CALL_##name,
  CLOSS_OPENCL_FUNCTIONS(TEST_CALL) TEST_OTHER_CALLS(TEST_CALL)
#undef TEST_CALL
      TEST_CALLS
};

/* "clFinish". */
extern const char *const test_call_names[TEST_CALLS];

enum { TEST_CALLS_TRACED = 4096, TEST_CALLS_EVENTS = 256 };

typedef struct test_calls {
  unsigned made[TEST_CALLS]; /* calls that did not fail by order; releases, which release also where they fail */
  unsigned events;           /* events that commands gave */
  unsigned total;            /* calls in all */
  unsigned fail_at;          /* the number, from 1, of the call that fails; 0: none */
  cl_int code;               /* with this; CL_OUT_OF_RESOURCES at first */
  enum test_call failed;     /* which one it was; TEST_CALLS: none did */
  cl_uint argument;          /* of a clSetKernelArg that failed */
  cl_device_info question;   /* of a clGetDeviceInfo that failed */
  bool paused;               /* calls are the test's own: neither counted nor failed */
  bool refuses;              /* every clBuildProgram fails with CL_BUILD_PROGRAM_FAILURE */
  unsigned char trace[TEST_CALLS_TRACED]; /* which call each was, from number 1 */
  cl_event given[TEST_CALLS_EVENTS];      /* the first events that commands gave, retained */
} test_calls;

/* Whether a call releases an object; and whether the one that failed asked about what not every device knows. */
bool test_calls_release(enum test_call call);
bool test_calls_optional(const test_calls *calls);

/* Sets all to 0 and returns the table; the counters stay valid until the next call. */
const closs_opencl *test_calls_start(test_calls **calls);

/* Sets the numbers of calls to 0, and which one fails. Waits for the events. */
void test_calls_again(unsigned fail_at, cl_int code);

/* Fails the test unless every object was released that was made or retained, but for `events` events, and the commands
 * of all events that were given complete, without an error. `what` begins the message. */
void test_calls_balance(test_calls *calls, unsigned events, const char *what);

#endif
