/* Conversions of elements: all values of 16 bits, ties, borders of 64-bit integers; what is stored as a result. */
#include "base/convert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "oracle/ball.h"
#include "support/harness.h"
#include "support/values.h"

static const closs_dtype floats[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64};

/* ---- Bits of floating types ---- */

static uint64_t bits_of(closs_dtype dtype, const void *element) {
  const size_t size = closs_dtype_size(dtype);
  union {
    uint16_t half;
    uint32_t word;
    uint64_t all;
  } bits = {.all = 0};
  memcpy(&bits, element, size);
  return size == 2 ? bits.half : size == 4 ? bits.word : bits.all;
}

static int fraction_bits(closs_dtype dtype) {
  return format_of(dtype)->digits - 1;
}

static uint64_t infinity_bits(closs_dtype dtype) {
  const int exponent_bits = (int)closs_dtype_size(dtype) * 8 - 1 - fraction_bits(dtype);
  return (((uint64_t)1 << exponent_bits) - 1) << fraction_bits(dtype);
}

static uint64_t sign_bit(closs_dtype dtype) {
  return (uint64_t)1 << (closs_dtype_size(dtype) * 8 - 1);
}

static uint64_t quiet_nan(closs_dtype dtype) {
  return infinity_bits(dtype) | (uint64_t)1 << (fraction_bits(dtype) - 1);
}

/* What the magnitude bits stand for; infinity for the power of two that would come next. */
static oracle_real magnitude_of(closs_dtype dtype, uint64_t bits) {
  const int fraction = fraction_bits(dtype);
  const uint64_t field = bits >> fraction;
  const oracle_real unit = (oracle_real)ldexpl(1, format_of(dtype)->smallest + (field > 1 ? (int)field - 1 : 0));
  const uint64_t digits = bits & (((uint64_t)1 << fraction) - 1);
  return unit * (oracle_real)(digits | (uint64_t)(field > 0) << fraction);
}

/* Fails unless the element is `value` rounded to nearest even. */
static void expect_nearest(closs_dtype dtype, const void *element, oracle_real value, const char *what) {
  const uint64_t all = bits_of(dtype, element), bits = all & ~sign_bit(dtype);
  const oracle_real exact = magnitude(value);
  const oracle_real distance = magnitude(magnitude_of(dtype, bits) - exact);
  bool nearest = bits <= infinity_bits(dtype) && (value == 0 || (all != bits) == (value < 0));
  for (int step = -1; nearest && step <= 1; step += 2) {
    if ((step < 0 && bits == 0) || (step > 0 && bits == infinity_bits(dtype))) continue;
    const oracle_real other = magnitude(magnitude_of(dtype, step < 0 ? bits - 1 : bits + 1) - exact);
    if (other < distance || (other == distance && (bits & 1))) nearest = false;
  }
  if (bits == infinity_bits(dtype) && exact > magnitude_of(dtype, bits)) nearest = true;
  if (!nearest)
    fail_msg("%s to %s: %.20g gives %llx", what, closs_dtype_name(dtype), (double)value, (unsigned long long)all);
}

/* Converts one element, and returns it. */
static const void *converted(closs_dtype to, closs_dtype from, const void *element) {
  static unsigned char result[16];
  closs_error error = {CLOSS_OK, 0, ""};
  memset(result, 0xa5, sizeof result);
  if (closs_convert(to, result, from, element, 1, &error) != CLOSS_OK) fail_msg("%s", error.text);
  return result;
}

/* ---- Tests ---- */

static void every_value_of_16_bits(void **state) {
  (void)state;
  for (int i = 0; i < 2; ++i)
    for (uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
      const closs_dtype dtype = floats[i];
      const uint16_t bits = (uint16_t)pattern;
      const double expected = (double)decode16(bits, fraction_bits(dtype));
      float narrow, loaded[2];
      double full;
      memcpy(&narrow, converted(CLOSS_F32, dtype, &bits), sizeof narrow);
      memcpy(&full, converted(CLOSS_F64, dtype, &bits), sizeof full);
      closs_load_f32(dtype, &bits, loaded);
      if (isnan(expected)) {
        assert_true(isnan(loaded[0]));
        assert_int_equal(bits_of(CLOSS_F32, &narrow), quiet_nan(CLOSS_F32));
        assert_int_equal(bits_of(CLOSS_F64, &full), quiet_nan(CLOSS_F64));
        assert_int_equal(bits_of(dtype, converted(dtype, dtype, &bits)), quiet_nan(dtype));
        continue;
      }
      assert_memory_equal(&full, &expected, sizeof full);
      assert_true((double)narrow == expected && !signbit(narrow) == !signbit(expected) && loaded[1] == 0);
      assert_memory_equal(&loaded[0], &narrow, sizeof narrow);
      assert_int_equal(bits_of(dtype, converted(dtype, CLOSS_F32, &narrow)), bits); /* and back */
      assert_int_equal(bits_of(dtype, converted(dtype, CLOSS_F64, &full)), bits);
    }
}

