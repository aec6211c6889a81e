/* The factor of a mean against exact integers. */
#include "base/reciprocal.h"

#include <math.h>

#include "support/harness.h"
#include "support/values.h"

__extension__ typedef unsigned __int128 wide;

/* An integer of so many digits, or one more, and a shift: quotient * 2^-shift is |value|. */
typedef struct scaled {
  uint64_t quotient;
  int shift;
} scaled;

static scaled take_apart(double value, int digits) {
  int exponent;
  const double fraction = frexp(fabs(value), &exponent);
  return (scaled){(uint64_t)ldexp(fraction, digits), digits - exponent};
}

/* Whether quotient is the integer nearest to numerator / n; leaves n times the distance, and whether it is above. */
static bool is_nearest(uint64_t quotient, wide numerator, uint64_t n, wide *distance, bool *above) {
  const wide product = (wide)quotient * n;
  *above = product > numerator;
  *distance = *above ? product - numerator : numerator - product;
  return *distance * 2 < n || *distance == 0;
}

/* What both parts must be: the nearest to 1 / n, and the nearest to what remains. */
static void check(uint64_t n, int digits, double high, double low) {
  wide rest, after;
  bool above, unused;
  const scaled h = take_apart(high, digits), l = take_apart(low, digits);
  if (!is_nearest(h.quotient, (wide)1 << h.shift, n, &rest, &above))
    fail_msg("1 / %llu: %a", (unsigned long long)n, high);
  if (rest == 0) {
    if (low != 0) fail_msg("1 / %llu: %a + %a", (unsigned long long)n, high, low);
    return;
  }
  if ((low < 0) != above || !is_nearest(l.quotient, rest << (l.shift - h.shift), n, &after, &unused))
    fail_msg("1 / %llu: %a + %a", (unsigned long long)n, high, low);
}

static void check_both(uint64_t n) {
  float narrow[2];
  double full[2];
  closs_reciprocal_f32(n, narrow);
  closs_reciprocal_f64(n, full);
  check(n, 24, (double)narrow[0], (double)narrow[1]);
  check(n, 53, full[0], full[1]);
}

static void small_counts(void **state) {
  (void)state;
  for (uint64_t n = 1; n <= 200000; ++n)
    check_both(n);
}

static void around_powers_of_two(void **state) {
  (void)state;
  for (int bit = 1; bit < 64; ++bit)
    for (uint64_t off = 0; off < 3; ++off)
      check_both(((uint64_t)1 << bit) - 1 + off);
  check_both(UINT64_MAX);
}

static void random_counts(void **state) {
  (void)state;
  uint64_t stream = 7;
  for (int i = 0; i < 300000; ++i) {
    const uint64_t random = test_random(&stream);
    check_both((random >> (test_random(&stream) % 60)) | 1);
  }
}

static void no_terms(void **state) {
  (void)state;
  float narrow[2];
  double full[2];
  closs_reciprocal_f32(0, narrow);
  closs_reciprocal_f64(0, full);
  assert_true(isinf(narrow[0]) && narrow[0] > 0 && narrow[1] == 0);
  assert_true(isinf(full[0]) && full[0] > 0 && full[1] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_counts),
      cmocka_unit_test(around_powers_of_two),
      cmocka_unit_test(random_counts),
      cmocka_unit_test(no_terms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
