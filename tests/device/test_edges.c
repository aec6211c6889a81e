/* Edges: NaN, infinities, zeros, overflow, no elements, parameters out of range. Reference and device alike. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/work.h"

static const double inf = (double)INFINITY, nan_value = (double)NAN;
static const closs_dtype types[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64};
enum { ALL_OUTPUTS = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT };

/* One element: its operands, what the loss is and what the gradient of the input. */
typedef struct element_case {
  closs_loss loss;
  double parameter, x, y, value, slope;
} element_case;

static bool same(double a, double b) {
  return isnan(a) ? isnan(b) : a == b;
}

static void expect(closs_dtype dtype, const test_array *array, double expected, const char *what) {
  for (uint64_t i = 0; i < closs_tensor_elements(&array->tensor); ++i) {
    const double actual = test_value(dtype, test_array_at(array, i));
    if (!same(expected, actual))
      fail_msg("%s: element %llu is %g, expected %g", what, (unsigned long long)i, actual, expected);
  }
}

static test_work make_work(closs_loss loss, double parameter, closs_reduction reduction, closs_dtype dtype, uint64_t n,
                           int64_t stride) {
  closs_tensor tensor = closs_tensor_contiguous(dtype, 1, &n);
  tensor.strides[0] = stride;
  test_work work = test_work_make(loss, reduction, ALL_OUTPUTS, &tensor, &tensor);
  test_work_parameter(&work, parameter);
  test_work_outputs(&work, 0);
  return work;
}

static void fill(test_array *array, double value) {
  for (uint64_t i = 0; i < closs_tensor_elements(&array->tensor); ++i)
    test_store(array->tensor.dtype, test_array_at(array, i), value);
}

/* 130 equal elements, so that vectors and tails see them, on both ways that memory is walked. */
static void run_element(const test_device *device, const element_case *element, closs_dtype dtype, int64_t stride) {
  char what[160];
  snprintf(what, sizeof what, "%s(%g) of %s %g and %g, stride %d", closs_loss_by_id(element->loss)->name,
           element->parameter, closs_dtype_name(dtype), element->x, element->y, (int)stride);
  test_work work = make_work(element->loss, element->parameter, CLOSS_NONE, dtype, 130, stride);
  test_results results;
  fill(&work.arrays[TEST_INPUT], element->x);
  fill(&work.arrays[TEST_TARGET], element->y);
  if (test_work_compare(device, &work, what, &results) == CLOSS_OK) {
    expect(dtype, &results.arrays[TEST_LOSS], element->value, what);
    expect(dtype, &results.arrays[TEST_INPUT_GRADIENT], element->slope, what);
    expect(dtype, &results.arrays[TEST_TARGET_GRADIENT], -element->slope, what);
  }
  test_results_free(&results);
  test_work_free(&work);
}

static void run_elements(const test_device *device, const element_case *elements, size_t count) {
  for (size_t i = 0; i < count; ++i)
    for (size_t t = 0; t < TEST_COUNT(types); ++t)
      for (int64_t stride = 1; stride <= 2; ++stride)
        run_element(device, &elements[i], types[t], stride);
}

static void test_nan_residuals(void **state) {
  static const closs_loss losses[] = {CLOSS_L1, CLOSS_MSE, CLOSS_SMOOTH_L1, CLOSS_HUBER};
  static const double parameters[] = {1, 1, 0, 1};
  const double pairs[][2] = {{nan_value, 1}, {1, nan_value}, {nan_value, nan_value},
                             {inf, inf},     {-inf, -inf},   {nan_value, inf}};
  for (size_t l = 0; l < TEST_COUNT(losses); ++l)
    for (size_t p = 0; p < TEST_COUNT(pairs); ++p) {
      const element_case element = {losses[l], parameters[l], pairs[p][0], pairs[p][1], nan_value, nan_value};
      run_elements(*state, &element, 1);
    }
  /* beta, delta infinite or 0 change nothing */
  const element_case others[] = {{CLOSS_SMOOTH_L1, 1, nan_value, 0, nan_value, nan_value},
                                 {CLOSS_SMOOTH_L1, inf, nan_value, 0, nan_value, nan_value},
                                 {CLOSS_HUBER, inf, 0, nan_value, nan_value, nan_value}};
  run_elements(*state, others, TEST_COUNT(others));
}

