/* Lengths around every size that the kernels cut sums into: lanes, chunks, the border between one launch and two,
 * levels of the tree of chunks, and a large prime. Every loss and reduction, on each way that memory is walked. */
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/work.h"

enum {
  CHUNK = CLOSS_CHUNK,
  PRIME = 999983,
};

/* How the operands lie: each is a code path of its own. */
enum path {
  CONTIGUOUS,    /* vectors of 64 */
  STRIDED,       /* every other element */
  SCALAR_TARGET, /* the target's gradient is one long sum */
  COLUMNS,       /* three long sums side by side */
  ROWS,          /* n columns of three terms */
  PATHS
};

static const char *const path_names[PATHS] = {"contiguous", "strided", "scalar target", "columns", "rows"};

static const uint64_t lengths[] = {
    1,
    2,
    63,
    64,
    65,
    127,
    128,
    129,
    1000,
    CHUNK - 1,
    CHUNK,
    CHUNK + 1,
    CHUNK + 63,
    CHUNK + 64,
    2 * CHUNK - 1,
    2 * CHUNK,
    2 * CHUNK + 1,
    3 * CHUNK,
    5 * CHUNK + 17,
    7 * CHUNK,
    8 * CHUNK - 1,
    8 * CHUNK,
    8 * CHUNK + 1,
    9 * CHUNK,
    13 * CHUNK + 4095,
    16 * CHUNK,
    16 * CHUNK + 1,
    17 * CHUNK,
    32 * CHUNK + 1,
};

static bool full(void) {
  return getenv("CLOSS_TEST_FULL") != NULL;
}

static test_work make_work(const closs_loss_info *info, closs_reduction reduction, enum path path, closs_dtype dtype,
                           uint64_t n) {
  const uint64_t column[] = {n, 3}, row[] = {3, n};
  closs_tensor input = closs_tensor_contiguous(dtype, 1, &n), target = input;
  switch (path) {
  case STRIDED:
    input.strides[0] = 2;
    target.strides[0] = -2;
    break;
  case SCALAR_TARGET:
    target = closs_tensor_contiguous(dtype, 0, NULL);
    break;
  case COLUMNS:
    input = closs_tensor_contiguous(dtype, 2, column);
    target = closs_tensor_contiguous(dtype, 1, column + 1);
    break;
  case ROWS:
    input = closs_tensor_contiguous(dtype, 2, row);
    break;
  default:
    break;
  }
  const uint32_t outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  test_work work = test_work_make(info->loss, reduction, outputs, &input, &target);
  work.upstream_value = 0.7;
  test_work_outputs(&work, 0);
  return work;
}

/* The oracle takes 10 us a term: beyond 200 terms it judges one mean a length on two of the paths, or all in f32. */
static bool judged(const closs_loss_info *info, closs_reduction reduction, enum path path, closs_dtype dtype,
                   uint64_t n) {
  if (n <= 200 || (full() && dtype == CLOSS_F32)) return true;
  return (path == CONTIGUOUS || path == SCALAR_TARGET) && reduction == CLOSS_MEAN &&
         info == closs_loss_at((size_t)n % closs_loss_count());
}

static void run(const test_device *device, const closs_loss_info *info, closs_reduction reduction, enum path path,
                closs_dtype dtype, uint64_t n) {
  test_work work = make_work(info, reduction, path, dtype, n);
  test_results results;
  char text[100];
  snprintf(text, sizeof text, "%s %s of %llu %s, %s", info->name, closs_reduction_name(reduction),
           (unsigned long long)n, closs_dtype_name(dtype), path_names[path]);
  if (test_work_compare(device, &work, text, &results) == CLOSS_OK && judged(info, reduction, path, dtype, n))
    test_work_bounds(&work, &results, 0, text);
  test_results_free(&results);
  test_work_free(&work);
}

static void run_all(const test_device *device, enum path path, closs_dtype dtype, uint64_t n) {
  for (size_t i = 0; i < closs_loss_count(); ++i)
    for (closs_reduction reduction = CLOSS_NONE; reduction <= CLOSS_SUM; ++reduction)
      run(device, closs_loss_at(i), reduction, path, dtype, n);
}

/* Each length with everything in f32, and in the other types, which take another program each, with one loss. */
static void run_path(void **state, enum path path) {
  static const closs_dtype others[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F64};
  for (size_t i = 0; i < TEST_COUNT(lengths); ++i) {
    run_all(*state, path, CLOSS_F32, lengths[i]);
    for (size_t t = 0; t < TEST_COUNT(others); ++t)
      if (full())
        run_all(*state, path, others[t], lengths[i]);
      else
        run(*state, closs_loss_at(t), CLOSS_MEAN, path, others[t], lengths[i]);
  }
}

static void test_contiguous(void **state) {
  run_path(state, CONTIGUOUS);
}
static void test_strided(void **state) {
  run_path(state, STRIDED);
}
static void test_scalar_target(void **state) {
  run_path(state, SCALAR_TARGET);
}
static void test_columns(void **state) {
  run_path(state, COLUMNS);
}
static void test_rows(void **state) {
  run_path(state, ROWS);
}

static void test_a_large_prime(void **state) {
  run_all(*state, CONTIGUOUS, CLOSS_F32, PRIME);
  run_all(*state, SCALAR_TARGET, CLOSS_F32, PRIME);
}

static void test_order_of_additions(void **state) {
  unsigned noise = 0;
  for (size_t i = 0; i < TEST_COUNT(lengths); ++i)
    for (unsigned seed = 0; seed < 8; ++seed) {
      test_work work = test_work_order(lengths[i], 1, seed % 2, seed);
      test_results results;
      char text[60];
      snprintf(text, sizeof text, "order of %llu terms", (unsigned long long)lengths[i]);
      assert_int_equal(test_work_compare(*state, &work, text, &results), CLOSS_OK);
      noise += test_value(CLOSS_F32, test_array_origin(&results.arrays[TEST_LOSS])) != 0;
      test_results_free(&results);
      test_work_free(&work);
    }
  assert_true(noise > 2 * TEST_COUNT(lengths)); /* else this test sees nothing */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_contiguous),
      cmocka_unit_test(test_strided),
      cmocka_unit_test(test_scalar_target),
      cmocka_unit_test(test_columns),
      cmocka_unit_test(test_rows),
      cmocka_unit_test(test_a_large_prime),
      cmocka_unit_test(test_order_of_additions),
  };
  return cmocka_run_group_tests_name("lengths", tests, test_device_setup, test_device_teardown);
}
