/*
 * Whatever OpenCL call or host allocation fails, once, on whatever path through the library: points.h says what is to
 * come of it.
 */
#include <stdio.h>
#include <string.h>

#include "base/allocate.h"
#include "closs/partial.h"
#include "plan/plan.h"
#include "plan/slices.h"
#include "points.h"
#include "program/binary.h"
#include "program/bundle.h"
#include "program/key.h"
#include "support/harness.h"
#include "support/job.h"
#include "support/work.h"

/* ---- a computation, compared with the reference ---- */

typedef struct sum {
  test_work work;
  test_results expected;
  closs_plan *plan; /* prepared, of walks that only enqueue */
} sum;

static void begin_work(fault_scene *scene, test_work work) {
  sum *s = test_allocate(sizeof *s);
  closs_error error;
  *s = (sum){.work = work};
  test_work_outputs(&s->work, 0);
  if (test_work_reference(&s->work, &s->expected, &error) != CLOSS_OK) fail_msg("%s", error.text);
  scene->own = s;
}

/* Plans as those of test_job and of test_calls.c, so that they share their programs. A scalar target is broadcast. */
static void begin_sum(fault_scene *scene, closs_reduction reduction, uint32_t outputs, uint64_t terms, bool weighted,
                      bool broadcast) {
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 1, &terms),
                     target = closs_tensor_contiguous(CLOSS_F32, broadcast ? 0 : 1, &terms);
  test_work work = test_work_make(CLOSS_L1, reduction, outputs, &input, &target);
  if (weighted) {
    uint64_t stream = 3;
    work.arrays[TEST_WEIGHT] = test_array_make(&input, 0);
    test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  }
  begin_work(scene, work);
}

#define GRADIENT (CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT)
#define GRADIENTS (GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT)

static void small_mean(fault_scene *scene) {
  begin_sum(scene, CLOSS_MEAN, GRADIENT, 300, false, false);
}

/* The most launches that a plan has. */
static void everything(fault_scene *scene) {
  begin_sum(scene, CLOSS_MEAN, GRADIENTS, TEST_JOB_LENGTH, true, true);
}

static void end_sum(fault_scene *scene) {
  sum *s = scene->own;
  closs_plan_destroy(s->plan);
  test_work_free(&s->work);
  test_results_free(&s->expected);
  free(s);
}

static closs_status compare(fault_scene *scene, closs_status status, test_results *results) {
  const sum *s = scene->own;
  if (status == CLOSS_OK) test_results_same(&s->expected, results, scene->path->name);
  test_results_free(results);
  return status;
}

/* A plan of its own: created, prepared, enqueued, destroyed. */
static closs_status whole_way(fault_scene *scene, closs_error *error) {
  sum *s = scene->own;
  test_results results;
  return compare(scene, test_work_device(&scene->device, &s->work, &results, error), &results);
}

static closs_status enqueue(fault_scene *scene, closs_error *error) {
  sum *s = scene->own;
  test_results results;
  return compare(scene, test_work_enqueue(&scene->device, &s->work, s->plan, &results, error), &results);
}

/* Whether every command was waited for by a clFinish that did not fail. */
static bool is_finished(const test_calls *calls) {
  for (unsigned number = calls->total; number > 0; --number) {
    const enum test_call call = (enum test_call)calls->trace[number];
    if (number == calls->fail_at) continue;
    if (call == TEST_CALL_Finish) return true;
    if (strncmp(test_call_names[call], "clEnqueue", 9) == 0) return false;
  }
  return true;
}

/* The arrays are the caller's again when it returns, whatever it returns. */
static closs_status compute(fault_scene *scene, closs_error *error) {
  sum *s = scene->own;
  test_results results;
  const closs_status status = test_work_compute(&scene->device, &s->work, &results, error);
  if (!is_finished(scene->calls) && !(error && strstr(error->text, "clFinish of a first launch"))) /* on scratch */
    fail_msg("closs_compute() left commands behind: %s", error ? error->text : "");
  return compare(scene, status, &results);
}

