/* A long life: many enqueues, and many plans made and dropped. Resident memory, blocks, file descriptors, events and
 * OpenCL objects do not grow. With $CLOSS_TEST_FULL a million enqueues and ten thousand plans. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/calls.h"
#include "support/harness.h"
#include "support/heap.h"
#include "support/job.h"

#ifdef __SANITIZE_ADDRESS__
enum { MOST_GROWTH = 1 << 29 }; /* freed memory is kept for a while, up to 256 MiB */
#else
enum { MOST_GROWTH = 1 << 20 };
#endif
enum { FLUSH_EVERY = 256 };

/* What a process holds of the system. */
typedef struct usage {
  long bytes;
  unsigned descriptors;
} usage;

static usage use(void) {
  usage now = {0, 0};
  long pages = 0, shared = 0; /* shared: of files, drivers' code among them */
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*d %ld %ld", &pages, &shared) != 2) skip(); /* no Linux */
  fclose(file);
  now.bytes = (pages - shared) * sysconf(_SC_PAGESIZE);
  DIR *list = opendir("/proc/self/fd");
  assert_non_null(list);
  while (readdir(list))
    ++now.descriptors;
  closedir(list);
  return now;
}

/* A loop with whatever it needs, of which nothing is to stay. */
typedef struct life {
  test_device device;
  test_calls *calls;
  test_heap heap;
  test_job job;
  closs_plan_options options;
  cl_command_queue queue;
  cl_mem gradient; /* of the target */
  unsigned events; /* that the caller got, and released */
} life;

/* A mean over weights with the gradient of a broadcast operand: sums of weights and by columns, the pass and merges,
 * chained by events where the queue is out of order. */
static closs_plan_options chained_options(const closs_tensor *weight) {
  closs_plan_options options = test_job_options();
  options.target = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  options.outputs |= CLOSS_OUTPUT_TARGET_GRADIENT;
  options.weight = weight;
  return options;
}

static void begin(life *l, const test_device *device, const closs_tensor *weight) {
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  cl_command_queue_properties offered = 0;
  closs_error error;
  cl_int code;
  *l = (life){.device = *device, .options = chained_options(weight)};
  options.opencl = test_calls_start(&l->calls);
  options.allocator = test_heap_allocator(&l->heap);
  if (closs_context_create(device->context, device->device, &options, &l->device.closs, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  clGetDeviceInfo(device->device, CL_DEVICE_QUEUE_PROPERTIES, sizeof offered, &offered, NULL);
  l->queue =
      clCreateCommandQueue(device->context, device->device, offered & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
  test_cl(code, "clCreateCommandQueue");
  l->job = test_job_make(&l->device, &l->options);
  l->job.buffers.weight = l->job.buffers.target; /* ones */
  l->job.buffers.target_gradient.memory = l->gradient = test_constant(&l->device, 1, 7);
}

static void end(life *l) {
  test_job_free(&l->job);
  closs_context_destroy(l->device.closs);
  clReleaseCommandQueue(l->queue);
  clReleaseMemObject(l->gradient);
  test_calls_balance(l->calls, l->events, "in all");
}

/* Each waits for the one before: they share their buffers. */
static void enqueue(life *l, closs_plan *plan, cl_event *last) {
  closs_error error;
  cl_event event;
  if (closs_enqueue(plan, l->queue, &l->job.buffers, *last ? 1 : 0, *last ? last : NULL, &event, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  ++l->events;
  if (*last) clReleaseEvent(*last);
  *last = event;
}

static void finish(life *l, cl_event *last) {
  test_cl(clFinish(l->queue), "clFinish");
  if (*last) clReleaseEvent(*last);
  *last = NULL;
}

static void enqueue_many(life *l, unsigned count) {
  cl_event last = NULL;
  for (unsigned i = 1; i <= count; ++i) {
    enqueue(l, l->job.plan, &last);
    if (i % FLUSH_EVERY == 0 || i == count) finish(l, &last);
  }
}

static void make_many_plans(life *l, unsigned count) {
  cl_event last = NULL;
  for (unsigned i = 0; i < count; ++i) {
    closs_plan *plan = NULL;
    closs_error error;
    if (closs_plan_create(l->device.closs, &l->options, &plan, &error) != CLOSS_OK ||
        closs_plan_prepare(plan, &error) != CLOSS_OK)
      fail_msg("%s", error.text);
    enqueue(l, plan, &last);
    closs_plan_destroy(plan); /* while it may still run */
    if (i % 16 == 0 || i + 1 == count) finish(l, &last);
  }
}

/* The first part lets the driver fill its pools; the rest must do with that. */
static void live(const test_device *device, void (*repeat)(life *l, unsigned count), unsigned first, unsigned rest,
                 const char *what) {
  const closs_tensor weight = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){TEST_JOB_LENGTH});
  life l;
  begin(&l, device, &weight);
  assert_true(closs_plan_workspace(l.job.plan) > 0);
  repeat(&l, first);
  const usage before = use();
  const unsigned blocks = l.heap.live, sources = l.calls->made[TEST_CALL_CreateProgramWithSource];
  repeat(&l, rest);
  const usage after = use();
  test_job_expect(&l.job, &l.job.buffers, 2);
  assert_int_equal(l.heap.live, blocks);
  assert_int_equal(l.calls->made[TEST_CALL_CreateProgramWithSource], sources);
  end(&l);
  printf("%u %s after the first %u: %ld KiB and %d descriptors more, %u OpenCL calls, %u events released\n", rest, what,
         first, (after.bytes - before.bytes) / 1024, (int)after.descriptors - (int)before.descriptors, l.calls->total,
         l.calls->made[TEST_CALL_ReleaseEvent]);
  assert_int_equal(after.descriptors, before.descriptors);
  assert_in_range(after.bytes < before.bytes ? 0 : after.bytes - before.bytes, 0, MOST_GROWTH);
}

static void test_many_enqueues(void **state) {
  if (getenv("CLOSS_TEST_FULL"))
    live(*state, enqueue_many, 100000, 900000, "enqueues");
  else
    live(*state, enqueue_many, 2000, 8000, "enqueues");
}

static void test_many_plans(void **state) {
  if (getenv("CLOSS_TEST_FULL"))
    live(*state, make_many_plans, 1000, 9000, "plans");
  else
    live(*state, make_many_plans, 100, 300, "plans");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_many_enqueues),
      cmocka_unit_test(test_many_plans),
  };
  return cmocka_run_group_tests_name("long", tests, test_device_setup, test_device_teardown);
}
