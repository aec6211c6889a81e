/* Whatever OpenCL call or host allocation fails, once: points.h says what is to come of it. Here where contexts are
 * made, and wherever programs come from. */
#include <stdio.h>
#include <string.h>

#include "base/allocate.h"
#include "plan/plan.h"
#include "program/binary.h"
#include "program/bundle.h"
#include "program/key.h"
#include "sum.h"
#include "support/harness.h"
#include "support/job.h"

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
  fault_walk(*state, &(fault_path){.name = "context and plan", .work = make_plan, .creation = true, .all_codes = true});
}

static closs_status probe(fault_scene *scene, closs_error *error) {
  closs_device_class found = CLOSS_CLASS_UNKNOWN;
  const closs_status status = closs_context_probe(scene->device.closs, &found, error);
  assert_int_equal(status == CLOSS_OK, found != CLOSS_CLASS_UNKNOWN);
  return status;
}

static void classes(void **state) {
  fault_walk(*state, &(fault_path){.name = "class", .work = probe});
}

static void cold(void **state) {
  fault_walk(*state, &(fault_path){.name = "cold compile",
                                   .work = fault_sum_whole,
                                   .begin = getenv("CLOSS_TEST_FULL") ? fault_sum_everything : fault_sum_small,
                                   .end = fault_sum_end});
}

/* A compiler that refuses, and what it says, which goes to the log or without memory for it is left out. */
static closs_status refused(fault_scene *scene, closs_error *error) {
  closs_error expected = {CLOSS_OK, CL_SUCCESS, ""};
  const closs_status status = fault_sum_whole(scene, &expected);
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
  fault_sum_small(scene);
}

static void refusals(void **state) {
  fault_walk(*state, &(fault_path){.name = "compiler refuses",
                                   .work = refused,
                                   .begin = begin_refused,
                                   .end = fault_sum_end,
                                   .harmless = FAULT_CALL(GetProgramBuildInfo) | FAULT_CALL(BuildProgram),
                                   .harmless_memory = true});
}

/* Of a program from a cache, or to be kept in one, and of the class. */
static closs_status with_class(fault_scene *scene, closs_error *error) {
  const closs_status status = fault_sum_whole(scene, error);
  return status == CLOSS_OK ? probe(scene, error) : status;
}

#define CACHED                                                                                                         \
  .harmless = FAULT_CALL(CreateProgramWithBinary) | FAULT_CALL(BuildProgram) | FAULT_CALL(GetProgramInfo),             \
  .harmless_memory = true

static char folder[64], cache_folder[80];

static void begin_disk(fault_scene *scene) {
  strcpy(folder, "/tmp/closs-test-XXXXXX");
  assert_non_null(mkdtemp(folder));
  (void)snprintf(cache_folder, sizeof cache_folder, "%s/cache", folder);
  scene->options.cache_directory = cache_folder;
  fault_sum_small(scene);
}

static void end_disk(fault_scene *scene) {
  char command[128];
  fault_sum_end(scene);
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
  fault_sum_small(scene);
}

static void end_shelf(fault_scene *scene) {
  clear(scene);
  fault_sum_end(scene);
}

static void callers_cache(void **state) {
  fault_walk(*state, &(fault_path){
                         .name = "caller's cache", .work = with_class, .begin = begin_shelf, .end = end_shelf, CACHED});
  /* Of the probe's programs nothing is to be had here. */
  fault_walk(*state, &(fault_path){.name = "caller's cache, empty",
                                   .work = fault_sum_whole,
                                   .begin = begin_shelf,
                                   .end = end_shelf,
                                   .before = clear,
                                   .harmless = FAULT_CALL(GetProgramInfo),
                                   .harmless_memory = true});
}

/* A bundle of the one program that fault_sum_small() needs; closs_bundle_make() compiles seconds long. */
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
  fault_sum_small(scene);
  scene->options.bundle = bundle_of(&scene->device, &((fault_sum *)scene->own)->work, &scene->options.bundle_size);
}

static void end_bundle(fault_scene *scene) {
  free((void *)(uintptr_t)scene->options.bundle);
  fault_sum_end(scene);
}

static void bundles(void **state) {
  fault_walk(*state, &(fault_path){
                         .name = "bundle", .work = fault_sum_whole, .begin = begin_bundle, .end = end_bundle, CACHED});
  fault_walk(*state, &(fault_path){.name = "bundle, no compiler",
                                   .work = fault_sum_whole,
                                   .begin = begin_bundle,
                                   .end = end_bundle,
                                   .no_compiler = true});
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
  fault_walk(*state, &(fault_path){.name = "bundle sources", .work = sources, .kept = true});
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
  fault_walk(*state, &(fault_path){.name = "bundle made", .work = make_bundle, .kept = true, .long_walk = true});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contexts), cmocka_unit_test(classes),        cmocka_unit_test(cold),
      cmocka_unit_test(refusals), cmocka_unit_test(disk),           cmocka_unit_test(callers_cache),
      cmocka_unit_test(bundles),  cmocka_unit_test(bundle_sources), cmocka_unit_test(bundle_making)};
  return cmocka_run_group_tests_name("fault programs", tests, test_device_setup, test_device_teardown);
}
