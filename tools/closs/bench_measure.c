/* closs bench: the measurement. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#include "timing.h"

const char *const bench_work_names[BENCH_WORKS] = {"forward", "gradient", "fused"};

static const uint32_t work_outputs[BENCH_WORKS] = {
    CLOSS_OUTPUT_LOSS, CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT,
    CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT};

/* Every contender runs once a round; rounds end with the time, but there are a few in any case. */
enum { FEWEST_ROUNDS = 3, MOST_ROUNDS = 301 };
#define ROUNDS_SECONDS 0.25

enum { FILL_ELEMENTS = 1 << 16 };

enum bench_yardstick bench_yardstick_of(enum bench_work work) {
  return work == BENCH_FORWARD ? BENCH_READ : BENCH_COPY;
}

/* ---- the device ---- */

/* Yardsticks may touch a part of a word behind an array's end. */
static uint64_t padded(uint64_t bytes) {
  return (bytes + 4095) / 4096 * 4096;
}

bool bench_too_large(const struct open_device *device, uint64_t bytes) {
  return padded(bytes) > device->max_allocation || padded(bytes) > device->global_memory / BENCH_ARRAYS;
}

/* Numbers from -1 to 1 in both operands: a block of them, again and again. */
static bool fill(struct bench_device *bench, closs_dtype dtype, uint64_t elements, struct failure *failure) {
  size_t size = closs_dtype_size(dtype);
  float *values = malloc(FILL_ELEMENTS * sizeof *values);
  void *block = malloc(FILL_ELEMENTS * size);
  closs_error error;
  cl_int code = CL_SUCCESS;
  uint32_t random = 1;
  bool good = values != NULL && block != NULL;
  if (!good) failure_set(failure, STATUS_FAILED, "closs bench: out of memory");
  for (int operand = BENCH_INPUT; good && operand <= BENCH_TARGET; operand++) {
    for (size_t i = 0; i < FILL_ELEMENTS; i++) {
      random = random * 1664525u + 1013904223u;
      values[i] = (float)(random >> 8) * 0x1p-23f - 1.0f;
    }
    if (closs_convert(dtype, block, CLOSS_F32, values, FILL_ELEMENTS, &error) != CLOSS_OK)
      good = failure_set_closs(failure, &error);
    for (uint64_t at = 0; good && at < elements; at += FILL_ELEMENTS) {
      uint64_t count = elements - at < FILL_ELEMENTS ? elements - at : FILL_ELEMENTS;
      code = clEnqueueWriteBuffer(bench->queue, bench->arrays[operand], CL_TRUE, (size_t)at * size,
                                  (size_t)count * size, block, 0, NULL, NULL);
      if (code != CL_SUCCESS) good = failure_set_opencl(failure, "clEnqueueWriteBuffer", code);
    }
  }
  free(values);
  free(block);
  return good;
}

bool bench_open(struct bench_device *bench, const struct open_device *device, uint64_t largest,
                struct failure *failure) {
  cl_int code;
  *bench = (struct bench_device){.device = device};
  bench->queue = clCreateCommandQueue(device->opencl, device->id, 0, &code);
  if (bench->queue == NULL) return failure_set_opencl(failure, "clCreateCommandQueue", code);
  for (int i = 0; i < BENCH_ARRAYS; i++) {
    bench->arrays[i] = clCreateBuffer(device->opencl, CL_MEM_READ_WRITE, (size_t)padded(largest), NULL, &code);
    if (bench->arrays[i] == NULL) return failure_set_opencl(failure, "clCreateBuffer", code);
  }
  bench->loss = clCreateBuffer(device->opencl, CL_MEM_READ_WRITE, sizeof(float), NULL, &code);
  if (bench->loss == NULL) return failure_set_opencl(failure, "clCreateBuffer", code);
  return bench_yardsticks_make(bench, failure);
}

