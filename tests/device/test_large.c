/* More terms than 32 bits count, and elements further apart than 32 bits reach: most of it from operands that stand
 * still in memory, strides 0. The sums are of small integers, so that they are known exactly. With $CLOSS_TEST_FULL
 * also arrays about as large as the device's largest buffer. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"
#include "program/source.h"
#include "support/harness.h"
#include "support/job.h"
#include "support/values.h"

/* Operands hold 1 to LEVELS - 1. Terms are below 2^10 then, and of fewer than 2^33 terms every s and c of a pair is an
 * exact integer: a lane has at most 2^16, c at most 2^18 from each of 21 levels of chunks. What is left is the last
 * rounding. */
enum { LEVELS = 32, PERIOD = 32 };

static bool full(void) {
  return getenv("CLOSS_TEST_FULL") != NULL;
}

typedef struct large {
  const test_device *device;
  closs_plan_options options;
  closs_buffers buffers;
  uint32_t index_bits; /* that the plan must choose; 0: any */
} large;

static large large_make(const test_device *device, closs_loss loss, closs_reduction reduction,
                        const closs_tensor *input, const closs_tensor *target) {
  large work = {device, CLOSS_PLAN_OPTIONS_INIT, CLOSS_BUFFERS_INIT, 0};
  work.options.loss = loss;
  work.options.reduction = reduction;
  work.options.input = *input;
  work.options.target = *target;
  return work;
}

/* Skips the test where the device does not take so many terms, or takes too long. */
static void large_require(const large *work) {
  closs_error error;
  if (test_every() > 1) {
    printf("not on a slow device: $CLOSS_TEST_EVERY is set\n");
    skip();
  }
  const closs_status status = closs_loss_supported(work->device->closs, &work->options, &error);
  if (status == CLOSS_OK) return;
  if (status != CLOSS_UNSUPPORTED) fail_msg("%s", error.text);
  printf("not on this device: %s\n", error.text);
  skip();
}

