#include "unit/options.h"

static void ranks(void **state) {
  (void)state;
  static const uint64_t shape[9] = {2, 1, 3, 2, 1, 2, 1, 3, 2};
  for (uint32_t rank = 0; rank <= CLOSS_MAX_RANK; rank++) {
    closs_plan_options options = usual();
    options.input = options.target = tensor(CLOSS_F16, rank, shape);
    closs_request request = accepted(&options);
    assert_int_equal(request.rank, rank);
    assert_int_equal(request.terms, closs_tensor_elements(&options.input));
    assert_int_equal(request.highest[CLOSS_SLOT_TARGET], request.terms - 1);
    assert_int_equal(request.lowest[CLOSS_SLOT_TARGET], 0);
    for (uint32_t i = 0; i < rank; i++) {
      assert_int_equal(request.shape[i], shape[i]);
      assert_int_equal(request.strides[CLOSS_SLOT_INPUT][i], shape[i] == 1 ? 0 : options.input.strides[i]);
    }
  }
  closs_plan_options options = usual();
  options.input = tensor(CLOSS_F32, 9, shape);
  refused(&options, CLOSS_INVALID_ARGUMENT, "input: rank is 9, expected at most 8");
  options = usual();
  options.target.rank = UINT32_MAX;
  refused(&options, CLOSS_INVALID_ARGUMENT, "target: rank is 4294967295, expected at most 8");
}

static void types(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.input.dtype = (closs_dtype)0;
  refused(&options, CLOSS_INVALID_ARGUMENT, "input: type 0 is none of CLOSS_BOOL (1) to CLOSS_C128 (15)");
  options = usual();
  options.target.dtype = CLOSS_DTYPE_END;
  refused(&options, CLOSS_INVALID_ARGUMENT, "target: type 16 is none of CLOSS_BOOL (1) to CLOSS_C128 (15)");
  for (int dtype = 1; dtype < CLOSS_DTYPE_END; dtype++) {
    options = usual();
    options.loss = CLOSS_L1;
    options.target.dtype = (closs_dtype)dtype;
    closs_request request = accepted(&options);
    assert_int_equal(request.common, closs_dtype_common(CLOSS_F32, (closs_dtype)dtype));
    assert_int_equal(request.arithmetic, dtype == CLOSS_F64 || dtype == CLOSS_C128 ? CLOSS_F64 : CLOSS_F32);
    assert_int_equal(request.complex_operands, dtype >= CLOSS_C64);
  }
}

static void broadcasting(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.input = tensor(CLOSS_F32, SHAPE(3, 1, 5));
  options.target = tensor(CLOSS_F32, SHAPE(2, 1, 4, 1));
  closs_request request = accepted(&options);
  static const uint64_t shape[4] = {2, 3, 4, 5};
  static const int64_t input[4] = {0, 5, 0, 1}, target[4] = {4, 0, 1, 0};
  assert_int_equal(request.rank, 4);
  assert_int_equal(request.terms, 120);
  assert_memory_equal(request.shape, shape, sizeof shape);
  assert_memory_equal(request.strides[CLOSS_SLOT_INPUT], input, sizeof input);
  assert_memory_equal(request.strides[CLOSS_SLOT_TARGET], target, sizeof target);
  assert_true(request.broadcast[0] && request.broadcast[1]);
  assert_int_equal(request.highest[CLOSS_SLOT_INPUT], 14);
  assert_int_equal(request.tensors[CLOSS_SLOT_INPUT].rank, 3);
}

