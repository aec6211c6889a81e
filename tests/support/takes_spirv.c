/* Preloaded: a driver that says it takes SPIR-V. */
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

/* What the program starts is no driver. */
__attribute__((constructor)) static void for_this_process_alone(void) {
  unsetenv("LD_PRELOAD");
}

cl_int CL_API_CALL clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t room, void *value, size_t *size) {
  static const char versions[] = "SPIR-V_1.0 SPIR-V_1.1";
  cl_int(CL_API_CALL * next)(cl_device_id, cl_device_info, size_t, void *, size_t *);
  *(void **)&next = dlsym(RTLD_NEXT, "clGetDeviceInfo");
  if (what != 0x105b) return next(device, what, room, value, size); /* CL_DEVICE_IL_VERSION */
  if (size != NULL) *size = sizeof versions;
  if (value != NULL && room < sizeof versions) return CL_INVALID_VALUE;
  if (value != NULL) memcpy(value, versions, sizeof versions);
  return CL_SUCCESS;
}
