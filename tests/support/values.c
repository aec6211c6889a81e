#include "values.h"

#include <math.h>
#include <string.h>

typedef struct format {
  unsigned exponent_bits, fraction_bits;
} format;

static format format_of(closs_dtype dtype) {
  switch (dtype) {
  case CLOSS_F16:
    return (format){5, 10};
  case CLOSS_BF16:
    return (format){8, 7};
  case CLOSS_F32:
    return (format){8, 23};
  default:
    return (format){11, 52};
  }
}

static bool is_integer(closs_dtype dtype) {
  return dtype <= CLOSS_U64;
}

static bool is_signed(closs_dtype dtype) {
  return dtype == CLOSS_I8 || dtype == CLOSS_I16 || dtype == CLOSS_I32 || dtype == CLOSS_I64;
}

static uint64_t exponent_mask(format f) {
  return (UINT64_C(1) << f.exponent_bits) - 1;
}

static int bias(format f) {
  return (int)(exponent_mask(f) >> 1);
}

static uint64_t pack(format f, uint64_t sign, uint64_t exponent, uint64_t fraction) {
  return sign << (f.exponent_bits + f.fraction_bits) | exponent << f.fraction_bits |
         (fraction & ((UINT64_C(1) << f.fraction_bits) - 1));
}

static void put_bits(void *element, size_t size, uint64_t bits) {
  const uint8_t narrow = (uint8_t)bits;
  const uint16_t half = (uint16_t)bits;
  const uint32_t word = (uint32_t)bits;
  const void *const sources[] = {&narrow, &half, &word, &bits};
  memcpy(element, sources[size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3], size);
}

static uint64_t get_bits(const void *element, size_t size) {
  uint8_t narrow;
  uint16_t half;
  uint32_t word;
  uint64_t wide;
  switch (size) {
  case 1:
    memcpy(&narrow, element, size);
    return narrow;
  case 2:
    memcpy(&half, element, size);
    return half;
  case 4:
    memcpy(&word, element, size);
    return word;
  default:
    memcpy(&wide, element, size);
    return wide;
  }
}

