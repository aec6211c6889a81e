/* What closs_enqueue() refuses, and how it says so. */
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/job.h"

enum { N = TEST_JOB_LENGTH };

static void refuse(const test_job *work, const closs_buffers *buffers, closs_status expected, const char *text) {
  cl_event event = (cl_event)(void *)buffers; /* to be set to NULL */
  closs_error error = {CLOSS_OK, 0, ""};
  const closs_status status = closs_enqueue(work->plan, work->device->queue, buffers, 0, NULL, &event, &error);
  if (status != expected || strcmp(error.text, text))
    fail_msg("expected %s \"%s\", got %s \"%s\"", closs_status_name(expected), text, closs_status_name(status),
             error.text);
  assert_int_equal(error.status, status);
  assert_null(event);
}

static void test_buffers_too_small(void **state) {
  const test_device *device = *state;
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(device, &options);
  closs_buffers buffers = work.buffers;

  buffers.input.offset = 1;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, "input: needs bytes 4 to 160003 of a buffer that has 160000");
  buffers = work.buffers;
  buffers.target.memory = NULL;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, "target: the buffer is NULL, expected one of 160000 bytes or more");
  buffers = work.buffers;
  buffers.loss.offset = 1;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, "loss: needs bytes 4 to 7 of a buffer that has 4");
  buffers = work.buffers;
  buffers.input_gradient.memory = work.buffers.loss.memory;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, "input_gradient: needs bytes 0 to 159999 of a buffer that has 4");
  buffers = work.buffers;
  buffers.input.offset = UINT64_MAX;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "input: offset 18446744073709551615, and the strides reach elements 0 to 39999 from there");
  test_job_free(&work);
}

static void test_workspace(void **state) {
  closs_plan_options options = test_job_options();
  const closs_tensor weight = options.target;
  options.weight = &weight; /* whose sum is in the workspace, however few the launches are */
  test_job work = test_job_make(*state, &options);
  work.buffers.weight = work.buffers.target;
  closs_buffers buffers = work.buffers;
  char text[CLOSS_ERROR_TEXT];
  const unsigned long long bytes = closs_plan_workspace(work.plan);
  assert_true(bytes > 0);
  buffers.workspace.offset = CLOSS_WORKSPACE_ALIGNMENT;
  snprintf(text, sizeof text, "workspace: needs bytes 16 to %llu of a buffer that has %llu", bytes + 15, bytes);
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, text);
  buffers.workspace.offset = 1;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, "workspace: offset 1, expected a multiple of 16 bytes");
  buffers.workspace = buffers.input;
  snprintf(text, sizeof text, "workspace: bytes 0 to %llu of its root buffer overlap input, bytes 0 to 159999",
           bytes - 1);
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, text);
  test_job_free(&work);
}

/* A negative stride reaches below the offset. */
static void test_offset_below_the_reach_of_strides(void **state) {
  const test_device *device = *state;
  closs_plan_options options = test_job_options();
  options.input.strides[0] = -1;
  test_job work = test_job_make(device, &options);
  closs_buffers buffers = work.buffers;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "input: offset 0, and the strides reach elements -39999 to 0 from there");
  buffers.input.offset = N - 1;
  test_job_enqueue(&work, &buffers);
  test_job_expect(&work, &buffers, 2);
  test_job_free(&work);
}

static void test_overlaps(void **state) {
  const test_device *device = *state;
  closs_plan_options options = test_job_options();
  options.outputs |= CLOSS_OUTPUT_TARGET_GRADIENT;
  test_job work = test_job_make(device, &options);
  closs_buffers buffers = work.buffers;
  cl_mem large = test_constant(device, 4 * N, 1);
  buffers.target_gradient.memory = large;

  /* a gradient over its operand, where the plan does not say in place; over the other operand; by one element */
  buffers.input_gradient = buffers.input;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "input_gradient: bytes 0 to 159999 of its root buffer overlap input, bytes 0 to 159999");
  buffers.input_gradient = buffers.target;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "input_gradient: bytes 0 to 159999 of its root buffer overlap target, bytes 0 to 159999");
  buffers.input = (closs_buffer){large, 2 * N - 1};
  buffers.input_gradient = (closs_buffer){large, N};
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "input_gradient: bytes 160000 to 319999 of its root buffer overlap input, bytes 319996 to 479995");
  /* an output over an output */
  buffers.input = work.buffers.input;
  buffers.input_gradient = (closs_buffer){large, N - 1};
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "target_gradient: bytes 0 to 159999 of its root buffer overlap input_gradient, bytes 159996 to 319995");
  buffers.input_gradient = (closs_buffer){large, N};
  buffers.loss = (closs_buffer){large, N - 1};
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "target_gradient: bytes 0 to 159999 of its root buffer overlap loss, bytes 159996 to 159999");
  /* side by side is no overlap */
  buffers = work.buffers;
  buffers.target_gradient = (closs_buffer){large, 0};
  buffers.input_gradient = (closs_buffer){large, N};
  buffers.loss = (closs_buffer){large, 2 * N};
  test_job_enqueue(&work, &buffers);
  test_job_expect(&work, &buffers, 2);
  clReleaseMemObject(large);
  test_job_free(&work);
}

