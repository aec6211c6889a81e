/**
 * @file opencl.h
 * The table of OpenCL functions through which closs makes every OpenCL call.
 *
 * A program that links the ICD loader leaves the table out and gets the loader's functions. A program that loads OpenCL
 * at run time (Android, plug-ins) fills the table from dlsym(); a test puts a function that fails into it.
 */
#ifndef CLOSS_OPENCL_H
#define CLOSS_OPENCL_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#ifdef __APPLE__
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif
#include <stddef.h>

#include "closs/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @addtogroup contexts
 * @{ */

/** The OpenCL 1.2 functions that closs calls: X(name without "cl"). Closed: another one goes behind the optional ones.
 */
#define CLOSS_OPENCL_FUNCTIONS(X)                                                                                      \
  X(GetPlatformInfo)                                                                                                   \
  X(GetDeviceInfo)                                                                                                     \
  X(RetainContext)                                                                                                     \
  X(ReleaseContext)                                                                                                    \
  X(RetainDevice)                                                                                                      \
  X(ReleaseDevice)                                                                                                     \
  X(GetContextInfo)                                                                                                    \
  X(CreateCommandQueue)                                                                                                \
  X(ReleaseCommandQueue)                                                                                               \
  X(GetCommandQueueInfo)                                                                                               \
  X(CreateBuffer)                                                                                                      \
  X(ReleaseMemObject)                                                                                                  \
  X(GetMemObjectInfo)                                                                                                  \
  X(CreateProgramWithSource)                                                                                           \
  X(CreateProgramWithBinary)                                                                                           \
  X(BuildProgram)                                                                                                      \
  X(GetProgramInfo)                                                                                                    \
  X(GetProgramBuildInfo)                                                                                               \
  X(ReleaseProgram)                                                                                                    \
  X(CreateKernel)                                                                                                      \
  X(ReleaseKernel)                                                                                                     \
  X(SetKernelArg)                                                                                                      \
  X(EnqueueNDRangeKernel)                                                                                              \
  X(EnqueueFillBuffer)                                                                                                 \
  X(EnqueueReadBuffer)                                                                                                 \
  X(EnqueueMapBuffer)                                                                                                  \
  X(EnqueueUnmapMemObject)                                                                                             \
  X(EnqueueMarkerWithWaitList)                                                                                         \
  X(ReleaseEvent)                                                                                                      \
  X(Finish)

/**
 * Functions that closs calls only for SPIR-V (bundle.h) and where arrays lie in memory by address (memory.h), as
 * X(name, type); any may be NULL.
 * Those of OpenCL 2.0 are NULL in the loader's table, and a context that is made without a table of its own looks for
 * them by name; Intel's are asked for through GetExtensionFunctionAddressForPlatform, where the device has the
 * extension and the table leaves them NULL.
 */
#define CLOSS_OPENCL_OPTIONAL_FUNCTIONS(X)                                                                             \
  X(GetExtensionFunctionAddressForPlatform, closs_cl_find_function)                                                    \
  X(SetKernelArgSVMPointer, closs_cl_set_pointer)                                                                      \
  X(EnqueueSVMMemFill, closs_cl_fill_pointer)                                                                          \
  X(SetKernelArgMemPointerINTEL, closs_cl_set_pointer)                                                                 \
  X(EnqueueMemFillINTEL, closs_cl_fill_pointer)
/** clGetExtensionFunctionAddressForPlatform() */
typedef void *(CL_API_CALL *closs_cl_find_function)(cl_platform_id platform, const char *name);
/** clSetKernelArgSVMPointer() and clSetKernelArgMemPointerINTEL() */
typedef cl_int(CL_API_CALL *closs_cl_set_pointer)(cl_kernel kernel, cl_uint index, const void *pointer);
/** clEnqueueSVMMemFill() and clEnqueueMemFillINTEL() */
typedef cl_int(CL_API_CALL *closs_cl_fill_pointer)(cl_command_queue queue, void *pointer, const void *pattern,
                                                   size_t pattern_size, size_t size, cl_uint wait_count,
                                                   const cl_event *wait, cl_event *event);

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
/**
 * One pointer a function, named as OpenCL names it without "cl". Begins with its size, so that a program built against
 * an older closs still fits; every pointer within `size` must be set, but for the optional ones.
 */
typedef struct closs_opencl {
  size_t size; /**< sizeof(closs_opencl) */
#define CLOSS_OPENCL_MEMBER(name) __typeof__(&cl##name) name;
  CLOSS_OPENCL_FUNCTIONS(CLOSS_OPENCL_MEMBER)
#undef CLOSS_OPENCL_MEMBER
#define CLOSS_OPENCL_MEMBER(name, type) type name;
  CLOSS_OPENCL_OPTIONAL_FUNCTIONS(CLOSS_OPENCL_MEMBER)
#undef CLOSS_OPENCL_MEMBER
} closs_opencl;
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/** The table with the functions of the ICD loader that closs is linked with. Never freed. Thread-safe. */
CLOSS_API const closs_opencl *closs_opencl_loader(void);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