static void test_infinite_residuals(void **state) {
  const element_case elements[] = {
      {CLOSS_L1, 0, inf, 1, inf, 1},
      {CLOSS_L1, 0, -inf, 1, inf, -1},
      {CLOSS_L1, 0, inf, -inf, inf, 1},
      {CLOSS_MSE, 0, inf, 0, inf, inf},
      {CLOSS_MSE, 0, 1, inf, inf, -inf},
      {CLOSS_SMOOTH_L1, 1, inf, 0, inf, 1},
      {CLOSS_SMOOTH_L1, 0.5, 0, inf, inf, -1},
      {CLOSS_SMOOTH_L1, 0, -inf, 0, inf, -1},
      {CLOSS_HUBER, 1, inf, 0, inf, 1},
      {CLOSS_HUBER, 2, 0, inf, inf, -2},
      /* as the formulas have it, and PyTorch */
      {CLOSS_SMOOTH_L1, inf, inf, 0, nan_value, 1},
      {CLOSS_SMOOTH_L1, inf, 3, 1, 0, 0},
      {CLOSS_HUBER, inf, -inf, 0, inf, -inf},
      {CLOSS_HUBER, inf, 3, 1, 2, 2},
  };
  run_elements(*state, elements, TEST_COUNT(elements));
}

static void test_zeros_and_ties(void **state) {
  const element_case elements[] = {
      {CLOSS_L1, 0, 2, 2, 0, 0},
      {CLOSS_L1, 0, -0.0, 0.0, 0, 0},
      {CLOSS_MSE, 0, -0.0, 0.0, 0, 0},
      {CLOSS_SMOOTH_L1, 1, -0.0, 0.0, 0, 0},
      {CLOSS_SMOOTH_L1, 0, 0.0, -0.0, 0, 0},
      {CLOSS_HUBER, 1, -0.0, -0.0, 0, 0},
      {CLOSS_SMOOTH_L1, 1, 2, 1, 0.5, 1},
      {CLOSS_SMOOTH_L1, 1, 1, 2, 0.5, -1},
      {CLOSS_SMOOTH_L1, 0.5, 1.5, 1, 0.25, 1},
      {CLOSS_HUBER, 1, 2, 1, 0.5, 1},
      {CLOSS_HUBER, 2, 1, 3, 2, -2},
      {CLOSS_HUBER, 2, 1, 4, 4, -2},
  };
  run_elements(*state, elements, TEST_COUNT(elements));
}

/* A NaN of any sign and payload, signalling too, leaves as the one quiet NaN: test_work_compare() looks. */
static void test_nan_payloads(void **state) {
  static const uint32_t payloads[] = {0x7f800001, 0xff800001, 0x7fffffff, 0xffc00000, 0x7fa00000};
  for (size_t i = 0; i < TEST_COUNT(payloads); ++i)
    for (size_t l = 0; l < closs_loss_count(); ++l)
      for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction) {
        test_work work = make_work(closs_loss_at(l)->loss, 1, reduction, CLOSS_F32, 65, 1);
        test_results results;
        memcpy(test_array_at(&work.arrays[TEST_TARGET], 64), &payloads[i], sizeof payloads[i]);
        test_work_compare(*state, &work, closs_loss_at(l)->name, &results);
        const test_array *loss = &results.arrays[TEST_LOSS];
        assert_true(isnan(test_value(CLOSS_F32, test_array_at(loss, reduction == CLOSS_NONE ? 64 : 0))));
        test_results_free(&results);
        test_work_free(&work);
      }
}

static void expect_reduced(const test_device *device, test_work *work, double expected, const char *what) {
  test_results results;
  if (test_work_compare(device, work, what, &results) == CLOSS_OK)
    expect(work->arrays[TEST_LOSS].tensor.dtype, &results.arrays[TEST_LOSS], expected, what);
  test_results_free(&results);
}

