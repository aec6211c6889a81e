#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/closs/contains.h"
#include "harness.h"

enum { MAX_DEVICES = 16 };

/* The device of this number, counted from 0, among those whose "platform: device" holds a text. */
static bool search(test_device *device, const char *wanted, size_t number) {
  cl_platform_id platforms[MAX_DEVICES];
  cl_uint count = 0, found = 0;
  if (clGetPlatformIDs(MAX_DEVICES, platforms, &count) != CL_SUCCESS) return false;
  for (cl_uint p = 0; p < count && p < MAX_DEVICES; ++p) {
    cl_device_id ids[MAX_DEVICES];
    char platform_name[128] = "", device_name[120] = "";
    if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, MAX_DEVICES, ids, &found) != CL_SUCCESS) continue;
    clGetPlatformInfo(platforms[p], CL_PLATFORM_NAME, sizeof platform_name, platform_name, NULL);
    for (cl_uint i = 0; i < found && i < MAX_DEVICES; ++i) {
      clGetDeviceInfo(ids[i], CL_DEVICE_NAME, sizeof device_name, device_name, NULL);
      snprintf(device->name, sizeof device->name, "%s: %s", platform_name, device_name);
      if (!contains(device->name, wanted) || number-- > 0) continue;
      device->platform = platforms[p];
      device->device = ids[i];
      return true;
    }
  }
  return false;
}

/* Context and queue of a device that was found. */
static bool open_device(test_device *device) {
  cl_device_fp_config doubles = 0;
  clGetDeviceInfo(device->device, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof doubles, &doubles, NULL);
  device->fp64 = doubles != 0;
  cl_int code = CL_SUCCESS;
  device->context = clCreateContext(NULL, 1, &device->device, NULL, NULL, &code);
  if (device->context) device->queue = clCreateCommandQueue(device->context, device->device, 0, &code);
  if (!device->queue) {
    fprintf(stderr, "%s: no queue: %s\n", device->name, closs_opencl_error_name(code));
    test_device_close(device);
    return false;
  }
  return true;
}

bool test_device_open(size_t number, test_device *device) {
  memset(device, 0, sizeof *device);
  return search(device, "", number) && open_device(device);
}

bool test_device_find(test_device *device) {
  const char *wanted = getenv("CLOSS_TEST_DEVICE");
  if (!wanted || !*wanted) wanted = "Portable Computing Language";
  memset(device, 0, sizeof *device);
  if (search(device, wanted, 0)) return open_device(device);
  fprintf(stderr, "no OpenCL device has \"%s\" in its platform's or its own name\n", wanted);
  return false;
}

void test_device_close(test_device *device) {
  closs_context_destroy(device->closs);
  if (device->queue) clReleaseCommandQueue(device->queue);
  if (device->context) clReleaseContext(device->context);
  memset(device, 0, sizeof *device);
}

int test_device_setup(void **state) {
  static test_device device;
  closs_error error;
  if (!test_device_find(&device)) return -1;
  if (closs_context_create(device.context, device.device, NULL, &device.closs, &error) != CLOSS_OK) {
    fprintf(stderr, "%s: %s\n", device.name, error.text);
    test_device_close(&device);
    return -1;
  }
  printf("device: %s\n", device.name);
  *state = &device;
  return 0;
}

int test_device_teardown(void **state) {
  test_device_close(*state);
  return 0;
}

size_t test_every(void) {
  const char *every = getenv("CLOSS_TEST_EVERY");
  const long cases = every ? strtol(every, NULL, 10) : 1;
  return cases > 1 ? (size_t)cases : 1;
}

void test_cl(cl_int code, const char *what) {
  if (code != CL_SUCCESS) fail_msg("%s: %s", what, closs_opencl_error_name(code));
}

cl_mem test_buffer(const test_device *device, size_t bytes, const void *content) {
  cl_int code = CL_SUCCESS;
  const cl_mem_flags copy = content ? CL_MEM_COPY_HOST_PTR : 0;
  /* COPY_HOST_PTR reads through a void *, and never writes. */
  union {
    const void *in;
    void *out;
  } pointer = {content};
  cl_mem buffer = clCreateBuffer(device->context, CL_MEM_READ_WRITE | copy, bytes, pointer.out, &code);
  test_cl(code, "clCreateBuffer");
  return buffer;
}

void test_read(const test_device *device, cl_mem buffer, size_t bytes, void *content) {
  test_cl(clEnqueueReadBuffer(device->queue, buffer, CL_TRUE, 0, bytes, content, 0, NULL, NULL), "clEnqueueReadBuffer");
}