/* ---- contexts, and where programs come from ---- */

static closs_status make_plan(fault_scene *scene, closs_error *error) {
  const closs_plan_options options = test_job_options();
  closs_plan *plan = NULL;
  const closs_status status = closs_plan_create(scene->device.closs, &options, &plan, error);
  assert_int_equal(status == CLOSS_OK, plan != NULL);
  closs_plan_destroy(plan);
  return status;
}

static void contexts(void **state) {
  /* Without an answer about double precision there is none. */
  fault_walk(*state, &(fault_path){.name = "context and plan",
                                   .work = make_plan,
                                   .harmless = FAULT_CALL(GetDeviceInfo),
                                   .creation = true,
                                   .all_codes = true});
}

static closs_status probe(fault_scene *scene, closs_error *error) {
  closs_device_class found = CLOSS_CLASS_UNKNOWN;
  const closs_status status = closs_context_probe(scene->device.closs, &found, error);
  assert_int_equal(status == CLOSS_OK, found != CLOSS_CLASS_UNKNOWN);
  return status;
}

static void classes(void **state) {
  fault_walk(*state, &(fault_path){.name = "class", .work = probe, .harmless = FAULT_CALL(GetDeviceInfo)});
}

static void cold(void **state) {
  fault_walk(*state, &(fault_path){.name = "cold compile",
                                   .work = whole_way,
                                   .begin = getenv("CLOSS_TEST_FULL") ? everything : small_mean,
                                   .end = end_sum,
                                   .harmless = FAULT_CALL(GetDeviceInfo)});
}

/* A compiler that refuses, and what it says, which goes to the log or without memory for it is left out. */
static closs_status refused(fault_scene *scene, closs_error *error) {
  closs_error expected = {CLOSS_OK, CL_SUCCESS, ""};
  const closs_status status = whole_way(scene, &expected);
  assert_int_not_equal(status, CLOSS_OK);
  if (status == CLOSS_COMPILE_FAILED && expected.opencl == CL_BUILD_PROGRAM_FAILURE) return CLOSS_OK;
  if (error) *error = expected;
  return status;
}

static void forget_line(void *user, closs_log_level level, const char *line) {
  (void)user, (void)level, (void)line;
}

static void begin_refused(fault_scene *scene) {
  scene->calls->refuses = true;
  scene->options.log = forget_line;
  small_mean(scene);
}

static void refusals(void **state) {
  fault_walk(*state, &(fault_path){.name = "compiler refuses",
                                   .work = refused,
                                   .begin = begin_refused,
                                   .end = end_sum,
                                   .harmless = FAULT_CALL(GetDeviceInfo) | FAULT_CALL(GetProgramBuildInfo) |
                                               FAULT_CALL(BuildProgram),
                                   .harmless_memory = true});
}

/* Of a program from a cache, or to be kept in one, and of the class. */
static closs_status with_class(fault_scene *scene, closs_error *error) {
  const closs_status status = whole_way(scene, error);
  return status == CLOSS_OK ? probe(scene, error) : status;
}

#define CACHED                                                                                                         \
  .harmless = FAULT_CALL(GetDeviceInfo) | FAULT_CALL(CreateProgramWithBinary) | FAULT_CALL(BuildProgram) |             \
              FAULT_CALL(GetProgramInfo),                                                                              \
  .harmless_memory = true

static char folder[64], cache_folder[80];

static void begin_disk(fault_scene *scene) {
  strcpy(folder, "/tmp/closs-test-XXXXXX");
  assert_non_null(mkdtemp(folder));
  (void)snprintf(cache_folder, sizeof cache_folder, "%s/cache", folder);
  scene->options.cache_directory = cache_folder;
  small_mean(scene);
}

static void end_disk(fault_scene *scene) {
  char command[128];
  end_sum(scene);
  (void)snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
}

static void disk(void **state) {
  fault_walk(*state,
             &(fault_path){.name = "disk cache", .work = with_class, .begin = begin_disk, .end = end_disk, CACHED});
}

