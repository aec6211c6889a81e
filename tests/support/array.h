/* Arrays in host memory with any strides, between margins whose bytes nobody may touch. */
#ifndef TESTS_SUPPORT_ARRAY_H
#define TESTS_SUPPORT_ARRAY_H

#include "closs/types.h"
#include "values.h"

/* A tensor's whole storage: margin, what its strides reach, margin. */
typedef struct test_array {
  closs_tensor tensor;
  size_t item;          /* bytes of an element */
  size_t size;          /* bytes of the storage */
  size_t origin;        /* the element of index (0, 0, ...), counted in elements from the storage's begin */
  unsigned char *bytes; /* NULL: no array */
} test_array;

/* Every byte is a canary at first. `shift` more elements lie before it, so that its alignment can be spoilt. */
test_array test_array_make(const closs_tensor *tensor, size_t shift);
test_array test_array_copy(const test_array *array);
void test_array_free(test_array *array);

/* A tensor without gaps whose dimensions lie in this order in memory, outermost first; and a matrix the other way. */
closs_tensor test_tensor_permuted(closs_dtype dtype, uint32_t rank, const uint64_t *shape, const uint32_t *order);
closs_tensor test_tensor_transposed(closs_dtype dtype, const uint64_t shape[2]);

/* The bytes from the element of index (0, 0, ...) to the last one. */
size_t test_array_span(const test_array *array);

/* The element of index (0, 0, ...), and the one with a row-major number. */
void *test_array_origin(const test_array *array);
void *test_array_at(const test_array *array, uint64_t number);

/* Fills the elements: with random values, from row-major bytes, or to row-major bytes. */
void test_array_fill(test_array *array, test_values values, uint64_t *stream);
void test_array_set(test_array *array, const void *elements);
void test_array_get(const test_array *array, void *elements);

/* Fails the test, naming the first element, unless both storages are the same bytes, canaries included. */
void test_array_same(const test_array *expected, const test_array *actual, const char *what);

/* Fails the test where a byte that is no element's is not a canary, or an element is -0 or another NaN than the quiet
 * one. */
void test_array_sound(const test_array *array, const char *what);

#endif
