#include <stdio.h>
#include <string.h>

#include "ball.h"

/* The component of the array that has this number, in row-major order. */
static const char *component_at(const oracle_output *expected, const void *actual, size_t number) {
  const closs_tensor *layout = &expected->layout;
  const size_t size = closs_dtype_size(layout->dtype);
  size_t index = number / expected->components;
  int64_t offset = 0;
  for (uint32_t left = layout->rank; left > 0; left--) {
    offset += (int64_t)(index % layout->shape[left - 1]) * layout->strides[left - 1];
    index /= (size_t)layout->shape[left - 1];
  }
  return (const char *)actual + offset * (int64_t)size + number % expected->components * (size / expected->components);
}

/* A component as a double, which holds every stored type; *clean: neither -0 nor a NaN other than the one. */
static double read_component(closs_dtype dtype, const char *component, bool *clean) {
  const closs_dtype real = closs_dtype_real(dtype);
  uint64_t bits = 0, zero = 0, nan = 0;
  double value;
  switch (real) {
  case CLOSS_F16:
  case CLOSS_BF16: {
    uint16_t half;
    memcpy(&half, component, sizeof half);
    bits = half;
    zero = 0x8000;
    nan = real == CLOSS_F16 ? 0x7e00 : 0x7fc0;
    value = (double)decode16(half, real == CLOSS_F16 ? 10 : 7);
    break;
  }
  case CLOSS_F32: {
    uint32_t word;
    float narrow;
    memcpy(&word, component, sizeof word);
    memcpy(&narrow, component, sizeof narrow);
    bits = word;
    zero = 0x80000000;
    nan = 0x7fc00000;
    value = narrow;
    break;
  }
  default:
    memcpy(&bits, component, sizeof bits);
    memcpy(&value, component, sizeof value);
    zero = 0x8000000000000000;
    nan = 0x7ff8000000000000;
  }
  *clean = bits != zero && (value == value || bits == nan);
  return value;
}

static bool is_right(oracle_real value, oracle_real error, double actual, const format *type) {
  if (!is_finite(error)) return true;
  if (value != value || actual != actual) return value != value && actual != actual;
  if (!is_finite(value)) return actual == value;
  if (is_finite(actual)) return magnitude(actual - value) <= error;
  return (actual > 0) == (value > 0) && magnitude(value) + error >= type->largest;
}

size_t oracle_compare(const oracle_output *expected, const void *actual, char *text, size_t size) {
  const format *type = format_of(expected->layout.dtype);
  size_t wrong = 0;
  for (size_t i = 0; i < expected->count; ++i) {
    bool clean;
    const double found = read_component(expected->layout.dtype, component_at(expected, actual, i), &clean);
    if (clean && is_right(expected->value[i], expected->error[i], found, type)) continue;
    if (wrong++ == 0 && text)
      snprintf(text, size, "component %zu of %zu: %.17g (%a), expected %.17g within %.3g%s", i, expected->count, found,
               found, (double)expected->value[i], (double)expected->error[i], clean ? "" : "; not the one NaN, or -0");
  }
  return wrong;
}

double oracle_units(const oracle_output *expected, const void *actual) {
  const format *type = format_of(expected->layout.dtype);
  double most = 0;
  for (size_t i = 0; i < expected->count; ++i) {
    bool clean;
    const double found = read_component(expected->layout.dtype, component_at(expected, actual, i), &clean);
    if (!is_finite(found) || !is_finite(expected->value[i])) continue;
    const double units = (double)(magnitude(found - expected->value[i]) / unit_at(expected->value[i], type));
    if (units > most) most = units;
  }
  return most;
}
