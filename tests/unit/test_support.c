/* The tests' own tools: what they claim must hold before they judge anything. */
#include <math.h>
#include <string.h>

#include "support/array.h"
#include "support/harness.h"
#include "support/pairwise.h"
#include "support/values.h"

static const unsigned levels[] = {5, 3, 2, 4, 7, 2};
enum { FACTORS = sizeof levels / sizeof *levels };

/* Level 0 of factor 0 goes with level 0 of factor 1 only, and never with level 6 of factor 4. */
static bool allowed(const unsigned *row) {
  return row[0] != 0 || ((row[1] == TEST_OPEN || row[1] == 0) && row[4] != 6);
}

static bool covered(const unsigned *rows, size_t count, size_t f, unsigned a, size_t g, unsigned b) {
  for (size_t i = 0; i < count; ++i)
    if (rows[i * FACTORS + f] == a && rows[i * FACTORS + g] == b) return true;
  return false;
}

static void test_pairwise_covers_every_allowed_pair(void **state) {
  (void)state;
  size_t count;
  unsigned *rows = test_pairwise(FACTORS, levels, allowed, 7, &count);
  assert_in_range(count, 34, 60);
  for (size_t i = 0; i < count; ++i) {
    for (size_t f = 0; f < FACTORS; ++f)
      assert_true(rows[i * FACTORS + f] < levels[f]);
    assert_true(allowed(rows + i * FACTORS));
  }
  for (size_t f = 0; f < FACTORS; ++f)
    for (size_t g = f + 1; g < FACTORS; ++g)
      for (unsigned a = 0; a < levels[f]; ++a)
        for (unsigned b = 0; b < levels[g]; ++b) {
          const bool impossible = f == 0 && a == 0 && ((g == 1 && b != 0) || (g == 4 && b == 6));
          assert_int_equal(covered(rows, count, f, a, g, b), !impossible);
        }
  free(rows);
}

static void test_store_is_the_inverse_of_value(void **state) {
  (void)state;
  const closs_dtype types[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64};
  uint64_t stream = 3;
  for (size_t t = 0; t < TEST_COUNT(types); ++t)
    for (int i = 0; i < 20000; ++i) {
      unsigned char bits[8] = {0}, again[8] = {0};
      test_fill(types[t], bits, 1, (test_values)(i % TEST_VALUES_COUNT), &stream);
      const double value = test_value(types[t], bits);
      test_store(types[t], again, value);
      if (!isnan(value))
        assert_memory_equal(bits, again, sizeof bits);
      else
        assert_true(isnan(test_value(types[t], again)) && !test_forbidden(types[t], again));
    }
}

static void test_value_agrees_with_the_compiler(void **state) {
  (void)state;
  uint64_t stream = 4;
  for (int i = 0; i < 20000; ++i) {
    float single;
    double wide;
    int16_t integer;
    test_fill(CLOSS_F32, &single, 1, TEST_EXTREME, &stream);
    test_fill(CLOSS_F64, &wide, 1, TEST_EXTREME, &stream);
    test_fill(CLOSS_I16, &integer, 1, TEST_EXTREME, &stream);
    assert_true(test_value(CLOSS_F32, &single) == (double)single);
    assert_true(test_value(CLOSS_F64, &wide) == wide);
    assert_true(test_value(CLOSS_I16, &integer) == integer);
  }
}

static void test_units_are_spacings(void **state) {
  (void)state;
  assert_true(test_unit(CLOSS_F32, 1.0) == 0x1p-23);
  assert_true(test_unit(CLOSS_F32, 1.99) == 0x1p-23);
  assert_true(test_unit(CLOSS_F32, 0) == 0x1p-149);
  assert_true(test_unit(CLOSS_F16, 0x1p-15) == 0x1p-24);
  assert_true(test_unit(CLOSS_BF16, 256) == 2);
  assert_true(test_unit(CLOSS_F64, 0x1p-1022) == 0x1p-1074);
  assert_true(test_overflows(CLOSS_F16, 65520));
  assert_false(test_overflows(CLOSS_F16, 65519.9));
}

static void test_special_values_appear(void **state) {
  (void)state;
  uint64_t stream = 5;
  unsigned nans = 0, infinities = 0, zeros[2] = {0, 0}, subnormals = 0;
  for (int i = 0; i < 4096; ++i) {
    float value;
    test_fill(CLOSS_F32, &value, 1, TEST_SPECIAL, &stream);
    nans += isnan(value) ? 1 : 0;
    infinities += isinf(value) ? 1 : 0;
    subnormals += fpclassify(value) == FP_SUBNORMAL ? 1 : 0;
    if (value == 0) ++zeros[signbit(value) ? 1 : 0];
    test_fill(CLOSS_F32, &value, 1, TEST_EXTREME, &stream);
    assert_true(isfinite(value));
  }
  assert_true(nans > 100 && infinities > 100 && subnormals > 100 && zeros[0] > 50 && zeros[1] > 50);
}

static void test_array_numbers_elements_by_strides(void **state) {
  (void)state;
  const closs_tensor tensor = {CLOSS_I32, 2, {2, 3}, {-1, 4}};
  test_array array = test_array_make(&tensor, 5), copy;
  int32_t elements[6] = {10, 11, 12, 20, 21, 22}, again[6];
  test_array_set(&array, elements);
  test_array_get(&array, again);
  assert_memory_equal(elements, again, sizeof elements);
  const int32_t *origin = test_array_origin(&array);
  assert_int_equal(origin[-1], 20);
  assert_int_equal(origin[8], 12);
  copy = test_array_copy(&array);
  test_array_same(&array, &copy, "copy");
  test_array_sound(&copy, "copy");
  test_array_free(&copy);
  test_array_free(&array);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_pairwise_covers_every_allowed_pair),
      cmocka_unit_test(test_store_is_the_inverse_of_value),
      cmocka_unit_test(test_value_agrees_with_the_compiler),
      cmocka_unit_test(test_units_are_spacings),
      cmocka_unit_test(test_special_values_appear),
      cmocka_unit_test(test_array_numbers_elements_by_strides),
  };
  return cmocka_run_group_tests_name("the tests' tools", tests, NULL, NULL);
}