/* Around every value of 16 bits and every middle of two: the value itself, and its neighbours of the wider type. */
static void ties_of_16_bits(void **state) {
  (void)state;
  for (int i = 0; i < 2; ++i)
    for (uint64_t bits = 0; bits < infinity_bits(floats[i]); ++bits) {
      const closs_dtype to = floats[i];
      const double here = (double)magnitude_of(to, bits), next = (double)magnitude_of(to, bits + 1);
      const double middle = here + (next - here) / 2;
      const double values[] = {here, middle, nextafter(middle, 0), nextafter(middle, (double)INFINITY)};
      for (unsigned j = 0; j < TEST_COUNT(values); ++j) {
        const double value = bits & 2 ? -values[j] : values[j];
        const float narrow = (float)value;
        expect_nearest(to, converted(to, CLOSS_F64, &value), value, "f64");
        expect_nearest(to, converted(to, CLOSS_F32, &narrow), narrow, "f32");
      }
    }
}

static void f64_to_f32_at_random(void **state) {
  (void)state;
  uint64_t stream = 3;
  for (int i = 0; i < 300000; ++i) {
    double value;
    test_fill(CLOSS_F64, &value, 1, TEST_EXTREME, &stream);
    expect_nearest(CLOSS_F32, converted(CLOSS_F32, CLOSS_F64, &value), value, "f64");
  }
}

static void expect_integer(uint64_t value) {
  const int64_t with_sign = (int64_t)value;
  for (unsigned i = 0; i < TEST_COUNT(floats); ++i) {
    expect_nearest(floats[i], converted(floats[i], CLOSS_U64, &value), (oracle_real)value, "u64");
    expect_nearest(floats[i], converted(floats[i], CLOSS_I64, &with_sign), (oracle_real)with_sign, "i64");
  }
  float narrow[2];
  double full[2];
  closs_load_f32(CLOSS_U64, &value, narrow);
  closs_load_f64(CLOSS_I64, &with_sign, full);
  expect_nearest(CLOSS_F32, &narrow[0], (oracle_real)value, "load of u64");
  expect_nearest(CLOSS_F64, &full[0], (oracle_real)with_sign, "load of i64");
}

/* Ties and their neighbours for the digits of every type, under every leading bit. */
static void integers_of_64_bits(void **state) {
  (void)state;
  static const int digits[] = {8, 11, 24, 53};
  uint64_t stream = 4;
  for (unsigned i = 0; i < TEST_COUNT(digits); ++i)
    for (int top = digits[i]; top < 64; ++top)
      for (int upper = 0; upper < 2; ++upper) {
        const uint64_t lead = (uint64_t)1 << top, unit = (uint64_t)1 << (top - digits[i] + 1);
        const uint64_t tie = lead + (upper ? unit : 0) + unit / 2;
        for (uint64_t off = 0; off < 3; ++off) {
          expect_integer(tie - 1 + off);
          expect_integer(0 - (tie - 1 + off));
        }
      }
  for (int i = 0; i < 100000; ++i)
    expect_integer(test_random(&stream) >> (test_random(&stream) % 64));
  expect_integer(0);
  expect_integer(INT64_MAX);
  expect_integer(UINT64_MAX);
}

static void small_integers(void **state) {
  (void)state;
  for (closs_dtype from = CLOSS_BOOL; from <= CLOSS_U32; ++from)
    for (uint32_t pattern = 0; pattern < 0x10000; ++pattern) {
      const uint32_t element = from >= CLOSS_I32 ? pattern * 0x9e3779b1u : pattern;
      const double value = test_value(from, &element);
      for (unsigned i = 0; i < TEST_COUNT(floats); ++i)
        expect_nearest(floats[i], converted(floats[i], from, &element), value, closs_dtype_name(from));
    }
}

static void complex_numbers(void **state) {
  (void)state;
  const double pair[2] = {1.5, -0.0}, wide_pair[2] = {0.1, 1e300};
  const uint16_t half = 0xc000; /* -2 */
  float narrow[2];
  double full[2];
  memcpy(narrow, converted(CLOSS_C64, CLOSS_C128, pair), sizeof narrow);
  assert_true(narrow[0] == 1.5f && narrow[1] == 0 && signbit(narrow[1]));
  memcpy(narrow, converted(CLOSS_C64, CLOSS_C128, wide_pair), sizeof narrow);
  assert_true(narrow[0] == 0.1f && isinf(narrow[1]));
  memcpy(full, converted(CLOSS_C128, CLOSS_F16, &half), sizeof full);
  assert_true(full[0] == -2 && full[1] == 0 && !signbit(full[1]));
  closs_load_f32(CLOSS_C128, wide_pair, narrow);
  assert_true(narrow[0] == 0.1f && isinf(narrow[1]));
  closs_load_f64(CLOSS_C64, (const float[]){3, 4}, full);
  assert_true(full[0] == 3 && full[1] == 4);
}

