/* The simple tier: host arrays in, host arrays out, whatever their alignment and strides. */
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/work.h"

enum { ALL_OUTPUTS = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT };

static void compare(const test_device *device, test_work *work, const char *what) {
  test_results expected, actual;
  closs_error error = {CLOSS_OK, 0, ""};
  if (test_work_reference(work, &expected, &error) != CLOSS_OK || test_work_compute(device, work, &actual, &error))
    fail_msg("%s: %s", what, error.text);
  test_results_same(&expected, &actual, what);
  test_results_free(&expected);
  test_results_free(&actual);
}

/* Arrays at every alignment that their type allows, beside bytes that nobody may touch. */
static void test_any_alignment(void **state) {
  const closs_dtype types[] = {CLOSS_F16, CLOSS_F32, CLOSS_F64};
  const uint64_t lengths[] = {1, 100, 5000};
  const test_device *device = *state;
  for (size_t t = 0; t < TEST_COUNT(types); ++t)
    for (size_t n = 0; n < TEST_COUNT(lengths); ++n)
      for (size_t shift = 0; shift < 17 && (device->fp64 || types[t] != CLOSS_F64); shift += 3)
        for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction) {
          const closs_tensor tensor = closs_tensor_contiguous(types[t], 1, &lengths[n]);
          test_work work = test_work_make(CLOSS_MSE, reduction, ALL_OUTPUTS, &tensor, &tensor);
          test_array_free(&work.arrays[TEST_TARGET]);
          work.arrays[TEST_TARGET] = test_array_make(&tensor, shift);
          uint64_t stream = shift;
          test_array_fill(&work.arrays[TEST_TARGET], TEST_PLAIN, &stream);
          test_work_outputs(&work, shift / 2);
          compare(device, &work, "alignment");
          test_work_free(&work);
        }
}

static void test_strides_and_broadcasting(void **state) {
  const closs_tensor inputs[] = {
      {CLOSS_F32, 2, {40, 120}, {1, 40}},  {CLOSS_F32, 2, {40, 120}, {-120, -1}}, {CLOSS_F32, 2, {40, 120}, {0, 1}},
      {CLOSS_F32, 2, {40, 120}, {130, 1}}, {CLOSS_F32, 2, {40, 1}, {1, 1}},       {CLOSS_F32, 0, {0}, {0}},
  };
  const uint64_t shape[] = {40, 120};
  const closs_tensor target = closs_tensor_contiguous(CLOSS_F16, 2, shape),
                     row = closs_tensor_contiguous(CLOSS_I8, 1, shape + 1);
  for (size_t i = 0; i < TEST_COUNT(inputs); ++i)
    for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction) {
      test_work work = test_work_make(CLOSS_SMOOTH_L1, reduction, ALL_OUTPUTS, &inputs[i], i % 2 ? &target : &row);
      work.arrays[TEST_WEIGHT] = test_array_copy(&work.arrays[TEST_TARGET]);
      work.options.target_gradient_mode = CLOSS_GRADIENT_ACCUMULATE;
      work.upstream_value = 3;
      test_work_outputs(&work, 1);
      if (inputs[i].shape[1] != 1 && inputs[i].rank) /* weights broadcast to the loss, not the loss to them */
        compare(*state, &work, "strides");
      test_array_free(&work.arrays[TEST_WEIGHT]);
      compare(*state, &work, "strides without weights");
      test_work_free(&work);
    }
}

/* Three dimensions that stay apart: a tile of terms goes over ends of one, and of two at once. */
static void test_three_dimensions(void **state) {
  const closs_tensor input = {CLOSS_F32, 3, {50, 3, 7}, {1, 50, 150}},
                     target = closs_tensor_contiguous(CLOSS_F16, 3, input.shape);
  for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction) {
    test_work work = test_work_make(CLOSS_SMOOTH_L1, reduction, ALL_OUTPUTS, &input, &target);
    test_work_outputs(&work, 0);
    compare(*state, &work, "three dimensions");
    test_work_free(&work);
  }
  /* Columns whose terms are two of them: a lane's steps of 64 end just where the inner one does. */
  const closs_tensor padded = {CLOSS_F32, 3, {5, 128, 20}, {129 * 20, 20, 1}},
                     row = closs_tensor_contiguous(CLOSS_F32, 1, padded.shape + 2);
  test_work work = test_work_make(CLOSS_SMOOTH_L1, CLOSS_SUM, CLOSS_OUTPUT_TARGET_GRADIENT, &padded, &row);
  test_work_outputs(&work, 0);
  compare(*state, &work, "columns of two dimensions");
  test_work_free(&work);
}

static void test_in_place(void **state) {
  const uint64_t length = 9000;
  const closs_tensor tensor = closs_tensor_contiguous(CLOSS_F32, 1, &length);
  test_work work = test_work_make(CLOSS_HUBER, CLOSS_MEAN, ALL_OUTPUTS, &tensor, &tensor);
  work.options.input_gradient_mode = work.options.target_gradient_mode = CLOSS_GRADIENT_IN_PLACE;
  test_work_outputs(&work, 0);
  compare(*state, &work, "in place");
  test_work_free(&work);
}

