#include "closs/types.h"
#include <stdio.h>
#include <string.h>

#include "support/harness.h"

static void names_and_sizes(void **state) {
  (void)state;
  static const struct {
    int number;
    closs_dtype dtype;
    const char *name;
    size_t size;
  } rows[] = {{1, CLOSS_BOOL, "bool", 1}, {2, CLOSS_I8, "i8", 1},      {3, CLOSS_U8, "u8", 1},
              {4, CLOSS_I16, "i16", 2},   {5, CLOSS_U16, "u16", 2},    {6, CLOSS_I32, "i32", 4},
              {7, CLOSS_U32, "u32", 4},   {8, CLOSS_I64, "i64", 8},    {9, CLOSS_U64, "u64", 8},
              {10, CLOSS_F16, "f16", 2},  {11, CLOSS_BF16, "bf16", 2}, {12, CLOSS_F32, "f32", 4},
              {13, CLOSS_F64, "f64", 8},  {14, CLOSS_C64, "c64", 8},   {15, CLOSS_C128, "c128", 16}};
  assert_int_equal(TEST_COUNT(rows), CLOSS_DTYPE_END - 1);
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    assert_int_equal(rows[i].number, rows[i].dtype);
    assert_string_equal(closs_dtype_name(rows[i].dtype), rows[i].name);
    assert_int_equal(closs_dtype_size(rows[i].dtype), rows[i].size);
  }
  static const int strangers[] = {0, CLOSS_DTYPE_END, -1, 1000};
  for (size_t i = 0; i < TEST_COUNT(strangers); i++) {
    assert_string_equal(closs_dtype_name((closs_dtype)strangers[i]), "?");
    assert_int_equal(closs_dtype_size((closs_dtype)strangers[i]), 0);
    assert_int_equal(closs_dtype_common((closs_dtype)strangers[i], CLOSS_F32), 0);
    assert_int_equal(closs_dtype_common(CLOSS_I8, (closs_dtype)strangers[i]), 0);
    assert_int_equal(closs_dtype_arithmetic((closs_dtype)strangers[i]), 0);
  }
}

/* torch.promote_types() of every two floating and complex types, from f16 to c128. */
static void promotion(void **state) {
  (void)state;
  static const char *const table[6][6] = {
      {"f16", "f32", "f32", "f64", "c64", "c128"},  {"f32", "bf16", "f32", "f64", "c64", "c128"},
      {"f32", "f32", "f32", "f64", "c64", "c128"},  {"f64", "f64", "f64", "f64", "c128", "c128"},
      {"c64", "c64", "c64", "c128", "c64", "c128"}, {"c128", "c128", "c128", "c128", "c128", "c128"}};
  for (int i = 0; i < 6; i++)
    for (int j = 0; j < 6; j++)
      assert_string_equal(
          closs_dtype_name(closs_dtype_common((closs_dtype)(CLOSS_F16 + i), (closs_dtype)(CLOSS_F16 + j))),
          table[i][j]);
  for (int i = CLOSS_BOOL; i < CLOSS_F16; i++)
    for (int j = CLOSS_BOOL; j < CLOSS_DTYPE_END; j++) {
      int expected = j < CLOSS_F16 ? CLOSS_F32 : j;
      assert_int_equal(closs_dtype_common((closs_dtype)i, (closs_dtype)j), expected);
      assert_int_equal(closs_dtype_common((closs_dtype)j, (closs_dtype)i), expected);
    }
}

static void real_and_arithmetic(void **state) {
  (void)state;
  static const struct {
    closs_dtype common, real, arithmetic;
  } rows[] = {{CLOSS_F16, CLOSS_F16, CLOSS_F32}, {CLOSS_BF16, CLOSS_BF16, CLOSS_F32},
              {CLOSS_F32, CLOSS_F32, CLOSS_F32}, {CLOSS_F64, CLOSS_F64, CLOSS_F64},
              {CLOSS_C64, CLOSS_F32, CLOSS_F32}, {CLOSS_C128, CLOSS_F64, CLOSS_F64}};
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    assert_int_equal(closs_dtype_real(rows[i].common), rows[i].real);
    assert_int_equal(closs_dtype_arithmetic(rows[i].common), rows[i].arithmetic);
  }
}