/* What is stored as a result: every zero is +0, every NaN the one. */
static void results(void **state) {
  (void)state;
  static const double zeros[] = {0.0, -0.0, -1e-60, 1e-60};
  for (unsigned i = 0; i < TEST_COUNT(floats); ++i) {
    uint64_t element = UINT64_MAX;
    for (unsigned j = 0; j < (floats[i] == CLOSS_F64 ? 2 : 4); ++j) {
      closs_put_f64(floats[i], &element, (const double[]){zeros[j], 5});
      assert_int_equal(bits_of(floats[i], &element), 0);
    }
    closs_put_f32(floats[i], &element, (const float[]){-0.0f, 5});
    assert_int_equal(bits_of(floats[i], &element), 0);
    closs_put_f32(floats[i], &element, (const float[]){-NAN, 5});
    assert_int_equal(bits_of(floats[i], &element), quiet_nan(floats[i]));
    closs_put_f64(floats[i], &element, (const double[]){-(double)NAN, 5});
    assert_int_equal(bits_of(floats[i], &element), quiet_nan(floats[i]));
    closs_put_f64(floats[i], &element, (const double[]){-(double)INFINITY, 5});
    assert_int_equal(bits_of(floats[i], &element), infinity_bits(floats[i]) | sign_bit(floats[i]));
  }
  float narrow[2];
  closs_put_f32(CLOSS_C64, narrow, (const float[]){-0.0f, (float)NAN});
  assert_int_equal(bits_of(CLOSS_F32, &narrow[0]), 0);
  assert_int_equal(bits_of(CLOSS_F32, &narrow[1]), quiet_nan(CLOSS_F32));
}

/* closs_convert() keeps the sign of a zero. */
static void zeros_keep_their_sign(void **state) {
  (void)state;
  const double zero = -0.0;
  for (unsigned i = 0; i < TEST_COUNT(floats); ++i)
    assert_int_equal(bits_of(floats[i], converted(floats[i], CLOSS_F64, &zero)), sign_bit(floats[i]));
}

static void whole_arrays(void **state) {
  (void)state;
  const int8_t source[] = {-1, 2, -3};
  const uint8_t flags[] = {0, 1, 77};
  double values[3];
  uint8_t copy[3];
  assert_int_equal(closs_convert(CLOSS_F64, values, CLOSS_I8, source, 3, NULL), CLOSS_OK);
  assert_true(values[0] == -1 && values[1] == 2 && values[2] == -3);
  assert_int_equal(closs_convert(CLOSS_F64, values, CLOSS_BOOL, flags, 3, NULL), CLOSS_OK);
  assert_true(values[0] == 0 && values[1] == 1 && values[2] == 1);
  assert_int_equal(closs_convert(CLOSS_BOOL, copy, CLOSS_BOOL, flags, 3, NULL), CLOSS_OK);
  assert_memory_equal(copy, flags, sizeof flags);
  assert_int_equal(closs_convert(CLOSS_F64, NULL, CLOSS_I8, NULL, 0, NULL), CLOSS_OK);
}

static void refused(closs_dtype to, closs_dtype from, size_t count, closs_status expected, const char *text) {
  closs_error error = {CLOSS_OK, -1, ""};
  unsigned char memory[64] = {0};
  assert_int_equal(closs_convert(to, count ? memory : NULL, from, count ? memory + 32 : NULL, 1, &error), expected);
  assert_int_equal(error.status, expected);
  assert_string_equal(error.text, text);
}

static void refusals(void **state) {
  (void)state;
  refused(CLOSS_F32, CLOSS_C64, 1, CLOSS_UNSUPPORTED, "to: f32 cannot be made from c64");
  refused(CLOSS_I32, CLOSS_F32, 1, CLOSS_UNSUPPORTED, "to: i32 cannot be made from f32");
  refused(CLOSS_BOOL, CLOSS_U8, 1, CLOSS_UNSUPPORTED, "to: bool cannot be made from u8");
  refused((closs_dtype)0, CLOSS_F32, 1, CLOSS_INVALID_ARGUMENT, "to: 0 is no type");
  refused(CLOSS_F32, (closs_dtype)16, 1, CLOSS_INVALID_ARGUMENT, "from: 16 is no type");
  refused(CLOSS_F32, CLOSS_F32, 0, CLOSS_INVALID_ARGUMENT, "destination: is NULL, expected 1 elements");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_value_of_16_bits),
      cmocka_unit_test(ties_of_16_bits),
      cmocka_unit_test(f64_to_f32_at_random),
      cmocka_unit_test(integers_of_64_bits),
      cmocka_unit_test(small_integers),
      cmocka_unit_test(complex_numbers),
      cmocka_unit_test(results),
      cmocka_unit_test(zeros_keep_their_sign),
      cmocka_unit_test(whole_arrays),
      cmocka_unit_test(refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
