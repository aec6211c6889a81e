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

/** The OpenCL 1.2 functions that closs calls: X(name without "cl"). */
#define CLOSS_OPENCL_FUNCTIONS(X)                                                                                      \
  X(GetPlatformInfo)                                                                                                   \
  X(GetExtensionFunctionAddressForPlatform)                                                                            \
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

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
/**
 * One pointer a function, named as OpenCL names it without "cl". Begins with its size, so that a program built against
 * an older closs still fits; every pointer within `size` must be set.
 */
typedef struct closs_opencl {
  size_t size; /**< sizeof(closs_opencl) */
#define CLOSS_OPENCL_MEMBER(name) __typeof__(&cl##name) name;
  CLOSS_OPENCL_FUNCTIONS(CLOSS_OPENCL_MEMBER)
#undef CLOSS_OPENCL_MEMBER
} closs_opencl;
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/** The table with the functions of the ICD loader that closs is linked with. Never freed. Thread-safe. */
CLOSS_API const closs_opencl *closs_opencl_loader(void);

#ifdef __cplusplus
}
#endif

#endif
