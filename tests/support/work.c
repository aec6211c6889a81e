#include "work.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "oracle/oracle.h"

static const char *const names[TEST_SLOTS] = {"input", "target",         "weight",         "upstream",
                                              "loss",  "input gradient", "target gradient"};
static const uint32_t outputs[TEST_SLOTS] = {[TEST_LOSS] = CLOSS_OUTPUT_LOSS,
                                             [TEST_INPUT_GRADIENT] = CLOSS_OUTPUT_INPUT_GRADIENT,
                                             [TEST_TARGET_GRADIENT] = CLOSS_OUTPUT_TARGET_GRADIENT};

enum { WORKSPACE_MARGIN = 64 }; /* bytes, a multiple of CLOSS_WORKSPACE_ALIGNMENT */

test_work test_work_make(closs_loss loss, closs_reduction reduction, uint32_t wanted, const closs_tensor *input,
                         const closs_tensor *target) {
  test_work work = {.options = CLOSS_PLAN_OPTIONS_INIT, .upstream_value = 1};
  work.options.loss = loss;
  work.options.reduction = reduction;
  work.options.outputs = wanted;
  uint64_t stream = 1;
  work.arrays[TEST_INPUT] = test_array_make(input, 0);
  work.arrays[TEST_TARGET] = test_array_make(target, 0);
  test_array_fill(&work.arrays[TEST_INPUT], TEST_PLAIN, &stream);
  test_array_fill(&work.arrays[TEST_TARGET], TEST_PLAIN, &stream);
  return work;
}

test_work test_work_order(uint64_t n, uint64_t columns, bool broadcast, uint64_t stream) {
  const uint64_t shape[2] = {n, columns}, half = n / 2;
  const closs_tensor whole = closs_tensor_contiguous(CLOSS_F32, 2, shape),
                     target = broadcast ? closs_tensor_contiguous(CLOSS_F32, 1, shape + 1) : whole;
  test_work work =
      test_work_make(CLOSS_MSE, CLOSS_SUM, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT, &whole, &target);
  work.arrays[TEST_WEIGHT] = test_array_make(&whole, 0);
  float *input = test_array_origin(&work.arrays[TEST_INPUT]), *weight = test_array_origin(&work.arrays[TEST_WEIGHT]);
  for (uint64_t i = 0; i < half * columns; ++i) {
    const uint64_t random = test_random(&stream);
    input[i] = ldexpf(1 + (float)(random % 8388608) * 0x1p-23F, (int)(random >> 32) % 63 - 31);
    weight[i] = 1;
    weight[half * columns + i] = -1;
  }
  for (uint64_t i = 0; i < half; ++i) /* 1021 is a prime that no half is a multiple of */
    memcpy(input + (half + i) * columns, input + i * 1021 % half * columns, (size_t)columns * sizeof *input);
  if (n % 2) memset(weight + (n - 1) * columns, 0, (size_t)columns * sizeof *weight);
  memset(test_array_origin(&work.arrays[TEST_TARGET]), 0, (size_t)closs_tensor_elements(&target) * sizeof(float));
  test_work_outputs(&work, 0);
  return work;
}

void test_work_parameter(test_work *work, double value) {
  const closs_loss_info *info = closs_loss_by_id(work->options.loss);
  if (info && info->parameter_count) {
    work->parameter = (closs_parameter){info->parameters[0].name, value};
    work->options.parameter_count = 1;
  }
}

static bool in_place(const test_work *work, enum test_slot slot) {
  return (slot == TEST_INPUT_GRADIENT && work->options.input_gradient_mode & CLOSS_GRADIENT_IN_PLACE) ||
         (slot == TEST_TARGET_GRADIENT && work->options.target_gradient_mode & CLOSS_GRADIENT_IN_PLACE);
}

void test_work_outputs(test_work *work, size_t shift) {
  const test_array *const operands = work->arrays;
  const closs_dtype common = closs_dtype_common(operands[0].tensor.dtype, operands[1].tensor.dtype);
  uint64_t stream = 2;
  for (unsigned slot = TEST_LOSS; slot < TEST_SLOTS; ++slot) {
    if (!(work->options.outputs & outputs[slot]) || work->arrays[slot].bytes || in_place(work, slot)) continue;
    closs_tensor tensor = {0};
    if (slot == TEST_LOSS) {
      if (work->options.reduction == CLOSS_NONE)
        assert_int_equal(closs_tensor_broadcast(&operands[0].tensor, &operands[1].tensor, &tensor, NULL), CLOSS_OK);
      tensor.dtype = closs_dtype_real(common);
    } else {
      tensor = operands[slot - TEST_INPUT_GRADIENT].tensor;
      if (tensor.dtype <= CLOSS_U64) tensor.dtype = closs_dtype_real(common);
    }
    tensor = closs_tensor_contiguous(tensor.dtype, tensor.rank, tensor.shape);
    work->arrays[slot] = test_array_make(&tensor, shift);
    if (slot != TEST_LOSS) /* read where it is accumulated */
      test_array_fill(&work->arrays[slot], TEST_PLAIN, &stream);
  }
}