/* Sum and mean by turns: each is a program of its own. */
static void test_one_infinity_in_a_sum(void **state) {
  static const uint64_t lengths[] = {1, 64, 4097, 40000};
  for (size_t l = 0; l < closs_loss_count(); ++l)
    for (size_t t = 0; t < TEST_COUNT(types); ++t)
      for (size_t n = 0; n < TEST_COUNT(lengths); ++n)
        for (unsigned where = 0; where < 3; ++where) {
          const uint64_t last = lengths[n] - 1, places[] = {0, last / 2, last};
          const closs_loss_info *info = closs_loss_at(l);
          test_work work = make_work(info->loss, 1, (l + t) % 2 ? CLOSS_MEAN : CLOSS_SUM, types[t], lengths[n], 1);
          test_store(types[t], test_array_at(&work.arrays[TEST_INPUT], places[where]), where ? inf : -inf);
          expect_reduced(*state, &work, inf, info->name);
          test_work_free(&work);
        }
}

/* Terms of one sign whose sum is out of range: the infinity, and no NaN from the compensation. */
static void test_overflowing_sums(void **state) {
  static const double large[] = {0x1.ffcp15, 0x1.fep127, 0x1.fffffep127, 0x1.fffffffffffffp1023};
  static const uint64_t lengths[] = {2, 63, 64, 65, 4096, 4097, 70000};
  for (size_t t = 0; t < TEST_COUNT(types); ++t)
    for (size_t n = 0; n < TEST_COUNT(lengths); ++n)
      for (unsigned sign = 0; sign < 2; ++sign) {
        const char *what = closs_dtype_name(types[t]);
        test_work work = make_work(CLOSS_L1, 0, CLOSS_SUM, types[t], lengths[n], 1);
        closs_tensor ones = work.arrays[TEST_INPUT].tensor;
        fill(&work.arrays[TEST_INPUT], large[t]);
        fill(&work.arrays[TEST_TARGET], 0);
        if (sign) {
          work.arrays[TEST_WEIGHT] = test_array_make(&ones, 0);
          fill(&work.arrays[TEST_WEIGHT], -1);
        }
        expect_reduced(*state, &work, sign ? -inf : inf, what);
        work.options.reduction = CLOSS_MEAN;
        work.options.mean_over = CLOSS_MEAN_OVER_COUNT;
        const double mean = types[t] == CLOSS_F16 ? large[t] : inf; /* f16 is summed in f32, where it fits */
        expect_reduced(*state, &work, sign ? -mean : mean, what);
        test_work_free(&work);
      }
}

static void test_weights_of_zero(void **state) {
  const double zero_by_inf[] = {0, inf, nan_value},
               cases[][5] = {
                   /* weights, residuals, weighted mean */
                   {0, 0, 1, 2, nan_value},  {0, 0, 0, 0, nan_value}, {1, -1, 1, 2, -inf}, {1, -1, 2, 1, inf},
                   {1, -1, 2, 2, nan_value}, {2, 2, 1, 3, 2},         {-1, -1, 1, 3, 2},   {inf, 1, 1, 1, nan_value},
                   {-1, -1, 1, inf, inf},    {-1, 3, inf, 1, -inf},
               };
  for (size_t t = 0; t < TEST_COUNT(types); ++t) {
    test_work work = make_work(CLOSS_L1, 0, CLOSS_NONE, types[t], 70, 1);
    const closs_tensor tensor = work.arrays[TEST_INPUT].tensor;
    test_results results;
    work.arrays[TEST_WEIGHT] = test_array_make(&tensor, 0);
    fill(&work.arrays[TEST_WEIGHT], zero_by_inf[0]);
    fill(&work.arrays[TEST_INPUT], zero_by_inf[1]);
    if (test_work_compare(*state, &work, "0 times infinity", &results) == CLOSS_OK)
      expect(types[t], &results.arrays[TEST_LOSS], zero_by_inf[2], "0 times infinity");
    test_results_free(&results);
    test_work_free(&work);

    for (size_t i = 0; i < TEST_COUNT(cases); ++i) {
      char what[80];
      snprintf(what, sizeof what, "weights %g and %g over %g and %g", cases[i][0], cases[i][1], cases[i][2],
               cases[i][3]);
      work = make_work(CLOSS_L1, 0, CLOSS_MEAN, types[t], 2, 1);
      const closs_tensor pair = work.arrays[TEST_INPUT].tensor;
      work.arrays[TEST_WEIGHT] = test_array_make(&pair, 0);
      fill(&work.arrays[TEST_TARGET], 0);
      for (unsigned k = 0; k < 2; ++k) {
        test_store(types[t], test_array_at(&work.arrays[TEST_WEIGHT], k), cases[i][k]);
        test_store(types[t], test_array_at(&work.arrays[TEST_INPUT], k), cases[i][2 + k]);
      }
      expect_reduced(*state, &work, cases[i][4], what);
      test_work_free(&work);
    }
  }
}