/* Runs it and returns the loss. */
static float large_run(large *work) {
  closs_plan *plan;
  closs_error error;
  if (closs_plan_create(work->device->closs, &work->options, &plan, &error) != CLOSS_OK ||
      closs_plan_prepare(plan, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  if (work->index_bits)
    assert_int_equal(closs_variant_at(plan->layout.programs[0].variant)->index_bits, work->index_bits);
  const size_t bytes = (size_t)closs_plan_workspace(plan);
  cl_mem workspace = test_buffer(work->device, bytes ? bytes : 1, NULL);
  cl_mem loss = test_constant(work->device, 1, -1);
  work->buffers.workspace.memory = workspace;
  work->buffers.loss.memory = loss;
  if (closs_enqueue(plan, work->device->queue, &work->buffers, 0, NULL, NULL, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  const float result = test_read_float(work->device, loss, 0);
  clReleaseMemObject(loss);
  clReleaseMemObject(workspace);
  closs_plan_destroy(plan);
  return result;
}

static void expect(float actual, float expected, const char *what) {
  if (actual != expected) fail_msg("%s: %a, expected %a", what, (double)actual, (double)expected);
}

/* Of an exact sum; the quotient's own rounding, to 64 bits or more, is too small to matter. */
static float mean_of(uint64_t sum, uint64_t terms) {
  return (float)((long double)sum / (long double)terms);
}

/* One element against one element, 2^32 + 5000 times; the gradient of the target is a sum as long. */
static void test_one_element_each(void **state) {
  const uint64_t shape[] = {(UINT64_C(1) << 32) + 5000};
  closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  const closs_tensor target = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  input.strides[0] = 0;
  large work = large_make(*state, CLOSS_L1, CLOSS_SUM, &input, &target);
  work.options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT;
  work.index_bits = 64;
  large_require(&work);
  work.buffers.input.memory = test_constant(work.device, 1, 4);
  work.buffers.target.memory = test_constant(work.device, 1, 1);
  work.buffers.target_gradient.memory = test_constant(work.device, 1, -5);
  expect(large_run(&work), (float)(3 * shape[0]), "sum");
  expect(test_read_float(work.device, work.buffers.target_gradient.memory, 0), -(float)shape[0], "gradient");
  if (full()) {
    work.options.reduction = CLOSS_MEAN;
    work.options.outputs = CLOSS_OUTPUT_LOSS;
    expect(large_run(&work), 3, "mean");
  }
  clReleaseMemObject(work.buffers.input.memory);
  clReleaseMemObject(work.buffers.target.memory);
  clReleaseMemObject(work.buffers.target_gradient.memory);
}

/* A buffer of random small integers, and how many there are of each. */
static cl_mem random_levels(const test_device *device, size_t count, uint64_t *stream, uint64_t histogram[LEVELS]) {
  float *values = test_allocate(count * sizeof *values);
  memset(histogram, 0, LEVELS * sizeof *histogram);
  for (size_t i = 0; i < count; ++i) {
    const unsigned level = 1 + (unsigned)(test_random(stream) % (LEVELS - 1));
    values[i] = (float)level;
    ++histogram[level];
  }
  cl_mem buffer = test_buffer(device, count * sizeof *values, values);
  free(values);
  return buffer;
}

static uint64_t term(closs_loss loss, int input, int target) {
  const int d = input - target;
  return (uint64_t)(loss == CLOSS_MSE ? d * d : abs(d));
}

/* Every row meets every column once. */
static uint64_t sum_of_pairs(closs_loss loss, const uint64_t row[LEVELS], const uint64_t column[LEVELS]) {
  uint64_t sum = 0;
  for (int r = 0; r < LEVELS; ++r)
    for (int c = 0; c < LEVELS; ++c)
      sum += row[r] * column[c] * term(loss, r, c);
  return sum;
}

/* A row of 2^16 + 1 elements expanded to `rows` rows, against a column expanded to a matrix. With $CLOSS_TEST_FULL by
 * the other reduction too. */
static void check_matrix(const test_device *device, closs_loss loss, closs_reduction reduction, uint64_t rows,
                         uint32_t index_bits) {
  const uint64_t shape[] = {rows, 65537};
  uint64_t stream = rows, in_row[LEVELS], in_column[LEVELS];
  closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 2, shape), target = input;
  input.strides[0] = 0;
  target.strides[0] = 1;
  target.strides[1] = 0;
  large work = large_make(device, loss, reduction, &input, &target);
  work.index_bits = index_bits;
  large_require(&work);
  work.buffers.input.memory = random_levels(device, (size_t)shape[1], &stream, in_row);
  work.buffers.target.memory = random_levels(device, (size_t)shape[0], &stream, in_column);
  const uint64_t sum = sum_of_pairs(loss, in_row, in_column);
  for (int i = 0; i < (full() ? 2 : 1); ++i) {
    const bool mean = work.options.reduction == CLOSS_MEAN;
    expect(large_run(&work), mean ? mean_of(sum, shape[0] * shape[1]) : (float)sum, mean ? "mean" : "sum");
    work.options.reduction = mean ? CLOSS_SUM : CLOSS_MEAN;
  }
  clReleaseMemObject(work.buffers.input.memory);
  clReleaseMemObject(work.buffers.target.memory);
}

static void test_below_2_30_terms(void **state) {
  check_matrix(*state, CLOSS_MSE, CLOSS_SUM, 16383, 32);
}
static void test_above_2_30_terms(void **state) {
  check_matrix(*state, CLOSS_MSE, CLOSS_SUM, 16384, 64);
}
static void test_above_2_31_terms(void **state) {
  check_matrix(*state, CLOSS_L1, CLOSS_SUM, 32768, 64);
}
static void test_above_2_32_terms(void **state) {
  check_matrix(*state, CLOSS_MSE, CLOSS_MEAN, 65536, 64);
}

/* Bytes of memory that nobody uses; 0 where the system does not say. */
static uint64_t free_memory(void) {
  FILE *file = fopen("/proc/meminfo", "r");
  char line[200];
  uint64_t kibibytes = 0;
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "MemAvailable: %" SCNu64, &kibibytes) == 1) break;
  if (file) fclose(file);
  return kibibytes << 10;
}

static uint64_t largest_buffer(const test_device *device) {
  cl_ulong bytes = 0;
  test_cl(clGetDeviceInfo(device->device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof bytes, &bytes, NULL), "clGetDeviceInfo");
  return bytes;
}

/* Skips the test where a buffer of so many bytes is too large for the device, or for the memory that is free. */
static void require_buffer(const test_device *device, uint64_t bytes) {
  const uint64_t largest = largest_buffer(device), unused = free_memory();
  if (bytes <= largest && unused / 3 >= bytes && bytes <= SIZE_MAX) return;
  printf("a buffer of %" PRIu64 " bytes: the device's largest has %" PRIu64 ", %" PRIu64 " bytes of memory are free\n",
         bytes, largest, unused);
  skip();
}

/* Three rows of bytes so far apart, from the first or from the last on; what lies between is never touched. */
static void check_reach(const test_device *device, uint64_t apart, bool backwards, uint32_t index_bits) {
  enum { ROW = 1000 };
  const uint64_t shape[] = {3, ROW}, size = 2 * apart + ROW;
  closs_tensor input = closs_tensor_contiguous(CLOSS_U8, 2, shape);
  const closs_tensor target = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  uint64_t stream = apart, sum = 0;
  unsigned char row[ROW];
  input.strides[0] = backwards ? -(int64_t)apart : (int64_t)apart;
  large work = large_make(device, CLOSS_L1, CLOSS_SUM, &input, &target);
  work.index_bits = index_bits;
  large_require(&work);
  require_buffer(device, size);
  cl_mem memory = test_buffer(device, (size_t)size, NULL);
  work.buffers.input = (closs_buffer){memory, backwards ? 2 * apart : 0};
  work.buffers.target.memory = test_constant(device, 1, 0);
  for (uint64_t r = 0; r < 3; ++r) {
    for (size_t i = 0; i < ROW; ++i)
      sum += row[i] = (unsigned char)(1 + test_random(&stream) % 255);
    test_cl(clEnqueueWriteBuffer(device->queue, memory, CL_TRUE, (size_t)(r * apart), ROW, row, 0, NULL, NULL),
            "clEnqueueWriteBuffer");
  }
  expect(large_run(&work), (float)sum, "sum");
  clReleaseMemObject(memory);
  clReleaseMemObject(work.buffers.target.memory);
}

static void test_reach_below_2_30(void **state) {
  check_reach(*state, (UINT64_C(1) << 29) - 1000, true, 32);
}
static void test_reach_above_2_30(void **state) {
  check_reach(*state, UINT64_C(1) << 29, false, 64);
}
static void test_reach_above_2_31(void **state) {
  check_reach(*state, (UINT64_C(1) << 30) + 12345, true, 64);
}
static void test_reach_above_2_32(void **state) {
  check_reach(*state, (UINT64_C(1) << 31) + 12345, false, 64);
}

/* Not worth it below. */
#define FEWEST_BYTES (UINT64_C(1) << 31)

/* As large a buffer as the device has, or a quarter of the free memory: all but its last element are the input, all but
 * its first the target. */
static void check_largest_buffer(const test_device *device, closs_dtype dtype, uint32_t index_bits) {
  if (!full()) {
    printf("only with $CLOSS_TEST_FULL\n");
    skip();
  }
  unsigned char levels[PERIOD], pattern[PERIOD * sizeof(float)];
  closs_error error;
  uint64_t stream = dtype, period = 0, sum = 0;
  for (size_t i = 0; i < PERIOD; ++i)
    levels[i] = (unsigned char)(1 + test_random(&stream) % (LEVELS - 1));
  assert_int_equal(closs_convert(dtype, pattern, CLOSS_U8, levels, PERIOD, &error), CLOSS_OK);
  const size_t item = closs_dtype_size(dtype);
  const uint64_t largest = largest_buffer(device), quarter = free_memory() / 4;
  const uint64_t bytes = (largest < quarter ? largest : quarter) / (PERIOD * item) * (PERIOD * item);
  const uint64_t terms[] = {bytes / item - 1};
  const closs_tensor operand = closs_tensor_contiguous(dtype, 1, terms);
  large work = large_make(device, CLOSS_L1, CLOSS_SUM, &operand, &operand);
  work.index_bits = index_bits;
  large_require(&work);
  require_buffer(device, bytes > FEWEST_BYTES ? bytes : FEWEST_BYTES);
  for (size_t i = 0; i < PERIOD; ++i) {
    const uint64_t difference = term(CLOSS_L1, levels[i], levels[(i + 1) % PERIOD]);
    period += difference;
    sum += i < terms[0] % PERIOD ? difference : 0;
  }
  sum += terms[0] / PERIOD * period;
  cl_mem memory = test_buffer(device, (size_t)bytes, NULL);
  test_cl(clEnqueueFillBuffer(device->queue, memory, pattern, PERIOD * item, 0, (size_t)bytes, 0, NULL, NULL),
          "clEnqueueFillBuffer");
  work.buffers.input = (closs_buffer){memory, 0};
  work.buffers.target = (closs_buffer){memory, 1};
  const float result = large_run(&work);
  clReleaseMemObject(memory);
  printf("%" PRIu64 " terms in %" PRIu64 " bytes of %s\n", terms[0], bytes, closs_dtype_name(dtype));
  expect(result, (float)sum, "sum");
}

static void test_largest_buffer_of_u8(void **state) {
  check_largest_buffer(*state, CLOSS_U8, 0);
}
static void test_largest_buffer_of_f32(void **state) {
  check_largest_buffer(*state, CLOSS_F32, 32); /* contiguous kernels count chunks */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_element_each),      cmocka_unit_test(test_below_2_30_terms),
      cmocka_unit_test(test_above_2_30_terms),      cmocka_unit_test(test_above_2_31_terms),
      cmocka_unit_test(test_above_2_32_terms),      cmocka_unit_test(test_reach_below_2_30),
      cmocka_unit_test(test_reach_above_2_30),      cmocka_unit_test(test_reach_above_2_31),
      cmocka_unit_test(test_reach_above_2_32),      cmocka_unit_test(test_largest_buffer_of_u8),
      cmocka_unit_test(test_largest_buffer_of_f32),
  };
  return cmocka_run_group_tests_name("large", tests, test_device_setup, test_device_teardown);
}