/* A leading 1 sums over nothing; a dimension of length 0 leaves a gradient of zeros. */
static void broadcast_flags(void **state) {
  (void)state;
  static const struct {
    uint32_t ranks[2];
    uint64_t input[2], target[2];
    bool broadcast[2];
  } rows[] = {
      {{2, 2}, {2, 3}, {2, 3}, {false, false}}, {{0, 2}, {0}, {1, 1}, {false, false}},
      {{1, 2}, {3}, {1, 3}, {false, false}},    {{1, 2}, {3}, {2, 3}, {true, false}},
      {{2, 2}, {1, 3}, {0, 3}, {true, false}},  {{2, 2}, {2, 0}, {2, 0}, {false, false}},
      {{2, 0}, {0, 3}, {0}, {false, true}},     {{2, 2}, {2, 1}, {1, 3}, {true, true}},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_plan_options options = usual();
    options.input = tensor(CLOSS_F32, rows[i].ranks[0], rows[i].input);
    options.target = tensor(CLOSS_F32, rows[i].ranks[1], rows[i].target);
    closs_request request = accepted(&options);
    assert_int_equal(request.broadcast[0], rows[i].broadcast[0]);
    assert_int_equal(request.broadcast[1], rows[i].broadcast[1]);
  }
}

static void no_broadcasting(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.input = tensor(CLOSS_F32, SHAPE(2, 3, 4));
  options.target = tensor(CLOSS_F32, SHAPE(2, 3, 5));
  refused(&options, CLOSS_INVALID_ARGUMENT, "target: dimension 2 is 5, input has 4; they must be equal or 1");
}

static void too_many_terms(void **state) {
  (void)state;
  static const int64_t zeros[CLOSS_MAX_RANK] = {0};
  closs_plan_options options = usual();
  options.input = options.target = tensor(CLOSS_F32, SHAPE(UINT64_C(1) << 21, UINT64_C(1) << 22));
  assert_true(accepted(&options).terms == UINT64_C(1) << 43);
  options.input = tensor(CLOSS_F32, SHAPE((UINT64_C(1) << 43) + 1));
  memcpy(options.input.strides, zeros, sizeof zeros);
  refused(&options, CLOSS_INVALID_ARGUMENT, "input: shape [8796093022209] has more than 2^43 elements");
  options = usual();
  options.target = tensor(CLOSS_F32, SHAPE(UINT64_C(1) << 32, UINT64_C(1) << 32));
  refused(&options, CLOSS_INVALID_ARGUMENT, "target: shape [4294967296, 4294967296] has more than 2^43 elements");
  options.input = tensor(CLOSS_F32, SHAPE(UINT64_C(1) << 22, 1));
  options.target = tensor(CLOSS_F32, SHAPE((UINT64_C(1) << 22) + 1));
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "input and target: their broadcast shape [4194304, 4194305] has more than 2^43 elements");
  /* Nor may an operand be longer that no term reads. */
  options.input = tensor(CLOSS_F32, SHAPE(1, UINT64_C(1) << 45));
  options.target = tensor(CLOSS_F32, SHAPE(0, 1));
  refused(&options, CLOSS_INVALID_ARGUMENT, "input: shape [1, 35184372088832] has more than 2^43 elements");
  options.input = tensor(CLOSS_F32, SHAPE(UINT64_MAX, UINT64_MAX, 0));
  options.target = tensor(CLOSS_F32, 0, NULL);
  assert_int_equal(accepted(&options).terms, 0);
  options.input.rank = CLOSS_MAX_RANK;
  for (int i = 0; i < CLOSS_MAX_RANK; i++)
    options.input.shape[i] = UINT64_MAX;
  refused(&options, CLOSS_INVALID_ARGUMENT,
          "input: shape [18446744073709551615, 18446744073709551615, 18446744073709551615, 18446744073709551615, "
          "18446744073709551615, 18446744073709551615, 18446744073709551615, 18446744073709551615] has more than 2^43 "
          "elements");
}

static void extents(void **state) {
  (void)state;
  closs_plan_options options = usual();
  options.input.strides[0] = -7;
  options.input.strides[1] = 2;
  options.target.strides[0] = 0;
  closs_request request = accepted(&options);
  assert_int_equal(request.lowest[CLOSS_SLOT_INPUT], -7);
  assert_int_equal(request.highest[CLOSS_SLOT_INPUT], 4);
  assert_int_equal(request.strides[CLOSS_SLOT_INPUT][0], -7);
  assert_int_equal(request.lowest[CLOSS_SLOT_TARGET], 0);
  assert_int_equal(request.highest[CLOSS_SLOT_TARGET], 2);
  /* Without elements nothing is reached, whatever the strides. */
  options.input = options.target = tensor(CLOSS_F64, SHAPE(9, 0));
  options.input.strides[0] = INT64_MIN;
  request = accepted(&options);
  assert_int_equal(request.lowest[CLOSS_SLOT_INPUT], 0);
  assert_int_equal(request.highest[CLOSS_SLOT_INPUT], 0);
}

