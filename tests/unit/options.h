/* Plan options for tests of closs_check_options(), and what it should say of them. */
#ifndef TESTS_UNIT_OPTIONS_H
#define TESTS_UNIT_OPTIONS_H

#include "check/request.h"
#include <stdio.h>
#include <string.h>

#include "support/harness.h"

#define SHAPE(...)                                                                                                     \
  sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]) {                                                 \
    __VA_ARGS__                                                                                                        \
  }

static inline closs_tensor tensor(closs_dtype dtype, size_t rank, const uint64_t *shape) {
  return closs_tensor_contiguous(dtype, (uint32_t)rank, shape);
}

/* The mean of mse over two contiguous f32 arrays of shape (2, 3). */
static inline closs_plan_options usual(void) {
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_MSE;
  options.input = options.target = tensor(CLOSS_F32, SHAPE(2, 3));
  return options;
}

static inline closs_request accepted(const closs_plan_options *options) {
  closs_request request;
  closs_error error = {CLOSS_OK, 0, ""};
  closs_status status = closs_check_options(options, NULL, &request, &error);
  assert_string_equal(error.text, "");
  assert_int_equal(status, CLOSS_OK);
  return request;
}

static inline void refused_by(const closs_caps *caps, const closs_plan_options *options, closs_status expected,
                              const char *text) {
  closs_request request;
  closs_error error = {CLOSS_OK, -1, "nothing was written"};
  closs_status status = closs_check_options(options, caps, &request, &error);
  assert_string_equal(error.text, text);
  assert_int_equal(status, expected);
  assert_int_equal(error.status, expected);
  assert_int_equal(error.opencl, 0);
  assert_int_equal(closs_check_options(options, caps, &request, NULL), expected);
}

static inline void refused(const closs_plan_options *options, closs_status expected, const char *text) {
  refused_by(NULL, options, expected, text);
}

#endif
