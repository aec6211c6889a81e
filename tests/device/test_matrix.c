/* Pairwise coverage of everything that can be asked for: the device's bits are the reference's, and both lie within the
 * oracle's bounds. Schedules have a test of their own. */
#include <stdio.h>

#include "support/harness.h"
#include "support/rows.h"

static bool any(const unsigned *row) {
  return test_row_in(row, TEST_SCHEDULE, 1u << CLOSS_SCHEDULE_AUTO) && test_row_allowed(row);
}

static bool contiguous(const unsigned *row) {
  return any(row) && test_row_contiguous(row);
}

static void run_cover(const test_device *device, test_allowed rule, uint64_t seed, uint64_t published) {
  size_t count;
  unsigned *rows = test_pairwise(TEST_FACTORS, test_row_levels, rule, seed, &count);
  printf("all pairs: ");
  test_rows_run(device, rows, count, seed, published);
  free(rows);
}

static void all_pairs(void **state) {
  run_cover(*state, any, 1, UINT64_C(0xc883d742309a14a2));
}

static void all_pairs_of_the_contiguous_path(void **state) {
  run_cover(*state, contiguous, 2, UINT64_C(0x6cf4fee292a089ae));
}

/* Other rows, which hold other triples. */
static void more_pairs(void **state) {
  static const uint64_t published[] = {UINT64_C(0xa9b36760161f8bfd), UINT64_C(0x21db420813ef788f),
                                       UINT64_C(0xc0876077806a0e2c), UINT64_C(0x8973f5f0aceeafa0)};
  for (size_t i = 0; i < TEST_COUNT(published); ++i)
    run_cover(*state, i % 2 ? contiguous : any, 3 + i, published[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_pairs),
      cmocka_unit_test(all_pairs_of_the_contiguous_path),
  };
  const struct CMUnitTest more[] = {cmocka_unit_test(more_pairs)};
  int failed = cmocka_run_group_tests_name("matrix", tests, test_device_setup, test_device_teardown);
  if (getenv("CLOSS_TEST_FULL"))
    failed += cmocka_run_group_tests_name("more of the matrix", more, test_device_setup, test_device_teardown);
  return failed;
}
