#include "base/convert.h"

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

/* What closs_convert() and the put functions disagree on. */
enum zero_sign { ZERO_KEEPS_SIGN, ZERO_IS_POSITIVE };

static const uint16_t f16_nan = 0x7e00;
static const uint16_t bf16_nan = 0x7fc0;
static const uint32_t f32_nan = 0x7fc00000;
static const uint64_t f64_nan = 0x7ff8000000000000;

static float f32_from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static float f32_from_f16(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = half & 0x7fff;
  if (rest >= 0x7c00) return f32_from_bits(sign | 0x7f800000 | rest << 13);     /* infinity or NaN */
  if (rest >= 0x0400) return f32_from_bits(sign | (rest + (112u << 10)) << 13); /* exponent from bias 15 to 127 */
  const float magnitude = (float)rest * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

/*
 * Rounds to nearest even in an IEEE format of 16 bits with so many fraction bits: f16 has 10, bf16 7. NaN is the
 * caller's to replace.
 */
static inline uint16_t bits16_from_f64(double value, int fraction_bits) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  const int bias = (1 << (14 - fraction_bits)) - 1;
  const uint16_t sign = (uint16_t)(bits >> 48 & 0x8000);
  const uint64_t infinity = (uint64_t)0x7fff >> fraction_bits << fraction_bits;
  int exponent = (int)(bits >> 52 & 0x7ff) - 1023 + bias;
  uint64_t significand = bits & 0xfffffffffffff;
  int dropped = 52 - fraction_bits;
  if (exponent < -fraction_bits) return sign; /* below half of the smallest subnormal */
  if (exponent <= 0) {                        /* subnormal: no hidden bit in the result, and fewer fraction bits */
    significand |= (uint64_t)1 << 52;
    dropped += 1 - exponent;
    exponent = 0;
  }
  uint64_t result = ((uint64_t)exponent << fraction_bits) + (significand >> dropped);
  const uint64_t rest = significand & (((uint64_t)1 << dropped) - 1), half = (uint64_t)1 << (dropped - 1);
  if (rest > half || (rest == half && (result & 1))) ++result; /* may carry into the exponent, as it should */
  return (uint16_t)(sign | (result < infinity ? result : infinity));
}

/*
 * An integer as a double, rounded to odd: a later rounding to a format of at most 51 bits gives what one rounding
 * would.
 */
static double f64_odd_from_u64(uint64_t value) {
  if (value >> 53 == 0) return (double)value;
  return (double)(value >> 11 | ((value & 0x7ff) != 0)) * 2048.0;
}

static double f64_odd_from_i64(int64_t value) {
  return value < 0 ? -f64_odd_from_u64(0 - (uint64_t)value) : f64_odd_from_u64((uint64_t)value);
}

/* Reads `element` as `type`. */
#define ELEMENT(type) (*(type *)memcpy(&(type){0}, element, sizeof(type)))

/* An element as doubles: exact, but that 64-bit integers are rounded to odd. */
static void load(closs_dtype from, const void *element, double value[2]) {
  value[1] = 0;
  switch (from) {
  case CLOSS_BOOL:
    value[0] = ELEMENT(uint8_t) != 0;
    break;
  case CLOSS_I8:
    value[0] = ELEMENT(int8_t);
    break;
  case CLOSS_U8:
    value[0] = ELEMENT(uint8_t);
    break;
  case CLOSS_I16:
    value[0] = ELEMENT(int16_t);
    break;
  case CLOSS_U16:
    value[0] = ELEMENT(uint16_t);
    break;
  case CLOSS_I32:
    value[0] = ELEMENT(int32_t);
    break;
  case CLOSS_U32:
    value[0] = ELEMENT(uint32_t);
    break;
  case CLOSS_I64:
    value[0] = f64_odd_from_i64(ELEMENT(int64_t));
    break;
  case CLOSS_U64:
    value[0] = f64_odd_from_u64(ELEMENT(uint64_t));
    break;
  case CLOSS_F16:
    value[0] = f32_from_f16(ELEMENT(uint16_t));
    break;
  case CLOSS_BF16:
    value[0] = f32_from_bits((uint32_t)ELEMENT(uint16_t) << 16);
    break;
  case CLOSS_F32:
    value[0] = ELEMENT(float);
    break;
  case CLOSS_F64:
    value[0] = ELEMENT(double);
    break;
  case CLOSS_C64: {
    float parts[2];
    memcpy(parts, element, sizeof parts);
    value[0] = parts[0];
    value[1] = parts[1];
    break;
  }
  case CLOSS_C128:
    memcpy(value, element, 2 * sizeof(double));
    break;
  }
}

