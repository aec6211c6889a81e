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
                                        /* Of the others see closs_opencl_find_newer() and device/query.c. */
                                        .GetExtensionFunctionAddressForPlatform =
                                        clGetExtensionFunctionAddressForPlatform};

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
