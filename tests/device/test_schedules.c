/*
 * Schedule groups: the same bits as the reference, whatever the work-group size and the lanes of a work-item, over
 * lengths around every border, reductions, ways that operands lie, and pieces of a sum that begin inside a chunk.
 */
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/work.h"

enum { CHUNK = CLOSS_CHUNK };

static const struct {
  uint32_t group, width;
} sizes[] = {{1, 1}, {2, 4}, {8, 2}, {16, 4}, {32, 1}, {64, 1}, {64, 4}, {256, 1}, {256, 4}, {1024, 2}};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* llvmpipe ends loops after 65535 turns: what few work-items would do in long ones is refused, not computed wrongly. */
static bool may_refuse(const test_device *device, uint32_t group) {
  return group < 64 && strstr(device->name, "rusticl");
}

static const uint64_t lengths[] = {1, 63, 65, CHUNK - 1, CHUNK, CHUNK + 1, 9 * CHUNK + 70, 40 * CHUNK + 4001};

static const closs_dtype dtypes[] = {CLOSS_F32, CLOSS_F16, CLOSS_BF16, CLOSS_F64};

/* One after the other for one size; others change with the size, so that all come up without a program for each pair.
 */
static void contiguous(void **state) {
  const test_device *device = *state;
  size_t number = 0;
  for (size_t s = 0; s < SIZES; s++) {
    const closs_loss loss = closs_loss_at(s % closs_loss_count())->loss;
    const closs_dtype dtype = dtypes[(s / 2) % 4];
    const closs_reduction reduction = s % 3 == 1 ? CLOSS_SUM : CLOSS_MEAN;
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++) {
      if (number++ % test_every() != 0) continue;
      const closs_tensor tensor = closs_tensor_contiguous(dtype, 1, &lengths[n]);
      test_work work =
          test_work_make(loss, reduction, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT, &tensor, &tensor);
      work.options.schedule = CLOSS_SCHEDULE_GROUPS;
      work.options.work_group = sizes[s].group;
      work.options.vector_width = sizes[s].width;
      test_work_outputs(&work, n % 3);
      char what[96];
      snprintf(what, sizeof what, "group %u, width %u, %s, %llu", (unsigned)sizes[s].group, (unsigned)sizes[s].width,
               closs_dtype_name(dtype), (unsigned long long)lengths[n]);
      const closs_status status = test_work_compare(device, &work, what, NULL);
      assert_int_equal(status, dtype == CLOSS_F64 && !device->fp64 ? CLOSS_UNSUPPORTED : CLOSS_OK);
      test_work_free(&work);
    }
  }
}

/* Strides, broadcasting with the sums by columns that go with it, complex operands, and reduction none. */
static void strided(void **state) {
  const test_device *device = *state;
  static const uint64_t whole[] = {5, 37, 41}, row[] = {41}, column[] = {37, 1}, twos[] = {2, 2, 2, 2, 2, 2, 2, 2};
  size_t number = 0;
  for (size_t s = 0; s < SIZES; s += 3) {
    for (int kind = 0; kind < 5; kind++) {
      if (number++ % test_every() != 0) continue;
      const closs_dtype dtype = kind >= 3 ? CLOSS_C64 : CLOSS_F32;
      closs_tensor input = closs_tensor_contiguous(dtype, kind == 4 ? 8 : 3, kind == 4 ? twos : whole), target = input;
      if (kind == 4) {
        for (uint32_t d = 0; d < target.rank; d++) /* every other term is the end of a dimension */
          target.strides[d] = input.strides[target.rank - 1 - d];
      } else if (kind == 0) {
        target.strides[1] = 5; /* another order of the dimensions */
        target.strides[0] = 1;
        target.strides[2] = 5 * 37;
      } else if (kind != 3) {
        target = closs_tensor_contiguous(dtype, kind == 1 ? 1 : 2, kind == 1 ? row : column);
      }
      const closs_reduction reduction = s % 2 == 0 ? CLOSS_MEAN : CLOSS_NONE;
      const uint32_t outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
      test_work work = test_work_make(CLOSS_L1, reduction, outputs, &input, &target);
      work.options.schedule = CLOSS_SCHEDULE_GROUPS;
      work.options.work_group = sizes[s].group;
      test_work_outputs(&work, 1);
      char what[64];
      snprintf(what, sizeof what, "group %u, kind %d", (unsigned)sizes[s].group, kind);
      const closs_status status = test_work_compare(device, &work, what, NULL);
      if (status != CLOSS_UNSUPPORTED || !may_refuse(device, sizes[s].group)) assert_int_equal(status, CLOSS_OK);
      test_work_free(&work);
    }
  }
}

