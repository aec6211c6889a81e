/* What closs_enqueue() promises an OpenCL program: events, queues, offsets, plans used again. */
#include <stdio.h>

#include "support/harness.h"
#include "support/job.h"

enum { N = TEST_JOB_LENGTH };

static cl_int event_state(cl_event event) {
  cl_int state = CL_INVALID_EVENT;
  test_cl(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL), "clGetEventInfo");
  return state;
}

/* Nothing starts before both user events are complete; the event given completes when the results are there. */
static void test_wait_list(void **state) {
  const test_device *device = *state;
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(device, &options);
  closs_error error;
  cl_int code;
  cl_event event = NULL,
           gates[] = {clCreateUserEvent(device->context, &code), clCreateUserEvent(device->context, &code)};
  assert_non_null(gates[0]);
  assert_non_null(gates[1]);
  if (closs_enqueue(work.plan, device->queue, &work.buffers, 2, gates, &event, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  assert_non_null(event);
  test_cl(clFlush(device->queue), "clFlush");
  assert_true(event_state(event) > CL_COMPLETE);
  test_cl(clSetUserEventStatus(gates[0], CL_COMPLETE), "clSetUserEventStatus");
  assert_true(event_state(event) > CL_COMPLETE);
  test_cl(clSetUserEventStatus(gates[1], CL_COMPLETE), "clSetUserEventStatus");
  test_cl(clWaitForEvents(1, &event), "clWaitForEvents");
  assert_int_equal(event_state(event), CL_COMPLETE);
  test_job_expect(&work, &work.buffers, 2);
  clReleaseEvent(event);
  clReleaseEvent(gates[0]);
  clReleaseEvent(gates[1]);
  test_job_free(&work);
}

/* On an out-of-order queue only events order anything: fill, two computations that depend, read. */
static void test_out_of_order_queue(void **state) {
  const test_device *device = *state;
  cl_int code;
  cl_command_queue queue =
      clCreateCommandQueue(device->context, device->device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
  if (!queue) {
    printf("%s has no out-of-order queue\n", device->name);
    skip();
  }
  closs_plan_options options = test_job_options();
  test_job first = test_job_make(device, &options);
  options.outputs = CLOSS_OUTPUT_LOSS;
  test_job second = test_job_make(device, &options);
  closs_buffers buffers = second.buffers;
  buffers.input = first.buffers.input_gradient; /* the second computes on what the first writes */
  const float seven = 7;
  float loss = 0;
  cl_event filled, between, done;
  closs_error error;
  for (int round = 0; round < 20; ++round) {
    test_cl(clEnqueueFillBuffer(queue, first.buffers.input.memory, &seven, sizeof seven, 0, N * sizeof(float), 0, NULL,
                                &filled),
            "clEnqueueFillBuffer");
    assert_int_equal(closs_enqueue(first.plan, queue, &first.buffers, 1, &filled, &between, &error), CLOSS_OK);
    assert_int_equal(closs_enqueue(second.plan, queue, &buffers, 1, &between, &done, &error), CLOSS_OK);
    test_cl(clEnqueueReadBuffer(queue, buffers.loss.memory, CL_TRUE, 0, sizeof loss, &loss, 1, &done, NULL), "read");
    assert_true(loss == 1 - 1 / (float)N);
    test_job_expect(&first, &first.buffers, 6);
    clReleaseEvent(filled);
    clReleaseEvent(between);
    clReleaseEvent(done);
  }
  test_job_free(&second);
  test_job_free(&first);
  clReleaseCommandQueue(queue);
}

/* A plan in flight is enqueued again with other buffers. */
static void test_plan_again_with_other_buffers(void **state) {
  const test_device *device = *state;
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(device, &options);
  closs_buffers others[3];
  for (size_t i = 0; i < TEST_COUNT(others); ++i) {
    others[i] = work.buffers;
    others[i].input.memory = test_constant(device, N + 1, (float)(5 + i));
    others[i].input.offset = 1;
    others[i].loss.memory = test_constant(device, 4, -1);
    others[i].loss.offset = i;
    others[i].input_gradient.memory = test_constant(device, N + 8, -1);
    others[i].input_gradient.offset = i + 3;
  }
  test_job_enqueue(&work, &work.buffers);
  for (size_t i = 0; i < TEST_COUNT(others); ++i)
    test_job_enqueue(&work, &others[i]);
  test_job_expect(&work, &work.buffers, 2);
  for (size_t i = 0; i < TEST_COUNT(others); ++i) {
    test_job_expect(&work, &others[i], (float)(4 + i));
    assert_true(test_read_float(device, others[i].input_gradient.memory, others[i].input_gradient.offset - 1) == -1);
    assert_true(test_read_float(device, others[i].input_gradient.memory, others[i].input_gradient.offset + N) == -1);
    clReleaseMemObject(others[i].input.memory);
    clReleaseMemObject(others[i].loss.memory);
    clReleaseMemObject(others[i].input_gradient.memory);
  }
  test_job_free(&work);
}

/* All operands and results in one buffer, side by side. */
static void test_one_buffer_for_all(void **state) {
  const test_device *device = *state;
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(device, &options);
  closs_buffers buffers = work.buffers;
  cl_mem all = test_constant(device, 3 * N + 1, 3);
  const float one = 1;
  test_cl(clEnqueueFillBuffer(device->queue, all, &one, sizeof one, N * sizeof one, N * sizeof one, 0, NULL, NULL),
          "clEnqueueFillBuffer");
  buffers.input = (closs_buffer){all, 0};
  buffers.target = (closs_buffer){all, N};
  buffers.input_gradient = (closs_buffer){all, 2 * N};
  buffers.loss = (closs_buffer){all, 3 * N};
  test_job_enqueue(&work, &buffers);
  test_job_expect(&work, &buffers, 2);
  assert_true(test_read_float(device, all, N - 1) == 3);
  assert_true(test_read_float(device, all, 2 * N - 1) == 1);
  clReleaseMemObject(all);
  test_job_free(&work);
}

/* Operands may share elements: x against x is 0. */
static void test_one_operand_twice(void **state) {
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(*state, &options);
  closs_buffers buffers = work.buffers;
  buffers.target = buffers.input;
  test_job_enqueue(&work, &buffers);
  assert_true(test_read_float(*state, buffers.loss.memory, 0) == 0);
  assert_true(test_read_float(*state, buffers.input_gradient.memory, N - 1) == 0);
  test_job_free(&work);
}

static void test_gradient_in_place(void **state) {
  closs_plan_options options = test_job_options();
  options.input_gradient_mode = CLOSS_GRADIENT_IN_PLACE;
  test_job work = test_job_make(*state, &options);
  closs_buffers buffers = work.buffers;
  test_job_enqueue(&work, &buffers); /* may, but need not be in place */
  test_job_expect(&work, &buffers, 2);
  buffers.input_gradient = buffers.input;
  test_job_enqueue(&work, &buffers);
  test_job_expect(&work, &buffers, 2);
  test_job_free(&work);
}

static void test_prepare_again_changes_nothing(void **state) {
  const closs_plan_options options = test_job_options();
  test_job work = test_job_make(*state, &options);
  const closs_program_origin origin = closs_plan_program(work.plan);
  assert_int_not_equal(origin, CLOSS_PROGRAM_NONE);
  assert_int_equal(closs_plan_prepare(work.plan, NULL), CLOSS_OK);
  assert_int_equal(closs_plan_program(work.plan), origin);
  assert_int_not_equal(closs_plan_schedule(work.plan), CLOSS_SCHEDULE_AUTO);
  test_job_enqueue(&work, &work.buffers);
  test_job_expect(&work, &work.buffers, 2);
  test_job_free(&work);
}

/* A device on which the kernels fit in small work-groups alone, whatever it says. */
enum { LARGEST_GROUP = 4 };
static unsigned too_large;
static cl_int refusal; /* drivers have two ways to say so */

static cl_int CL_API_CALL enqueue_small(cl_command_queue queue, cl_kernel kernel, cl_uint rank, const size_t *offset,
                                        const size_t *global, const size_t *local, cl_uint wait_count,
                                        const cl_event *wait, cl_event *event) {
  if (*local > LARGEST_GROUP) {
    ++too_large;
    return refusal;
  }
  return clEnqueueNDRangeKernel(queue, kernel, rank, offset, global, local, wait_count, wait, event);
}

static void smaller_work_groups(const test_device *test, cl_int code) {
  test_device device = *test;
  closs_opencl table = *closs_opencl_loader();
  closs_context_options context_options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_plan_options options = test_job_options();
  closs_plan *plan;
  closs_error error;
  table.EnqueueNDRangeKernel = enqueue_small;
  context_options.opencl = &table;
  too_large = 0;
  refusal = code;
  if (closs_context_create(device.context, device.device, &context_options, &device.closs, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  options.schedule = CLOSS_SCHEDULE_GROUPS;
  test_job work = test_job_make(&device, &options);
  assert_true(too_large >= 4); /* from 64 down */
  test_job_enqueue(&work, &work.buffers);
  test_job_expect(&work, &work.buffers, 2);
  test_job_free(&work);
  options.work_group = 2 * LARGEST_GROUP; /* the caller's own choice stays */
  assert_int_equal(closs_plan_create(device.closs, &options, &plan, &error), CLOSS_OK);
  assert_int_equal(closs_plan_prepare(plan, &error), CLOSS_OPENCL_ERROR);
  assert_int_equal(error.opencl, code);
  closs_plan_destroy(plan);
  closs_context_destroy(device.closs);
}

static void test_smaller_work_groups(void **state) {
  smaller_work_groups(*state, CL_INVALID_WORK_GROUP_SIZE);
  smaller_work_groups(*state, CL_OUT_OF_RESOURCES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_wait_list),
      cmocka_unit_test(test_out_of_order_queue),
      cmocka_unit_test(test_plan_again_with_other_buffers),
      cmocka_unit_test(test_one_buffer_for_all),
      cmocka_unit_test(test_one_operand_twice),
      cmocka_unit_test(test_gradient_in_place),
      cmocka_unit_test(test_prepare_again_changes_nothing),
      cmocka_unit_test(test_smaller_work_groups),
  };
  return cmocka_run_group_tests_name("enqueue", tests, test_device_setup, test_device_teardown);
}
