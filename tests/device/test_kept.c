/* Programs that outlive their context: in the caller's cache and on the disk. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "support/calls.h"
#include "support/device.h"
#include "support/harness.h"

/* A caller's cache in memory. */
enum { MOST = 16 };
typedef struct shelf {
  pthread_mutex_t mutex;
  char *keys[MOST];
  unsigned char *bytes[MOST];
  size_t sizes[MOST], count;
  unsigned sets;
} shelf;

static shelf cache = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static size_t find(const char *key) {
  size_t at = 0;
  while (at < cache.count && strcmp(cache.keys[at], key) != 0)
    at++;
  return at;
}

static size_t get(void *user, const char *key, void *data, size_t capacity) {
  (void)user;
  pthread_mutex_lock(&cache.mutex);
  const size_t at = find(key), size = at < cache.count ? cache.sizes[at] : 0;
  if (size && size <= capacity) memcpy(data, cache.bytes[at], size);
  pthread_mutex_unlock(&cache.mutex);
  return size;
}

static void set(void *user, const char *key, const void *data, size_t size) {
  (void)user;
  pthread_mutex_lock(&cache.mutex);
  const size_t at = find(key);
  assert_true(at < MOST);
  if (at == cache.count) cache.keys[cache.count++] = strcpy(test_allocate(strlen(key) + 1), key);
  free(cache.bytes[at]);
  cache.bytes[at] = memcpy(test_allocate(size), data, size);
  cache.sizes[at] = size;
  cache.sets++;
  pthread_mutex_unlock(&cache.mutex);
}

static int empty(void **state) {
  (void)state;
  for (size_t i = 0; i < cache.count; i++) {
    free(cache.keys[i]);
    free(cache.bytes[i]);
    cache.bytes[i] = NULL;
  }
  cache.count = cache.sets = 0;
  return 0;
}

static closs_context_options with_cache(void) {
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  options.cache = (closs_cache){NULL, get, set};
  return options;
}

/* A loss and a gradient in a context of its own; where its program came from. */
typedef struct outcome {
  float loss, gradient[3];
} outcome;