/* The strides' reach in bytes must fit 63 bits, in either direction. */
static void extent_borders(void **state) {
  (void)state;
  static const struct {
    closs_dtype dtype;
    uint64_t shape[2];
    int64_t strides[2];
    const char *text; /* NULL: accepted */
  } rows[] = {
      {CLOSS_F32, {2, 1}, {INT64_MAX / 4, INT64_MAX}, NULL},
      {CLOSS_F32,
       {2, 1},
       {INT64_MAX / 4 + 1, 0},
       "input: stride 2305843009213693952 of dimension 0, 2 long, reaches beyond what 64 bits can address"},
      {CLOSS_F32, {2, 1}, {INT64_MIN / 4, 0}, NULL},
      {CLOSS_F32,
       {2, 1},
       {INT64_MIN / 4 - 1, 0},
       "input: stride -2305843009213693953 of dimension 0, 2 long, reaches beyond what 64 bits can address"},
      {CLOSS_U8, {2, 1}, {INT64_MIN, 0}, NULL},
      {CLOSS_U8,
       {1, 3},
       {0, INT64_MIN},
       "input: stride -9223372036854775808 of dimension 1, 3 long, reaches beyond what 64 bits can address"},
      {CLOSS_U8, {2, 2}, {INT64_MAX - 1, 1}, NULL},
      {CLOSS_U8,
       {2, 2},
       {INT64_MAX, 1},
       "input: stride 1 of dimension 1, 2 long, reaches beyond what 64 bits can address"},
      {CLOSS_U8, {2, 2}, {INT64_MAX, INT64_MIN}, NULL}, /* each end by itself */
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_plan_options options = usual();
    options.input = tensor(rows[i].dtype, 2, rows[i].shape);
    options.target = tensor(CLOSS_F32, 0, NULL);
    memcpy(options.input.strides, rows[i].strides, sizeof rows[i].strides);
    if (rows[i].text)
      refused(&options, CLOSS_INVALID_ARGUMENT, rows[i].text);
    else
      (void)accepted(&options);
  }
}

static void weights(void **state) {
  (void)state;
  closs_plan_options options = usual();
  closs_tensor weight = tensor(CLOSS_BOOL, SHAPE(2, 1));
  options.weight = &weight;
  closs_request request = accepted(&options);
  assert_true(request.used[CLOSS_SLOT_WEIGHT]);
  assert_true(request.over_weights);
  assert_int_equal(request.strides[CLOSS_SLOT_WEIGHT][0], 1);
  assert_int_equal(request.strides[CLOSS_SLOT_WEIGHT][1], 0);
  options.mean_over = CLOSS_MEAN_OVER_COUNT;
  assert_false(accepted(&options).over_weights);
  options.mean_over = CLOSS_MEAN_OVER_WEIGHTS;
  options.reduction = CLOSS_SUM;
  assert_false(accepted(&options).over_weights);
  weight = tensor(CLOSS_F64, 0, NULL); /* does not raise the arithmetic */
  request = accepted(&options);
  assert_int_equal(request.arithmetic, CLOSS_F32);
  assert_int_equal(request.tensors[CLOSS_SLOT_WEIGHT].dtype, CLOSS_F64);
  options.weight = NULL;
  options.reduction = CLOSS_MEAN;
  request = accepted(&options);
  assert_false(request.over_weights);
  assert_false(request.used[CLOSS_SLOT_WEIGHT]);
}

