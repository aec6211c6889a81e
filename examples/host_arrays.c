/* Loss and gradient of arrays in host memory. */
#include <closs/closs.h>
#include <stdio.h>

int main(void) {
  cl_platform_id platform;
  cl_device_id device;
  clGetPlatformIDs(1, &platform, NULL);
  clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL);
  cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
  closs_context *closs;
  closs_error error;
  if (closs_context_create(context, device, NULL, &closs, &error) != CLOSS_OK) return puts(error.text), 1;

  float input[2][3] = {{1, 2, 3}, {4, 5, 6}}, target[3] = {1, 1, 4}, loss, gradient[2][3];
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_HUBER;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input = closs_tensor_contiguous(CLOSS_F32, 2, (uint64_t[]){2, 3});
  options.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){3});
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  arrays.input = input, arrays.target = target, arrays.loss = &loss, arrays.input_gradient = gradient;
  if (closs_compute(closs, &options, &arrays, NULL, NULL, &error) != CLOSS_OK) return puts(error.text), 1;
  printf("loss %g, gradient of the last element %g\n", loss, gradient[1][2]);
  closs_context_destroy(closs);
  clReleaseContext(context);
}
