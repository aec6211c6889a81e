/*
 * Arrays that go through the workspace: those whose neighbours in memory are not neighbouring terms, transposed ones
 * above all. More than one slice of them, sides that no square divides, and the reference's bits.
 */
#include "plan/plan.h"
#include "plan/slices.h"
#include "plan/tuning.h"
#include "support/harness.h"
#include "support/work.h"

#define BIT(slot) (1u << CLOSS_SLOT_##slot)
static const uint32_t both_gradients = CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;

enum { TERMS = 12000, CHUNKS = 1 };

static void put(test_work *work, enum test_slot slot, const closs_tensor *tensor, uint64_t seed) {
  work->arrays[slot] = test_array_make(tensor, 1);
  test_array_fill(&work->arrays[slot], TEST_PLAIN, &seed);
}

/* An interpreter takes minutes for all. */
static bool slow(void) {
  return test_every() > 9;
}

/* Runs the work, of which these slots go through the workspace, in slices of so many chunks. */
static void run(const test_device *device, test_work *work, uint32_t slots, const char *what) {
  uint64_t bytes = 0;
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    if (slots & (1u << slot)) {
      const bool in_place = slot == TEST_INPUT_GRADIENT && !work->arrays[slot].bytes;
      bytes += work->arrays[in_place ? TEST_INPUT : slot].item;
    }
  device->closs->caps.max_allocation = bytes * CHUNKS * CLOSS_CHUNK * CLOSS_STAGE_PART;
  closs_plan *plan = NULL;
  if (test_work_compare(device, work, what, NULL) != CLOSS_OK) return; /* a type that the device has not */
  assert_int_equal(test_work_plan(device, work, &plan, NULL), CLOSS_OK);
  if (plan->layout.staging.slots != slots)
    fail_msg("%s: slots %#x go through the workspace, not %#x", what, (unsigned)plan->layout.staging.slots,
             (unsigned)slots);
  assert_true(slots == 0 || closs_layout_slices(&plan->layout) > TERMS / CLOSS_CHUNK / CHUNKS);
  closs_plan_destroy(plan);
}

static void expect(const test_device *device, test_work *work, uint32_t slots, const char *what) {
  test_work_outputs(work, 0);
  run(device, work, slots, what);
  test_work_free(work);
}

/* By the schedule that the device has not of itself, too. */
static void expect_both(const test_device *device, test_work *work, uint32_t slots, const char *what) {
  const bool lanes = closs_tuning_for(&device->closs->caps).schedule == CLOSS_SCHEDULE_LANES;
  test_work_outputs(work, 0);
  run(device, work, slots, what);
  work->options.schedule = lanes ? CLOSS_SCHEDULE_GROUPS : CLOSS_SCHEDULE_LANES;
  if (!slow()) run(device, work, slots, what);
  test_work_free(work);
}

static void transposed_target(void **state) {
  const test_device *device = *state;
  const uint64_t side = 107, shape[] = {side, side + 4};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 2, shape),
                     target = test_tensor_transposed(CLOSS_F32, shape);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS | both_gradients, &input, &target);
  put(&work, TEST_TARGET_GRADIENT, &target, 1);
  expect_both(device, &work, BIT(TARGET) | BIT(TARGET_GRADIENT), "f32");
}

/* Both operands, of types that differ, the gradient of one in its place, and losses that lie across. */
static void all_arrays(void **state) {
  if (slow()) skip();
  const test_device *device = *state;
  const uint64_t side = 107, shape[] = {side, side + 7};
  closs_tensor input = test_tensor_transposed(CLOSS_F16, shape), target = test_tensor_transposed(CLOSS_F32, shape);
  test_work work = test_work_make(CLOSS_HUBER, CLOSS_NONE, CLOSS_OUTPUT_LOSS | both_gradients, &input, &target);
  work.options.input_gradient_mode = CLOSS_GRADIENT_IN_PLACE;
  work.options.target_gradient_mode = CLOSS_GRADIENT_ACCUMULATE;
  put(&work, TEST_LOSS, &target, 2);
  put(&work, TEST_TARGET_GRADIENT, &target, 3);
  put(&work, TEST_UPSTREAM, &target, 4);
  put(&work, TEST_WEIGHT, &target, 5);
  expect_both(device, &work, (1u << CLOSS_SLOT_COUNT) - 1, "all arrays");
}

/* Elements of 1, 8 and 16 bytes. */
static void other_types(void **state) {
  if (slow()) skip();
  static const closs_dtype types[] = {CLOSS_U8, CLOSS_F64, CLOSS_C64, CLOSS_C128};
  const test_device *device = *state;
  for (size_t t = 0; t < TEST_COUNT(types); ++t) {
    const uint64_t columns = 64 + t, shape[] = {TERMS / columns, columns};
    const closs_dtype floating = types[t] == CLOSS_U8 ? CLOSS_F32 : types[t];
    const closs_tensor input = closs_tensor_contiguous(floating, 2, shape),
                       target = test_tensor_transposed(types[t], shape);
    test_work work = test_work_make(CLOSS_L1, CLOSS_SUM, CLOSS_OUTPUT_LOSS, &input, &target);
    expect(device, &work, BIT(TARGET), closs_dtype_name(types[t]));
  }
}

