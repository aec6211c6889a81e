#include "points.h"

#include <stdio.h>
#include <string.h>

#include "codes.h"
#include "device/context.h"
#include "support/harness.h"

enum { ARGUMENTS_APART = 7 }; /* one clSetKernelArg in so many fails; a prime, so that it meets all arguments */

/* What failed in a walk, for the test's own messages. */
static char what[160];

static bool full(void) {
  return getenv("CLOSS_TEST_FULL") != NULL;
}

static bool is_compiler(enum test_call call, cl_int code) {
  return (call == TEST_CALL_BuildProgram || call == TEST_CALL_CreateProgramWithSource) &&
         (code == CL_BUILD_PROGRAM_FAILURE || code == CL_COMPILER_NOT_AVAILABLE);
}

/* A kernel that does not fit is made again for smaller work-groups. */
static bool is_retried(enum test_call call, cl_int code) {
  if (code == CL_OUT_OF_RESOURCES) return call == TEST_CALL_EnqueueNDRangeKernel || call == TEST_CALL_SetKernelArg;
  return call == TEST_CALL_EnqueueNDRangeKernel && code == CL_INVALID_WORK_GROUP_SIZE;
}

static void fail_next(fault_scene *scene, unsigned call, cl_int code, unsigned allocation) {
  test_calls_again(call, code);
  scene->heap.total = 0;
  scene->heap.fail_at = allocation;
}

static bool has_failed(const fault_scene *scene) {
  return scene->calls->failed != TEST_CALLS || (scene->heap.fail_at > 0 && scene->heap.total >= scene->heap.fail_at);
}

static closs_status work(fault_scene *scene, closs_error *error) {
  if (!scene->device.closs) {
    const closs_status status =
        closs_context_create(scene->device.context, scene->device.device, &scene->options, &scene->device.closs, error);
    assert_int_equal(status == CLOSS_OK, scene->device.closs != NULL);
    scene->creation = scene->calls->total;
    if (status != CLOSS_OK) return status;
    if (scene->path->no_compiler) scene->device.closs->caps.compiler = false;
  }
  return scene->path->work(scene, error);
}

/* ---- what the caller is told ---- */

static void check_line(const closs_error *error, closs_status status) {
  if (error->status != status || !error->text[0] || strchr(error->text, '\n'))
    fail_msg("%s: %s, and in the error %s, \"%s\"", what, closs_status_name(status), closs_status_name(error->status),
             error->text);
}

/* `harmless` has a bit a call. */
_Static_assert(TEST_CALLS <= 64, "a bit a call");

/* Which of its calls failed CLBlast does not tell, and of some not with what: it has statuses of its own, and after a
 * build that failed it goes on to the next call. */
static bool is_blas(const closs_error *error, enum test_call call, cl_int code) {
  return strncmp(error->text, "CLBlast: ", 9) == 0 &&
         (error->opencl == code || error->opencl <= -1000 ||
          (call == TEST_CALL_BuildProgram && error->opencl == CL_INVALID_PROGRAM));
}

static void check_call(const fault_scene *scene, closs_status status, const closs_error *error) {
  const enum test_call call = scene->calls->failed;
  const cl_int code = scene->calls->code;
  char number[32] = "";
  if (status == CLOSS_OK) {
    if (!test_calls_release(call) && !test_calls_optional(scene->calls) &&
        !(scene->path->harmless & UINT64_C(1) << call) && !is_retried(call, code))
      fail_msg("%s: it went unnoticed", what);
    return;
  }
  const bool refused = is_compiler(call, code) && !scene->path->no_compiler; /* there, a binary is */
  const closs_status expected = refused ? CLOSS_COMPILE_FAILED : CLOSS_OPENCL_ERROR;
  if (call == TEST_CALL_SetKernelArg)
    (void)snprintf(number, sizeof number, " of argument %u", (unsigned)scene->calls->argument);
  const bool named = error->opencl == code && strstr(error->text, test_call_names[call]) &&
                     strstr(error->text, closs_opencl_error_name(code)) && strstr(error->text, number);
  if (is_blas(error, call, code) ? status != CLOSS_OPENCL_ERROR : status != expected || !named)
    fail_msg("%s%s: %s, %d, \"%s\"", what, number, closs_status_name(status), (int)error->opencl, error->text);
  check_line(error, status);
}

static void check_allocation(const fault_scene *scene, closs_status status, const closs_error *error) {
  if (status == CLOSS_OK && scene->path->harmless_memory) return;
  if (status != CLOSS_OUT_OF_MEMORY || error->opencl != CL_SUCCESS)
    fail_msg("%s: %s, %d, \"%s\"", what, closs_status_name(status), (int)error->opencl, error->text);
  check_line(error, status);
}

/* ---- walks ---- */

typedef struct outcome {
  bool failed, harmless; /* what was to fail did; and the walk succeeded all the same */
  unsigned calls;        /* in all */
} outcome;