void closs_load_f32(closs_dtype from, const void *element, float value[2]) {
  double wide[2] = {0, 0}; /* should `from` be no type */
  switch (from) {
  case CLOSS_F16: /* straight, for speed */
    value[0] = f32_from_f16(ELEMENT(uint16_t));
    value[1] = 0;
    break;
  case CLOSS_F32:
    value[0] = ELEMENT(float);
    value[1] = 0;
    break;
  default:
    load(from, element, wide);
    value[0] = (float)wide[0];
    value[1] = (float)wide[1];
  }
}

void closs_load_f64(closs_dtype from, const void *element, double value[2]) {
  load(from, element, value);
  if (from == CLOSS_I64) value[0] = (double)ELEMENT(int64_t); /* to nearest, not to odd */
  if (from == CLOSS_U64) value[0] = (double)ELEMENT(uint64_t);
}

static void store16(void *element, uint16_t bits, enum zero_sign zero) {
  if (bits == 0x8000 && zero == ZERO_IS_POSITIVE) bits = 0;
  memcpy(element, &bits, sizeof bits);
}

/* Rounds one component to a floating type that is not complex. */
static void store(closs_dtype to, void *element, double value, enum zero_sign zero) {
  const bool nan = value != value;
  switch (to) {
  case CLOSS_F16:
    store16(element, nan ? f16_nan : bits16_from_f64(value, 10), zero);
    break;
  case CLOSS_BF16:
    store16(element, nan ? bf16_nan : bits16_from_f64(value, 7), zero);
    break;
  case CLOSS_F32: {
    float rounded = (float)value;
    if (rounded == 0 && zero == ZERO_IS_POSITIVE) rounded = 0;
    memcpy(element, nan ? (const void *)&f32_nan : (const void *)&rounded, sizeof rounded);
    break;
  }
  case CLOSS_F64:
    if (value == 0 && zero == ZERO_IS_POSITIVE) value = 0;
    memcpy(element, nan ? (const void *)&f64_nan : (const void *)&value, sizeof value);
    break;
  default:
    break;
  }
}

static void store_element(closs_dtype to, void *element, const double value[2], enum zero_sign zero) {
  if (to == CLOSS_C64 || to == CLOSS_C128) {
    const closs_dtype component = to == CLOSS_C64 ? CLOSS_F32 : CLOSS_F64;
    store(component, element, value[0], zero);
    store(component, (char *)element + closs_dtype_size(component), value[1], zero);
  } else {
    store(to, element, value[0], zero);
  }
}

void closs_put_f32(closs_dtype to, void *element, const float value[2]) {
  store_element(to, element, (const double[]){value[0], value[1]}, ZERO_IS_POSITIVE);
}

void closs_put_f64(closs_dtype to, void *element, const double value[2]) {
  store_element(to, element, value, ZERO_IS_POSITIVE);
}

closs_status closs_convert(closs_dtype to, void *destination, closs_dtype from, const void *source, size_t count,
                           closs_error *error) {
  const size_t to_size = closs_dtype_size(to), from_size = closs_dtype_size(from);
  if (to_size == 0) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "to: %d is no type", (int)to);
  if (from_size == 0) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "from: %d is no type", (int)from);
  if (count > 0 && (!destination || !source))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: is NULL, expected %zu elements",
                      destination ? "source" : "destination", count);
  if (to < CLOSS_F16 && to == from) {
    if (count > 0) memcpy(destination, source, count * to_size);
    return CLOSS_OK;
  }
  if (to < CLOSS_F16 || (from >= CLOSS_C64 && to < CLOSS_C64))
    return closs_fail(error, CLOSS_UNSUPPORTED, "to: %s cannot be made from %s", closs_dtype_name(to),
                      closs_dtype_name(from));
  const bool to_doubles = closs_dtype_arithmetic(to) == CLOSS_F64;
  for (size_t i = 0; i < count; ++i) {
    const void *element = (const char *)source + i * from_size;
    double value[2];
    if (to_doubles)
      closs_load_f64(from, element, value);
    else
      load(from, element, value);
    store_element(to, (char *)destination + i * to_size, value, ZERO_KEEPS_SIGN);
  }
  return CLOSS_OK;
}
