/*
 * Devices without: the test device as a lesser one (support/lesser.h), and the same bits as the reference. What a
 * device may lack is taken away alone, and all at once.
 */
#include <stdio.h>
#include <string.h>

#include "closs/bundle.h"
#include "support/harness.h"
#include "support/lesser.h"
#include "support/work.h"

/* llvmpipe ends long loops early, for which plans look at its name and type (plan/loops.h). */
static bool short_loops(const test_device *device) {
  return strstr(device->name, "rusticl") != NULL;
}

/* A closs context on the lesser device. */
static test_device lessen(const test_device *device, const test_lesser *lesser, const void *bundle, size_t size) {
  test_device made = *device;
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_error error;
  test_lesser is = *lesser;
  if (short_loops(device)) is.type = 0; /* the plans would not know */
  options.opencl = test_lesser_start(&is);
  options.bundle = bundle;
  options.bundle_size = size;
  made.fp64 = device->fp64 && !lesser->no_fp64 && !lesser->no_int64;
  if (closs_context_create(device->context, device->device, &options, &made.closs, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  return made;
}

/* Neighbours in memory; and what takes every kernel: 64-bit integers that are broadcast, weights, both gradients. */
static test_work make_work(closs_dtype dtype, bool mixture) {
  static const uint64_t shape[] = {150, 61}, terms[] = {9 * CLOSS_CHUNK + 7};
  const uint32_t outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  const closs_tensor input =
      mixture ? closs_tensor_contiguous(dtype, 2, shape) : closs_tensor_contiguous(dtype, 1, terms);
  const closs_tensor target = mixture ? closs_tensor_contiguous(CLOSS_I64, 1, shape + 1) : input;
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, outputs, &input, &target);
  uint64_t stream = 3;
  if (mixture) {
    work.arrays[TEST_WEIGHT] = test_array_make(&input, 0);
    test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  }
  test_work_outputs(&work, 0);
  return work;
}

/* The reference's bits; or a layout that takes longer loops than llvmpipe does: false. */
static bool compute(const test_device *device, closs_dtype dtype, bool mixture, const char *what) {
  test_work work = make_work(dtype, mixture);
  test_results expected, results;
  closs_error error = {CLOSS_OK, 0, ""};
  assert_int_equal(test_work_reference(&work, &expected, NULL), CLOSS_OK);
  const closs_status status = test_work_compute(device, &work, &results, &error);
  const bool refused = status == CLOSS_UNSUPPORTED && strstr(error.text, "the device ends loops after");
  if (status != CLOSS_OK && !refused) fail_msg("%s: %s", what, error.text);
  if (!refused) test_results_same(&expected, &results, what);
  test_results_free(&expected);
  test_results_free(&results);
  test_work_free(&work);
  return !refused;
}

#define LEAST(kind)                                                                                                    \
  .type = kind, .no_int64 = true, .plain_queues = true, .work_group = 1, .argument_bytes = 256, .address_bits = 32,    \
  .local_memory = 256, .global_memory = 1 << 20
static const struct {
  const char *name;
  test_lesser lesser;
  bool full; /* with $CLOSS_TEST_FULL alone: POCL takes seconds to compile it, and the last rows lack that too */
} rows[] = {
    {"as it is", {0}, false},
    {"no fp64", {.no_fp64 = true}, true},
    {"no 64-bit integers", {.no_int64 = true}, true},
    {"local memory of 1 KiB", {.type = CL_DEVICE_TYPE_GPU, .local_memory = 1024}, false},
    {"local memory of 256 bytes", {.type = CL_DEVICE_TYPE_GPU, .local_memory = 256}, true},
    {"work-groups of 1, lanes", {.type = CL_DEVICE_TYPE_CPU, .work_group = 1}, true},
    {"work-groups of 1, groups", {.type = CL_DEVICE_TYPE_GPU, .work_group = 1}, false},
    {"1 MiB of memory", {.global_memory = 1 << 20}, false},
    {"256 bytes of arguments", {.argument_bytes = 256}, false},
    {"addresses of 32 bits", {.address_bits = 32}, false},
    {"plain queues", {.plain_queues = true}, false},
    {"the least CPU", {LEAST(CL_DEVICE_TYPE_CPU)}, false},
    {"the least GPU", {LEAST(CL_DEVICE_TYPE_GPU)}, false},
    {"the least accelerator", {LEAST(CL_DEVICE_TYPE_ACCELERATOR)}, false},
};

static void devices_without(void **state) {
  const bool full = getenv("CLOSS_TEST_FULL") != NULL;
  size_t computed = 0, tried = 0;
  for (size_t i = 0; i < TEST_COUNT(rows); ++i) {
    if (rows[i].full && !full) continue;
    if (i % test_every() != 0 && i + 3 < TEST_COUNT(rows)) continue; /* the last three lack all of it */
    ++tried;
    test_device lesser = lessen(*state, &rows[i].lesser, NULL, 0);
    computed += compute(&lesser, CLOSS_F16, false, rows[i].name);
    if (full) compute(&lesser, CLOSS_F32, true, rows[i].name);
    closs_context_destroy(lesser.closs);
    assert_in_range(test_lesser_memory(), 1 << 16, 1 << 20);
  }
  printf("%zu of %zu lesser devices have the same bits\n", computed, tried);
  assert_in_range(computed, short_loops(*state) ? tried / 2 : tried, tried);
}

/* Without a compiler: a bundle, or an error that says so; whether the device knows of its lack or not. */
static void no_compiler(void **state) {
  if (test_every() > 1) skip(); /* to make a bundle takes a slow device long */
  static const struct {
    test_lesser lesser;
    const char *text;
  } lacks[] = {
      {{.no_compiler = true}, ": the device has no compiler, and no bundle with a program was given for l1 "},
      {{.no_build = true}, "CL_COMPILER_NOT_AVAILABLE (-3)"},
  };
  const test_device *device = *state;
  const closs_loss loss = CLOSS_L1;
  const closs_dtype dtype = CLOSS_F32;
  closs_bundle_options options = CLOSS_BUNDLE_OPTIONS_INIT;
  closs_error error;
  void *bundle = NULL;
  size_t size = 0;
  options.losses = &loss;
  options.loss_count = 1;
  options.dtypes = &dtype;
  options.dtype_count = 1;
  if (closs_bundle_make(device->closs, &options, &bundle, &size, &error) != CLOSS_OK) fail_msg("%s", error.text);
  for (size_t i = 0; i < TEST_COUNT(lacks); ++i) {
    test_device lesser = lessen(device, &lacks[i].lesser, NULL, 0);
    test_work work = make_work(dtype, false);
    test_results results;
    assert_int_equal(test_work_compute(&lesser, &work, &results, &error), CLOSS_COMPILE_FAILED);
    if (!strstr(error.text, lacks[i].text)) fail_msg("\"%s\" lacks \"%s\"", error.text, lacks[i].text);
    test_results_free(&results);
    test_work_free(&work);
    closs_context_destroy(lesser.closs);
    lesser = lessen(device, &lacks[i].lesser, bundle, size);
    compute(&lesser, dtype, false, "a bundle without a compiler");
    compute(&lesser, dtype, true, "a bundle without a compiler");
    closs_context_destroy(lesser.closs);
  }
  closs_bundle_release(device->closs, bundle);
}

/* Doubles are refused in a line that says why. */
static void no_doubles(void **state) {
  static const test_lesser lacks[] = {{.no_fp64 = true}, {.no_int64 = true}};
  for (size_t i = 0; i < TEST_COUNT(lacks); ++i) {
    test_device lesser = lessen(*state, &lacks[i], NULL, 0);
    closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
    closs_error error;
    options.loss = CLOSS_L1;
    options.input = options.target = closs_tensor_contiguous(CLOSS_F64, 0, NULL);
    assert_int_equal(closs_loss_supported(lesser.closs, &options, &error), CLOSS_UNSUPPORTED);
    assert_string_equal(error.text, "input: type is f64; the device has no double precision (fp64)");
    closs_context_destroy(lesser.closs);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(devices_without),
      cmocka_unit_test(no_compiler),
      cmocka_unit_test(no_doubles),
  };
  return cmocka_run_group_tests_name("limits", tests, test_device_setup, test_device_teardown);
}