static void contiguous(void **state) {
  (void)state;
  closs_tensor scalar = closs_tensor_contiguous(CLOSS_BF16, 0, NULL);
  assert_int_equal(scalar.rank, 0);
  assert_int_equal(scalar.dtype, CLOSS_BF16);
  assert_int_equal(closs_tensor_elements(&scalar), 1);
  static const uint64_t shape[CLOSS_MAX_RANK] = {2, 1, 3, 1, 1, 5, 7, 2};
  static const int64_t strides[CLOSS_MAX_RANK] = {210, 210, 70, 70, 70, 14, 2, 1};
  closs_tensor eight = closs_tensor_contiguous(CLOSS_F32, 8, shape);
  assert_memory_equal(eight.shape, shape, sizeof shape);
  assert_memory_equal(eight.strides, strides, sizeof strides);
  assert_int_equal(closs_tensor_elements(&eight), 420);
  static const uint64_t more[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  assert_int_equal(closs_tensor_contiguous(CLOSS_F32, 9, more).rank, 9);
}

static void elements(void **state) {
  (void)state;
  static const struct {
    uint64_t shape[3], elements;
  } rows[] = {
      {{4, 0, 5}, 0},
      {{UINT64_MAX, UINT64_MAX, 0}, 0}, /* a 0 after an overflow */
      {{UINT64_C(1) << 32, UINT64_C(1) << 31, 1}, UINT64_C(1) << 63},
      {{UINT64_C(1) << 32, UINT64_C(1) << 32, 1}, UINT64_MAX},
      {{UINT64_C(1) << 63, 3, 5}, UINT64_MAX},
      {{UINT64_MAX, 1, 1}, UINT64_MAX},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_tensor tensor = closs_tensor_contiguous(CLOSS_U8, 3, rows[i].shape);
    assert_true(closs_tensor_elements(&tensor) == rows[i].elements);
  }
}

typedef struct closs_broadcast_row {
  uint32_t ranks[3]; /* of input, target and result */
  uint64_t input[4], target[4], result[4];
} closs_broadcast_row;

static void broadcasting(void **state) {
  (void)state;
  static const closs_broadcast_row rows[] = {
      {{0, 0, 0}, {0}, {0}, {0}},
      {{0, 2, 2}, {0}, {2, 3}, {2, 3}},
      {{2, 1, 2}, {2, 3}, {3}, {2, 3}},
      {{1, 4, 4}, {5}, {2, 1, 3, 1}, {2, 1, 3, 5}},
      {{3, 3, 3}, {2, 1, 4}, {1, 3, 1}, {2, 3, 4}},
      {{2, 2, 2}, {1, 3}, {0, 3}, {0, 3}},
      {{1, 2, 2}, {0}, {2, 1}, {2, 0}},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_tensor input = closs_tensor_contiguous(CLOSS_F16, rows[i].ranks[0], rows[i].input);
    closs_tensor target = closs_tensor_contiguous(CLOSS_BF16, rows[i].ranks[1], rows[i].target);
    closs_tensor expected = closs_tensor_contiguous(CLOSS_F32, rows[i].ranks[2], rows[i].result), result;
    assert_int_equal(closs_tensor_broadcast(&input, &target, &result, NULL), CLOSS_OK);
    assert_int_equal(result.rank, expected.rank);
    assert_int_equal(result.dtype, CLOSS_F32);
    assert_memory_equal(result.shape, expected.shape, sizeof result.shape);
    assert_memory_equal(result.strides, expected.strides, sizeof result.strides);
  }
}

static void no_broadcasting(void **state) {
  (void)state;
  static const struct {
    uint32_t ranks[2];
    uint64_t input[4], target[4];
    const char *text;
  } rows[] = {
      {{3, 3}, {2, 3, 4}, {2, 3, 5}, "target: dimension 2 is 5, input has 4; they must be equal or 1"},
      {{1, 3}, {3}, {2, 3, 4}, "target: dimension 2 is 4, input has 3; they must be equal or 1"},
      {{3, 1}, {2, 3, 4}, {3}, "target: dimension 0 is 3, input has 4; they must be equal or 1"},
      {{1, 1}, {0}, {2}, "target: dimension 0 is 2, input has 0; they must be equal or 1"},
      {{9, 1}, {1}, {1}, "input: rank is 9, expected at most 8"},
      {{1, 10}, {1}, {1}, "target: rank is 10, expected at most 8"},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_tensor input = {.dtype = CLOSS_F32, .rank = rows[i].ranks[0]}, result;
    closs_tensor target = {.dtype = CLOSS_F32, .rank = rows[i].ranks[1]};
    memcpy(input.shape, rows[i].input, sizeof rows[i].input);
    memcpy(target.shape, rows[i].target, sizeof rows[i].target);
    closs_error error = {CLOSS_OK, 0, ""};
    assert_int_equal(closs_tensor_broadcast(&input, &target, &result, &error), CLOSS_INVALID_ARGUMENT);
    assert_int_equal(error.status, CLOSS_INVALID_ARGUMENT);
    assert_string_equal(error.text, rows[i].text);
  }
}

/* torch.nn._reduction.legacy_get_string() */
static void legacy_reductions(void **state) {
  (void)state;
  static const struct {
    closs_legacy_flag size_average, reduce;
    const char *name;
  } rows[9] = {{CLOSS_LEGACY_UNSET, CLOSS_LEGACY_UNSET, "mean"}, {CLOSS_LEGACY_UNSET, CLOSS_LEGACY_FALSE, "none"},
               {CLOSS_LEGACY_UNSET, CLOSS_LEGACY_TRUE, "mean"},  {CLOSS_LEGACY_FALSE, CLOSS_LEGACY_UNSET, "sum"},
               {CLOSS_LEGACY_FALSE, CLOSS_LEGACY_FALSE, "none"}, {CLOSS_LEGACY_FALSE, CLOSS_LEGACY_TRUE, "sum"},
               {CLOSS_LEGACY_TRUE, CLOSS_LEGACY_UNSET, "mean"},  {CLOSS_LEGACY_TRUE, CLOSS_LEGACY_FALSE, "none"},
               {CLOSS_LEGACY_TRUE, CLOSS_LEGACY_TRUE, "mean"}};
  for (size_t i = 0; i < TEST_COUNT(rows); i++)
    assert_string_equal(closs_reduction_name(closs_reduction_from_legacy(rows[i].size_average, rows[i].reduce)),
                        rows[i].name);
}

static void reduction_names(void **state) {
  (void)state;
  assert_int_equal(CLOSS_NONE, 0);
  assert_int_equal(CLOSS_MEAN, 1);
  assert_int_equal(CLOSS_SUM, 2);
  assert_string_equal(closs_reduction_name(CLOSS_NONE), "none");
  assert_string_equal(closs_reduction_name((closs_reduction)3), "?");
  assert_string_equal(closs_reduction_name((closs_reduction)-1), "?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_and_sizes), cmocka_unit_test(promotion),         cmocka_unit_test(real_and_arithmetic),
      cmocka_unit_test(contiguous),      cmocka_unit_test(elements),          cmocka_unit_test(broadcasting),
      cmocka_unit_test(no_broadcasting), cmocka_unit_test(legacy_reductions), cmocka_unit_test(reduction_names),
  };
  return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
