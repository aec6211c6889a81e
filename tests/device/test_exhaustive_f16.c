/* Every pair of f16 values: losses and both gradients of the device against the reference, bit for bit. With
 * $CLOSS_TEST_FULL all 2^32 pairs for each loss, else the pairs of some inputs with every target. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/device.h"
#include "support/harness.h"

enum {
  TARGETS = 65536, /* every f16 value */
  ROWS = 64,       /* inputs a launch */
  PAIRS = ROWS * TARGETS,
  RESULTS = 3, /* loss, gradient of input, gradient of target */
  MAX_THREADS = 16
};

/* One loss with its plan, and memory for a launch; the same for every launch. */
typedef struct sweep {
  const test_device *device;
  closs_plan_options options; /* of one row, for the reference */
  closs_parameter parameter;
  closs_plan *plan; /* of ROWS rows */
  closs_buffers buffers;
  cl_mem workspace;
  uint16_t *input, *target;    /* PAIRS each */
  uint16_t *actual[RESULTS];   /* from the device */
  uint16_t *expected[RESULTS]; /* from the reference */
} sweep;

/* Some rows of the reference. */
typedef struct share {
  const sweep *all;
  size_t first, end;
  closs_status status;
} share;

static closs_plan_options row_options(const sweep *s, uint64_t pairs) {
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = s->options.loss;
  options.reduction = CLOSS_NONE;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  options.parameters = &s->parameter;
  options.parameter_count = s->parameter.name ? 1 : 0;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F16, 1, &pairs);
  return options;
}

static sweep make_sweep(const test_device *device, closs_loss loss, double parameter) {
  const closs_loss_info *info = closs_loss_by_id(loss);
  sweep s = {.device = device, .buffers = CLOSS_BUFFERS_INIT};
  closs_error error;
  s.options.loss = loss;
  if (info->parameter_count) s.parameter = (closs_parameter){info->parameters[0].name, parameter};
  closs_plan_options options = row_options(&s, PAIRS);
  if (closs_plan_create(device->closs, &options, &s.plan, &error) != CLOSS_OK ||
      closs_plan_prepare(s.plan, &error) != CLOSS_OK)
    fail_msg("%s", error.text);

  const size_t bytes = PAIRS * sizeof(uint16_t), workspace = (size_t)closs_plan_workspace(s.plan);
  s.input = test_allocate(bytes);
  s.target = test_allocate(bytes);
  for (size_t i = 0; i < PAIRS; ++i)
    s.target[i] = (uint16_t)i;
  for (unsigned r = 0; r < RESULTS; ++r) {
    s.actual[r] = test_allocate(bytes);
    s.expected[r] = test_allocate(bytes);
  }
  s.workspace = test_buffer(device, workspace ? workspace : 1, NULL);
  s.buffers.workspace.memory = s.workspace;
  s.buffers.input.memory = test_buffer(device, bytes, NULL);
  s.buffers.target.memory = test_buffer(device, bytes, s.target);
  s.buffers.loss.memory = test_buffer(device, bytes, NULL);
  s.buffers.input_gradient.memory = test_buffer(device, bytes, NULL);
  s.buffers.target_gradient.memory = test_buffer(device, bytes, NULL);
  return s;
}

static void free_sweep(sweep *s) {
  const cl_mem memory[] = {s->workspace,           s->buffers.input.memory,          s->buffers.target.memory,
                           s->buffers.loss.memory, s->buffers.input_gradient.memory, s->buffers.target_gradient.memory};
  for (size_t i = 0; i < TEST_COUNT(memory); ++i)
    clReleaseMemObject(memory[i]);
  for (unsigned r = 0; r < RESULTS; ++r) {
    free(s->actual[r]);
    free(s->expected[r]);
  }
  free(s->input);
  free(s->target);
  closs_plan_destroy(s->plan);
}

static void *run_reference(void *user) {
  share *part = user;
  const sweep *s = part->all;
  const size_t first = part->first * TARGETS;
  const closs_plan_options options = row_options(s, (part->end - part->first) * TARGETS);
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  arrays.input = s->input + first;
  arrays.target = s->target + first;
  arrays.loss = s->expected[0] + first;
  arrays.input_gradient = s->expected[1] + first;
  arrays.target_gradient = s->expected[2] + first;
  part->status = closs_reference(&options, &arrays, NULL);
  return NULL;
}

