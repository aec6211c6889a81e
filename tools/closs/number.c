#include "number.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The most significant digits that a double needs. */
enum { MOST_DIGITS = 17 };

double number_value(closs_dtype dtype, const void *element) {
  double value = 0;
  closs_convert(CLOSS_F64, &value, dtype, element, 1, NULL);
  return value;
}

uint64_t number_bits(closs_dtype dtype, const void *element) {
  uint16_t b16 = 0;
  uint32_t b32 = 0;
  uint64_t b64 = 0;
  switch (closs_dtype_size(dtype)) {
  case sizeof b16:
    memcpy(&b16, element, sizeof b16);
    return b16;
  case sizeof b32:
    memcpy(&b32, element, sizeof b32);
    return b32;
  default:
    memcpy(&b64, element, sizeof b64);
    return b64;
  }
}

/* Where the number ends; NULL where there is none. */
static const char *read_token(const char *text, closs_dtype dtype, void *element) {
  char *end = NULL;
  if (dtype == CLOSS_F32) {
    float value = strtof(text, &end);
    memcpy(element, &value, sizeof value);
  } else {
    double value = strtod(text, &end);
    memcpy(element, &value, sizeof value);
  }
  return end == text ? NULL : end;
}

const char *number_read(const char *text, closs_dtype dtype, void *element) {
  /* strtod() would take nan(...) too, so only these are handed over. */
  static const char characters[] = "+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  while (isspace((unsigned char)*text))
    text++;
  size_t length = strspn(text, characters);
  char small[64];
  char *token = length < sizeof small ? small : malloc(length + 1);
  if (token == NULL) return NULL;
  memcpy(token, text, length);
  token[length] = 0;
  const char *end = read_token(token, dtype, element);
  const char *result = end == NULL ? NULL : text + (end - token);
  if (token != small) free(token);
  return result;
}

bool number_parse(const char *text, double *value) {
  const char *end = number_read(text, CLOSS_F64, value);
  return end != NULL && end[strspn(end, " \t")] == 0;
}

/* Whether 0.digits * 10^(exponent + 1) reads back to the element. */
static bool reads_back(const char *digits, int exponent, closs_dtype dtype, const void *element) {
  char text[NUMBER_TEXT + MOST_DIGITS];
  uint64_t bits = 0;
  snprintf(text, sizeof text, "%se%d", digits, exponent - (int)strlen(digits) + 1);
  if (dtype == CLOSS_F32) {
    float wanted;
    memcpy(&wanted, element, sizeof wanted);
    return strtof(text, NULL) == wanted;
  }
  double value = strtod(text, NULL);
  closs_convert(dtype, &bits, CLOSS_F64, &value, 1, NULL);
  return number_bits(dtype, &bits) == number_bits(dtype, element);
}

/* The nearest decimal of so many digits to a positive value: its digits without a point, and its exponent. */
static int round_to(char *digits, int count, double value) {
  char text[NUMBER_TEXT + MOST_DIGITS];
  int used = 0;
  snprintf(text, sizeof text, "%.*e", count - 1, value);
  char *e = strchr(text, 'e');
  for (const char *at = text; at < e; at++)
    if (isdigit((unsigned char)*at)) digits[used++] = *at;
  digits[used] = 0;
  return atoi(e + 1);
}

/* Adds one unit in the last digit; false where that would carry over all of them. */
static bool increment(char *digits) {
  for (size_t left = strlen(digits); left > 0; left--) {
    if (digits[left - 1] != '9') {
      digits[left - 1]++;
      return true;
    }
    digits[left - 1] = '0';
  }
  return false;
}

/* The shortest digits of a positive value. Below a power of two values lie closer: there the next decimal above may
 * read back where the nearest one does not. */
static int shortest(char *digits, closs_dtype dtype, double value, const void *positive) {
  for (int count = 1;; count++) {
    int exponent = round_to(digits, count, value);
    if (count == MOST_DIGITS || reads_back(digits, exponent, dtype, positive)) return exponent;
    if (increment(digits) && reads_back(digits, exponent, dtype, positive)) return exponent;
  }
}

void number_text(char text[NUMBER_TEXT], closs_dtype dtype, const void *element) {
  double value = number_value(dtype, element);
  if (value != value) {
    strcpy(text, "nan");
    return;
  }
  char *at = text;
  if (value < 0) *at++ = '-';
  if (value < 0) value = -value;
  if (value == 0 || value > 1.7976931348623157e308) {
    strcpy(at, value == 0 ? "0" : "inf");
    return;
  }
  uint64_t positive = 0;
  closs_convert(dtype, &positive, CLOSS_F64, &value, 1, NULL);
  char digits[MOST_DIGITS + 1];
  int exponent = shortest(digits, dtype, value, &positive);
  int count = (int)strlen(digits);
  if (exponent < -4 || exponent > 15) {
    sprintf(at, "%c%s%se%+03d", digits[0], count > 1 ? "." : "", digits + 1, exponent);
  } else if (exponent < 0) {
    sprintf(at, "0.%.*s%s", -exponent - 1, "000", digits);
  } else if (count <= exponent + 1) {
    sprintf(at, "%s%.*s", digits, exponent + 1 - count, "000000000000000");
  } else {
    sprintf(at, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
  }
}

void number_text_f64(char text[NUMBER_TEXT], double value) {
  number_text(text, CLOSS_F64, &value);
}

bool number_parse_size(const char *text, uint64_t *size) {
  static const char units[] = "KMGT";
  uint64_t value = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9'; at++) {
    unsigned digit = (unsigned)(*at - '0');
    if (value > (UINT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  if (at == text) return false;
  const char *unit = *at != 0 ? strchr(units, *at) : NULL;
  if (*at != 0 && (unit == NULL || at[1] != 0)) return false;
  int shift = unit == NULL ? 0 : 10 * (int)(unit - units + 1);
  if (value > UINT64_MAX >> shift) return false;
  *size = value << shift;
  return true;
}
