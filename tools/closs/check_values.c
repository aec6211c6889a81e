#include "check_values.h"

#include <math.h>
#include <string.h>

uint64_t check_random(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

uint64_t check_text_seed(const char *text) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *text != 0; text++)
    hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  return hash;
}

/* The significant bits of a real type, and the exponent of its smallest normal number. */
static void format_of(closs_dtype dtype, int *digits, int *lowest) {
  *digits = dtype == CLOSS_F16 ? 11 : dtype == CLOSS_BF16 ? 8 : dtype == CLOSS_F32 ? 24 : 53;
  *lowest = dtype == CLOSS_F16 ? -14 : dtype == CLOSS_F64 ? -1022 : -126;
}

/* A value that the type holds exactly but for what lies below its range. */
static double draw_value(closs_dtype dtype, uint64_t bits, const struct check_fill *how) {
  static const double specials[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 6e4, -3e4, 1.0};
  int digits, lowest;
  format_of(dtype, &digits, &lowest);
  if (how->special && (bits >> 5) % 61 == 0) return specials[(bits >> 11) % 8];
  if (how->positive && bits % 17 == 0) return 0;
  /* Put together from bits: the top `digits` - 1 of the mantissa, an exponent around 0. */
  uint64_t pattern = (bits >> 12 & ~UINT64_C(0) << (53 - digits)) | (1023 - 5 + bits % 8) << 52;
  double value;
  memcpy(&value, &pattern, sizeof value);
  if (how->subnormal && !how->positive) value = ldexp(value, lowest - 3 + (int)(bits >> 3 & 8));
  return !how->positive && (bits >> 3) % 2 == 1 ? -value : value;
}

static void store_integer(closs_dtype dtype, void *element, uint64_t bits) {
  /* One in eight uses all bits of its type: some are rounded on the way to floating point. */
  bool wide = bits % 8 == 0;
  int64_t value = wide ? (int64_t)(bits >> 3) * ((bits >> 62) % 2 == 1 ? -1 : 1) : (int64_t)(bits >> 32) % 100;
  switch (closs_dtype_size(dtype)) {
  case 1:
    *(uint8_t *)element = dtype == CLOSS_BOOL ? (uint8_t)(bits >> 40) & 1 : (uint8_t)value;
    break;
  case 2:
    *(uint16_t *)element = (uint16_t)value;
    break;
  case 4:
    *(uint32_t *)element = (uint32_t)value;
    break;
  default:
    *(uint64_t *)element = (uint64_t)value;
    break;
  }
}

static void store(closs_dtype dtype, char *element, uint64_t index, const struct check_fill *how) {
  bool tie = check_random(how->tie_seed, index) % 8 == 0;
  uint64_t seed = tie ? how->tie_seed : how->seed;
  closs_dtype real = closs_dtype_real(dtype);
  size_t components = closs_dtype_size(dtype) / closs_dtype_size(real);
  for (size_t i = 0; i < components; i++) {
    uint64_t bits = check_random(seed, 2 * index + i);
    if (dtype < CLOSS_F16) {
      store_integer(dtype, element, bits);
    } else {
      double value = draw_value(real, bits, how);
      closs_convert(real, element + i * closs_dtype_size(real), CLOSS_F64, &value, 1, NULL);
    }
  }
}

void check_fill(const closs_tensor *tensor, void *origin, const struct check_fill *how) {
  uint64_t rows = tensor->rank == 2 ? tensor->shape[0] : 1, columns = tensor->rank == 2 ? tensor->shape[1] : 1;
  int64_t down = tensor->rank == 2 ? tensor->strides[0] : 0, along = tensor->rank == 2 ? tensor->strides[1] : 0;
  int64_t size = (int64_t)closs_dtype_size(tensor->dtype);
  for (uint64_t row = 0; row < rows; row++)
    for (uint64_t column = 0; column < columns; column++)
      store(tensor->dtype, (char *)origin + ((int64_t)row * down + (int64_t)column * along) * size,
            row * columns + column, how);
}