/* One walk, in which one call or allocation fails, or none. */
static outcome walk(fault_scene *scene, unsigned call, cl_int code, unsigned allocation) {
  const fault_path *path = scene->path;
  closs_error error = {CLOSS_OK, 0, ""};
  const unsigned live = scene->heap.live;
  if (path->before) path->before(scene);
  memset(scene->calls->made, 0, sizeof scene->calls->made);
  scene->calls->events = scene->events = 0;
  fail_next(scene, call, code, allocation);
  const closs_status status = work(scene, &error);
  outcome result = {.failed = has_failed(scene), .harmless = status == CLOSS_OK};
  if (!result.failed && status != CLOSS_OK) fail_msg("%s: %s, where nothing had failed", what, error.text);
  if (result.failed) {
    if (call)
      check_call(scene, status, &error);
    else
      check_allocation(scene, status, &error);
    fail_next(scene, 0, CL_SUCCESS, 0);
    test_cl(clFinish(scene->device.queue), "clFinish"); /* some commands may have been enqueued */
    if (work(scene, &error) != CLOSS_OK) fail_msg("%s: the context is of no more use: %s", what, error.text);
  }
  if (!path->kept) { /* where nothing failed so far, a release may */
    closs_context_destroy(scene->device.closs);
    scene->device.closs = NULL;
  }
  result.calls = scene->calls->total;
  result.failed |= has_failed(scene);
  fail_next(scene, 0, CL_SUCCESS, 0);
  test_cl(clFinish(scene->device.queue), "clFinish");
  test_calls_balance(scene->calls, scene->events, what);
  if (scene->heap.live != live) fail_msg("%s: %u blocks, and %u before", what, scene->heap.live, live);
  return result;
}

static void fail_calls(fault_scene *scene) {
  unsigned char trace[TEST_CALLS_TRACED];
  unsigned done = 0, harmless = 0, arguments = 0;
  (void)snprintf(what, sizeof what, "%s: no failure", scene->path->name);
  walk(scene, 0, CL_SUCCESS, 0); /* which leaves programs and arguments behind */
  const unsigned total = walk(scene, 0, CL_SUCCESS, 0).calls;
  assert_in_range(total, 1, TEST_CALLS_TRACED - 1);
  const unsigned before = full() || scene->path->creation ? 0 : scene->creation;
  memcpy(trace, scene->calls->trace, sizeof trace);
  for (unsigned number = before + 1; number <= total; ++number) {
    const enum test_call call = (enum test_call)trace[number];
    if (call == TEST_CALL_SetKernelArg && ++arguments % ARGUMENTS_APART && !full()) continue;
    for (const cl_int *code = fault_codes(call); *code; ++code) {
      (void)snprintf(what, sizeof what, "%s: call %u of %u, %s with %s", scene->path->name, number, total,
                     test_call_names[call], closs_opencl_error_name(*code));
      const outcome result = walk(scene, number, *code, 0);
      if (!result.failed) fail_msg("%s: it was not made", what);
      ++done;
      harmless += result.harmless;
      if (!scene->path->all_codes && (!full() || scene->path->long_walk)) break;
    }
  }
  printf("%s: of %u calls %u failed in turn, %u of them harmless\n", scene->path->name, total, done, harmless);
}

static void fail_allocations(fault_scene *scene) {
  unsigned number = 0, harmless = 0;
  outcome result;
  do {
    (void)snprintf(what, sizeof what, "%s: allocation %u", scene->path->name, ++number);
    result = walk(scene, 0, CL_SUCCESS, number);
    harmless += result.failed && result.harmless;
  } while (result.failed);
  printf("%s: %u allocations failed in turn, %u of them harmless\n", scene->path->name, number - 1, harmless);
}

void fault_walk(const test_device *device, const fault_path *path) {
  fault_scene scene = {.path = path, .device = *device};
  const closs_context_options defaults = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_error error;
  unsigned made[TEST_CALLS] = {0};
  scene.options = defaults;
  scene.options.opencl = test_calls_start(&scene.calls);
  scene.options.allocator = test_heap_allocator(&scene.heap);
  scene.device.closs = NULL;
  if (path->kept &&
      closs_context_create(device->context, device->device, &scene.options, &scene.device.closs, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  if (path->begin) path->begin(&scene);
  memcpy(made, scene.calls->made, sizeof made);
  const unsigned given = scene.calls->events, released = scene.events;
  fail_calls(&scene);
  fail_allocations(&scene);

  /* What was there all the while is released too. */
  memcpy(scene.calls->made, made, sizeof made);
  scene.calls->events = given;
  if (path->end) path->end(&scene);
  closs_context_destroy(scene.device.closs);
  test_calls_balance(scene.calls, released, path->name);
  assert_int_equal(scene.heap.live, 0);
}
