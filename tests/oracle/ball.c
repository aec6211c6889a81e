#include "ball.h"

#include <math.h>

static const format formats[] = {
    {11, -24, 0x1.ffcp15L, 0x1.ffep15L, CLOSS_F16},
    {8, -133, 0x1.fep127L, 0x1.ffp127L, CLOSS_BF16},
    {24, -149, 0x1.fffffep127L, 0x1.ffffffp127L, CLOSS_F32},
    {53, -1074, 0x1.fffffffffffffp1023L, 0x1.fffffffffffff8p1023L, CLOSS_F64},
};

const format *format_of(closs_dtype dtype) {
  switch (dtype) {
  case CLOSS_F16:
    return &formats[0];
  case CLOSS_BF16:
    return &formats[1];
  case CLOSS_F64:
  case CLOSS_C128:
    return &formats[3];
  default:
    return &formats[2];
  }
}

oracle_real decode16(uint16_t bits, int fraction_bits) {
  const int exponent = (bits & 0x7fff) >> fraction_bits, bias = (1 << (14 - fraction_bits)) - 1;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  long double value;
  if (exponent == 2 * bias + 1)
    value = fraction ? (long double)NAN : (long double)INFINITY;
  else if (exponent == 0)
    value = ldexpl(fraction, 1 - bias - fraction_bits);
  else
    value = ldexpl(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
  return (oracle_real)(bits & 0x8000 ? -value : value);
}

static oracle_real power(int exponent) {
  return (oracle_real)ldexpl(1.0L, exponent);
}

static int exponent_of(oracle_real value) {
  int exponent;
  frexpl((long double)value, &exponent);
  return exponent - 1;
}

oracle_real magnitude(oracle_real value) {
  return value < 0 ? -value : value;
}

bool is_finite(oracle_real value) {
  return magnitude(value) < (oracle_real)INFINITY;
}

oracle_real square_root(oracle_real value) {
  if (value <= 0) return 0;
  const int half = exponent_of(value) / 2;
  const oracle_real scaled = value / power(half) / power(half);
  oracle_real root = (oracle_real)sqrtl((long double)scaled);
  root = (root + scaled / root) / 2; /* doubles the 64 bits that it may have had */
  return root * power(half);
}

oracle_real unit_at(oracle_real value, const format *type) {
  if (value == 0) return power(type->smallest);
  const int exponent = exponent_of(value) - type->digits + 1;
  return power(exponent > type->smallest ? exponent : type->smallest);
}

static bool is_multiple(oracle_real value, oracle_real unit) {
  const oracle_real ratio = value / unit;
  return magnitude(ratio) < power(62) && (oracle_real)(int64_t)ratio == ratio;
}

static ball make(oracle_real value, oracle_real error, bool known) {
  if (!known) return (ball){value, INFINITY};
  return (ball){value, is_finite(value) ? error : 0};
}

static bool both_known(ball a, ball b) {
  return is_finite(a.error) && is_finite(b.error);
}

ball exact(oracle_real value) {
  return (ball){value, 0};
}

ball unknown(void) {
  return (ball){NAN, INFINITY};
}

ball add(ball a, ball b) {
  return make(a.value + b.value, a.error + b.error, both_known(a, b));
}

ball subtract(ball a, ball b) {
  return add(a, negate(b));
}

ball negate(ball a) {
  return (ball){-a.value, a.error};
}

/* An infinity times what may be 0, but need not. */
static bool is_open(ball infinite, ball other) {
  return magnitude(infinite.value) == (oracle_real)INFINITY && other.error > 0 && magnitude(other.value) <= other.error;
}

ball multiply(ball a, ball b) {
  if (is_open(a, b) || is_open(b, a)) return unknown();
  const oracle_real error = magnitude(a.value) * b.error + magnitude(b.value) * a.error + a.error * b.error;
  return make(a.value * b.value, error, both_known(a, b));
}

ball divide(ball a, ball b) {
  const oracle_real value = a.value / b.value, least = magnitude(b.value) - b.error;
  if (b.error != 0 && is_finite(b.value) && least <= 0) return unknown();
  return make(value, (a.error + magnitude(value) * b.error) / least, both_known(a, b));
}

/* `error` in all, after a last rounding; before that rounding it was `before`, which settles overflow. */
static ball settle(ball a, oracle_real before, oracle_real error, const format *type) {
  const oracle_real size = magnitude(a.value);
  if (!is_finite(a.value) || !is_finite(a.error)) return a;
  if (size - before >= type->limit) return exact(a.value < 0 ? -INFINITY : INFINITY);
  if (size + before >= type->limit) return unknown();
  return (ball){a.value, error};
}

ball rounded(ball a, const format *type) {
  if (a.error == 0 && is_finite(a.value) && is_multiple(a.value, unit_at(a.value, type))) return settle(a, 0, 0, type);
  return within(a, (oracle_real)0.5, type);
}

ball within(ball a, oracle_real units, const format *type) {
  const oracle_real half = unit_at(magnitude(a.value) + a.error, type) / 2;
  return settle(a, a.error + (2 * units - 1) * half, a.error + 2 * units * half, type);
}

ball joined(ball argument, oracle_real border, bool border_is_low, ball low, ball high) {
  const ball chosen = argument.value < border || (argument.value == border && border_is_low) ? low : high;
  if (argument.error == 0 || magnitude(argument.value - border) > argument.error) return chosen;
  if (!both_known(low, high)) return unknown();
  const oracle_real jump = magnitude(low.value - high.value);
  return (ball){chosen.value, (low.error > high.error ? low.error : high.error) + jump};
}

const total total_zero = {0, 0, 0, 0, INT32_MAX, false, false, false};

void total_add(total *sum, ball term) {
  sum->sum += term.value;
  sum->error += term.error;
  sum->count += 1;
  if (term.value > 0) sum->positive = true;
  if (term.value < 0) sum->negative = true;
  if (term.value == 0 || !is_finite(term.value)) return;
  sum->absolute += magnitude(term.value);
  int exponent = exponent_of(term.value) - 60;
  if (term.error != 0 || !is_multiple(term.value, power(exponent))) {
    sum->inexact = true;
    return;
  }
  for (int64_t digits = (int64_t)(term.value / power(exponent)); digits % 2 == 0; digits /= 2)
    ++exponent;
  if (exponent < sum->lowest_bit) sum->lowest_bit = exponent;
}

ball total_pair(const total *sum, const format *type) {
  const oracle_real u = power(-type->digits);
  const bool one_sign = !sum->positive || !sum->negative;
  ball pair = {sum->sum, sum->error};
  if (!is_finite(sum->error)) return unknown();
  if (!is_finite(sum->sum)) return sum->absolute < type->largest ? exact(sum->sum) : unknown();
  if (sum->absolute == 0) return pair;
  if (!one_sign && sum->absolute >= type->largest) return unknown();
  if (!sum->inexact && sum->absolute <= power(sum->lowest_bit + type->digits)) /* no addition rounds */
    return settle(pair, 0, 0, type);
  oracle_real lost = (oracle_real)sum->count * u * u * sum->absolute;
  if (one_sign && lost > unit_at(sum->sum, type) / 2) lost = unit_at(sum->sum, type) / 2;
  lost += (oracle_real)sum->count * power(-111) * sum->absolute; /* the oracle's own */
  return settle(pair, pair.error + lost, pair.error + lost, type);
}

static ball finish_product(ball product, const format *type) {
  const oracle_real size = magnitude(product.value), u = power(-type->digits);
  if (!is_finite(product.value) || rounded(product, type).error == 0) return rounded(product, type);
  product.error += 8 * u * u * size;
  if (size < power(type->smallest + 3 * type->digits))
    product.error += 4 * power(type->smallest); /* low parts underflow */
  return rounded(product, type);
}

ball pair_times(ball pair, ball factor, const format *type) {
  return finish_product(multiply(pair, factor), type);
}

ball pair_over(ball pair, ball divisor, const format *type) {
  return finish_product(divide(pair, divisor), type);
}