void test_work_free(test_work *work) {
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    test_array_free(&work->arrays[slot]);
}

/* Points the options at the arrays' tensors. */
static void connect(test_work *work) {
  const test_array *arrays = work->arrays;
  const closs_tensor *tensors[TEST_SLOTS];
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    tensors[slot] = arrays[slot].bytes ? &arrays[slot].tensor : NULL;
  work->options.parameters = &work->parameter;
  work->options.input = arrays[TEST_INPUT].tensor;
  work->options.target = arrays[TEST_TARGET].tensor;
  work->options.weight = tensors[TEST_WEIGHT];
  work->options.upstream = tensors[TEST_UPSTREAM];
  work->options.loss_layout = tensors[TEST_LOSS];
  work->options.input_gradient = tensors[TEST_INPUT_GRADIENT];
  work->options.target_gradient = tensors[TEST_TARGET_GRADIENT];
}

static void copy_arrays(const test_work *work, test_results *results) {
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    results->arrays[slot] = test_array_copy(&work->arrays[slot]);
}

void test_results_free(test_results *results) {
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    test_array_free(&results->arrays[slot]);
}

static unsigned home(const test_work *work, enum test_slot slot) {
  return in_place(work, slot) ? slot - TEST_INPUT_GRADIENT : slot;
}

const test_array *test_result(const test_work *work, const test_results *results, enum test_slot slot) {
  return &results->arrays[home(work, slot)];
}

static closs_arrays host_arrays(const test_work *work, const test_results *at) {
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  arrays.input = test_array_origin(&at->arrays[TEST_INPUT]);
  arrays.target = test_array_origin(&at->arrays[TEST_TARGET]);
  arrays.weight = test_array_origin(&at->arrays[TEST_WEIGHT]);
  arrays.upstream = test_array_origin(&at->arrays[TEST_UPSTREAM]);
  arrays.upstream_value = work->upstream_value;
  arrays.loss = test_array_origin(&at->arrays[TEST_LOSS]);
  arrays.input_gradient = test_array_origin(test_result(work, at, TEST_INPUT_GRADIENT));
  arrays.target_gradient = test_array_origin(test_result(work, at, TEST_TARGET_GRADIENT));
  return arrays;
}

closs_status test_work_reference(test_work *work, test_results *results, closs_error *error) {
  connect(work);
  copy_arrays(work, results);
  const closs_arrays arrays = host_arrays(work, results);
  return closs_reference(&work->options, &arrays, error);
}

closs_status test_work_compute(const test_device *device, test_work *work, test_results *results, closs_error *error) {
  connect(work);
  copy_arrays(work, results);
  const closs_arrays arrays = host_arrays(work, results);
  return closs_compute(device->closs, &work->options, &arrays, NULL, NULL, error);
}

/* A workspace between canaries, and the check that they are as they were. */
static cl_mem make_workspace(const test_device *device, uint64_t needed, size_t *size) {
  *size = (size_t)needed + 2 * WORKSPACE_MARGIN;
  unsigned char *canaries = test_allocate(*size);
  memset(canaries, 0x5a, *size);
  const cl_mem workspace = test_buffer(device, *size, canaries);
  free(canaries);
  return workspace;
}

static void check_workspace(const test_device *device, cl_mem workspace, size_t size) {
  unsigned char *bytes = test_allocate(size);
  test_read(device, workspace, size, bytes);
  for (size_t i = 0; i < WORKSPACE_MARGIN; ++i)
    if (bytes[i] != 0x5a || bytes[size - 1 - i] != 0x5a)
      fail_msg("workspace: written outside its %zu bytes", size - 2 * WORKSPACE_MARGIN);
  free(bytes);
}

closs_buffers test_work_buffers(const test_work *work, const closs_buffer places[TEST_SLOTS], closs_buffer workspace) {
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  buffers.input = places[TEST_INPUT];
  buffers.target = places[TEST_TARGET];
  buffers.weight = places[TEST_WEIGHT];
  buffers.upstream = places[TEST_UPSTREAM];
  buffers.upstream_value = work->upstream_value;
  buffers.loss = places[TEST_LOSS];
  buffers.input_gradient = places[TEST_INPUT_GRADIENT];
  buffers.target_gradient = places[TEST_TARGET_GRADIENT];
  buffers.workspace = workspace;
  return buffers;
}

