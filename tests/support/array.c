#include "array.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"

enum { CANARY = 0xa5, MARGIN = 64 };

void *test_allocate(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) fail_msg("out of memory: %zu bytes", bytes);
  return memory;
}

test_array test_array_make(const closs_tensor *tensor, size_t shift) {
  test_array array = {.tensor = *tensor, .item = closs_dtype_size(tensor->dtype)};
  int64_t lowest = 0, highest = 0;
  for (uint32_t i = 0; i < tensor->rank; ++i) {
    const int64_t reach = tensor->shape[i] ? (int64_t)(tensor->shape[i] - 1) * tensor->strides[i] : 0;
    *(reach < 0 ? &lowest : &highest) += reach;
  }
  array.origin = MARGIN + shift + (size_t)-lowest;
  array.size = (array.origin + (size_t)highest + 1 + MARGIN) * array.item;
  array.bytes = test_allocate(array.size);
  memset(array.bytes, CANARY, array.size);
  return array;
}

test_array test_array_copy(const test_array *array) {
  test_array copy = *array;
  if (array->bytes) {
    copy.bytes = test_allocate(array->size);
    memcpy(copy.bytes, array->bytes, array->size);
  }
  return copy;
}

void test_array_free(test_array *array) {
  free(array->bytes);
  memset(array, 0, sizeof *array);
}

closs_tensor test_tensor_permuted(closs_dtype dtype, uint32_t rank, const uint64_t *shape, const uint32_t *order) {
  closs_tensor tensor = closs_tensor_contiguous(dtype, rank, shape);
  int64_t stride = 1;
  for (uint32_t d = rank; d > 0; --d) {
    tensor.strides[order[d - 1]] = stride;
    stride *= (int64_t)shape[order[d - 1]];
  }
  return tensor;
}

closs_tensor test_tensor_transposed(closs_dtype dtype, const uint64_t shape[2]) {
  return test_tensor_permuted(dtype, 2, shape, (const uint32_t[]){1, 0});
}

size_t test_array_span(const test_array *array) {
  return array->size - (array->origin + MARGIN) * array->item;
}

void *test_array_origin(const test_array *array) {
  return array->bytes ? array->bytes + array->origin * array->item : NULL;
}

void *test_array_at(const test_array *array, uint64_t number) {
  int64_t place = (int64_t)array->origin;
  for (uint32_t left = array->tensor.rank; left > 0; left--) {
    place += (int64_t)(number % array->tensor.shape[left - 1]) * array->tensor.strides[left - 1];
    number /= array->tensor.shape[left - 1];
  }
  return array->bytes + (size_t)place * array->item;
}

void test_array_fill(test_array *array, test_values values, uint64_t *stream) {
  const uint64_t count = closs_tensor_elements(&array->tensor);
  for (uint64_t i = 0; i < count; ++i)
    test_fill(array->tensor.dtype, test_array_at(array, i), 1, values, stream);
}

void test_array_set(test_array *array, const void *elements) {
  const uint64_t count = closs_tensor_elements(&array->tensor);
  const unsigned char *from = elements;
  for (uint64_t i = 0; i < count; ++i)
    memcpy(test_array_at(array, i), from + i * array->item, array->item);
}

void test_array_get(const test_array *array, void *elements) {
  const uint64_t count = closs_tensor_elements(&array->tensor);
  unsigned char *to = elements;
  for (uint64_t i = 0; i < count; ++i)
    memcpy(to + i * array->item, test_array_at(array, i), array->item);
}

static void print_bits(char *text, size_t size, const unsigned char *element, size_t item) {
  size_t used = 0;
  for (size_t i = 0; i < item; ++i) /* as the tests' machines hold them: little-endian */
    used += (size_t)snprintf(text + used, size - used, "%02x", element[item - 1 - i]);
}

void test_array_same(const test_array *expected, const test_array *actual, const char *what) {
  assert_int_equal(expected->size, actual->size);
  if (!memcmp(expected->bytes, actual->bytes, expected->size)) return;
  const closs_tensor *tensor = &expected->tensor;
  const uint64_t count = closs_tensor_elements(tensor);
  uint64_t different = 0, first = 0;
  for (uint64_t left = count; left > 0; left--)
    if (memcmp(test_array_at(expected, left - 1), test_array_at(actual, left - 1), expected->item)) {
      first = left - 1;
      ++different;
    }
  if (!different) fail_msg("%s: bytes beside the elements differ", what);
  const unsigned char *right = test_array_at(expected, first), *wrong = test_array_at(actual, first);
  char right_bits[40] = "", wrong_bits[40] = "";
  print_bits(right_bits, sizeof right_bits, right, expected->item);
  print_bits(wrong_bits, sizeof wrong_bits, wrong, expected->item);
  fail_msg("%s: %llu of %llu elements differ, first %llu: expected %s (%.17g), got %s (%.17g)", what,
           (unsigned long long)different, (unsigned long long)count, (unsigned long long)first, right_bits,
           test_value(tensor->dtype, right), wrong_bits, test_value(tensor->dtype, wrong));
}

void test_array_sound(const test_array *array, const char *what) {
  const uint64_t count = closs_tensor_elements(&array->tensor);
  const closs_dtype component = test_component(array->tensor.dtype);
  unsigned char *rest = test_allocate(array->size);
  memcpy(rest, array->bytes, array->size);
  for (uint64_t i = 0; i < count; ++i) {
    const unsigned char *element = test_array_at(array, i);
    for (unsigned part = 0; part < test_components(array->tensor.dtype); ++part)
      if (test_forbidden(component, element + part * closs_dtype_size(component)))
        fail_msg("%s: element %llu is -0 or not the quiet NaN", what, (unsigned long long)i);
    memset(rest + (element - array->bytes), CANARY, array->item);
  }
  for (size_t i = 0; i < array->size; ++i)
    if (rest[i] != CANARY) fail_msg("%s: byte %zu of %zu, no element's, was written", what, i, array->size);
  free(rest);
}