/* A caller's cache of a few entries. */
enum { SHELF = 8 };
static struct {
  char *keys[SHELF];
  void *bytes[SHELF];
  size_t sizes[SHELF], count;
} shelf;

static size_t find(const char *key) {
  size_t at = 0;
  while (at < shelf.count && strcmp(shelf.keys[at], key) != 0)
    ++at;
  return at;
}

static size_t get(void *user, const char *key, void *data, size_t capacity) {
  const size_t at = find(key), size = at < shelf.count ? shelf.sizes[at] : 0;
  (void)user;
  if (size && size <= capacity) memcpy(data, shelf.bytes[at], size);
  return size;
}

static void set(void *user, const char *key, const void *data, size_t size) {
  const size_t at = find(key);
  (void)user;
  assert_true(at < SHELF);
  if (at == shelf.count) shelf.keys[shelf.count++] = strcpy(test_allocate(strlen(key) + 1), key);
  free(shelf.bytes[at]);
  shelf.bytes[at] = memcpy(test_allocate(size), data, size);
  shelf.sizes[at] = size;
}

static void clear(fault_scene *scene) {
  (void)scene;
  for (size_t i = 0; i < shelf.count; ++i) {
    free(shelf.keys[i]);
    free(shelf.bytes[i]);
    shelf.bytes[i] = NULL;
  }
  shelf.count = 0;
}

static void begin_shelf(fault_scene *scene) {
  scene->options.cache = (closs_cache){NULL, get, set};
  small_mean(scene);
}

static void end_shelf(fault_scene *scene) {
  clear(scene);
  end_sum(scene);
}

static void callers_cache(void **state) {
  fault_walk(*state, &(fault_path){
                         .name = "caller's cache", .work = with_class, .begin = begin_shelf, .end = end_shelf, CACHED});
  /* Of the probe's programs nothing is to be had here. */
  fault_walk(*state, &(fault_path){.name = "caller's cache, empty",
                                   .work = whole_way,
                                   .begin = begin_shelf,
                                   .end = end_shelf,
                                   .before = clear,
                                   .harmless = FAULT_CALL(GetDeviceInfo) | FAULT_CALL(GetProgramInfo),
                                   .harmless_memory = true});
}

/* A bundle of the one program that small_mean() needs; closs_bundle_make() compiles seconds long. */
static void *bundle_of(const test_device *device, test_work *work, size_t *size) {
  static const closs_allocator allocator = {NULL, NULL, NULL};
  test_device maker = *device;
  closs_program program;
  closs_plan *plan = NULL;
  closs_error error;
  size_t bytes = 0;
  assert_int_equal(closs_context_create(device->context, device->device, NULL, &maker.closs, NULL), CLOSS_OK);
  maker.closs->general = true;
  if (test_work_plan(&maker, work, &plan, &error) != CLOSS_OK) fail_msg("%s", error.text);
  const closs_program_spec spec = closs_program_general(&plan->layout.programs[0]);
  assert_int_equal(closs_program_get(maker.closs, &spec, &program, NULL), CLOSS_OK);
  char *key = closs_key_program(maker.closs, &spec);
  unsigned char *binary = NULL;
  assert_non_null(key);
  assert_int_equal(closs_binary_take(maker.closs, program.handle, &binary, &bytes, NULL), CLOSS_OK);
  const closs_bundle_row row = {key, strlen(key), "closs_", 6, binary, bytes, 0};
  void *bundle = closs_bundle_write(&allocator, &row, 1, size);
  assert_non_null(bundle);
  closs_release(&allocator, key);
  closs_release(&allocator, binary);
  closs_plan_destroy(plan);
  closs_context_destroy(maker.closs);
  return bundle;
}

static void begin_bundle(fault_scene *scene) {
  small_mean(scene);
  scene->options.bundle = bundle_of(&scene->device, &((sum *)scene->own)->work, &scene->options.bundle_size);
}

static void end_bundle(fault_scene *scene) {
  free((void *)(uintptr_t)scene->options.bundle);
  end_sum(scene);
}

