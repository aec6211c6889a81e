/* Two queues and events: operands are written on one queue, the loss is computed on another, the host waits once. */
#include <closs/closs.h>
#include <stdio.h>

enum { COUNT = 1000000 };

static float input[COUNT], target[COUNT];

int main(void) {
  cl_platform_id platform;
  cl_device_id device;
  clGetPlatformIDs(1, &platform, NULL);
  clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL);
  cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
  cl_command_queue copies = clCreateCommandQueue(context, device, 0, NULL);
  cl_command_queue kernels = clCreateCommandQueue(context, device, 0, NULL);

  closs_context *closs;
  closs_plan *plan;
  closs_error error;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){COUNT});
  if (closs_context_create(context, device, NULL, &closs, &error) != CLOSS_OK ||
      closs_plan_create(closs, &options, &plan, &error) != CLOSS_OK ||
      closs_plan_prepare(plan, &error) != CLOSS_OK) { /* the only call that compiles or blocks */
    return puts(error.text), 1;
  }

  float loss = 0;
  const size_t bytes = sizeof input, workspace = (size_t)closs_plan_workspace(plan);
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  buffers.input.memory = clCreateBuffer(context, CL_MEM_READ_ONLY, bytes, NULL, NULL);
  buffers.target.memory = clCreateBuffer(context, CL_MEM_READ_ONLY, bytes, NULL, NULL);
  buffers.loss.memory = clCreateBuffer(context, CL_MEM_WRITE_ONLY, sizeof loss, NULL, NULL);
  buffers.workspace.memory = clCreateBuffer(context, CL_MEM_READ_WRITE, workspace > 0 ? workspace : 1, NULL, NULL);

  for (int i = 0; i < COUNT; i++) {
    input[i] = (float)(i % 7);
    target[i] = (float)(i % 7 + i % 2);
  }
  cl_event written[2], computed, read;
  clEnqueueWriteBuffer(copies, buffers.input.memory, CL_FALSE, 0, bytes, input, 0, NULL, &written[0]);
  clEnqueueWriteBuffer(copies, buffers.target.memory, CL_FALSE, 0, bytes, target, 0, NULL, &written[1]);
  clFlush(copies); /* another queue waits for these commands: they must have begun their way */
  if (closs_enqueue(plan, kernels, &buffers, 2, written, &computed, &error) != CLOSS_OK) return puts(error.text), 1;
  clFlush(kernels);
  clEnqueueReadBuffer(copies, buffers.loss.memory, CL_FALSE, 0, sizeof loss, &loss, 1, &computed, &read);
  clWaitForEvents(1, &read);
  printf("loss %g\n", loss);

  clReleaseEvent(written[0]), clReleaseEvent(written[1]), clReleaseEvent(computed), clReleaseEvent(read);
  clReleaseMemObject(buffers.input.memory), clReleaseMemObject(buffers.target.memory);
  clReleaseMemObject(buffers.loss.memory), clReleaseMemObject(buffers.workspace.memory);
  closs_plan_destroy(plan);
  closs_context_destroy(closs);
  clReleaseCommandQueue(copies), clReleaseCommandQueue(kernels);
  clReleaseContext(context);
  return loss == 0.5f ? 0 : 1; /* half of the elements differ by 1 */
}
