/* A small computation that is enqueued by hand, for tests of events, queues, buffers and calls. */
#ifndef TESTS_SUPPORT_JOB_H
#define TESTS_SUPPORT_JOB_H

#include "device.h"

enum { TEST_JOB_LENGTH = 40000 }; /* more chunks than one launch sums, so that there is a workspace */

/*
 * A prepared plan of the l1 loss of TEST_JOB_LENGTH floats, by default the mean, with the gradient of the input; and
 * its buffers. Operands are 3 and 1, so that the loss is 2 and the gradient 1 / TEST_JOB_LENGTH.
 */
typedef struct test_job {
  const test_device *device;
  closs_plan *plan;
  closs_buffers buffers;
  cl_mem memory[5]; /* all that the buffers hold at first */
} test_job;

closs_plan_options test_job_options(void);
test_job test_job_make(const test_device *device, const closs_plan_options *options);
void test_job_free(test_job *job);

/* A buffer of `count` floats of one value. */
cl_mem test_constant(const test_device *device, size_t count, float value);

/* One float of a buffer; waits. */
float test_read_float(const test_device *device, cl_mem memory, uint64_t index);

/* Enqueues on the device's queue; fails the test where that is refused. */
void test_job_enqueue(const test_job *job, const closs_buffers *buffers);

/* Waits, and fails the test unless the loss is `difference`, and the gradient 1 / TEST_JOB_LENGTH at both ends. */
void test_job_expect(const test_job *job, const closs_buffers *buffers, float difference);

#endif
