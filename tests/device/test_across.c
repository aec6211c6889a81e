/*
 * Across: all OpenCL implementations of this machine in one process, through the ICD loader, by schedules and
 * work-group sizes: the same bits each time, those of the reference.
 *
 * $CLOSS_TEST_ACROSS is how many devices there must be; unset, the test is skipped. tools/test.sh sets it, with
 * OCL_ICD_VENDORS the folder of all .icd files.
 */
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/work.h"

enum { MOST_DEVICES = 16, LENGTH = 9001, ROWS = 7, COLUMNS = 70, SKIPPED = 77 };

static const struct way {
  const char *name;
  closs_schedule schedule;
  uint32_t work_group;
} ways[] = {{"lanes", CLOSS_SCHEDULE_LANES, 0},
            {"groups of 64", CLOSS_SCHEDULE_GROUPS, 64},
            {"groups of 8", CLOSS_SCHEDULE_GROUPS, 8}};

static test_device devices[MOST_DEVICES];
static size_t device_count;

/* One computation on every device, in the first so many ways. */
static void compare(test_work *work, size_t count, const char *what) {
  closs_error error;
  test_results expected;
  assert_int_equal(test_work_reference(work, &expected, &error), CLOSS_OK);
  size_t computed = 0;
  for (size_t d = 0; d < device_count; ++d) {
    if (work->arrays[TEST_INPUT].tensor.dtype == CLOSS_F64 && !devices[d].fp64) continue;
    for (size_t i = 0; i < count; ++i) {
      test_results actual;
      char text[512];
      work->options.schedule = ways[i].schedule;
      work->options.work_group = ways[i].work_group;
      snprintf(text, sizeof text, "%s, %s, %s", what, devices[d].name, ways[i].name);
      if (test_work_device(&devices[d], work, &actual, &error) != CLOSS_OK) fail_msg("%s: %s", text, error.text);
      test_results_same(&expected, &actual, text);
      test_results_free(&actual);
      ++computed;
    }
  }
  printf("%s: %zu computations on %zu devices have the same bits\n", what, computed, device_count);
  test_results_free(&expected);
  test_work_free(work);
}

static void contiguous(void **state) {
  (void)state;
  const uint64_t length = LENGTH;
  const closs_tensor all = closs_tensor_contiguous(CLOSS_F32, 1, &length);
  test_work work = test_work_make(
      CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT, &all, &all);
  test_work_outputs(&work, 0);
  compare(&work, 3, "l1 of f32");
}

static void doubles(void **state) {
  (void)state;
  const uint64_t length = LENGTH;
  const closs_tensor all = closs_tensor_contiguous(CLOSS_F64, 1, &length);
  test_work work = test_work_make(CLOSS_MSE, CLOSS_SUM, CLOSS_OUTPUT_LOSS, &all, &all);
  test_work_outputs(&work, 0);
  compare(&work, 2, "mse of f64");
}

/* A mean over weights, whose sum comes first. */
static void weighted(void **state) {
  (void)state;
  const uint64_t length = LENGTH;
  uint64_t stream = 1;
  const closs_tensor all = closs_tensor_contiguous(CLOSS_F16, 1, &length);
  test_work work =
      test_work_make(CLOSS_SMOOTH_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT, &all, &all);
  test_work_parameter(&work, 0.5);
  work.arrays[TEST_WEIGHT] = test_array_make(&all, 0);
  test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  test_work_outputs(&work, 0);
  compare(&work, 2, "weighted smooth_l1 of f16");
}

/* One operand is repeated, the other transposed: a gradient is sums by columns. */
static void broadcast(void **state) {
  (void)state;
  const uint64_t shape[] = {ROWS, COLUMNS};
  const closs_tensor row = closs_tensor_contiguous(CLOSS_F32, 1, shape + 1);
  closs_tensor all = closs_tensor_contiguous(CLOSS_F32, 2, shape);
  all.strides[0] = 1;
  all.strides[1] = ROWS;
  test_work work =
      test_work_make(CLOSS_HUBER, CLOSS_MEAN,
                     CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT, &all, &row);
  test_work_parameter(&work, 1);
  test_work_outputs(&work, 0);
  compare(&work, 2, "huber of broadcast f32");
}

static void close_devices(void) {
  while (device_count > 0)
    test_device_close(&devices[--device_count]);
}

/* Every device of every platform. */
static int open_devices(void **state) {
  (void)state;
  closs_error error;
  while (device_count < MOST_DEVICES && test_device_open(device_count, &devices[device_count])) {
    test_device *device = &devices[device_count++];
    if (closs_context_create(device->context, device->device, NULL, &device->closs, &error) != CLOSS_OK) {
      fprintf(stderr, "%s: %s\n", device->name, error.text);
      close_devices();
      return -1;
    }
    printf("device: %s\n", device->name);
  }
  const unsigned long wanted = strtoul(getenv("CLOSS_TEST_ACROSS"), NULL, 10);
  if (device_count >= wanted && wanted > 0) return 0;
  fprintf(stderr, "%zu devices, and $CLOSS_TEST_ACROSS is %lu\n", device_count, wanted);
  close_devices();
  return -1;
}

static int finish(void **state) {
  (void)state;
  close_devices();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contiguous),
      cmocka_unit_test(doubles),
      cmocka_unit_test(weighted),
      cmocka_unit_test(broadcast),
  };
  if (!getenv("CLOSS_TEST_ACROSS")) return SKIPPED;
  return cmocka_run_group_tests_name("across", tests, open_devices, finish);
}
