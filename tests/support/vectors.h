/* The reference vectors of tests/vectors. */
#ifndef TESTS_SUPPORT_VECTORS_H
#define TESTS_SUPPORT_VECTORS_H

#include <stdbool.h>

#include "closs/loss.h"
#include "closs/types.h"

enum test_vector_array {
  TEST_VECTOR_INPUT,
  TEST_VECTOR_TARGET,
  TEST_VECTOR_WEIGHT,
  TEST_VECTOR_GRAD_OUTPUT,
  TEST_VECTOR_LOSS, /* this and what follows: f64, or c128 */
  TEST_VECTOR_GRAD_INPUT,
  TEST_VECTOR_GRAD_TARGET,
  TEST_VECTOR_ARRAYS
};

typedef struct test_vector {
  char name[48];
  closs_loss loss;
  bool has_parameter;
  double parameter;
  closs_reduction reduction;
  closs_dtype dtype;
  closs_tensor tensors[TEST_VECTOR_ARRAYS]; /* contiguous */
  const void *elements[TEST_VECTOR_ARRAYS]; /* NULL: the case has no such array */
} test_vector;

typedef struct test_vectors {
  test_vector *cases;
  size_t count;
  unsigned char *bytes; /* golden.bin */
} test_vectors;

/* Reads golden.tsv and golden.bin of a folder; false, with a line on stderr, where they are not as they should be. */
bool test_vectors_read(test_vectors *vectors, const char *folder);
void test_vectors_free(test_vectors *vectors);

#endif
