/* Covering arrays: few rows in which every allowed pair of levels of any two factors stands together. */
#ifndef TESTS_SUPPORT_PAIRWISE_H
#define TESTS_SUPPORT_PAIRWISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A factor that a row has not settled yet. */
#define TEST_OPEN ((unsigned)-1)

/* Whether a row, perhaps with open factors, may still become one that is wanted. Settling more never makes it true
 * again. */
typedef bool (*test_allowed)(const unsigned *row);

/*
 * Rows of `factors` levels each, one after the other, chosen greedily; the seed decides among equals.
 * levels[f] is how many levels factor f has. The caller frees the rows.
 */
unsigned *test_pairwise(size_t factors, const unsigned *levels, test_allowed allowed, uint64_t seed, size_t *rows);

#endif
