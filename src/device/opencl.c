#if defined(__ELF__)
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include <dlfcn.h>
#endif
#include <string.h>

#include "device/opencl.h"

static const closs_opencl loader = {sizeof(closs_opencl),
#define LOADER_FUNCTION(name) cl##name,
                                    CLOSS_OPENCL_FUNCTIONS(LOADER_FUNCTION)
#undef LOADER_FUNCTION
                                        clGetExtensionFunctionAddressForPlatform,
                                    NULL, /* a later OpenCL's: closs_opencl_find_newer() */
                                    NULL,
                                    NULL, /* Intel's are the device's: device/query.c */
                                    NULL};

const closs_opencl *closs_opencl_loader(void) {
  return &loader;
}

void closs_opencl_find_newer(closs_opencl *table) {
#if defined(__ELF__)
  void *set = dlsym(RTLD_DEFAULT, "clSetKernelArgSVMPointer");
  void *fill = dlsym(RTLD_DEFAULT, "clEnqueueSVMMemFill");
  memcpy(&table->SetKernelArgSVMPointer, &set, sizeof set);
  memcpy(&table->EnqueueSVMMemFill, &fill, sizeof fill);
#else
  (void)table;
#endif
}