static void bundles(void **state) {
  fault_walk(*state,
             &(fault_path){.name = "bundle", .work = whole_way, .begin = begin_bundle, .end = end_bundle, CACHED});
  fault_walk(*state, &(fault_path){.name = "bundle, no compiler",
                                   .work = whole_way,
                                   .begin = begin_bundle,
                                   .end = end_bundle,
                                   .no_compiler = true,
                                   .harmless = FAULT_CALL(GetDeviceInfo)});
}

static void count_source(void *user, const closs_offline_source *source) {
  *(size_t *)user += source->text_size > 0;
}

static closs_status sources(fault_scene *scene, closs_error *error) {
  const closs_loss losses[] = {CLOSS_L1};
  closs_bundle_options options = CLOSS_BUNDLE_OPTIONS_INIT;
  size_t count = 0;
  options.losses = losses;
  options.loss_count = 1;
  const closs_status status = closs_bundle_sources(scene->device.closs, &options, count_source, &count, error);
  if (status == CLOSS_OK) assert_in_range(count, 8, 20);
  return status;
}

static void bundle_sources(void **state) {
  fault_walk(
      *state,
      &(fault_path){.name = "bundle sources", .work = sources, .kept = true, .harmless = FAULT_CALL(GetDeviceInfo)});
}

static closs_status make_bundle(fault_scene *scene, closs_error *error) {
  const closs_loss losses[] = {CLOSS_L1};
  const closs_dtype dtypes[] = {CLOSS_F32};
  closs_bundle_options options = CLOSS_BUNDLE_OPTIONS_INIT;
  void *bundle = NULL;
  size_t size = 0;
  options.losses = losses;
  options.dtypes = dtypes;
  options.loss_count = options.dtype_count = 1;
  const closs_status status = closs_bundle_make(scene->device.closs, &options, &bundle, &size, error);
  assert_int_equal(status == CLOSS_OK, bundle != NULL);
  if (status == CLOSS_OK) assert_int_equal(closs_bundle_check(bundle, size, NULL), CLOSS_OK);
  closs_bundle_release(scene->device.closs, bundle);
  return status;
}

/* Minutes: five general programs, each walk. */
static void bundle_making(void **state) {
  if (!getenv("CLOSS_TEST_FULL")) skip();
  fault_walk(*state, &(fault_path){.name = "bundle made",
                                   .work = make_bundle,
                                   .kept = true,
                                   .long_walk = true,
                                   .harmless = FAULT_CALL(GetDeviceInfo)});
}

/* ---- enqueues of a plan that is there ---- */

static void prepare(fault_scene *scene) {
  sum *s = scene->own;
  closs_error error;
  if (test_work_plan(&scene->device, &s->work, &s->plan, &error) != CLOSS_OK) fail_msg("%s", error.text);
}

static void none(fault_scene *scene) {
  begin_sum(scene, CLOSS_NONE, GRADIENT, 300, false, false);
  prepare(scene);
}

static void mean(fault_scene *scene) {
  begin_sum(scene, CLOSS_MEAN, CLOSS_OUTPUT_LOSS, TEST_JOB_LENGTH, false, false);
  prepare(scene);
}

static void total(fault_scene *scene) {
  begin_sum(scene, CLOSS_SUM, CLOSS_OUTPUT_LOSS, TEST_JOB_LENGTH, true, false);
  prepare(scene);
}

static void gradients(fault_scene *scene) {
  begin_sum(scene, CLOSS_MEAN, GRADIENTS, 300, false, false);
  prepare(scene);
}

static void columns(fault_scene *scene) {
  everything(scene);
  prepare(scene);
}

/* A transposed target goes through the workspace, in two slices. */
static void slices(fault_scene *scene) {
  const uint64_t shape[] = {64, 100};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 2, shape);
  const closs_tensor target = test_tensor_transposed(CLOSS_F32, shape);
  scene->device.closs->caps.max_allocation = sizeof(float) * CLOSS_CHUNK * CLOSS_STAGE_PART;
  begin_work(scene, test_work_make(CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS, &input, &target));
  prepare(scene);
  const sum *s = scene->own;
  assert_int_equal(closs_layout_slices(&s->plan->layout), 2);
}