uint64_t test_random(uint64_t *stream) {
  uint64_t z = *stream += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

closs_dtype test_component(closs_dtype dtype) {
  return dtype == CLOSS_C64 ? CLOSS_F32 : dtype == CLOSS_C128 ? CLOSS_F64 : dtype;
}

unsigned test_components(closs_dtype dtype) {
  return dtype == CLOSS_C64 || dtype == CLOSS_C128 ? 2 : 1;
}

static uint64_t plain_bits(format f, uint64_t random) {
  return pack(f, random & 1, (uint64_t)(bias(f) - 3) + (random >> 1) % 7, random >> 8);
}

/* Multiples of 1/4 from -2 to 2. */
static uint64_t grid_bits(format f, uint64_t random) {
  const uint64_t sign = random & 1, quarters = (random >> 1) % 9;
  if (quarters == 0) return pack(f, sign, 0, 0);
  unsigned top = 0;
  while (quarters >> (top + 1))
    ++top;
  return pack(f, sign, (uint64_t)(bias(f) - 2) + top, (quarters - (UINT64_C(1) << top)) << (f.fraction_bits - top));
}

static uint64_t extreme_bits(format f, uint64_t random) {
  const uint64_t sign = random & 1, rest = random >> 8, top = exponent_mask(f);
  switch (random >> 1 & 15) {
  case 0:
    return pack(f, sign, 0, 0);
  case 1:
    return pack(f, sign, 0, rest);
  case 2:
    return pack(f, sign, 0, 1);
  case 3:
    return pack(f, sign, 1, 0);
  case 4:
    return pack(f, sign, top - 1, UINT64_MAX);
  case 5:
  case 6:
    return pack(f, sign, rest % top, rest >> 11);
  default:
    return plain_bits(f, random >> 5);
  }
}

static uint64_t special_bits(format f, uint64_t random) {
  switch (random & 15) {
  case 0:
  case 1:
    return pack(f, random >> 4 & 1, exponent_mask(f), 0);
  case 2:
    return pack(f, random >> 4 & 1, exponent_mask(f), (random >> 5) | 1);
  default:
    return extreme_bits(f, random >> 4);
  }
}

static uint64_t float_bits(format f, test_values values, uint64_t random) {
  switch (values) {
  case TEST_GRID:
    return grid_bits(f, random);
  case TEST_EXTREME:
    return extreme_bits(f, random);
  case TEST_SPECIAL:
    return special_bits(f, random);
  case TEST_POSITIVE:
    return plain_bits(f, random & ~UINT64_C(1));
  default:
    return plain_bits(f, random);
  }
}

static uint64_t integer_bits(closs_dtype dtype, test_values values, uint64_t random) {
  const bool negative = is_signed(dtype) && values != TEST_POSITIVE && (random & 1);
  const uint64_t small = (random >> 1) % (values == TEST_GRID ? 3 : 17);
  if (values == TEST_EXTREME || values == TEST_SPECIAL) return random;
  if (dtype == CLOSS_BOOL && values != TEST_POSITIVE) return small & 1;
  return negative ? ~small + 1 : small + (values == TEST_POSITIVE);
}

void test_fill(closs_dtype dtype, void *elements, size_t count, test_values values, uint64_t *stream) {
  const closs_dtype component = test_component(dtype);
  const size_t size = closs_dtype_size(component), number = count * test_components(dtype);
  unsigned char *place = elements;
  for (size_t i = 0; i < number; ++i, place += size) {
    const uint64_t random = test_random(stream);
    put_bits(place, size,
             is_integer(component) ? integer_bits(component, values, random)
                                   : float_bits(format_of(component), values, random));
  }
}

double test_value(closs_dtype dtype, const void *element) {
  const closs_dtype component = test_component(dtype);
  const size_t size = closs_dtype_size(component);
  const uint64_t bits = get_bits(element, size);
  if (component == CLOSS_BOOL) return bits != 0;
  if (is_signed(component)) {
    const unsigned shift = 64 - 8 * (unsigned)size;
    const uint64_t sign = UINT64_C(1) << (8 * size - 1);
    return bits & sign ? -(double)((~bits + 1) << shift >> shift) : (double)bits;
  }
  if (is_integer(component)) return (double)bits;

  const format f = format_of(component);
  const uint64_t exponent = bits >> f.fraction_bits & exponent_mask(f);
  const uint64_t fraction = bits & ((UINT64_C(1) << f.fraction_bits) - 1);
  const double sign = bits >> (f.fraction_bits + f.exponent_bits) & 1 ? -1.0 : 1.0;
  if (exponent == exponent_mask(f)) return fraction ? (double)NAN : sign * (double)INFINITY;
  const uint64_t mantissa = exponent ? fraction | UINT64_C(1) << f.fraction_bits : fraction;
  return sign * ldexp((double)mantissa, (exponent ? (int)exponent : 1) - bias(f) - (int)f.fraction_bits);
}

void test_store(closs_dtype dtype, void *element, double value) {
  const closs_dtype component = test_component(dtype);
  const size_t size = closs_dtype_size(component);
  memset(element, 0, closs_dtype_size(dtype));
  if (is_integer(component)) {
    put_bits(element, size, value < 0 ? ~(uint64_t)-value + 1 : (uint64_t)value);
    return;
  }
  const format f = format_of(component);
  const uint64_t sign = signbit(value) ? 1 : 0;
  int exponent;
  const double fraction = frexp(fabs(value), &exponent); /* 0.5 to 1 */
  if (isnan(value) || isinf(value))
    put_bits(
        element, size,
        pack(f, isnan(value) ? 0 : sign, exponent_mask(f), isnan(value) ? UINT64_C(1) << (f.fraction_bits - 1) : 0));
  else if (value == 0)
    put_bits(element, size, pack(f, sign, 0, 0));
  else if (exponent + bias(f) - 1 > 0)
    put_bits(element, size,
             pack(f, sign, (uint64_t)(exponent + bias(f) - 1), (uint64_t)ldexp(fraction, (int)f.fraction_bits + 1)));
  else
    put_bits(element, size, pack(f, sign, 0, (uint64_t)ldexp(fraction, exponent + bias(f) - 1 + (int)f.fraction_bits)));
}

double test_unit(closs_dtype dtype, double magnitude) {
  const format f = format_of(test_component(dtype));
  int exponent;
  frexp(magnitude, &exponent);
  const int smallest = 2 - bias(f);
  if (magnitude == 0 || exponent < smallest) exponent = smallest;
  return ldexp(1.0, exponent - 1 - (int)f.fraction_bits);
}

bool test_overflows(closs_dtype dtype, double value) {
  const format f = format_of(test_component(dtype));
  if (f.fraction_bits == 52) return isinf(value);
  const double limit = ldexp(1.0, bias(f) + 1) - ldexp(1.0, bias(f) - (int)f.fraction_bits - 1);
  return fabs(value) >= limit;
}

bool test_forbidden(closs_dtype dtype, const void *element) {
  const closs_dtype component = test_component(dtype);
  if (is_integer(component)) return false;
  const format f = format_of(component);
  const uint64_t bits = get_bits(element, closs_dtype_size(component));
  const uint64_t nan = pack(f, 0, exponent_mask(f), UINT64_C(1) << (f.fraction_bits - 1));
  const double value = test_value(component, element);
  return isnan(value) ? bits != nan : value == 0 && bits != 0;
}