/* Arrays without elements: NULL buffers are accepted, and the event is set. */
static void run_empty(const test_device *device, closs_loss loss, closs_reduction reduction) {
  const uint64_t shape[] = {3, 0};
  const closs_tensor empty = closs_tensor_contiguous(CLOSS_F32, 2, shape);
  float result = 5;
  cl_event event = NULL;
  closs_plan *plan = NULL;
  closs_error error;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = loss;
  options.reduction = reduction;
  options.outputs = ALL_OUTPUTS;
  options.input = options.target = empty;

  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  arrays.loss = reduction == CLOSS_NONE ? NULL : &result;
  assert_int_equal(closs_reference(&options, &arrays, &error), CLOSS_OK);
  const double expected = reduction == CLOSS_NONE ? 5 : reduction == CLOSS_SUM ? 0 : nan_value;
  assert_true(same(expected, (double)result));

  assert_int_equal(closs_plan_create(device->closs, &options, &plan, &error), CLOSS_OK);
  assert_int_equal(closs_plan_prepare(plan, &error), CLOSS_OK);
  assert_int_equal(closs_plan_terms(plan), 0);
  result = 5;
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  const uint64_t bytes = closs_plan_workspace(plan);
  if (bytes) buffers.workspace.memory = test_buffer(device, (size_t)bytes, NULL);
  if (reduction != CLOSS_NONE) buffers.loss.memory = test_buffer(device, sizeof result, &result);
  if (closs_enqueue(plan, device->queue, &buffers, 0, NULL, &event, &error) != CLOSS_OK) fail_msg("%s", error.text);
  assert_non_null(event);
  test_cl(clWaitForEvents(1, &event), "clWaitForEvents");
  if (reduction != CLOSS_NONE) {
    test_read(device, buffers.loss.memory, sizeof result, &result);
    clReleaseMemObject(buffers.loss.memory);
  }
  assert_true(same(expected, (double)result));
  if (bytes) clReleaseMemObject(buffers.workspace.memory);
  clReleaseEvent(event);
  closs_plan_destroy(plan);
}

static void test_empty_arrays(void **state) {
  for (size_t l = 0; l < closs_loss_count(); ++l)
    for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction)
      run_empty(*state, closs_loss_at(l)->loss, reduction);
}

/* An operand with elements against one without: its gradient sums nothing. */
static void test_gradient_of_an_operand_broadcast_to_nothing(void **state) {
  const uint64_t shape[] = {0, 3};
  const closs_tensor empty = closs_tensor_contiguous(CLOSS_F32, 2, shape),
                     row = closs_tensor_contiguous(CLOSS_F32, 1, shape + 1);
  uint64_t stream = 1;
  for (size_t l = 0; l < closs_loss_count(); ++l)
    for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction) {
      test_work work = test_work_make(closs_loss_at(l)->loss, reduction, ALL_OUTPUTS, &empty, &row);
      test_results results;
      test_work_outputs(&work, 0);
      assert_int_equal(test_work_compare(*state, &work, "no terms", &results), CLOSS_OK);
      expect(CLOSS_F32, &results.arrays[TEST_TARGET_GRADIENT], 0, "no terms");
      test_results_free(&results);
      work.options.target_gradient_mode = CLOSS_GRADIENT_ACCUMULATE; /* and adds nothing */
      test_array_fill(&work.arrays[TEST_TARGET_GRADIENT], TEST_PLAIN, &stream);
      assert_int_equal(test_work_compare(*state, &work, "no terms, accumulated", NULL), CLOSS_OK);
      test_work_free(&work);
    }
}

