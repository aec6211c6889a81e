#include <math.h>

#include "unit/options.h"

static void sizes(void **state) {
  (void)state;
  char text[128];
  closs_plan_options options = usual();
  refused(NULL, CLOSS_INVALID_ARGUMENT, "options: NULL, expected closs_plan_options");
  options.size--;
  (void)snprintf(text, sizeof text, "options: size is %zu, expected %zu; start from CLOSS_PLAN_OPTIONS_INIT",
                 sizeof options - 1, sizeof options);
  refused(&options, CLOSS_INVALID_ARGUMENT, text);
}

static void choices(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.loss = (closs_loss)0;
  refused(&options, CLOSS_INVALID_ARGUMENT, "loss: 0 is the number of no loss");
  options = usual();
  options.reduction = (closs_reduction)3;
  refused(&options, CLOSS_INVALID_ARGUMENT, "reduction: 3 is none of CLOSS_NONE (0), CLOSS_MEAN (1) and CLOSS_SUM (2)");
  options = usual();
  options.outputs = 0;
  refused(&options, CLOSS_INVALID_ARGUMENT, "outputs: 0x0 is no choice of the bits of closs_output, 0x3f");
  options.outputs = 0x41;
  refused(&options, CLOSS_INVALID_ARGUMENT, "outputs: 0x41 is no choice of the bits of closs_output, 0x3f");
  options = usual();
  options.mean_over = (closs_mean_over)2;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "mean_over: 2 is neither CLOSS_MEAN_OVER_WEIGHTS (0) nor CLOSS_MEAN_OVER_COUNT (1)");
  options = usual();
  options.schedule = (closs_schedule)-1;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "schedule: -1 is none of CLOSS_SCHEDULE_AUTO (0), CLOSS_SCHEDULE_LANES (1) and CLOSS_SCHEDULE_GROUPS (2)");
  options.schedule = CLOSS_SCHEDULE_GROUPS;
  options.work_group = 96;
  refused(&options, CLOSS_INVALID_ARGUMENT, "work_group: 96, expected a power of two from 1 to 1024, or 0");
  options.work_group = 2048;
  refused(&options, CLOSS_INVALID_ARGUMENT, "work_group: 2048, expected a power of two from 1 to 1024, or 0");
  options.work_group = 64;
  options.vector_width = 3;
  refused(&options, CLOSS_INVALID_ARGUMENT, "vector_width: 3, expected 1, 2 or 4, or 0");
  options.vector_width = 4;
  accepted(&options);
  options.work_group = options.vector_width = 0;
  options.schedule = CLOSS_SCHEDULE_LANES;
  (void)accepted(&options);
}