/* [batch, channels, pixels] against channels last, backwards along the channels; a gradient that is added to. */
static void channels_last(void **state) {
  const test_device *device = *state;
  static const uint32_t order[] = {0, 2, 1};
  const uint64_t shape[] = {5, 21, TERMS / 105};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 3, shape);
  closs_tensor target = test_tensor_permuted(CLOSS_F32, 3, shape, order);
  test_work work = test_work_make(CLOSS_MSE, CLOSS_MEAN, CLOSS_OUTPUT_LOSS | both_gradients, &input, &target);
  put(&work, TEST_TARGET_GRADIENT, &target, 6);
  work.options.target_gradient_mode = CLOSS_GRADIENT_ACCUMULATE;
  expect(device, &work, BIT(TARGET) | BIT(TARGET_GRADIENT), "channels last");
  target.strides[1] = -1;
  work = test_work_make(CLOSS_MSE, CLOSS_MEAN, CLOSS_OUTPUT_LOSS, &input, &target);
  expect(device, &work, BIT(TARGET), "channels last, backwards");
}

/* Other dimensions lie between those of terms and of lines, and outside. */
static void far_lines(void **state) {
  if (slow()) skip();
  const test_device *device = *state;
  static const uint32_t order[] = {0, 4, 2, 3, 1};
  const uint64_t shape[] = {5, 17, 2, 3, TERMS / 510};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 5, shape);
  const closs_tensor target = test_tensor_permuted(CLOSS_F32, 5, shape, order);
  test_work work =
      test_work_make(CLOSS_SMOOTH_L1, CLOSS_SUM, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT, &input, &target);
  put(&work, TEST_TARGET_GRADIENT, &target, 7);
  expect(device, &work, BIT(TARGET) | BIT(TARGET_GRADIENT), "far lines");
}

/* The gradient of a broadcast operand that goes through the workspace itself is a sum by columns, of strided access. */
static void broadcast_operand(void **state) {
  if (slow()) skip();
  const test_device *device = *state;
  static const uint32_t order[] = {0, 2, 1};
  const uint64_t shape[] = {3, 17, 240}, one[] = {1, 17, 240};
  const closs_tensor input = test_tensor_permuted(CLOSS_F32, 3, one, order),
                     target = closs_tensor_contiguous(CLOSS_F32, 3, shape);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS | both_gradients, &input, &target);
  expect(device, &work, BIT(INPUT), "broadcast");
}

/* closs's own events order the copies and the passes. */
static void queue_without_order(void **state) {
  test_device device = *(const test_device *)*state;
  const uint64_t shape[] = {103, 117};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 2, shape),
                     target = test_tensor_transposed(CLOSS_F32, shape);
  cl_int code;
  device.queue = clCreateCommandQueue(device.context, device.device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
  if (code != CL_SUCCESS) skip();
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS | both_gradients, &input, &target);
  put(&work, TEST_TARGET_GRADIENT, &target, 10);
  expect(&device, &work, BIT(TARGET) | BIT(TARGET_GRADIENT), "without order");
  clReleaseCommandQueue(device.queue);
}

/* Gradients of a piece have no state; those of a sum are what they are without the other pieces. */
static void gradients_of_a_piece(void **state) {
  if (slow()) skip();
  const test_device *device = *state;
  const uint64_t shape[] = {105, 119};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 2, shape),
                     target = test_tensor_transposed(CLOSS_F32, shape);
  test_work work = test_work_make(CLOSS_MSE, CLOSS_SUM, CLOSS_OUTPUT_INPUT_GRADIENT, &input, &target);
  test_results expected, results;
  test_work_outputs(&work, 0);
  run(device, &work, BIT(TARGET), "gradients alone");
  assert_int_equal(test_work_reference(&work, &expected, NULL), CLOSS_OK);
  work.options.total_terms = 10 * TERMS;
  assert_int_equal(test_work_device(device, &work, &results, NULL), CLOSS_OK);
  test_results_same(&expected, &results, "gradients of a piece");
  test_results_free(&expected);
  test_results_free(&results);
  test_work_free(&work);
}

/* Sums by columns, and of weights, read arrays as they are. */
static void beside_other_sums(void **state) {
  if (slow()) skip();
  const test_device *device = *state;
  const uint64_t side = 107, shape[] = {side, side + 2};
  const closs_tensor row = closs_tensor_contiguous(CLOSS_F32, 1, &shape[1]),
                     target = test_tensor_transposed(CLOSS_F32, shape);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS | both_gradients, &row, &target);
  put(&work, TEST_WEIGHT, &target, 8);
  put(&work, TEST_TARGET_GRADIENT, &target, 9);
  work.options.mean_over = CLOSS_MEAN_OVER_WEIGHTS;
  expect(device, &work, BIT(TARGET) | BIT(TARGET_GRADIENT), "over weights");
  work = test_work_make(CLOSS_L1, CLOSS_SUM, CLOSS_OUTPUT_INPUT_GRADIENT, &row, &target);
  expect(device, &work, 0, "no pass");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transposed_target),   cmocka_unit_test(all_arrays),
      cmocka_unit_test(other_types),         cmocka_unit_test(channels_last),
      cmocka_unit_test(far_lines),           cmocka_unit_test(broadcast_operand),
      cmocka_unit_test(queue_without_order), cmocka_unit_test(gradients_of_a_piece),
      cmocka_unit_test(beside_other_sums),
  };
  return cmocka_run_group_tests_name("staging", tests, test_device_setup, test_device_teardown);
}
