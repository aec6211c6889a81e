/*
 * Device classes, on a device that is made to misbehave on purpose: the probe finds the class, and results keep what it
 * promises. Each fault has a process of its own, since a driver's threads take the host thread's mode when they begin.
 */
#include <fenv.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "support/harness.h"
#include "support/work.h"

enum { COMPILERS, LLVMPIPE, OCLGRIND, PLATFORMS }; /* POCL and both of Intel's; the others by name */

typedef struct fault {
  const char *name;
  const char *options; /* to build every program with */
  bool contract;       /* FP_CONTRACT is ON in every program */
  bool flush;          /* the host thread takes subnormal numbers for 0 */
  bool up;             /* the host thread rounds upwards */
  closs_device_class found[PLATFORMS];
} fault;

/* llvmpipe and Oclgrind compute in the host thread's mode; llvmpipe contracts nothing and hears no option. */
static const fault faults[] = {
    {"no fault", "", false, false, false, {CLOSS_CLASS_EXACT, CLOSS_CLASS_EXACT, CLOSS_CLASS_EXACT}},
    {"-cl-denorms-are-zero",
     " -cl-denorms-are-zero",
     false,
     false,
     false,
     {CLOSS_CLASS_NORMAL, CLOSS_CLASS_EXACT, CLOSS_CLASS_EXACT}},
    {"contraction", "", true, false, false, {CLOSS_CLASS_OTHER, CLOSS_CLASS_EXACT, CLOSS_CLASS_OTHER}},
    {"-cl-fast-relaxed-math",
     " -cl-fast-relaxed-math",
     false,
     false,
     false,
     {CLOSS_CLASS_OTHER, CLOSS_CLASS_EXACT, CLOSS_CLASS_EXACT}},
    {"flushing host", "", false, true, false, {CLOSS_CLASS_EXACT, CLOSS_CLASS_NORMAL, CLOSS_CLASS_NORMAL}},
    {"host that rounds up", "", false, false, true, {CLOSS_CLASS_EXACT, CLOSS_CLASS_OTHER, CLOSS_CLASS_OTHER}},
};

static const fault *current;

static cl_int CL_API_CALL faulty_build(cl_program program, cl_uint count, const cl_device_id *devices,
                                       const char *options, void(CL_CALLBACK *notify)(cl_program, void *), void *user) {
  char more[1024];
  snprintf(more, sizeof more, "%s%s", options, current->options);
  return clBuildProgram(program, count, devices, more, notify, user);
}

static cl_program CL_API_CALL faulty_program(cl_context context, cl_uint count, const char **parts,
                                             const size_t *lengths, cl_int *code) {
  static const char off[] = "FP_CONTRACT OFF", on[] = "FP_CONTRACT ON ";
  char *copies[32];
  assert_null(lengths);
  assert_in_range(count, 1, TEST_COUNT(copies));
  for (cl_uint i = 0; i < count; ++i) {
    copies[i] = test_allocate(strlen(parts[i]) + 1);
    strcpy(copies[i], parts[i]);
    char *pragma = current->contract ? strstr(copies[i], off) : NULL;
    if (pragma) memcpy(pragma, on, strlen(on));
  }
  const cl_program program = clCreateProgramWithSource(context, count, (const char **)copies, NULL, code);
  for (cl_uint i = 0; i < count; ++i)
    free(copies[i]);
  return program;
}

/* The host thread's mode, while the device may compute in it. */
static void set_mode(bool faulty) {
#if defined(__SSE2__)
  const unsigned flush = 0x8040; /* results and operands */
  _mm_setcsr(faulty && current->flush ? _mm_getcsr() | flush : _mm_getcsr() & ~flush);
#endif
  fesetround(faulty && current->up ? FE_UPWARD : FE_TONEAREST);
}

static closs_status compute(const test_device *device, test_work *work, test_results *results) {
  closs_error error = {CLOSS_OK, 0, ""};
  set_mode(true);
  const closs_status status = test_work_device(device, work, results, &error);
  set_mode(false);
  if (status != CLOSS_OK) fail_msg("%s: %s", current->name, error.text);
  return status;
}

static int setup(void **state) {
  static test_device device;
  static closs_opencl table;
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_error error;
  table = *closs_opencl_loader();
  table.BuildProgram = faulty_build;
  table.CreateProgramWithSource = faulty_program;
  options.opencl = &table;
  set_mode(true);
  const bool found = test_device_find(&device);
  set_mode(false);
  if (!found || closs_context_create(device.context, device.device, &options, &device.closs, &error) != CLOSS_OK)
    return -1;
  *state = &device;
  return 0;
}

static closs_device_class probe(const test_device *device) {
  closs_device_class found = CLOSS_CLASS_UNKNOWN;
  closs_error error;
  set_mode(true);
  const closs_status status = closs_context_probe(device->closs, &found, &error);
  set_mode(false);
  if (status != CLOSS_OK) fail_msg("%s: %s", current->name, error.text);
  return found;
}

static void finds_the_class(void **state) {
  const test_device *device = *state;
  const int platform = strstr(device->name, "rusticl")    ? LLVMPIPE
                       : strstr(device->name, "Oclgrind") ? OCLGRIND
                                                          : COMPILERS;
  assert_int_equal(probe(device), current->found[platform]);
}

