/* Coarse-grained shared virtual memory: host and device use the same addresses, and nothing is copied. Exits with 77,
 * which meson counts as skipped, where the device has none. */
#define CL_TARGET_OPENCL_VERSION 200
#include <closs/closs.h>
#include <stdio.h>

enum { COUNT = 1000 };

int main(void) {
  cl_platform_id platform;
  cl_device_id device;
  cl_device_svm_capabilities svm = 0;
  clGetPlatformIDs(1, &platform, NULL);
  clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL);
  if (clGetDeviceInfo(device, CL_DEVICE_SVM_CAPABILITIES, sizeof svm, &svm, NULL) != CL_SUCCESS || svm == 0) {
    puts("the device has no shared virtual memory");
    return 77;
  }
  cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
  cl_command_queue queue = clCreateCommandQueueWithProperties(context, device, NULL, NULL);

  closs_context *closs;
  closs_plan *plan;
  closs_error error;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){COUNT});
  if (closs_context_create(context, device, NULL, &closs, &error) != CLOSS_OK ||
      closs_plan_create(closs, &options, &plan, &error) != CLOSS_OK || closs_plan_prepare(plan, &error) != CLOSS_OK) {
    return puts(error.text), 1;
  }

  /* One allocation: input, target, gradient, loss, workspace. The workspace is aligned: 3 COUNT + 4 floats before it.
   */
  const size_t workspace = (3 * COUNT + 4) * sizeof(float), bytes = workspace + (size_t)closs_plan_workspace(plan) + 16;
  float *shared = clSVMAlloc(context, CL_MEM_READ_WRITE, bytes, 0);
  clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_WRITE, shared, bytes, 0, NULL, NULL);
  for (int i = 0; i < COUNT; i++) {
    shared[i] = (float)i;
    shared[COUNT + i] = (float)(i + 2);
  }
  clEnqueueSVMUnmap(queue, shared, 0, NULL, NULL); /* from here on it is the device's */

  closs_pointers pointers = CLOSS_POINTERS_INIT;
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  const closs_pointer all = {CLOSS_MEMORY_SVM, shared, bytes};
  pointers.input = pointers.target = pointers.input_gradient = pointers.loss = pointers.workspace = all;
  buffers.pointers = &pointers;
  buffers.target.offset = COUNT; /* in elements */
  buffers.input_gradient.offset = 2 * COUNT;
  buffers.loss.offset = 3 * COUNT;
  buffers.workspace.offset = workspace; /* in bytes */
  cl_event computed;
  if (closs_enqueue(plan, queue, &buffers, 0, NULL, &computed, &error) != CLOSS_OK) return puts(error.text), 1;
  clEnqueueSVMMap(queue, CL_TRUE, CL_MAP_READ, shared, bytes, 1, &computed, NULL); /* waits */
  const float loss = shared[3 * COUNT], gradient = shared[2 * COUNT];
  printf("loss %g, gradient %g\n", loss, gradient);
  clEnqueueSVMUnmap(queue, shared, 0, NULL, NULL);
  clFinish(queue);

  clSVMFree(context, shared);
  clReleaseEvent(computed);
  closs_plan_destroy(plan);
  closs_context_destroy(closs);
  clReleaseCommandQueue(queue);
  clReleaseContext(context);
  return loss == 2 && gradient == -1.0f / COUNT ? 0 : 1;
}
