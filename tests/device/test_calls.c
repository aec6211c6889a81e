/* Every OpenCL call goes through the caller's table, every allocation through the caller's allocator: what is made is
 * released, and any one of them may fail. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/calls.h"
#include "support/harness.h"
#include "support/job.h"

/* Blocks that live; the number, from 1, of the allocation that fails. */
typedef struct heap {
  unsigned live, total, fail_at;
} heap;

static void *heap_allocate(void *user, size_t bytes) {
  heap *h = user;
  if (++h->total == h->fail_at) return NULL;
  ++h->live;
  return malloc(bytes);
}

static void heap_release(void *user, void *memory) {
  heap *h = user;
  h->live -= memory != NULL;
  free(memory);
}

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
  heap memory = {0};
  unsigned lines = 0, events = 0;
  closs_error error = {CLOSS_OK, 0, ""};
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  options.opencl = test_calls_start(&calls);
  options.allocator = (closs_allocator){&memory, heap_allocate, heap_release};
  options.log = forget_line;
  options.log_user = &lines;
  if (go_all_the_way(*state, &options, &events, &error) != CLOSS_OK) fail_msg("%s", error.text);
  test_calls_balance(calls, events);
  assert_int_equal(memory.live, 0);
  assert_true(memory.total > 3);
  assert_true(calls->made[TEST_CALL_CreateProgramWithSource] >= 2);
  assert_true(calls->made[TEST_CALL_EnqueueNDRangeKernel] >= 4);
  assert_true(calls->made[TEST_CALL_SetKernelArg] >= 10);
  assert_true(calls->made[TEST_CALL_GetDeviceInfo] >= 5);
  printf("%u OpenCL calls, %u allocations, %u lines of log\n", calls->total, memory.total, lines);
}

/* Whatever one call fails: an error that says so and no leak, or the right result without it. Every third call, or with
 * $CLOSS_TEST_FULL every one. */
static void test_each_call_fails_once(void **state) {
  test_calls *calls;
  const unsigned step = getenv("CLOSS_TEST_FULL") ? 1 : 3;
  unsigned refused = 0, number = 1;
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  for (;; number += step) {
    closs_error error = {CLOSS_OK, 0, ""};
    unsigned events = 0;
    options.opencl = test_calls_start(&calls);
    calls->fail_at = number;
    const closs_status status = go_all_the_way(*state, &options, &events, &error);
    if (status != CLOSS_OK) {
      ++refused;
      if (status != CLOSS_OPENCL_ERROR && status != CLOSS_COMPILE_FAILED)
        fail_msg("call %u: %s \"%s\"", number, closs_status_name(status), error.text);
      assert_int_equal(error.opencl, CL_OUT_OF_RESOURCES);
      assert_true(strlen(error.text) > 0);
    }
    test_calls_balance(calls, events);
    if (calls->total < number) break;
  }
  printf("%u calls failed in turn, %u of them with an error\n", number / step, refused);
  assert_true(refused > 20);
}

static void test_each_allocation_fails_once(void **state) {
  test_calls *calls;
  heap memory;
  unsigned number = 0;
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  options.allocator = (closs_allocator){&memory, heap_allocate, heap_release};
  do {
    closs_error error = {CLOSS_OK, 0, ""};
    unsigned events = 0;
    memory = (heap){.fail_at = ++number};
    options.opencl = test_calls_start(&calls);
    const closs_status status = go_all_the_way(*state, &options, &events, &error);
    assert_int_equal(status, memory.total >= number ? CLOSS_OUT_OF_MEMORY : CLOSS_OK);
    assert_int_equal(memory.live, 0);
    test_calls_balance(calls, events);
  } while (memory.total >= number);
  printf("%u allocations failed in turn\n", number - 1);
  assert_true(number > 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_is_made_is_released),
      cmocka_unit_test(test_each_call_fails_once),
      cmocka_unit_test(test_each_allocation_fails_once),
  };
  return cmocka_run_group_tests_name("calls", tests, test_device_setup, test_device_teardown);
}