/* A weighted mean with both gradients, one of them of a broadcast operand in `broadcast`. */
static test_work make_work(closs_loss loss, closs_dtype dtype, bool broadcast) {
  static const uint64_t shape[] = {150, 61};
  const closs_tensor input = closs_tensor_contiguous(dtype, 2, shape);
  const closs_tensor target = closs_tensor_contiguous(dtype, broadcast ? 1 : 2, broadcast ? shape + 1 : shape);
  test_work work = test_work_make(loss, CLOSS_MEAN, 7, &input, &target);
  uint64_t stream = 3;
  work.arrays[TEST_WEIGHT] = test_array_make(&input, 0);
  test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  test_work_outputs(&work, 0);
  return work;
}

/* Of numbers far from subnormal: the bits on classes exact and normal, within 4 units of the bounds on class other. */
static void keeps_the_promise(void **state) {
  const test_device *device = *state;
  const closs_device_class found = probe(device);
  static const struct {
    closs_loss loss;
    closs_dtype dtype;
    bool broadcast;
  } works[] = {{CLOSS_HUBER, CLOSS_F32, false}, {CLOSS_MSE, CLOSS_F64, false}, {CLOSS_SMOOTH_L1, CLOSS_F32, true}};
  size_t changed = 0;
  for (size_t i = 0; i < TEST_COUNT(works); ++i) {
    if (works[i].dtype == CLOSS_F64 && !device->fp64) continue;
    test_work work = make_work(works[i].loss, works[i].dtype, works[i].broadcast);
    test_results expected, results;
    compute(device, &work, &results);
    assert_int_equal(test_work_reference(&work, &expected, NULL), CLOSS_OK);
    if (found == CLOSS_CLASS_OTHER)
      test_work_bounds(&work, &results, 4, current->name);
    else
      test_results_same(&expected, &results, current->name);
    for (unsigned slot = TEST_LOSS; slot < TEST_SLOTS; ++slot)
      changed += memcmp(expected.arrays[slot].bytes, results.arrays[slot].bytes, expected.arrays[slot].size) != 0;
    test_results_free(&expected);
    test_results_free(&results);
    test_work_free(&work);
  }
  printf("%s: class %d, %zu results with other bits\n", current->name, (int)found, changed);
  /* What can be contracted in the kernels are corrections below the last bit: here it changes none. */
  if (!current->contract) assert_int_equal(changed > 0, found == CLOSS_CLASS_OTHER);
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* By its bits: the thread may take subnormal operands for 0. */
static bool is_subnormal(float value) {
  const uint32_t magnitude = bits_of(value) & 0x7fffffff;
  return magnitude > 0 && magnitude < 0x00800000;
}

/* |x - y| of finite numbers of every size: an element differs only on class normal and next to subnormal numbers. */
static void flushes_what_is_subnormal(void **state) {
  const test_device *device = *state;
  const closs_device_class found = probe(device);
  static const uint64_t shape[] = {4000};
  const closs_tensor tensor = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  test_work work = test_work_make(CLOSS_L1, CLOSS_NONE, CLOSS_OUTPUT_LOSS, &tensor, &tensor);
  uint64_t stream = 5;
  test_array_fill(&work.arrays[TEST_INPUT], TEST_EXTREME, &stream);
  test_array_fill(&work.arrays[TEST_TARGET], TEST_EXTREME, &stream);
  test_work_outputs(&work, 0);
  test_results expected, results;
  compute(device, &work, &results);
  assert_int_equal(test_work_reference(&work, &expected, NULL), CLOSS_OK);
  const float *x = test_array_origin(&work.arrays[TEST_INPUT]), *y = test_array_origin(&work.arrays[TEST_TARGET]);
  const float *wanted = test_array_origin(&expected.arrays[TEST_LOSS]);
  const float *got = test_array_origin(&results.arrays[TEST_LOSS]);
  size_t differ = 0;
  for (size_t i = 0; i < shape[0]; ++i) {
    if (found == CLOSS_CLASS_OTHER || bits_of(wanted[i]) == bits_of(got[i])) continue;
    ++differ;
    assert_true(is_subnormal(x[i]) || is_subnormal(y[i]) || is_subnormal(wanted[i]));
    assert_true(got[i] - wanted[i] <= 0x1p-125f && wanted[i] - got[i] <= 0x1p-125f);
  }
  printf("%s: %zu of %u elements flushed\n", current->name, differ, (unsigned)shape[0]);
  assert_int_equal(differ > 0, found == CLOSS_CLASS_NORMAL);
  test_results_free(&expected);
  test_results_free(&results);
  test_work_free(&work);
}

static int run_fault(const fault *f) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_class),
      cmocka_unit_test(keeps_the_promise),
      cmocka_unit_test(flushes_what_is_subnormal),
  };
  current = f;
  return cmocka_run_group_tests_name(f->name, tests, setup, test_device_teardown);
}

int main(void) {
  int failed = 0;
  for (size_t i = 0; i < TEST_COUNT(faults); ++i) {
#if !defined(__SSE2__)
    if (faults[i].flush) continue;
#endif
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) return run_fault(&faults[i]);
    int status = -1;
    failed += child < 0 || waitpid(child, &status, 0) < 0 || status != 0;
  }
  return failed;
}
