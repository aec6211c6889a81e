/* Every OpenCL call goes through the caller's table, every allocation through the caller's allocator: what is made is
 * released, and an enqueue makes only those that it must. What fails is in tests/fault/. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"
#include "support/calls.h"
#include "support/harness.h"
#include "support/heap.h"
#include "support/job.h"

static void forget_line(void *user, closs_log_level level, const char *line) {
  (void)level;
  (void)line;
  ++*(unsigned *)user;
}

/* The whole way on a context of its own: class, plan, programs, enqueue, and the one-call tier. `device` lends its
 * OpenCL objects. Stops at the first failure. */
static closs_status go_all_the_way(const test_device *device, const closs_context_options *context_options,
                                   unsigned *caller_events, closs_error *error) {
  closs_plan_options options = test_job_options();
  test_job lender = test_job_make(device, &options);
  closs_context *context = NULL;
  closs_plan *plan = NULL;
  cl_event event = NULL;
  const uint64_t shape[] = {3, 5};
  const float input[15] = {0}, target[5] = {1, 1, 1, 1, 1};
  float loss = 0, gradient[5] = {0};
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  closs_status status = closs_context_create(device->context, device->device, context_options, &context, error);
  if (status == CLOSS_OK) status = closs_context_probe(context, NULL, error);
  if (status == CLOSS_OK) status = closs_plan_create(context, &options, &plan, error);
  if (status == CLOSS_OK) status = closs_plan_prepare(plan, error);
  if (status == CLOSS_OK) status = closs_enqueue(plan, device->queue, &lender.buffers, 0, NULL, &event, error);
  if (status == CLOSS_OK) {
    *caller_events = 1;
    test_cl(clWaitForEvents(1, &event), "clWaitForEvents");
    clReleaseEvent(event);
    test_job_expect(&lender, &lender.buffers, 2);
    options.input = closs_tensor_contiguous(CLOSS_F32, 2, shape);
    options.target = closs_tensor_contiguous(CLOSS_F32, 1, shape + 1);
    options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT;
    arrays.input = input;
    arrays.target = target;
    arrays.loss = &loss;
    arrays.target_gradient = gradient;
    status = closs_compute(context, &options, &arrays, NULL, NULL, error);
    assert_true(status != CLOSS_OK || (loss == 1 && fabsf(gradient[4] - 0.2F) < 1e-6F));
  }
  closs_plan_destroy(plan);
  closs_context_destroy(context);
  test_cl(clFinish(device->queue), "clFinish");
  test_job_free(&lender);
  return status;
}

static void test_what_is_made_is_released(void **state) {
  test_calls *calls;
  test_heap memory = {0};
  unsigned lines = 0, events = 0;
  closs_error error = {CLOSS_OK, 0, ""};
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  options.opencl = test_calls_start(&calls);
  options.allocator = test_heap_allocator(&memory);
  options.log = forget_line;
  options.log_user = &lines;
  if (go_all_the_way(*state, &options, &events, &error) != CLOSS_OK) fail_msg("%s", error.text);
  test_calls_balance(calls, events, "in all");
  assert_int_equal(memory.live, 0);
  assert_true(memory.total > 3);
  assert_true(calls->made[TEST_CALL_CreateProgramWithSource] >= 2);
  assert_true(calls->made[TEST_CALL_EnqueueNDRangeKernel] >= 4);
  assert_true(calls->made[TEST_CALL_SetKernelArg] >= 10);
  assert_true(calls->made[TEST_CALL_GetDeviceInfo] >= 5);
  printf("%u OpenCL calls, %u allocations, %u lines of log\n", calls->total, memory.total, lines);
}

/* A context that counts, and the plan of a job in it. */
typedef struct counted {
  test_device device;
  test_calls *calls;
  test_heap memory;
  test_job job;
} counted;

