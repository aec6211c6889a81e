#include "base/reciprocal.h"

#include <math.h>
#include <stdbool.h>

/*
 * Long division: the integer of so many binary digits nearest to remainder / n * 2^shift, where shift is what makes it
 * that long. remainder < n, and neither is a quotient of the two ever halfway, as n is no power of two. Leaves in
 * *remainder how far (in n-ths) the quotient is off, always at most half; returns whether it was rounded up.
 */
static bool divide(uint64_t n, int digits, uint64_t *remainder, uint64_t *quotient, int *shift) {
  *quotient = 0;
  while (*quotient >> (digits - 1) == 0) {
    const bool carry = *remainder >> 63;
    *remainder <<= 1;
    *quotient <<= 1;
    ++*shift;
    if (carry || *remainder >= n) {
      *remainder -= n; /* modulo 2^64: right with a carry too */
      ++*quotient;
    }
  }
  if (*remainder < n - *remainder) return false;
  *remainder = n - *remainder;
  ++*quotient;
  return true;
}

/* Both parts fit a double, and are exact in it, for digits = 24 as for 53. */
static void reciprocal(uint64_t n, int digits, double factor[2]) {
  factor[1] = 0;
  if ((n & (n - 1)) == 0) { /* a power of two, or 0 */
    factor[0] = n == 0 ? INFINITY : 1.0 / (double)n;
    return;
  }
  uint64_t remainder = 1, quotient;
  int shift = 0;
  const bool up = divide(n, digits, &remainder, &quotient, &shift);
  factor[0] = ldexp((double)quotient, -shift);
  divide(n, digits, &remainder, &quotient, &shift);
  factor[1] = ldexp((double)quotient, -shift);
  if (up) factor[1] = -factor[1];
}

void closs_reciprocal_f32(uint64_t n, float factor[2]) {
  double wide[2];
  reciprocal(n, 24, wide);
  factor[0] = (float)wide[0];
  factor[1] = (float)wide[1];
}

void closs_reciprocal_f64(uint64_t n, double factor[2]) {
  reciprocal(n, 53, factor);
}