/* The reference on as many threads as there are processors, while the device works. */
static void run_both(const sweep *s) {
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  const size_t threads = processors < 1 ? 1 : processors > MAX_THREADS ? MAX_THREADS : (size_t)processors;
  pthread_t ids[MAX_THREADS];
  share parts[MAX_THREADS];
  closs_error error;
  const size_t bytes = PAIRS * sizeof(uint16_t);
  test_cl(clEnqueueWriteBuffer(s->device->queue, s->buffers.input.memory, CL_TRUE, 0, bytes, s->input, 0, NULL, NULL),
          "clEnqueueWriteBuffer");
  if (closs_enqueue(s->plan, s->device->queue, &s->buffers, 0, NULL, NULL, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  test_cl(clFlush(s->device->queue), "clFlush");
  for (size_t t = 0; t < threads; ++t) {
    parts[t] = (share){s, ROWS * t / threads, ROWS * (t + 1) / threads, CLOSS_OK};
    assert_int_equal(pthread_create(&ids[t], NULL, run_reference, &parts[t]), 0);
  }
  for (size_t t = 0; t < threads; ++t) {
    pthread_join(ids[t], NULL);
    assert_int_equal(parts[t].status, CLOSS_OK);
  }
  test_read(s->device, s->buffers.loss.memory, bytes, s->actual[0]);
  test_read(s->device, s->buffers.input_gradient.memory, bytes, s->actual[1]);
  test_read(s->device, s->buffers.target_gradient.memory, bytes, s->actual[2]);
}

/* ROWS inputs against every target. */
static void run_rows(const sweep *s, const uint16_t *inputs) {
  for (size_t row = 0; row < ROWS; ++row)
    for (size_t i = 0; i < TARGETS; ++i)
      s->input[row * TARGETS + i] = inputs[row];
  run_both(s);
  for (unsigned r = 0; r < RESULTS; ++r) {
    if (!memcmp(s->expected[r], s->actual[r], PAIRS * sizeof(uint16_t))) continue;
    size_t i = 0;
    while (s->expected[r][i] == s->actual[r][i])
      ++i;
    fail_msg("%s, result %u of %04x and %04x: expected %04x, got %04x", closs_loss_by_id(s->options.loss)->name, r,
             s->input[i], s->target[i], s->expected[r][i], s->actual[r][i]);
  }
}

static void run_slice(const test_device *device, closs_loss loss, double parameter) {
  /* both signs of: zero, subnormals, the smallest and largest normal numbers, infinity, NaNs, and numbers near 1 */
  static const uint16_t edges[] = {0x0000, 0x0001, 0x0002, 0x03ff, 0x0400, 0x0401, 0x3bff, 0x3c00,
                                   0x3c01, 0x3800, 0x4000, 0x7bff, 0x7c00, 0x7c01, 0x7e00, 0x7fff};
  uint16_t inputs[ROWS];
  for (unsigned i = 0; i < ROWS; ++i) {
    const unsigned other = i * 1021 + 77; /* the other half lies all over the range */
    inputs[i] = (uint16_t)(i < 2 * TEST_COUNT(edges) ? edges[i / 2] | (i % 2) << 15 : other);
  }
  sweep s = make_sweep(device, loss, parameter);
  run_rows(&s, inputs);
  free_sweep(&s);
}

static void test_slices(void **state) {
  run_slice(*state, CLOSS_L1, 0);
  run_slice(*state, CLOSS_MSE, 0);
  run_slice(*state, CLOSS_SMOOTH_L1, 1);
  run_slice(*state, CLOSS_SMOOTH_L1, 0);
  run_slice(*state, CLOSS_SMOOTH_L1, 0.1);
  run_slice(*state, CLOSS_HUBER, 1);
  run_slice(*state, CLOSS_HUBER, 0.1);
}

static void run_all(const test_device *device, closs_loss loss) {
  if (!getenv("CLOSS_TEST_FULL")) skip();
  sweep s = make_sweep(device, loss, 1);
  for (unsigned first = 0; first < TARGETS; first += ROWS) {
    uint16_t inputs[ROWS];
    for (unsigned i = 0; i < ROWS; ++i)
      inputs[i] = (uint16_t)(first + i);
    run_rows(&s, inputs);
    if ((first + ROWS) % 4096 == 0) {
      printf("%s: %u of %d inputs, each against every target\n", closs_loss_by_id(loss)->name, first + ROWS, TARGETS);
      fflush(stdout);
    }
  }
  free_sweep(&s);
}

static void test_all_l1(void **state) {
  run_all(*state, CLOSS_L1);
}
static void test_all_mse(void **state) {
  run_all(*state, CLOSS_MSE);
}
static void test_all_smooth_l1(void **state) {
  run_all(*state, CLOSS_SMOOTH_L1);
}
static void test_all_huber(void **state) {
  run_all(*state, CLOSS_HUBER);
}

int main(void) {
  const struct CMUnitTest slices[] = {cmocka_unit_test(test_slices)};
  const struct CMUnitTest all[] = {
      cmocka_unit_test(test_all_l1),
      cmocka_unit_test(test_all_mse),
      cmocka_unit_test(test_all_smooth_l1),
      cmocka_unit_test(test_all_huber),
  };
  int failed = cmocka_run_group_tests_name("pairs of f16", slices, test_device_setup, test_device_teardown);
  if (getenv("CLOSS_TEST_FULL"))
    failed += cmocka_run_group_tests_name("every pair of f16", all, test_device_setup, test_device_teardown);
  return failed;
}