static closs_program_origin compute(const test_device *device, const closs_context_options *options, outcome *out) {
  closs_context *context = NULL;
  closs_plan *plan = NULL;
  closs_error error;
  const float input[3] = {0.1F, 2.5F, -3}, target[3] = {1, 1, 1.25F};
  closs_plan_options plan_options = CLOSS_PLAN_OPTIONS_INIT;
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  plan_options.loss = CLOSS_HUBER;
  plan_options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
  plan_options.input = plan_options.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){3});
  arrays.input = input;
  arrays.target = target;
  arrays.loss = &out->loss;
  arrays.input_gradient = out->gradient;
  if (closs_context_create(device->context, device->device, options, &context, &error) != CLOSS_OK ||
      closs_compute(context, &plan_options, &arrays, &plan, NULL, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  const closs_program_origin origin = closs_plan_program(plan);
  closs_plan_destroy(plan);
  closs_context_destroy(context);
  return origin;
}

static void warm_is_cold(void **state) {
  outcome cold, warm;
  test_calls *calls;
  closs_context_options options = with_cache();
  options.opencl = test_calls_start(&calls);
  assert_int_equal(compute(*state, &options, &cold), CLOSS_PROGRAM_COMPILED);
  assert_int_equal(cache.sets, 1);
  assert_int_equal(calls->made[TEST_CALL_CreateProgramWithSource], 1);
  options.opencl = test_calls_start(&calls);
  assert_int_equal(compute(*state, &options, &warm), CLOSS_PROGRAM_CACHED);
  assert_int_equal(calls->made[TEST_CALL_CreateProgramWithSource], 0);
  assert_int_equal(calls->made[TEST_CALL_CreateProgramWithBinary], 1);
  assert_int_equal(cache.sets, 1);
  assert_memory_equal(&cold, &warm, sizeof cold);
  test_calls_balance(calls, 0, "in all");
}

/* Drivers crash on damaged binaries, or compute wrong results: none comes to see one. */
static void damaged(void **state) {
  outcome cold, now;
  const closs_context_options options = with_cache();
  compute(*state, &options, &cold);
  const size_t size = cache.sizes[0], step = size / 9 + 1;
  unsigned char *good = memcpy(test_allocate(size), cache.bytes[0], size);
  for (size_t place = 0; place < 18; place++) {
    if (place < 9)
      cache.bytes[0][place * step + place] ^= (unsigned char)(1 << place % 8); /* one bit */
    else
      cache.sizes[0] = (place - 9) * step + 1; /* cut short */
    assert_int_equal(compute(*state, &options, &now), CLOSS_PROGRAM_COMPILED);
    assert_memory_equal(&cold, &now, sizeof cold);
    assert_int_equal(compute(*state, &options, &now), CLOSS_PROGRAM_CACHED); /* and a good one is there again */
    memcpy(cache.bytes[0], good, size < cache.sizes[0] ? size : cache.sizes[0]);
    set(NULL, cache.keys[0], good, size);
  }
  free(good);
}

/* A driver that refuses a binary, or gives none, costs time alone. */
static cl_program CL_API_CALL refuse_binary(cl_context context, cl_uint count, const cl_device_id *devices,
                                            const size_t *sizes, const unsigned char **binaries, cl_int *of_device,
                                            cl_int *code) {
  (void)context, (void)count, (void)devices, (void)sizes, (void)binaries, (void)of_device;
  *code = CL_INVALID_BINARY;
  return NULL;
}

static cl_int CL_API_CALL no_info(cl_program program, cl_program_info info, size_t size, void *place, size_t *needed) {
  (void)program, (void)info, (void)size, (void)place, (void)needed;
  return CL_OUT_OF_HOST_MEMORY;
}

/* Takes a binary, and then does not build the first. */
static cl_int(CL_API_CALL *build)(cl_program, cl_uint, const cl_device_id *, const char *,
                                  void(CL_CALLBACK *)(cl_program, void *), void *);
static unsigned builds;

static cl_int CL_API_CALL refuse_build(cl_program program, cl_uint count, const cl_device_id *devices,
                                       const char *options, void(CL_CALLBACK *notify)(cl_program, void *), void *user) {
  return builds++ == 0 ? CL_INVALID_BINARY : build(program, count, devices, options, notify, user);
}

static void unwilling_drivers(void **state) {
  outcome cold, now;
  closs_context_options options = with_cache();
  closs_opencl table = *closs_opencl_loader();
  table.GetProgramInfo = no_info;
  options.opencl = &table;
  assert_int_equal(compute(*state, &options, &cold), CLOSS_PROGRAM_COMPILED);
  assert_int_equal(cache.count, 0);
  options.opencl = NULL;
  assert_int_equal(compute(*state, &options, &now), CLOSS_PROGRAM_COMPILED);
  assert_int_equal(cache.count, 1);
  table = *closs_opencl_loader();
  table.CreateProgramWithBinary = refuse_binary;
  options.opencl = &table;
  assert_int_equal(compute(*state, &options, &now), CLOSS_PROGRAM_COMPILED);
  assert_memory_equal(&cold, &now, sizeof cold);
  test_calls *calls;
  table = *test_calls_start(&calls);
  build = table.BuildProgram;
  builds = 0;
  table.BuildProgram = refuse_build;
  assert_int_equal(compute(*state, &options, &now), CLOSS_PROGRAM_COMPILED);
  assert_int_equal(builds, 2);
  assert_memory_equal(&cold, &now, sizeof cold);
  test_calls_balance(calls, 0, "a binary that is not built");
}

/* The class is kept too: nothing is compiled or run to know it again. */
static void device_class(void **state) {
  const test_device *device = *state;
  closs_context_options options = with_cache();
  closs_context *context = NULL;
  closs_device_class first = CLOSS_CLASS_UNKNOWN, second = CLOSS_CLASS_UNKNOWN;
  test_calls *calls;
  assert_int_equal(closs_context_create(device->context, device->device, &options, &context, NULL), CLOSS_OK);
  assert_int_equal(closs_context_class(context), CLOSS_CLASS_UNKNOWN);
  assert_int_equal(closs_context_probe(context, &first, NULL), CLOSS_OK);
  closs_context_destroy(context);
  options.opencl = test_calls_start(&calls);
  assert_int_equal(closs_context_create(device->context, device->device, &options, &context, NULL), CLOSS_OK);
  assert_int_equal(closs_context_class(context), first);
  assert_int_equal(closs_context_probe(context, &second, NULL), CLOSS_OK);
  assert_int_equal(second, first);
  assert_int_equal(calls->made[TEST_CALL_CreateProgramWithSource] + calls->made[TEST_CALL_CreateProgramWithBinary], 0);
  closs_context_destroy(context);
}

/* The same on the disk, also where the folder can't be used. */
static void on_disk(void **state) {
  outcome cold, warm;
  char folder[] = "/tmp/closs-test-XXXXXX", path[64], command[96];
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  assert_non_null(mkdtemp(folder));
  (void)snprintf(path, sizeof path, "%s/cache", folder);
  options.cache_directory = path;
  assert_int_equal(compute(*state, &options, &cold), CLOSS_PROGRAM_COMPILED);
  assert_int_equal(compute(*state, &options, &warm), CLOSS_PROGRAM_CACHED);
  assert_memory_equal(&cold, &warm, sizeof cold);
  options.cache_limit = 10; /* nothing fits; what is there is still found */
  assert_int_equal(compute(*state, &options, &warm), CLOSS_PROGRAM_CACHED);
  options.cache_directory = "/dev/null/cache";
  assert_int_equal(compute(*state, &options, &warm), CLOSS_PROGRAM_COMPILED);
  assert_memory_equal(&cold, &warm, sizeof cold);
  (void)snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, empty, empty)
  const struct CMUnitTest tests[] = {
      TEST(warm_is_cold), TEST(damaged), TEST(unwilling_drivers), TEST(device_class), TEST(on_disk),
  };
  return cmocka_run_group_tests_name("kept", tests, test_device_setup, test_device_teardown);
}
