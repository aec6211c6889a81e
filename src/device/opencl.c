/* For the declarations of OpenCL 2.0's functions, which an older ICD loader lacks: then they are NULL. */
#define CL_TARGET_OPENCL_VERSION 200
#include "closs/opencl.h"

#ifdef CL_VERSION_2_0
#pragma weak clSetKernelArgSVMPointer
#pragma weak clEnqueueSVMMemFill
#define SVM(function) function
#else
#define SVM(function) NULL
#endif

/* The table names functions that a later OpenCL deprecates; closs needs 1.2's. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
static const closs_opencl loader = {sizeof(closs_opencl),
#define LOADER_FUNCTION(name) cl##name,
                                    CLOSS_OPENCL_FUNCTIONS(LOADER_FUNCTION)
#undef LOADER_FUNCTION
                                        clGetExtensionFunctionAddressForPlatform,
                                    SVM(clSetKernelArgSVMPointer),
                                    SVM(clEnqueueSVMMemFill),
                                    NULL, /* Intel's are the device's: device/query.c */
                                    NULL};
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

const closs_opencl *closs_opencl_loader(void) {
  return &loader;
}