static void test_plan_and_times(void **state) {
  const test_device *device = *state;
  const uint64_t shape[] = {7, 1000};
  const float one = 1;
  float *input = test_allocate(7000 * sizeof *input), loss = 0;
  closs_plan *plan = NULL;
  closs_timing timing = {-1, -1, -1};
  closs_error error = {CLOSS_OK, 0, ""};
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  memset(input, 0, 7000 * sizeof *input);
  options.loss = CLOSS_L1;
  options.input = closs_tensor_contiguous(CLOSS_F32, 2, shape);
  options.target = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  arrays.input = input;
  arrays.target = &one;
  arrays.loss = &loss;
  if (closs_compute(device->closs, &options, &arrays, &plan, &timing, &error) != CLOSS_OK) fail_msg("%s", error.text);
  assert_true(loss == 1);
  assert_int_equal(closs_plan_terms(plan), 7000);
  assert_int_equal(closs_plan_loss(plan)->rank, 0);
  assert_int_equal(closs_plan_input_gradient(plan)->rank, 2);
  assert_int_equal(closs_plan_input_gradient(plan)->shape[1], 1000);
  assert_int_equal(closs_plan_target_gradient(plan)->rank, 0);
  assert_true(timing.program >= 0 && timing.transfer >= 0 && timing.kernel > 0);
  closs_plan_destroy(plan);
  free(input);
}

static void test_missing_arrays(void **state) {
  const test_device *device = *state;
  const uint64_t shape[] = {4};
  const float four[4] = {1, 2, 3, 4};
  float loss;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  static const char *const names[] = {"input", "target", "loss"};
  for (unsigned missing = 0; missing < TEST_COUNT(names); ++missing) {
    closs_arrays arrays = CLOSS_ARRAYS_INIT;
    closs_error on_device = {CLOSS_OK, 0, ""}, on_host = {CLOSS_OK, 0, ""};
    closs_plan *plan = (closs_plan *)(void *)&options; /* to be set to NULL */
    arrays.input = missing == 0 ? NULL : four;
    arrays.target = missing == 1 ? NULL : four;
    arrays.loss = missing == 2 ? NULL : &loss;
    assert_int_equal(closs_compute(device->closs, &options, &arrays, &plan, NULL, &on_device), CLOSS_INVALID_ARGUMENT);
    assert_null(plan);
    assert_int_equal(closs_reference(&options, &arrays, &on_host), CLOSS_INVALID_ARGUMENT);
    assert_ptr_equal(strstr(on_device.text, names[missing]), on_device.text);
    assert_ptr_equal(strstr(on_host.text, names[missing]), on_host.text);
  }
}

/* The question without side effects has the answer of closs_plan_create(), to the letter. */
static void test_supported(void **state) {
  const test_device *device = *state;
  const uint64_t shape[] = {4, 5}, other[] = {4, 6};
  const closs_tensor tensors[] = {
      closs_tensor_contiguous(CLOSS_F32, 2, shape),      closs_tensor_contiguous(CLOSS_C64, 2, shape),
      closs_tensor_contiguous(CLOSS_F64, 2, shape),      closs_tensor_contiguous(CLOSS_F32, 2, other),
      closs_tensor_contiguous((closs_dtype)0, 2, shape), {CLOSS_F32, CLOSS_MAX_RANK + 1, {0}, {0}}};
  unsigned refused = 0;
  for (size_t l = 0; l < closs_loss_count(); ++l)
    for (size_t i = 0; i < TEST_COUNT(tensors); ++i) {
      closs_plan *plan = NULL;
      closs_error asked = {CLOSS_OK, 0, ""}, made = {CLOSS_OK, 0, ""};
      closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
      options.loss = closs_loss_at(l)->loss;
      options.input = tensors[0];
      options.target = tensors[i];
      const closs_status status = closs_loss_supported(device->closs, &options, &asked);
      assert_int_equal(status, closs_plan_create(device->closs, &options, &plan, &made));
      assert_string_equal(asked.text, made.text);
      assert_int_equal(status == CLOSS_OK, plan != NULL);
      closs_plan_destroy(plan);
      if (i == 1) assert_int_equal(status, closs_loss_at(l)->complex_operands ? CLOSS_OK : CLOSS_UNSUPPORTED);
      if (i == 2) assert_int_equal(status, device->fp64 ? CLOSS_OK : CLOSS_UNSUPPORTED);
      refused += status != CLOSS_OK;
    }
  assert_true(refused >= 3 * closs_loss_count());
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_any_alignment),    cmocka_unit_test(test_strides_and_broadcasting),
      cmocka_unit_test(test_three_dimensions), cmocka_unit_test(test_in_place),
      cmocka_unit_test(test_plan_and_times),   cmocka_unit_test(test_missing_arrays),
      cmocka_unit_test(test_supported),
  };
  return cmocka_run_group_tests_name("compute", tests, test_device_setup, test_device_teardown);
}