static void counted_make(counted *c, const test_device *device, const closs_plan_options *options) {
  closs_context_options context_options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_error error;
  c->device = *device;
  c->memory = (test_heap){0};
  context_options.opencl = test_calls_start(&c->calls);
  context_options.allocator = test_heap_allocator(&c->memory);
  if (closs_context_create(device->context, device->device, &context_options, &c->device.closs, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  c->job = test_job_make(&c->device, options);
}

static void counted_free(counted *c) {
  test_job_free(&c->job);
  closs_context_destroy(c->device.closs);
  test_calls_balance(c->calls, 0, "in all");
  assert_int_equal(c->memory.live, 0);
}

/* Enqueues, and returns how many arguments were set. Nothing is allocated, nothing made, nothing asked but of the
 * caller's objects. */
static unsigned arguments_set(counted *c, const closs_buffers *buffers) {
  const test_calls before = *c->calls;
  const unsigned allocations = c->memory.total;
  test_job_enqueue(&c->job, buffers);
  assert_int_equal(c->memory.total, allocations);
  for (int call = 0; call < TEST_CALLS; ++call) {
    const unsigned made = c->calls->made[call] - before.made[call];
    if (call == TEST_CALL_EnqueueNDRangeKernel)
      assert_int_equal(made, c->job.plan->layout.step_count);
    else if (call != TEST_CALL_SetKernelArg && call != TEST_CALL_GetCommandQueueInfo &&
             call != TEST_CALL_GetMemObjectInfo)
      assert_int_equal(made, 0);
  }
  return c->calls->made[TEST_CALL_SetKernelArg] - before.made[TEST_CALL_SetKernelArg];
}

/* Of all launches of a plan: a pass has those of seven arrays, workspace, state and layout; columns of four arrays, the
 * result, workspace and layout; a merge of workspace, upstream gradient, result and layout. */
static unsigned memory_arguments(const closs_plan *plan) {
  unsigned count = 0;
  for (uint32_t i = 0; i < plan->layout.step_count; ++i) {
    const enum closs_body body = plan->layout.steps[i].body;
    count += body == CLOSS_BODY_PASS ? 10 : body == CLOSS_BODY_COLUMNS ? 7 : 4;
  }
  return count;
}

static void test_only_what_changed_is_set(void **state) {
  const closs_plan_options options = test_job_options();
  counted c;
  counted_make(&c, *state, &options);
  const unsigned launches = c.job.plan->layout.step_count, memory = memory_arguments(c.job.plan);
  closs_buffers buffers = c.job.buffers;
  cl_mem input = test_constant(&c.device, TEST_JOB_LENGTH + 1, 7), loss = test_constant(&c.device, 3, -1);
  assert_true(launches == 1 || launches == 2); /* a pass; where it has several work-items or groups a merge */

  /* The launch that prepared each kernel had no chunks or columns, and no 1 / N, two numbers; the pass began inside a
   * chunk. */
  assert_int_equal(arguments_set(&c, &buffers), memory + 3 * launches + 1);
  test_job_expect(&c.job, &buffers, 2);
  assert_int_equal(arguments_set(&c, &buffers), memory);
  test_job_expect(&c.job, &buffers, 2);

  buffers.input.memory = input;
  assert_int_equal(arguments_set(&c, &buffers), memory);
  buffers.input.offset = 1;
  assert_int_equal(arguments_set(&c, &buffers), memory + 1);
  test_job_expect(&c.job, &buffers, 6);
  buffers.loss = (closs_buffer){loss, 2}; /* both launches have it */
  assert_int_equal(arguments_set(&c, &buffers), memory + launches);
  test_job_expect(&c.job, &buffers, 6);
  buffers.upstream_value = 0.5; /* likewise */
  assert_int_equal(arguments_set(&c, &buffers), memory + launches);
  assert_int_equal(arguments_set(&c, &buffers), memory);
  assert_int_equal(arguments_set(&c, &c.job.buffers), memory + 1 + 2 * launches); /* all back */
  test_job_expect(&c.job, &c.job.buffers, 2);

  clReleaseMemObject(input);
  clReleaseMemObject(loss);
  counted_free(&c);
}

/* Sums of weights, gradients of broadcast operands and merges enqueue as lightly. */
static void test_every_launch_again(void **state) {
  const closs_tensor weight = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){TEST_JOB_LENGTH});
  closs_plan_options options = test_job_options();
  options.target = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  options.weight = &weight;
  options.outputs |= CLOSS_OUTPUT_TARGET_GRADIENT;
  counted c;
  counted_make(&c, *state, &options);
  closs_buffers buffers = c.job.buffers;
  cl_mem gradient = test_constant(&c.device, 1, 7);
  buffers.weight = buffers.target; /* ones */
  buffers.target_gradient.memory = gradient;
  assert_true(c.job.plan->layout.step_count >= 3);
  const unsigned memory = memory_arguments(c.job.plan);
  assert_true(arguments_set(&c, &buffers) > memory);
  for (int i = 0; i < 3; ++i)
    assert_int_equal(arguments_set(&c, &buffers), memory);
  test_job_expect(&c.job, &buffers, 2);
  assert_true(test_read_float(&c.device, gradient, 0) == -1);
  clReleaseMemObject(gradient);
  counted_free(&c);
}

