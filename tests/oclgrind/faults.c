/* Runs a small kernel with the fault that is asked for, or none: what a checker of kernels must find. */
#include <stdio.h>

#include "support/device.h"

enum { ITEMS = 8 };

static const char *const source = "__kernel void none(__global float *out) {\n"
                                  "  out[get_global_id(0)] = 1.0f;\n"
                                  "}\n"
                                  "__kernel void race(__global float *out) {\n"
                                  "  out[0] = (float)get_global_id(0);\n"
                                  "}\n"
                                  "__kernel void bounds(__global float *out) {\n"
                                  "  out[get_global_id(0) + 1] = 1.0f;\n"
                                  "}\n"
                                  "__kernel void uninitialised(__global float *out) {\n"
                                  "  float values[4];\n"
                                  "  values[0] = 1.0f;\n"
                                  "  out[get_global_id(0)] = values[get_global_id(0) & 3];\n"
                                  "}\n";

static cl_int run(const test_device *device, const char *fault) {
  const size_t items = ITEMS;
  const char *text = source;
  cl_int code;
  cl_kernel kernel = NULL;
  cl_mem out = clCreateBuffer(device->context, CL_MEM_READ_WRITE, ITEMS * sizeof(float), NULL, &code);
  cl_program program = clCreateProgramWithSource(device->context, 1, &text, NULL, &code);
  if (code == CL_SUCCESS) code = clBuildProgram(program, 1, &device->device, NULL, NULL, NULL);
  if (code == CL_SUCCESS) kernel = clCreateKernel(program, fault, &code);
  if (code == CL_SUCCESS) code = clSetKernelArg(kernel, 0, sizeof out, &out);
  if (code == CL_SUCCESS) code = clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &items, &items, 0, NULL, NULL);
  if (code == CL_SUCCESS) code = clFinish(device->queue);
  if (kernel) clReleaseKernel(kernel);
  if (program) clReleaseProgram(program);
  if (out) clReleaseMemObject(out);
  return code;
}

int main(int argc, char **argv) {
  test_device device;
  if (argc != 2 || !test_device_find(&device)) return 2;
  const cl_int code = run(&device, argv[1]);
  test_device_close(&device);
  if (code != CL_SUCCESS) {
    fprintf(stderr, "%s: %s\n", argv[1], closs_opencl_error_name(code));
    return 2;
  }
  printf("ran %s\n", argv[1]);
  return 0;
}
