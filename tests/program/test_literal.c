/* Arrays written out on the command line. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#include "literal.h"

static void assert_literal(const char *text, uint32_t rank, const uint64_t *shape, size_t count,
                           const float *expected) {
  struct failure failure = {0, ""};
  closs_tensor tensor;
  void *data;
  if (!literal_read("INPUT", text, CLOSS_F32, &tensor, &data, &failure)) fail_msg("%s: %s", text, failure.text);
  assert_int_equal(tensor.dtype, CLOSS_F32);
  assert_int_equal(tensor.rank, rank);
  for (uint32_t i = 0; i < rank; i++)
    assert_int_equal(tensor.shape[i], shape[i]);
  assert_int_equal(closs_tensor_elements(&tensor), count);
  if (count > 0) assert_memory_equal(data, expected, count * sizeof *expected);
  free(data);
}

static void assert_refused(const char *text, const char *why) {
  struct failure failure = {0, ""};
  closs_tensor tensor;
  void *data;
  if (literal_read("INPUT", text, CLOSS_F32, &tensor, &data, &failure)) fail_msg("%s is taken", text);
  assert_null(data);
  assert_failure(&failure, STATUS_USAGE, why);
}

#define SHAPE(...)                                                                                                     \
  (const uint64_t[]) {                                                                                                 \
    __VA_ARGS__                                                                                                        \
  }
#define VALUES(...)                                                                                                    \
  (const float[]) {                                                                                                    \
    __VA_ARGS__                                                                                                        \
  }

static void takes(void **state) {
  (void)state;
  assert_literal("1.5", 0, NULL, 1, VALUES(1.5f));
  assert_literal("-0", 0, NULL, 1, VALUES(-0.0f));
  assert_literal("inf", 0, NULL, 1, VALUES(INFINITY));
  assert_literal("[1]", 1, SHAPE(1), 1, VALUES(1));
  assert_literal("[]", 1, SHAPE(0), 0, NULL);
  assert_literal("[[], []]", 2, SHAPE(2, 0), 0, NULL);
  assert_literal(" [ [1, 2] ,[3,4]\t,[ 5,\n6] ] ", 2, SHAPE(3, 2), 6, VALUES(1, 2, 3, 4, 5, 6));
  assert_literal("[-inf, 1e-3, +2, .5, 1e400]", 1, SHAPE(5), 5, VALUES(-INFINITY, 1e-3f, 2, .5f, INFINITY));
  assert_literal("[[[1], [2]], [[3], [4]]]", 3, SHAPE(2, 2, 1), 4, VALUES(1, 2, 3, 4));
  assert_literal("[[[[[[[[7]]]]]]]]", 8, SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 1, VALUES(7));
}

static void takes_nan(void **state) {
  (void)state;
  struct failure failure = {0, ""};
  closs_tensor tensor;
  void *data;
  assert_true(literal_read("INPUT", "[nan]", CLOSS_F32, &tensor, &data, &failure));
  assert_true(isnan(*(float *)data));
  free(data);
}

static void takes_many(void **state) {
  (void)state;
  enum { COUNT = 10000 };
  struct failure failure = {0, ""};
  closs_tensor tensor;
  void *data;
  char *text = malloc(COUNT * 8 + 8), *at = text;
  *at++ = '[';
  for (int i = 0; i < COUNT; i++)
    at += sprintf(at, "%s%d", i > 0 ? "," : "", i);
  strcpy(at, "]");
  assert_true(literal_read("INPUT", text, CLOSS_F64, &tensor, &data, &failure));
  assert_int_equal(tensor.dtype, CLOSS_F64);
  assert_int_equal(tensor.shape[0], COUNT);
  for (int i = 0; i < COUNT; i++)
    assert_true(((double *)data)[i] == i);
  free(data);
  free(text);
}

static void refuses(void **state) {
  (void)state;
  assert_refused("[1, 2", "expected ',' or ']' at character 6");
  assert_refused("[1 2]", "expected ',' or ']' at character 4");
  assert_refused("[", "expected a number or a list at character 2");
  assert_refused("[1,]", "expected a number or a list at character 4");
  assert_refused("[,1]", "expected a number or a list");
  assert_refused("[x]", "expected a number or a list");
  assert_refused("[1]]", "unexpected text at character 4");
  assert_refused("[[1, 2], [3]]", "lists of unequal length");
  assert_refused("[[], [1]]", "lists of unequal length");
  assert_refused("[[1], 2]", "lists of unequal depth");
  assert_refused("[1, [2]]", "lists of unequal depth");
  assert_refused("[1, []]", "lists of unequal depth");
  assert_refused("[[[]], []]", "lists of unequal depth");
  assert_refused("[[[[[[[[[1]]]]]]]]]", "more than 8 dimensions");
  assert_refused("[1, 0x]", "INPUT: ");
}

static void tells_from_files(void **state) {
  (void)state;
  static const char *const literals[] = {"1", "-1", "1e5", "nan", "[", "[1]", ".5"};
  static const char *const files[] = {"./1", "a.npy", "1.npy", "-", "info", "x[1]", ""};
  for (size_t i = 0; i < sizeof literals / sizeof literals[0]; i++)
    assert_true(literal_is(literals[i]));
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    assert_false(literal_is(files[i]));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(takes), cmocka_unit_test(takes_nan), cmocka_unit_test(takes_many),
                                     cmocka_unit_test(refuses), cmocka_unit_test(tells_from_files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
