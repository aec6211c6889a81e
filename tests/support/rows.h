/* Rows of a covering array as computations: everything that can be asked for, by the levels of its factors. */
#ifndef TESTS_SUPPORT_ROWS_H
#define TESTS_SUPPORT_ROWS_H

#include "pairwise.h"
#include "work.h"

enum test_factor {
  TEST_LOSS_CASE,
  TEST_INPUT_TYPE,
  TEST_TARGET_TYPE,
  TEST_REDUCTION,
  TEST_OUTPUTS,
  TEST_WEIGHT_KIND,
  TEST_WEIGHT_TYPE,
  TEST_MEAN_OVER,
  TEST_UPSTREAM_KIND,
  TEST_UPSTREAM_TYPE,
  TEST_INPUT_MODE,
  TEST_TARGET_MODE,
  TEST_SHAPE,
  TEST_LENGTH,
  TEST_INPUT_LAYOUT,
  TEST_TARGET_LAYOUT,
  TEST_OTHER_LAYOUT, /* of weights, upstream gradients and results */
  TEST_ELEMENTS,
  TEST_WEIGHT_SIGN,
  TEST_SCHEDULE, /* closs_schedule */
  TEST_GROUP,    /* schedule groups: test_groups */
  TEST_WIDTH,    /* schedule groups: test_widths */
  TEST_FACTORS
};

extern const unsigned test_row_levels[TEST_FACTORS];

/* Work-group sizes and lanes of a work-item; 0: the library's choice. */
extern const uint32_t test_groups[8], test_widths[4];

/* test_allowed: what the library takes; and of that the fast path, one floating type, row-major, not broadcast. */
bool test_row_allowed(const unsigned *row);
bool test_row_contiguous(const unsigned *row);

/* Whether a factor is still open, or at one of these levels, a bit each. */
bool test_row_in(const unsigned *row, enum test_factor factor, uint32_t levels);

/*
 * Runs rows on the device, every test_every()-th of them: the bits are the reference's, and lie within the oracle's
 * bounds. Fails the test unless all rows' results (those left out: the reference's) hash to `published`. The seed
 * decides the elements.
 */
void test_rows_run(const test_device *device, const unsigned *rows, size_t count, uint64_t seed, uint64_t published);

#endif
