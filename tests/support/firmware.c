/*
 * A program that has its kernels as an array of `closs pack --c-array firmware`: FIRMWARE LIBRARY.so, in which that
 * array is. Prints the mean of |x - 1| of 1 and 5, which is 2, and where the program came from.
 */
#include <dlfcn.h>
#include <stdio.h>

#include "closs/closs.h"

/* The first device of the first platform that has one. */
static cl_device_id first_device(void) {
  cl_platform_id platforms[16];
  cl_uint count = 0;
  cl_device_id device = NULL;
  if (clGetPlatformIDs(16, platforms, &count) != CL_SUCCESS) count = 0;
  for (cl_uint i = 0; i < count && i < 16 && device == NULL; i++)
    if (clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL) != CL_SUCCESS) device = NULL;
  return device;
}

static closs_status compute(cl_context opencl, cl_device_id device, const void *array, size_t size,
                            closs_error *error) {
  const float input[] = {1, 5}, target[] = {1, 1};
  float loss = -1;
  closs_context *context = NULL;
  closs_plan *plan = NULL;
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_plan_options l1 = CLOSS_PLAN_OPTIONS_INIT;
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  options.bundle = array;
  options.bundle_size = size;
  l1.loss = CLOSS_L1;
  l1.input = l1.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){2});
  arrays.input = input;
  arrays.target = target;
  arrays.loss = &loss;
  closs_status status = closs_context_create(opencl, device, &options, &context, error);
  if (status == CLOSS_OK) status = closs_compute(context, &l1, &arrays, &plan, NULL, error);
  if (status == CLOSS_OK) printf("%g %d\n", (double)loss, (int)closs_plan_program(plan));
  closs_plan_destroy(plan);
  closs_context_destroy(context);
  return status;
}

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  const size_t *size = library != NULL ? dlsym(library, "firmware_size") : NULL;
  const void *array = library != NULL ? dlsym(library, "firmware") : NULL;
  cl_device_id device = first_device();
  cl_int code = CL_SUCCESS;
  closs_error error = {CLOSS_OK, 0, "no array or no device"};
  cl_context opencl = device != NULL ? clCreateContext(NULL, 1, &device, NULL, NULL, &code) : NULL;
  const bool good =
      opencl != NULL && size != NULL && array != NULL && compute(opencl, device, array, *size, &error) == CLOSS_OK;
  if (!good) fprintf(stderr, "firmware: %s\n", error.text);
  if (opencl != NULL) clReleaseContext(opencl);
  return good ? 0 : 1;
}
