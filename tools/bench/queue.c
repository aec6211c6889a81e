/*
 * Times plans that are enqueued one after the other, as a training loop does, and waited for once:
 *
 *     bench_queue [LOSS] [log2 of the most elements, 12 to 30]
 *
 * For f32 and f16 the loss alone, and the loss with both gradients, by powers of 2^4; first an empty kernel. The
 * bytes a second are those of the operands and the gradients. `closs bench` waits for each, and says what the device's
 * own memory gives.
 */
#include <closs/closs.h>
#include <stdio.h>
#include <stdlib.h>

#include "../closs/timing.h"
#include "device.h"

enum { FEWEST = 10, MOST = 200, FIRST_POWER = 12, LAST_POWER = 30, ARRAYS = 4 };

typedef struct bench {
  cl_context context;
  cl_command_queue queue;
  closs_context *closs;
  cl_mem arrays[ARRAYS], loss; /* input, target, both gradients */
} bench;

static void die(const char *what) {
  fprintf(stderr, "bench_queue: %s\n", what);
  exit(1);
}

static void check(cl_int code) {
  if (code != CL_SUCCESS) die(closs_opencl_error_name(code));
}

static void check_closs(closs_status status, const closs_error *error) {
  if (status != CLOSS_OK) die(error->text);
}

static cl_mem buffer(const bench *b, size_t bytes) {
  cl_int code;
  cl_mem memory = clCreateBuffer(b->context, CL_MEM_READ_WRITE, bytes > 0 ? bytes : 16, NULL, &code);
  check(code);
  return memory;
}

/* Random numbers in [-1, 1); as f16 they are other numbers, some infinite or NaN. */
static void fill(const bench *b, cl_mem memory, size_t elements, unsigned seed) {
  enum { BLOCK = 1 << 12 };
  float values[BLOCK];
  for (size_t i = 0; i < BLOCK; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
  }
  check(clEnqueueFillBuffer(b->queue, memory, values, 128, 0, elements * sizeof(float), 0, NULL, NULL));
  check(clEnqueueWriteBuffer(b->queue, memory, CL_TRUE, 0, sizeof values, values, 0, NULL, NULL));
}

static void open_bench(bench *b, size_t elements) {
  cl_device_id device;
  cl_int code;
  closs_error error;
  check(bench_device(&device));
  b->context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
  check(code);
  b->queue = clCreateCommandQueue(b->context, device, 0, &code);
  check(code);
  check_closs(closs_context_create(b->context, device, NULL, &b->closs, &error), &error);
  for (unsigned i = 0; i < ARRAYS; i++) {
    b->arrays[i] = buffer(b, elements * sizeof(float));
    fill(b, b->arrays[i], elements, i + 1);
  }
  b->loss = buffer(b, sizeof(float));
}

static void time_empty(const bench *b) {
  const char *source = "__kernel void empty(__global float *x) { if (get_global_id(0) == 1u << 30) x[0] = 0; }";
  const size_t global = 256;
  cl_int code;
  cl_program program = clCreateProgramWithSource(b->context, 1, &source, NULL, &code);
  check(code);
  check(clBuildProgram(program, 0, NULL, "-cl-std=CL1.2", NULL, NULL));
  cl_kernel kernel = clCreateKernel(program, "empty", &code);
  check(code);
  check(clSetKernelArg(kernel, 0, sizeof b->loss, &b->loss));
  double start = 0;
  for (int i = -FEWEST; i < MOST; i++) {
    if (i == 0) {
      check(clFinish(b->queue));
      start = seconds_now();
    }
    check(clEnqueueNDRangeKernel(b->queue, kernel, 1, NULL, &global, NULL, 0, NULL, NULL));
  }
  check(clFinish(b->queue));
  printf("an empty kernel %.1f us\n", 1e6 * (seconds_now() - start) / MOST);
  clReleaseKernel(kernel);
  clReleaseProgram(program);
}

static double time_plan(const bench *b, closs_loss loss, closs_dtype dtype, uint32_t outputs, uint64_t elements) {
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  closs_error error;
  closs_plan *plan;
  options.loss = loss;
  options.outputs = outputs;
  options.input = options.target = closs_tensor_contiguous(dtype, 1, &elements);
  check_closs(closs_plan_create(b->closs, &options, &plan, &error), &error);
  check_closs(closs_plan_prepare(plan, &error), &error);
  buffers.input.memory = b->arrays[0];
  buffers.target.memory = b->arrays[1];
  buffers.input_gradient.memory = b->arrays[2];
  buffers.target_gradient.memory = b->arrays[3];
  buffers.loss.memory = b->loss;
  buffers.workspace.memory = buffer(b, (size_t)closs_plan_workspace(plan));
  const int times = elements >> 24 ? FEWEST : MOST;
  double start = 0;
  for (int i = -3; i < times; i++) {
    if (i == 0) {
      check(clFinish(b->queue));
      start = seconds_now();
    }
    check_closs(closs_enqueue(plan, b->queue, &buffers, 0, NULL, NULL, &error), &error);
  }
  check(clFinish(b->queue));
  const double seconds = (seconds_now() - start) / times;
  clReleaseMemObject(buffers.workspace.memory);
  closs_plan_destroy(plan);
  return seconds;
}

int main(int argc, char **argv) {
  static const closs_dtype dtypes[] = {CLOSS_F32, CLOSS_F16};
  static const uint32_t gradients = CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  const closs_loss_info *loss = closs_loss_by_name(argc > 1 ? argv[1] : "l1");
  const int most = argc > 2 ? atoi(argv[2]) : 24;
  if (loss == NULL || most < FIRST_POWER || most > LAST_POWER) {
    fprintf(stderr, "usage: bench_queue [LOSS] [log2 of the most elements, %d to %d]\n", FIRST_POWER, LAST_POWER);
    return 2;
  }
  bench b;
  open_bench(&b, (size_t)1 << most);
  time_empty(&b);
  for (size_t t = 0; t < sizeof dtypes / sizeof dtypes[0]; t++)
    for (int with = 0; with < 2; with++)
      for (int power = most % 4 + FIRST_POWER; power <= most; power += 4) {
        const uint64_t elements = UINT64_C(1) << power;
        const double seconds =
            time_plan(&b, loss->loss, dtypes[t], CLOSS_OUTPUT_LOSS | (with ? gradients : 0u), elements);
        const double bytes = (double)elements * (double)closs_dtype_size(dtypes[t]) * (with ? 4 : 2);
        printf("%s, %s%s, 2^%d: %.1f us, %.0f GB/s\n", loss->name, closs_dtype_name(dtypes[t]),
               with ? ", both gradients" : "", power, 1e6 * seconds, 1e-9 * bytes / seconds);
      }
  for (int i = 0; i < ARRAYS; i++)
    clReleaseMemObject(b.arrays[i]);
  clReleaseMemObject(b.loss);
  closs_context_destroy(b.closs);
  clReleaseCommandQueue(b.queue);
  clReleaseContext(b.context);
  return 0;
}