/* Of launches on a queue that keeps no order: how many came, and waited for the one before alone. */
static struct {
  unsigned count, in_turn;
  cl_event before;
} launches;

static cl_int CL_API_CALL launch_in_turn(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                         const size_t *offset, const size_t *global, const size_t *local, cl_uint count,
                                         const cl_event *wait, cl_event *event) {
  ++launches.count;
  launches.in_turn += count == 1 && wait[0] == launches.before;
  const cl_int code = clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, count, wait, event);
  launches.before = event ? *event : NULL;
  return code;
}

/* Where only events order anything; that results are right may be luck. */
static void test_launches_in_turn(void **state) {
  test_device device = *(const test_device *)*state;
  closs_context_options context_options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_opencl table = *closs_opencl_loader();
  closs_error error;
  cl_int code = CL_SUCCESS;
  cl_event done;
  cl_command_queue queue =
      clCreateCommandQueue(device.context, device.device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
  if (!queue) {
    printf("%s has no out-of-order queue\n", device.name);
    skip();
  }
  table.EnqueueNDRangeKernel = launch_in_turn;
  context_options.opencl = &table;
  if (closs_context_create(device.context, device.device, &context_options, &device.closs, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  const closs_plan_options options = test_job_options();
  test_job job = test_job_make(&device, &options);
  cl_event gate = clCreateUserEvent(device.context, &code);
  test_cl(code, "clCreateUserEvent");
  test_cl(clSetUserEventStatus(gate, CL_COMPLETE), "clSetUserEventStatus");
  launches.count = launches.in_turn = 0;
  launches.before = gate;
  assert_int_equal(closs_enqueue(job.plan, queue, &job.buffers, 1, &gate, &done, &error), CLOSS_OK);
  test_cl(clWaitForEvents(1, &done), "clWaitForEvents");
  assert_true(launches.count >= 2);
  assert_int_equal(launches.count, job.plan->layout.step_count);
  assert_int_equal(launches.in_turn, launches.count);
  assert_ptr_equal(done, launches.before);
  clReleaseEvent(done);
  clReleaseEvent(gate);
  clReleaseCommandQueue(queue);
  test_job_free(&job);
  closs_context_destroy(device.closs);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_made_is_released),
      cmocka_unit_test(test_only_what_changed_is_set),
      cmocka_unit_test(test_every_launch_again),
      cmocka_unit_test(test_launches_in_turn),
  };
  return cmocka_run_group_tests_name("calls", tests, test_device_setup, test_device_teardown);
}