/* 64-bit integers are read as two words, the low one first. */
static void big_endian_devices(void **state) {
  (void)state;
  static const closs_caps big = {.fp64 = true, .int64 = true};
  closs_plan_options options = usual();
  closs_request request;
  closs_error error;
  assert_int_equal(closs_check_options(&options, &big, &request, &error), CLOSS_OK);
  options.target.dtype = CLOSS_I64;
  assert_int_equal(closs_check_options(&options, &big, &request, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text, "target: type is i64, which closs reads on little-endian devices only");
}

static void complex_operands(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.input.dtype = CLOSS_C64;
  refused(&options, CLOSS_UNSUPPORTED, "input: type is c64; mse takes real operands only");
  options = usual();
  options.loss = CLOSS_HUBER;
  options.target.dtype = CLOSS_C128;
  refused(&options, CLOSS_UNSUPPORTED, "target: type is c128; huber takes real operands only");
  options.loss = CLOSS_L1;
  assert_true(accepted(&options).complex_operands);
}

static void double_precision(void **state) {
  (void)state;
  static const closs_caps without = {.fp64 = false, .int64 = true, .little_endian = true},
                          with = {.fp64 = true, .int64 = true, .little_endian = true};
  closs_request request;
  closs_plan_options options = usual();
  assert_int_equal(closs_check_options(&options, &without, &request, NULL), CLOSS_OK);
  options.input.dtype = CLOSS_F64;
  refused_by(&without, &options, CLOSS_UNSUPPORTED, "input: type is f64; the device has no double precision (fp64)");
  assert_int_equal(closs_check_options(&options, &with, &request, NULL), CLOSS_OK);
  assert_int_equal(closs_check_options(&options, NULL, &request, NULL), CLOSS_OK);
  options = usual();
  options.loss = CLOSS_L1;
  options.target.dtype = CLOSS_C128;
  refused_by(&without, &options, CLOSS_UNSUPPORTED, "target: type is c128; the device has no double precision (fp64)");
  options = usual();
  closs_tensor other = tensor(CLOSS_F64, 0, NULL);
  options.weight = &other;
  refused_by(&without, &options, CLOSS_UNSUPPORTED, "weight: type is f64; the device has no double precision (fp64)");
  options.weight = NULL;
  options.upstream = &other;
  refused_by(&without, &options, CLOSS_UNSUPPORTED, "upstream: type is f64; the device has no double precision (fp64)");
}

/* One value of the parameter of smooth_l1 or huber. */
static closs_plan_options with_value(closs_loss loss, closs_dtype dtype, closs_parameter *parameter, double value) {
  closs_plan_options options = usual();
  *parameter = (closs_parameter){loss == CLOSS_HUBER ? "delta" : "beta", value};
  options.loss = loss;
  options.input.dtype = options.target.dtype = dtype;
  options.parameters = parameter;
  options.parameter_count = 1;
  return options;
}

static void defaults(void **state) {
  (void)state;
  closs_plan_options options = usual();
  assert_true(accepted(&options).parameters[0] == 0);
  options.loss = CLOSS_SMOOTH_L1;
  assert_true(accepted(&options).parameters[0] == 1);
}

/* A value is rounded to T, and checked then. */
static void values(void **state) {
  (void)state;
  static const struct {
    closs_loss loss;
    closs_dtype dtype;
    double value, taken;
  } rows[] = {
      {CLOSS_SMOOTH_L1, CLOSS_F32, 0.1, 0x1.99999ap-4},
      {CLOSS_SMOOTH_L1, CLOSS_F64, 0.1, 0.1},
      {CLOSS_SMOOTH_L1, CLOSS_F32, 0, 0},
      {CLOSS_SMOOTH_L1, CLOSS_F16, 1e-60, 0}, /* is 0 in f32 */
      {CLOSS_SMOOTH_L1, CLOSS_F32, -0.0, 0},
      {CLOSS_SMOOTH_L1, CLOSS_F32, INFINITY, INFINITY},
      {CLOSS_SMOOTH_L1, CLOSS_F32, 1e300, INFINITY}, /* likewise infinity */
      {CLOSS_HUBER, CLOSS_F32, 0x1p-100, 0x1p-100},
      {CLOSS_HUBER, CLOSS_F32, 0x1.ffffffffp-101, 0x1p-100},
      {CLOSS_HUBER, CLOSS_F32, 0x1p100, 0x1p100},
      {CLOSS_HUBER, CLOSS_F32, 0x1.00000001p100, 0x1p100},
      {CLOSS_HUBER, CLOSS_F64, 0x1p-900, 0x1p-900},
      {CLOSS_HUBER, CLOSS_F64, 0x1p900, 0x1p900},
      {CLOSS_HUBER, CLOSS_F64, INFINITY, INFINITY},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_parameter parameter;
    closs_plan_options options = with_value(rows[i].loss, rows[i].dtype, &parameter, rows[i].value);
    closs_request request = accepted(&options);
    assert_memory_equal(&request.parameters[0], &rows[i].taken, sizeof(double));
  }
}

static void wrong_values(void **state) {
  (void)state;
  static const struct {
    closs_loss loss;
    closs_dtype dtype;
    double value;
    const char *text;
  } rows[] = {
      {CLOSS_SMOOTH_L1, CLOSS_F32, -1, "beta: -1 is out of range; expected 0, 2^-100 to 2^100 or inf"},
      {CLOSS_SMOOTH_L1, CLOSS_F32, NAN, "beta: nan is out of range; expected 0, 2^-100 to 2^100 or inf"},
      {CLOSS_SMOOTH_L1, CLOSS_F32, -INFINITY, "beta: -inf is out of range; expected 0, 2^-100 to 2^100 or inf"},
      {CLOSS_SMOOTH_L1, CLOSS_BF16, 0x1p101,
       "beta: 2.5353012004564588e+30 is out of range; expected 0, 2^-100 to 2^100 or inf"},
      {CLOSS_SMOOTH_L1, CLOSS_F64, 0x1p-901,
       "beta: 5.9152609308338736e-272 is out of range; expected 0, 2^-900 to 2^900 or inf"},
      {CLOSS_HUBER, CLOSS_F32, 0, "delta: 0 is out of range; expected 2^-100 to 2^100 or inf"},
      {CLOSS_HUBER, CLOSS_F32, -0.5, "delta: -0.5 is out of range; expected 2^-100 to 2^100 or inf"},
      {CLOSS_HUBER, CLOSS_F32, -NAN, "delta: nan is out of range; expected 2^-100 to 2^100 or inf"},
      {CLOSS_HUBER, CLOSS_F32, 0x1p-101,
       "delta: 3.944304526105059e-31 is out of range; expected 2^-100 to 2^100 or inf"},
      {CLOSS_HUBER, CLOSS_F64, 1e300,
       "delta: 1.0000000000000001e+300 is out of range; expected 2^-900 to 2^900 or inf"},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_parameter parameter;
    closs_plan_options options = with_value(rows[i].loss, rows[i].dtype, &parameter, rows[i].value);
    refused(&options, CLOSS_INVALID_ARGUMENT, rows[i].text);
  }
}

static void wrong_names(void **state) {
  (void)state;
  closs_parameter parameters[] = {{"delta", 2}, {"delta", 2}, {NULL, 1}};
  closs_plan_options options = usual();
  options.parameters = parameters;
  options.parameter_count = 1;
  refused(&options, CLOSS_INVALID_ARGUMENT, "parameters: mse has no parameter \"delta\"; it has no parameters");
  options.loss = CLOSS_SMOOTH_L1;
  refused(&options, CLOSS_INVALID_ARGUMENT, "parameters: smooth_l1 has no parameter \"delta\"; it has beta");
  options.loss = CLOSS_HUBER;
  assert_true(accepted(&options).parameters[0] == 2);
  options.parameter_count = 2;
  refused(&options, CLOSS_INVALID_ARGUMENT, "delta: given more than once");
  parameters[1].name = "Delta";
  refused(&options, CLOSS_INVALID_ARGUMENT, "parameters: huber has no parameter \"Delta\"; it has delta");
  parameters[1] = parameters[2];
  refused(&options, CLOSS_INVALID_ARGUMENT, "parameters: the name at index 1 is NULL");
  options.parameters = NULL;
  refused(&options, CLOSS_INVALID_ARGUMENT, "parameters: NULL, expected 2 of them");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sizes),
      cmocka_unit_test(choices),
      cmocka_unit_test(complex_operands),
      cmocka_unit_test(big_endian_devices),
      cmocka_unit_test(double_precision),
      cmocka_unit_test(defaults),
      cmocka_unit_test(values),
      cmocka_unit_test(wrong_values),
      cmocka_unit_test(wrong_names),
  };
  return cmocka_run_group_tests_name("check_rules", tests, NULL, NULL);
}
