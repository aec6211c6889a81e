/* Numbers as text: shortest digits that read back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#include "number.h"

static void assert_text(closs_dtype dtype, uint64_t bits, const char *expected) {
  char text[NUMBER_TEXT];
  uint16_t b16 = (uint16_t)bits;
  uint32_t b32 = (uint32_t)bits;
  const void *element = closs_dtype_size(dtype) == 2   ? (void *)&b16
                        : closs_dtype_size(dtype) == 4 ? (void *)&b32
                                                       : &bits;
  number_text(text, dtype, element);
  assert_string_equal(text, expected);
}

static void known_texts(void **state) {
  (void)state;
  assert_text(CLOSS_F32, 0x00000000, "0");
  assert_text(CLOSS_F32, 0x80000000, "0");
  assert_text(CLOSS_F32, 0x3f800000, "1");
  assert_text(CLOSS_F32, 0xbf800000, "-1");
  assert_text(CLOSS_F32, 0x3dcccccd, "0.1");
  assert_text(CLOSS_F32, 0x3eaaaaab, "0.33333334");
  assert_text(CLOSS_F32, 0x42c80000, "100");
  assert_text(CLOSS_F32, 0x4b800000, "16777216");
  assert_text(CLOSS_F32, 0x7f7fffff, "3.4028235e+38");
  assert_text(CLOSS_F32, 0x00000001, "1e-45");
  assert_text(CLOSS_F32, 0x7fc00000, "nan");
  assert_text(CLOSS_F32, 0xffc00001, "nan");
  assert_text(CLOSS_F32, 0x7f800000, "inf");
  assert_text(CLOSS_F32, 0xff800000, "-inf");
  assert_text(CLOSS_F16, 0x7bff, "65500");
  assert_text(CLOSS_F16, 0x0001, "6e-08");
  assert_text(CLOSS_F16, 0x3555, "0.3333");
  assert_text(CLOSS_BF16, 0x3eab, "0.334");
  assert_text(CLOSS_BF16, 0x7f7f, "3.39e+38");
  assert_text(CLOSS_F64, 0x3fb999999999999a, "0.1");
  assert_text(CLOSS_F64, 0x3fd5555555555555, "0.3333333333333333");
  assert_text(CLOSS_F64, 0x0000000000000001, "5e-324");
  assert_text(CLOSS_F64, 0x7fefffffffffffff, "1.7976931348623157e+308");
  assert_text(CLOSS_F64, 0x3f1a36e2eb1c432d, "0.0001");
  assert_text(CLOSS_F64, 0x3ee4f8b588e368f1, "1e-05");
  assert_text(CLOSS_F64, 0x4341c37937e08000, "1e+16");
  assert_text(CLOSS_F64, 0x430c6bf526340000, "1000000000000000");
}

/* Reads a decimal in double, which has digits to spare for types of 16 bits. */
static uint16_t read_16(closs_dtype dtype, const char *text) {
  double value = strtod(text, NULL);
  uint16_t bits;
  assert_int_equal(closs_convert(dtype, &bits, CLOSS_F64, &value, 1, NULL), CLOSS_OK);
  return bits;
}

static int count_digits(const char *text) {
  char digits[NUMBER_TEXT];
  size_t count = 0;
  for (; *text != 0 && *text != 'e'; text++)
    if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0')) digits[count++] = *text;
  while (count > 0 && digits[count - 1] == '0')
    count--;
  return (int)count;
}

/* Every value of a type of 16 bits reads back, and no decimal with a digit less does. */
static void every_16(closs_dtype dtype, uint16_t infinity) {
  for (uint16_t bits = 1; bits < infinity; bits++) {
    char text[NUMBER_TEXT], shorter[NUMBER_TEXT];
    number_text(text, dtype, &bits);
    assert_int_equal(read_16(dtype, text), bits);
    int count = count_digits(text) - 1;
    if (count == 0) continue;
    double value = number_value(dtype, &bits);
    double unit = pow(10, floor(log10(value)) - count + 1);
    for (int near = -1; near <= 2; near++) {
      snprintf(shorter, sizeof shorter, "%.*e", count - 1, (floor(value / unit) + near) * unit);
      if (read_16(dtype, shorter) == bits) fail_msg("%04x: %s is not as short as %s", bits, text, shorter);
    }
  }
}

static void every_f16(void **state) {
  (void)state;
  every_16(CLOSS_F16, 0x7c00);
}

static void every_bf16(void **state) {
  (void)state;
  every_16(CLOSS_BF16, 0x7f80);
}

static void reads_back(void **state) {
  (void)state;
  uint64_t seed = 1;
  for (int i = 0; i < 200000; i++) {
    char text[NUMBER_TEXT];
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t b64 = seed ^ seed >> 29;
    uint32_t b32 = (uint32_t)(b64 >> 13);
    double d, d_back;
    float f, f_back;
    memcpy(&d, &b64, 8);
    memcpy(&f, &b32, 4);
    number_text(text, CLOSS_F64, &d);
    if (isfinite(d)) {
      assert_ptr_equal(number_read(text, CLOSS_F64, &d_back), text + strlen(text));
      assert_memory_equal(&d, &d_back, 8);
    }
    number_text(text, CLOSS_F32, &f);
    if (isfinite(f)) {
      assert_ptr_equal(number_read(text, CLOSS_F32, &f_back), text + strlen(text));
      assert_memory_equal(&f, &f_back, 4);
    }
  }
}

static void parses(void **state) {
  (void)state;
  double value;
  assert_true(number_parse("0.5", &value) && value == 0.5);
  assert_true(number_parse(" -1e-3 ", &value) && value == -1e-3);
  assert_true(number_parse("0x1.8p1", &value) && value == 3);
  assert_true(number_parse("inf", &value) && isinf(value));
  assert_true(number_parse("-Infinity", &value) && isinf(value) && value < 0);
  assert_true(number_parse("nan", &value) && isnan(value));
  assert_true(number_parse("1e400", &value) && isinf(value));
  static const char *const none[] = {"", " ", "x", "1x", "1,5", "1 2", "-", "+", ".", "0.5.", "info", "[1]", "--1"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    assert_false(number_parse(none[i], &value));
}

static void parses_sizes(void **state) {
  (void)state;
  uint64_t size;
  assert_true(number_parse_size("0", &size) && size == 0);
  assert_true(number_parse_size("18446744073709551615", &size) && size == UINT64_MAX);
  assert_true(number_parse_size("3K", &size) && size == 3072);
  assert_true(number_parse_size("64M", &size) && size == 64 << 20);
  assert_true(number_parse_size("2G", &size) && size == UINT64_C(2) << 30);
  assert_true(number_parse_size("16777215T", &size) && size == UINT64_C(16777215) << 40);
  static const char *const none[] = {"",         " 1",   "1 ",  "-1", "+1",
                                     "0x10",     "1.5G", "1e6", "K",  "64X",
                                     "1k",       "64MB", "1KK", "M1", "18446744073709551616",
                                     "16777216T"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
    assert_false(number_parse_size(none[i], &size));
}

/* A number that lies just above the middle of two floats is rounded once, not by way of double. */
static void rounds_once(void **state) {
  (void)state;
  float value;
  assert_non_null(number_read("1.00000005960464477540", CLOSS_F32, &value));
  assert_true(value == nextafterf(1, 2));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_texts), cmocka_unit_test(every_f16), cmocka_unit_test(every_bf16),
      cmocka_unit_test(reads_back),  cmocka_unit_test(parses),    cmocka_unit_test(parses_sizes),
      cmocka_unit_test(rounds_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
