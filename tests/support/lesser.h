/*
 * The test device as a lesser one: a table of OpenCL functions that tells of less, and refuses what a device with no
 * more would refuse. One thread, one such table at a time.
 */
#ifndef TESTS_SUPPORT_LESSER_H
#define TESTS_SUPPORT_LESSER_H

#include <stdbool.h>

#include "closs/opencl.h"

/* What the device lacks, or has no more of; 0: as it is. */
typedef struct test_lesser {
  cl_device_type type;
  bool no_compiler;  /* and says so */
  bool no_build;     /* says that it has a compiler, which then refuses */
  bool no_fp64;      /* `double` does not compile */
  bool no_int64;     /* the embedded profile; `long` and `double` do not compile */
  bool plain_queues; /* neither out of order nor profiled */
  size_t work_group;
  size_t argument_bytes; /* of a kernel */
  cl_uint address_bits;
  cl_ulong local_memory;
  cl_ulong global_memory; /* a quarter of it in one buffer */
} test_lesser;

const closs_opencl *test_lesser_start(const test_lesser *lesser);

/* The most device memory that buffers took at once since then. */
size_t test_lesser_memory(void);

#endif
