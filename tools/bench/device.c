#include "device.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../closs/contains.h"

enum { MOST = 64 };

static bool named(cl_platform_id platform, cl_device_id device, const char *part) {
  char name[256] = "";
  if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL) == CL_SUCCESS && contains(name, part))
    return true;
  return clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name, name, NULL) == CL_SUCCESS && contains(name, part);
}

cl_int bench_device(cl_device_id *device) {
  cl_platform_id platforms[MOST];
  cl_uint count = 0, index = 0, fitting = 0;
  const char *wanted = getenv("CLOSS_DEVICE");
  if (wanted == NULL || wanted[0] == 0) wanted = "0";
  const bool number = wanted[strspn(wanted, "0123456789")] == 0;
  cl_int code = clGetPlatformIDs(MOST, platforms, &count);
  if (code != CL_SUCCESS) return code;
  for (cl_uint p = 0; p < count && p < MOST; p++) {
    cl_device_id ids[MOST];
    cl_uint found = 0;
    if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MOST, ids, &found) != CL_SUCCESS) continue;
    for (cl_uint i = 0; i < found && i < MOST; i++, index++) {
      if (number ? index != strtoul(wanted, NULL, 10) : !named(platforms[p], ids[i], wanted)) continue;
      *device = ids[i];
      fitting++;
    }
  }
  if (fitting == 1) return CL_SUCCESS;
  if (index > 0)
    fprintf(stderr, "$CLOSS_DEVICE: '%s' fits %s of the devices\n", wanted, fitting == 0 ? "none" : "several");
  return CL_DEVICE_NOT_FOUND;
}
