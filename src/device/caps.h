/* What a device can do: all that the planner knows of it. */
#ifndef CLOSS_DEVICE_CAPS_H
#define CLOSS_DEVICE_CAPS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum closs_device_type {
  CLOSS_DEVICE_CPU,
  CLOSS_DEVICE_GPU,
  CLOSS_DEVICE_ACCELERATOR,
  CLOSS_DEVICE_OTHER
} closs_device_type;

typedef struct closs_caps {
  closs_device_type type;
  const char *vendor;   /* CL_DEVICE_VENDOR */
  const char *platform; /* CL_PLATFORM_NAME */
  bool fp64;            /* double, and the 64-bit integers that its bits need */
  bool int64;           /* long: always in the full profile, cles_khr_int64 in the embedded one */
  bool compiler;        /* can build from source */
  bool unified_memory;  /* CL_DEVICE_HOST_UNIFIED_MEMORY */
  bool svm;             /* kernels take the addresses of OpenCL 2.0's shared virtual memory */
  bool usm;             /* ... of cl_intel_unified_shared_memory */
  bool little_endian;
  uint32_t address_bits; /* 32 or 64 */
  uint32_t compute_units;
  uint32_t alignment; /* CL_DEVICE_MEM_BASE_ADDR_ALIGN in bytes */
  uint64_t max_work_group;
  uint64_t local_memory;   /* bytes */
  uint64_t global_memory;  /* bytes */
  uint64_t max_allocation; /* bytes */
  uint64_t max_arguments;  /* bytes of kernel arguments */
  uint64_t cache;          /* bytes of global memory cache, 0 where there is none */
} closs_caps;

#endif