/* Elements of one byte may reach into others by one. */
static void test_overlaps_of_one_byte(void **state) {
  const test_device *device = *state;
  closs_plan_options options = test_job_options();
  options.input.dtype = CLOSS_U8;
  test_job work = test_job_make(device, &options);
  closs_buffers buffers = work.buffers;
  cl_mem large = test_constant(device, N, 1);
  buffers.input = (closs_buffer){large, 1};
  buffers.loss = (closs_buffer){large, N / 4};
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "loss: bytes 40000 to 40003 of its root buffer overlap input, bytes 1 to 40000");
  buffers.input = (closs_buffer){large, 3};
  buffers.loss = (closs_buffer){large, 0};
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "loss: bytes 0 to 3 of its root buffer overlap input, bytes 3 to 40002");
  clReleaseMemObject(large);
  test_job_free(&work);
}

/* Sub-buffers of one buffer are judged by where they lie in it. */
static void test_overlaps_through_sub_buffers(void **state) {
  const test_device *device = *state;
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(device, &options);
  closs_buffers buffers = work.buffers;
  cl_mem large = test_constant(device, 4 * N, 3);
  cl_uint alignment = 0; /* in bits */
  clGetDeviceInfo(device->device, CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof alignment, &alignment, NULL);
  const size_t step = alignment / 8 < sizeof(float) ? sizeof(float) : alignment / 8,
               place = (N * sizeof(float) + step - 1) / step * step;
  const cl_buffer_region regions[] = {
      {0, N * sizeof(float)}, {place - step, N * sizeof(float)}, {place, N * sizeof(float)}};
  char text[CLOSS_ERROR_TEXT];
  cl_mem parts[3];
  for (size_t i = 0; i < TEST_COUNT(parts); ++i) {
    cl_int code;
    parts[i] = clCreateSubBuffer(large, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &regions[i], &code);
    test_cl(code, "clCreateSubBuffer");
  }
  buffers.input.memory = parts[0];
  buffers.input_gradient.memory = parts[1];
  snprintf(text, sizeof text, "input_gradient: bytes %zu to %zu of its root buffer overlap input, bytes 0 to 159999",
           place - step, place - step + N * sizeof(float) - 1);
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, text);
  buffers.input_gradient = (closs_buffer){large, N - 1};
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "input_gradient: bytes 159996 to 319995 of its root buffer overlap input, bytes 0 to 159999");
  buffers.input_gradient = (closs_buffer){parts[2], 0};
  test_job_enqueue(&work, &buffers);
  test_job_expect(&work, &buffers, 2);
  for (size_t i = 0; i < TEST_COUNT(parts); ++i)
    clReleaseMemObject(parts[i]);
  clReleaseMemObject(large);
  test_job_free(&work);
}

/* In place is the same place, or somewhere else altogether. */
static void test_in_place_beside_its_operand(void **state) {
  const test_device *device = *state;
  closs_plan_options options = test_job_options();
  options.input_gradient_mode = CLOSS_GRADIENT_IN_PLACE;
  test_job work = test_job_make(device, &options);
  closs_buffers buffers = work.buffers;
  cl_mem large = test_constant(device, N + 1, 3);
  buffers.input = (closs_buffer){large, 0};
  buffers.input_gradient = (closs_buffer){large, 1};
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "input_gradient: bytes 4 to 160003 of its root buffer overlap input, bytes 0 to 159999");
  buffers.input_gradient = buffers.target; /* in place of the other operand */
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT,
         "input_gradient: bytes 0 to 159999 of its root buffer overlap target, bytes 0 to 159999");
  clReleaseMemObject(large);
  test_job_free(&work);
}

static void test_not_prepared(void **state) {
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(*state, &options);
  closs_plan *const prepared = work.plan;
  assert_int_equal(closs_plan_create(work.device->closs, &options, &work.plan, NULL), CLOSS_OK);
  refuse(&work, &work.buffers, CLOSS_NOT_PREPARED, "plan: not prepared; call closs_plan_prepare() first");
  closs_plan_destroy(work.plan);
  work.plan = prepared;
  test_job_free(&work);
}

static void test_things_of_another_context(void **state) {
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(*state, &options);
  test_device stranger;
  assert_true(test_device_find(&stranger));
  closs_buffers buffers = work.buffers;
  const test_device on_strange_queue = stranger;

  work.device = &on_strange_queue;
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, "queue: it is of another OpenCL context than the plan");
  work.device = *state;
  buffers.input.memory = test_constant(&stranger, N, 3);
  refuse(&work, &buffers, CLOSS_INVALID_ARGUMENT, "input: the buffer is of another OpenCL context than the plan");
  clReleaseMemObject(buffers.input.memory);
  test_device_close(&stranger);
  test_job_free(&work);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_buffers_too_small),
      cmocka_unit_test(test_workspace),
      cmocka_unit_test(test_offset_below_the_reach_of_strides),
      cmocka_unit_test(test_overlaps),
      cmocka_unit_test(test_overlaps_of_one_byte),
      cmocka_unit_test(test_overlaps_through_sub_buffers),
      cmocka_unit_test(test_in_place_beside_its_operand),
      cmocka_unit_test(test_not_prepared),
      cmocka_unit_test(test_things_of_another_context),
  };
  return cmocka_run_group_tests_name("refusals", tests, test_device_setup, test_device_teardown);
}