static void wrong_weights(void **state) {
  (void)state;
  static const struct {
    uint32_t rank;
    uint64_t shape[3];
    closs_dtype dtype;
    const char *text;
  } rows[] = {
      {1, {3}, CLOSS_C64, "weight: type is c64, expected a real type"},
      {1, {3}, (closs_dtype)99, "weight: type 99 is none of CLOSS_BOOL (1) to CLOSS_C128 (15)"},
      {9, {1}, CLOSS_F32, "weight: rank is 9, expected at most 8"},
      {3, {1, 2, 3}, CLOSS_F32, "weight: rank is 3, expected at most the operands' 2"},
      {2, {2, 4}, CLOSS_F32, "weight: dimension 1 is 4, the operands have 3; it must be equal or 1"},
      {1, {2}, CLOSS_F32, "weight: dimension 0 is 2, the operands have 3; it must be equal or 1"},
      {2, {0, 3}, CLOSS_F32, "weight: dimension 0 is 0, the operands have 2; it must be equal or 1"},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_plan_options options = usual();
    closs_tensor weight = {.dtype = rows[i].dtype, .rank = rows[i].rank};
    memcpy(weight.shape, rows[i].shape, sizeof rows[i].shape);
    options.weight = &weight;
    refused(&options, CLOSS_INVALID_ARGUMENT, rows[i].text);
  }
  /* Weights never enlarge the loss. */
  closs_plan_options options = usual();
  closs_tensor weight = tensor(CLOSS_F32, SHAPE(3));
  options.weight = &weight;
  options.input = options.target = tensor(CLOSS_F32, SHAPE(1));
  refused(&options, CLOSS_INVALID_ARGUMENT, "weight: dimension 0 is 3, the operands have 1; it must be equal or 1");
}

static void upstream(void **state) {
  (void)state;
  closs_plan_options options = usual();
  closs_tensor upstream = tensor(CLOSS_F16, SHAPE(2, 3));
  upstream.strides[0] = -5;
  options.upstream = &upstream;
  options.reduction = CLOSS_NONE;
  assert_false(accepted(&options).used[CLOSS_SLOT_UPSTREAM]); /* there is no gradient */
  options.outputs = CLOSS_OUTPUT_TARGET_GRADIENT;
  closs_request request = accepted(&options);
  assert_true(request.used[CLOSS_SLOT_UPSTREAM]);
  assert_int_equal(request.strides[CLOSS_SLOT_UPSTREAM][0], -5);
  assert_int_equal(request.lowest[CLOSS_SLOT_UPSTREAM], -5);
  upstream = tensor(CLOSS_I8, SHAPE(1, 1, 1)); /* one element, of any rank */
  request = accepted(&options);
  assert_int_equal(request.strides[CLOSS_SLOT_UPSTREAM][0], 0);
  options.reduction = CLOSS_SUM;
  (void)accepted(&options);
  upstream = tensor(CLOSS_F32, SHAPE(2, 3));
  refused(&options, CLOSS_INVALID_ARGUMENT, "upstream: shape is [2, 3], expected one element for a reduced loss");
  options.reduction = CLOSS_NONE;
  upstream = tensor(CLOSS_F32, SHAPE(3));
  refused(&options, CLOSS_INVALID_ARGUMENT, "upstream: shape is [3], expected the loss's [2, 3] or one element");
  upstream.dtype = CLOSS_C128;
  refused(&options, CLOSS_INVALID_ARGUMENT, "upstream: type is c128, expected a real type");
  upstream.rank = 12;
  refused(&options, CLOSS_INVALID_ARGUMENT, "upstream: rank is 12, expected at most 8");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ranks),           cmocka_unit_test(types),           cmocka_unit_test(broadcasting),
      cmocka_unit_test(broadcast_flags), cmocka_unit_test(no_broadcasting), cmocka_unit_test(too_many_terms),
      cmocka_unit_test(extents),         cmocka_unit_test(extent_borders),  cmocka_unit_test(weights),
      cmocka_unit_test(wrong_weights),   cmocka_unit_test(upstream),
  };
  return cmocka_run_group_tests_name("check_operands", tests, NULL, NULL);
}