typedef struct parameter_case {
  closs_loss loss;
  closs_dtype dtype;
  const char *name;
  double value;
  const char *says; /* part of the text, or NULL where the value is good */
} parameter_case;

static void test_parameters(void **state) {
  const parameter_case cases[] = {
      {CLOSS_HUBER, CLOSS_F32, "delta", 0, "delta"},
      {CLOSS_HUBER, CLOSS_F32, "delta", -1, "-1"},
      {CLOSS_HUBER, CLOSS_F32, "delta", nan_value, "nan"},
      {CLOSS_HUBER, CLOSS_F32, "delta", 0x1p-101, "delta"},
      {CLOSS_HUBER, CLOSS_F32, "delta", 0x1p101, "delta"},
      {CLOSS_HUBER, CLOSS_F32, "delta", 0x1p-100, NULL},
      {CLOSS_HUBER, CLOSS_F32, "delta", 0x1p100, NULL},
      {CLOSS_HUBER, CLOSS_F32, "delta", inf, NULL},
      {CLOSS_HUBER, CLOSS_F32, "delta", -inf, "-inf"},
      {CLOSS_HUBER, CLOSS_F64, "delta", 0x1p-900, NULL},
      {CLOSS_HUBER, CLOSS_F64, "delta", 0x1p-901, "delta"},
      {CLOSS_HUBER, CLOSS_F64, "delta", 0x1p901, "delta"},
      {CLOSS_HUBER, CLOSS_F32, "beta", 1, "beta"},
      {CLOSS_SMOOTH_L1, CLOSS_F32, "beta", -0.5, "-0.5"},
      {CLOSS_SMOOTH_L1, CLOSS_F32, "beta", nan_value, "nan"},
      {CLOSS_SMOOTH_L1, CLOSS_F32, "beta", 0, NULL},
      {CLOSS_SMOOTH_L1, CLOSS_F32, "beta", inf, NULL},
      {CLOSS_SMOOTH_L1, CLOSS_F32, "beta", 0x1p-101, "beta"},
      {CLOSS_SMOOTH_L1, CLOSS_F16, "beta", 0x1p-100, NULL},
      {CLOSS_SMOOTH_L1, CLOSS_F32, "delta", 1, "delta"},
      {CLOSS_L1, CLOSS_F32, "beta", 1, "beta"},
      {CLOSS_MSE, CLOSS_F32, "delta", 1, "delta"},
  };
  const test_device *device = *state;
  for (size_t i = 0; i < TEST_COUNT(cases); ++i) {
    const parameter_case *c = &cases[i];
    if (c->dtype == CLOSS_F64 && !device->fp64) continue;
    test_work work = make_work(c->loss, 1, CLOSS_MEAN, c->dtype, 3, 1);
    test_results results;
    closs_error on_host = {CLOSS_OK, 0, ""}, on_device = {CLOSS_OK, 0, ""};
    work.parameter = (closs_parameter){c->name, c->value};
    work.options.parameter_count = 1;
    const closs_status expected = c->says ? CLOSS_INVALID_ARGUMENT : CLOSS_OK;
    assert_int_equal(test_work_reference(&work, &results, &on_host), expected);
    test_results_free(&results);
    assert_int_equal(test_work_device(device, &work, &results, &on_device), expected);
    test_results_free(&results);
    assert_string_equal(on_host.text, on_device.text);
    if (c->says && (!strstr(on_host.text, c->says) || !strstr(on_host.text, c->name)))
      fail_msg("%s = %g: \"%s\" does not say %s", c->name, c->value, on_host.text, c->says);
    test_work_free(&work);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_nan_residuals),
      cmocka_unit_test(test_infinite_residuals),
      cmocka_unit_test(test_zeros_and_ties),
      cmocka_unit_test(test_nan_payloads),
      cmocka_unit_test(test_one_infinity_in_a_sum),
      cmocka_unit_test(test_overflowing_sums),
      cmocka_unit_test(test_weights_of_zero),
      cmocka_unit_test(test_empty_arrays),
      cmocka_unit_test(test_gradient_of_an_operand_broadcast_to_nothing),
      cmocka_unit_test(test_parameters),
  };
  return cmocka_run_group_tests_name("edges", tests, test_device_setup, test_device_teardown);
}