void bench_close(struct bench_device *bench) {
  for (int yardstick = 0; yardstick < BENCH_YARDSTICKS; yardstick++)
    for (size_t i = 0; i < bench->kernel_count[yardstick]; i++)
      if (bench->kernels[yardstick][i].kernel != NULL) clReleaseKernel(bench->kernels[yardstick][i].kernel);
  if (bench->program != NULL) clReleaseProgram(bench->program);
  for (int i = 0; i < BENCH_ARRAYS; i++)
    if (bench->arrays[i] != NULL) clReleaseMemObject(bench->arrays[i]);
  if (bench->sums != NULL) clReleaseMemObject(bench->sums);
  if (bench->loss != NULL) clReleaseMemObject(bench->loss);
  if (bench->queue != NULL) clReleaseCommandQueue(bench->queue);
}

/* ---- one group: a type and a size ---- */

struct group {
  struct bench_device *bench;
  uint64_t bytes; /* of an array */
  uint64_t elements;
  size_t works; /* losses times BENCH_WORKS */
  closs_plan **plans;
  closs_buffers buffers; /* the workspace is large enough for each plan, and none runs beside another */
  double *times;         /* MOST_ROUNDS a contender */
  size_t rounds;
};

static bool make_plans(struct group *group, const closs_loss_info *const *losses, closs_dtype dtype,
                       struct failure *failure) {
  uint64_t workspace = CLOSS_WORKSPACE_ALIGNMENT;
  closs_error error;
  cl_int code;
  for (size_t i = 0; i < group->works; i++) {
    closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
    options.loss = losses[i / BENCH_WORKS]->loss;
    options.outputs = work_outputs[i % BENCH_WORKS];
    options.input = options.target = closs_tensor_contiguous(dtype, 1, &group->elements);
    if (closs_plan_create(group->bench->device->context, &options, &group->plans[i], &error) != CLOSS_OK ||
        closs_plan_prepare(group->plans[i], &error) != CLOSS_OK)
      return failure_set_closs(failure, &error);
    uint64_t needs = closs_plan_workspace(group->plans[i]);
    workspace = needs > workspace ? needs : workspace;
  }
  const closs_buffers none = CLOSS_BUFFERS_INIT;
  group->buffers = none;
  group->buffers.input.memory = group->bench->arrays[BENCH_INPUT];
  group->buffers.target.memory = group->bench->arrays[BENCH_TARGET];
  group->buffers.input_gradient.memory = group->bench->arrays[BENCH_INPUT_GRADIENT];
  group->buffers.target_gradient.memory = group->bench->arrays[BENCH_TARGET_GRADIENT];
  group->buffers.loss.memory = group->bench->loss;
  group->buffers.workspace.memory =
      clCreateBuffer(group->bench->device->opencl, CL_MEM_READ_WRITE, (size_t)workspace, NULL, &code);
  return group->buffers.workspace.memory != NULL || failure_set_opencl(failure, "clCreateBuffer", code);
}

static bool time_kernel(struct group *group, int yardstick, size_t kernel, double *seconds, struct failure *failure) {
  double start = seconds_now();
  bool good = bench_yardstick_run(group->bench, (enum bench_yardstick)yardstick,
                                  &group->bench->kernels[yardstick][kernel], group->bytes, failure);
  *seconds = seconds_now() - start;
  return good;
}

static bool time_work(struct group *group, size_t work, double *seconds, struct failure *failure) {
  closs_error error;
  double start = seconds_now();
  if (closs_enqueue(group->plans[work], group->bench->queue, &group->buffers, 0, NULL, NULL, &error) != CLOSS_OK)
    return failure_set_closs(failure, &error);
  cl_int code = clFinish(group->bench->queue);
  *seconds = seconds_now() - start;
  return code == CL_SUCCESS || failure_set_opencl(failure, "clFinish", code);
}

/* Contenders are the kernels of each yardstick, then the works. */
static double *times_of_kernel(const struct group *group, int yardstick, size_t kernel) {
  return group->times + ((size_t)yardstick * BENCH_KERNELS + kernel) * MOST_ROUNDS;
}

static double *times_of_work(const struct group *group, size_t work) {
  return times_of_kernel(group, BENCH_YARDSTICKS, work);
}

static bool run_round(struct group *group, size_t round, struct failure *failure) {
  for (int yardstick = 0; yardstick < BENCH_YARDSTICKS; yardstick++)
    for (size_t i = 0; i < group->bench->kernel_count[yardstick]; i++)
      if (!time_kernel(group, yardstick, i, times_of_kernel(group, yardstick, i) + round, failure)) return false;
  for (size_t work = 0; work < group->works; work++)
    if (!time_work(group, work, times_of_work(group, work) + round, failure)) return false;
  return true;
}