closs_status test_work_enqueue(const test_device *device, test_work *work, closs_plan *plan, test_results *results,
                               closs_error *error) {
  copy_arrays(work, results);
  cl_mem memory[TEST_SLOTS] = {NULL};
  closs_buffer places[TEST_SLOTS] = {{NULL, 0}};
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot) {
    const test_array *array = &results->arrays[slot];
    if (array->bytes) memory[slot] = test_buffer(device, array->size, array->bytes);
  }
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    places[slot] = (closs_buffer){memory[home(work, slot)], results->arrays[home(work, slot)].origin};

  size_t workspace_size;
  cl_mem workspace = make_workspace(device, closs_plan_workspace(plan), &workspace_size);
  const closs_buffers buffers = test_work_buffers(work, places, (closs_buffer){workspace, WORKSPACE_MARGIN});
  const closs_status status = closs_enqueue(plan, device->queue, &buffers, 0, NULL, NULL, error);
  test_cl(clFinish(device->queue), "clFinish");

  check_workspace(device, workspace, workspace_size);
  clReleaseMemObject(workspace);
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    if (memory[slot]) {
      test_read(device, memory[slot], results->arrays[slot].size, results->arrays[slot].bytes);
      clReleaseMemObject(memory[slot]);
    }
  return status;
}

closs_status test_work_plan(const test_device *device, test_work *work, closs_plan **plan, closs_error *error) {
  connect(work);
  closs_status status = closs_plan_create(device->closs, &work->options, plan, error);
  if (status == CLOSS_OK) status = closs_plan_prepare(*plan, error);
  if (status != CLOSS_OK) {
    closs_plan_destroy(*plan);
    *plan = NULL;
  }
  return status;
}

closs_status test_work_device(const test_device *device, test_work *work, test_results *results, closs_error *error) {
  closs_plan *plan = NULL;
  closs_status status = test_work_plan(device, work, &plan, error);
  if (status == CLOSS_OK)
    status = test_work_enqueue(device, work, plan, results, error);
  else
    copy_arrays(work, results);
  closs_plan_destroy(plan);
  return status;
}

static bool needs_fp64(const test_work *work) {
  bool wide = false;
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    wide |= work->arrays[slot].bytes && test_component(work->arrays[slot].tensor.dtype) == CLOSS_F64;
  return wide;
}

void test_results_same(const test_results *expected, const test_results *actual, const char *what) {
  char label[512];
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    if (expected->arrays[slot].bytes) {
      snprintf(label, sizeof label, "%s: %s", what, names[slot]);
      test_array_same(&expected->arrays[slot], &actual->arrays[slot], label);
    }
}

/* Nothing is written beside the outputs' elements, and they hold no -0 and no other NaN than the quiet one. */
static void check_outputs(const test_work *work, const test_results *results, const char *what) {
  char label[512];
  for (unsigned slot = TEST_LOSS; slot < TEST_SLOTS; ++slot)
    if (work->options.outputs & outputs[slot]) {
      snprintf(label, sizeof label, "%s: %s", what, names[slot]);
      test_array_sound(test_result(work, results, slot), label);
    }
}

closs_status test_work_compare(const test_device *device, test_work *work, const char *what, test_results *keep) {
  closs_error expected_error = {CLOSS_OK, 0, ""}, error = {CLOSS_OK, 0, ""};
  test_results expected, actual;
  const closs_status expected_status = test_work_reference(work, &expected, &expected_error);
  const closs_status status = test_work_device(device, work, &actual, &error);
  const bool refused = status == CLOSS_UNSUPPORTED &&
                       ((!device->fp64 && needs_fp64(work)) || strstr(error.text, "the device ends loops after"));
  if (status != expected_status && !refused)
    fail_msg("%s: the reference gives %s (%s), the device %s (%s)", what, closs_status_name(expected_status),
             expected_error.text, closs_status_name(status), error.text);
  if (!refused) test_results_same(&expected, &actual, what);
  if (status == CLOSS_OK) check_outputs(work, &expected, what);
  test_results_free(&expected);
  if (keep)
    *keep = actual;
  else
    test_results_free(&actual);
  return status;
}

void test_work_bounds(test_work *work, const test_results *results, double units, const char *what) {
  test_results before;
  oracle_result oracle;
  char text[256] = "";
  connect(work);
  copy_arrays(work, &before);
  const closs_arrays arrays = host_arrays(work, &before);
  assert_int_equal(oracle_compute(&work->options, &arrays, &oracle), 0);
  const oracle_output *const expected[] = {&oracle.loss, &oracle.input_gradient, &oracle.target_gradient};
  for (unsigned i = 0; i < 3; ++i) {
    const test_array *array = test_result(work, results, TEST_LOSS + i);
    for (size_t k = 0; units > 0 && k < expected[i]->count; ++k)
      expected[i]->error[k] += units * test_unit(expected[i]->layout.dtype, (double)expected[i]->value[k]);
    if (expected[i]->count && oracle_compare(expected[i], test_array_origin(array), text, sizeof text))
      fail_msg("%s: %s: %s", what, names[TEST_LOSS + i], text);
  }
  oracle_free(&oracle);
  test_results_free(&before);
}