static void enqueues(void **state) {
  const fault_path paths[] = {{.name = "enqueue none", .begin = none},
                              {.name = "enqueue mean", .begin = mean},
                              {.name = "enqueue weighted sum", .begin = total},
                              {.name = "enqueue gradients", .begin = gradients},
                              {.name = "enqueue weighted mean, columns", .begin = columns},
                              {.name = "enqueue slices", .begin = slices}};
  for (size_t i = 0; i < TEST_COUNT(paths); ++i) {
    fault_path path = paths[i];
    path.work = enqueue;
    path.end = end_sum;
    path.kept = path.all_codes = true;
    fault_walk(*state, &path);
  }
}

/* Behind an event, with an event, on a queue that keeps no order: closs's own events order the launches. */
typedef struct chained {
  test_job job;
  closs_plan *empty; /* of no terms: it only fills */
  cl_event gate;
} chained;

static void begin_chained(fault_scene *scene) {
  chained *c = test_allocate(sizeof *c);
  closs_plan_options options = test_job_options();
  cl_int code = CL_SUCCESS;
  scene->device.queue =
      clCreateCommandQueue(scene->device.context, scene->device.device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
  test_cl(code, "clCreateCommandQueue");
  c->job = test_job_make(&scene->device, &options);
  options.input.shape[0] = options.target.shape[0] = 0;
  assert_int_equal(closs_plan_create(scene->device.closs, &options, &c->empty, NULL), CLOSS_OK);
  assert_int_equal(closs_plan_prepare(c->empty, NULL), CLOSS_OK);
  c->gate = clCreateUserEvent(scene->device.context, &code);
  test_cl(code, "clCreateUserEvent");
  test_cl(clSetUserEventStatus(c->gate, CL_COMPLETE), "clSetUserEventStatus");
  scene->own = c;
}

static void end_chained(fault_scene *scene) {
  chained *c = scene->own;
  closs_plan_destroy(c->empty);
  test_job_free(&c->job);
  clReleaseEvent(c->gate);
  clReleaseCommandQueue(scene->device.queue);
  free(c);
}

static closs_status enqueue_chained(fault_scene *scene, closs_plan *plan, closs_error *error) {
  const chained *c = scene->own;
  cl_event event = c->gate;
  const closs_status status = closs_enqueue(plan, scene->device.queue, &c->job.buffers, 1, &c->gate, &event, error);
  assert_int_equal(status == CLOSS_OK, event != NULL);
  if (event) {
    test_cl(clWaitForEvents(1, &event), "clWaitForEvents");
    test_cl(clReleaseEvent(event), "clReleaseEvent");
    ++scene->events;
  }
  return status;
}

static closs_status chain(fault_scene *scene, closs_error *error) {
  const chained *c = scene->own;
  closs_status status = enqueue_chained(scene, c->job.plan, error);
  if (status == CLOSS_OK) test_job_expect(&c->job, &c->job.buffers, 2);
  if (status == CLOSS_OK) status = enqueue_chained(scene, c->empty, error);
  if (status == CLOSS_OK) {
    const float loss = test_read_float(&scene->device, c->job.buffers.loss.memory, 0);
    assert_true(loss != loss); /* the mean of nothing */
  }
  return status;
}

static void events(void **state) {
  fault_walk(*state, &(fault_path){.name = "enqueue with events",
                                   .work = chain,
                                   .begin = begin_chained,
                                   .end = end_chained,
                                   .kept = true,
                                   .all_codes = true});
}

/* ---- sums in pieces ---- */

enum { PIECES = 2, PIECE_TERMS = 9 * CLOSS_CHUNK, ALL_TERMS = PIECES * PIECE_TERMS };

typedef struct pieces {
  closs_plan *plan;
  closs_buffers buffers;
  cl_mem memory[4];
} pieces;

static void begin_pieces(fault_scene *scene) {
  pieces *p = test_allocate(sizeof *p);
  closs_plan_options options = test_job_options();
  closs_error error;
  const closs_buffers none_yet = CLOSS_BUFFERS_INIT;
  const test_device *device = &scene->device;
  options.outputs = CLOSS_OUTPUT_LOSS;
  options.total_terms = ALL_TERMS;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){PIECE_TERMS});
  if (closs_plan_create(device->closs, &options, &p->plan, &error) != CLOSS_OK ||
      closs_plan_prepare(p->plan, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  p->buffers = none_yet;
  p->buffers.input.memory = p->memory[0] = test_constant(device, PIECE_TERMS, 3);
  p->buffers.target.memory = p->memory[1] = test_constant(device, PIECE_TERMS, 1);
  p->buffers.state.memory = p->memory[2] = test_buffer(device, closs_state_size(CLOSS_F32), NULL);
  p->buffers.workspace.memory = p->memory[3] = test_buffer(device, (size_t)closs_plan_workspace(p->plan) + 1, NULL);
  scene->own = p;
}

static void end_pieces(fault_scene *scene) {
  pieces *p = scene->own;
  for (size_t i = 0; i < TEST_COUNT(p->memory); ++i)
    clReleaseMemObject(p->memory[i]);
  closs_plan_destroy(p->plan);
  free(p);
}

/* As `closs loss` streams: a state that goes from piece to piece, and is finished here. */
static closs_status stream(fault_scene *scene, closs_error *error) {
  pieces *p = scene->own;
  unsigned char state[4096];
  const size_t size = closs_state_size(CLOSS_F32);
  closs_status status = closs_state_init(state, CLOSS_F32, 0, error);
  float loss = 0;
  assert_true(size <= sizeof state);
  test_cl(clEnqueueWriteBuffer(scene->device.queue, p->memory[2], CL_TRUE, 0, size, state, 0, NULL, NULL), "write");
  for (uint64_t i = 0; i < PIECES && status == CLOSS_OK; ++i) {
    p->buffers.first_term = i * PIECE_TERMS;
    status = closs_enqueue(p->plan, scene->device.queue, &p->buffers, 0, NULL, NULL, error);
  }
  if (status != CLOSS_OK) return status;
  test_read(&scene->device, p->memory[2], size, state);
  status = closs_state_finish(state, ALL_TERMS, CLOSS_MEAN, NULL, CLOSS_F32, &loss, error);
  assert_true(status == CLOSS_OK && loss == 2);
  return status;
}

static void streams(void **state) {
  fault_walk(
      *state,
      &(fault_path){
          .name = "pieces", .work = stream, .begin = begin_pieces, .end = end_pieces, .kept = true, .all_codes = true});
}

/* ---- the host's arrays ---- */

/* The program is in the context's memory from here on. */
static void begin_compute(fault_scene *scene) {
  everything(scene);
  assert_int_equal(compute(scene, NULL), CLOSS_OK);
}

static void begin_copied(fault_scene *scene) {
  scene->device.closs->caps.unified_memory = false;
  begin_compute(scene);
}

static void host_arrays(void **state) {
  fault_walk(*state, &(fault_path){.name = "compute, shared memory",
                                   .work = compute,
                                   .begin = begin_compute,
                                   .end = end_sum,
                                   .kept = true,
                                   .all_codes = true});
  fault_walk(*state, &(fault_path){.name = "compute, copies",
                                   .work = compute,
                                   .begin = begin_copied,
                                   .end = end_sum,
                                   .kept = true,
                                   .all_codes = true});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contexts),    cmocka_unit_test(classes),        cmocka_unit_test(cold),
      cmocka_unit_test(refusals),    cmocka_unit_test(disk),           cmocka_unit_test(callers_cache),
      cmocka_unit_test(bundles),     cmocka_unit_test(bundle_sources), cmocka_unit_test(bundle_making),
      cmocka_unit_test(enqueues),    cmocka_unit_test(events),         cmocka_unit_test(streams),
      cmocka_unit_test(host_arrays),
  };
  return cmocka_run_group_tests_name("fault paths", tests, test_device_setup, test_device_teardown);
}