/* The loss of pieces that end anywhere, over one state. */
static void pieces(void **state) {
  const test_device *device = *state;
  if (test_every() > 10) skip(); /* minutes, interpreted */
  static const uint64_t cuts[] = {0, 100, CHUNK - 3, CHUNK + 10, 7 * CHUNK, 7 * CHUNK + 1, 30 * CHUNK + 5};
  enum { CUTS = sizeof cuts / sizeof cuts[0], TOTAL = 30 * CHUNK + 5 };
  closs_error error;
  const uint64_t total = TOTAL;
  const closs_tensor all = closs_tensor_contiguous(CLOSS_F32, 1, &total);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS, &all, &all);
  test_work_outputs(&work, 0);
  test_results expected;
  assert_int_equal(test_work_reference(&work, &expected, &error), CLOSS_OK);

  unsigned char bytes[4096];
  const size_t size = closs_state_size(CLOSS_F32);
  assert_true(size <= sizeof bytes);
  assert_int_equal(closs_state_init(bytes, CLOSS_F32, 0, &error), CLOSS_OK);
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  buffers.input.memory = test_buffer(device, TOTAL * sizeof(float), test_array_origin(&work.arrays[TEST_INPUT]));
  buffers.target.memory = test_buffer(device, TOTAL * sizeof(float), test_array_origin(&work.arrays[TEST_TARGET]));
  buffers.state.memory = test_buffer(device, size, bytes);
  for (int i = 0; i + 1 < CUTS; i++) {
    const uint64_t length = cuts[i + 1] - cuts[i];
    closs_plan_options options = work.options;
    options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, &length);
    options.loss_layout = NULL;
    options.total_terms = TOTAL;
    options.schedule = CLOSS_SCHEDULE_GROUPS;
    options.work_group = 64;
    closs_plan *plan = NULL;
    assert_int_equal(closs_plan_create(device->closs, &options, &plan, &error), CLOSS_OK);
    assert_int_equal(closs_plan_prepare(plan, &error), CLOSS_OK);
    buffers.workspace.memory = test_buffer(device, (size_t)closs_plan_workspace(plan), NULL);
    buffers.first_term = buffers.input.offset = buffers.target.offset = cuts[i];
    assert_int_equal(closs_enqueue(plan, device->queue, &buffers, 0, NULL, NULL, &error), CLOSS_OK);
    test_cl(clFinish(device->queue), "clFinish");
    clReleaseMemObject(buffers.workspace.memory);
    closs_plan_destroy(plan);
  }
  test_read(device, buffers.state.memory, size, bytes);
  float loss;
  assert_int_equal(closs_state_finish(bytes, TOTAL, CLOSS_MEAN, NULL, CLOSS_F32, &loss, &error), CLOSS_OK);
  assert_memory_equal(&loss, test_array_origin(test_result(&work, &expected, TEST_LOSS)), sizeof loss);
  clReleaseMemObject(buffers.input.memory);
  clReleaseMemObject(buffers.target.memory);
  clReleaseMemObject(buffers.state.memory);
  test_results_free(&expected);
  test_work_free(&work);
}

/* What does not go together is refused, with the numbers. */
static void refused(void **state) {
  const test_device *device = *state;
  const uint64_t shape = 8;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_plan *plan;
  closs_error error;
  options.loss = CLOSS_L1;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, &shape);
  options.schedule = CLOSS_SCHEDULE_LANES;
  options.work_group = 64;
  assert_int_equal(closs_plan_create(device->closs, &options, &plan, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "work_group: 64, but the schedule is lanes, which has none");
  options.schedule = CLOSS_SCHEDULE_GROUPS;
  options.vector_width = 2;
  options.target.strides[0] = 2;
  assert_int_equal(closs_plan_create(device->closs, &options, &plan, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text, "vector_width: 2, and strided operands have 1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contiguous),
      cmocka_unit_test(strided),
      cmocka_unit_test(pieces),
      cmocka_unit_test(refused),
  };
  return cmocka_run_group_tests_name("schedules", tests, test_device_setup, test_device_teardown);
}