/* The first round warms up, and its times are overwritten. */
static bool run_rounds(struct group *group, struct failure *failure) {
  if (!run_round(group, 0, failure)) return false;
  double end = seconds_now() + ROUNDS_SECONDS;
  while (group->rounds < FEWEST_ROUNDS || (group->rounds < MOST_ROUNDS && seconds_now() < end))
    if (!run_round(group, group->rounds++, failure)) return false;
  return true;
}

/* The kernel that is the fastest way to read, or to copy, arrays of this size. */
static size_t fastest_kernel(const struct group *group, int yardstick, double *seconds) {
  size_t fastest = 0;
  for (size_t i = 0; i < group->bench->kernel_count[yardstick]; i++) {
    double copy[MOST_ROUNDS];
    memcpy(copy, times_of_kernel(group, yardstick, i), group->rounds * sizeof *copy);
    double middle = median(copy, group->rounds);
    if (i > 0 && middle >= *seconds) continue;
    *seconds = middle;
    fastest = i;
  }
  return fastest;
}

/* From times to medians. */
static void conclude(const struct group *group, const closs_loss_info *const *losses, closs_dtype dtype,
                     struct bench_row *rows, double bandwidth[BENCH_YARDSTICKS]) {
  const double array = (double)group->bytes, result = (double)closs_dtype_size(dtype);
  const double moved[BENCH_YARDSTICKS] = {2 * array, 4 * array};
  const double bytes[BENCH_WORKS] = {2 * array + result, 4 * array, 4 * array + result};
  const double *fastest[BENCH_YARDSTICKS];
  for (int yardstick = 0; yardstick < BENCH_YARDSTICKS; yardstick++) {
    double seconds = 0;
    fastest[yardstick] = times_of_kernel(group, yardstick, fastest_kernel(group, yardstick, &seconds));
    bandwidth[yardstick] = moved[yardstick] / seconds;
  }
  for (size_t i = 0; i < group->works; i++) {
    enum bench_work work = (enum bench_work)(i % BENCH_WORKS);
    enum bench_yardstick yardstick = bench_yardstick_of(work);
    double *seconds = times_of_work(group, i), shares[MOST_ROUNDS] = {0};
    for (size_t round = 0; round < group->rounds; round++)
      shares[round] = bytes[work] / seconds[round] * fastest[yardstick][round] / moved[yardstick];
    rows[i] = (struct bench_row){
        losses[i / BENCH_WORKS],      dtype, group->elements, work, median(seconds, group->rounds), 0,
        median(shares, group->rounds)};
    rows[i].bytes_per_second = bytes[work] / rows[i].seconds;
  }
}

bool bench_measure(struct bench_device *bench, const closs_loss_info *const *losses, size_t count, closs_dtype dtype,
                   uint64_t elements, struct bench_row *rows, double bandwidth[BENCH_YARDSTICKS],
                   struct failure *failure) {
  struct group group = {
      .bench = bench, .bytes = elements * closs_dtype_size(dtype), .elements = elements, .works = count * BENCH_WORKS};
  group.plans = calloc(group.works, sizeof(closs_plan *));
  group.times = calloc((BENCH_YARDSTICKS * BENCH_KERNELS + group.works) * MOST_ROUNDS, sizeof *group.times);
  bool good = group.plans != NULL && group.times != NULL;
  if (!good) failure_set(failure, STATUS_FAILED, "closs bench: out of memory");
  good = good && fill(bench, dtype, elements, failure) && make_plans(&group, losses, dtype, failure) &&
         run_rounds(&group, failure);
  if (good) conclude(&group, losses, dtype, rows, bandwidth);
  for (size_t i = 0; group.plans != NULL && i < group.works; i++)
    closs_plan_destroy(group.plans[i]);
  if (group.buffers.workspace.memory != NULL) clReleaseMemObject(group.buffers.workspace.memory);
  free(group.plans);
  free(group.times);
  return good;
}
