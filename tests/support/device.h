/* The OpenCL device that the tests run on. */
#ifndef TESTS_SUPPORT_DEVICE_H
#define TESTS_SUPPORT_DEVICE_H

#include <stdbool.h>

#include "closs/closs.h"

typedef struct test_device {
  cl_platform_id platform;
  cl_device_id device;
  cl_context context;
  cl_command_queue queue; /* in order */
  closs_context *closs;
  bool fp64;
  char name[256]; /* "platform: device" */
} test_device;

/*
 * cmocka's group set-up and tear-down; *state is a test_device. The device is the first whose "platform: device"
 * holds $CLOSS_TEST_DEVICE (in any case), POCL's where that is unset. None is a failure, not a skipped test.
 */
int test_device_setup(void **state);
int test_device_teardown(void **state);

/* The device without a closs context, for tests that make their own. False, and a line on stderr, where there is none.
 */
bool test_device_find(test_device *device);
/* The device of this number, counted from 0 over all platforms; false where there is none. */
bool test_device_open(size_t number, test_device *device);
void test_device_close(test_device *device);

/* $CLOSS_TEST_EVERY: on a slow device, long tests do one case in so many; 1 where it is unset. */
size_t test_every(void);

/* Fails the running test unless code is CL_SUCCESS. */
void test_cl(cl_int code, const char *what);

/* A buffer of bytes, filled with `content` where that is not NULL. */
cl_mem test_buffer(const test_device *device, size_t bytes, const void *content);

/* Reads a whole buffer back; waits. */
void test_read(const test_device *device, cl_mem buffer, size_t bytes, void *content);

#endif
