/* Arrays in memory of other kinds than a plan's own buffers: shared virtual memory and Intel's unified shared memory,
 * by address; and buffers that DLPack names. */
#define CL_TARGET_OPENCL_VERSION 200
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/dlpack_abi.h"
#include "support/harness.h"
#include "support/work.h"

#define SLOTS 9 /* the arrays of closs_pointers */
enum { TERMS = 40000, WORKSPACE = 7 };

typedef void *(CL_API_CALL *allocate_usm)(cl_context, cl_device_id, const cl_bitfield *, size_t, cl_uint, cl_int *);
typedef cl_int(CL_API_CALL *free_usm)(cl_context, void *);

static const closs_memory_kind kinds[] = {CLOSS_MEMORY_SVM, CLOSS_MEMORY_USM};

/* An extension's function, of any type. */
static void find(const test_device *device, const char *name, void *function) {
  void *found = clGetExtensionFunctionAddressForPlatform(device->platform, name);
  assert_non_null(found);
  memcpy(function, &found, sizeof found);
}

static bool has(const test_device *device, closs_memory_kind kind) {
  cl_device_svm_capabilities svm = 0;
  char extensions[8192] = "";
  if (kind == CLOSS_MEMORY_SVM)
    return clGetDeviceInfo(device->device, CL_DEVICE_SVM_CAPABILITIES, sizeof svm, &svm, NULL) == CL_SUCCESS && svm;
  test_cl(clGetDeviceInfo(device->device, CL_DEVICE_EXTENSIONS, sizeof extensions, extensions, NULL), "extensions");
  return strstr(extensions, "cl_intel_unified_shared_memory") != NULL;
}

/* Copies between the host and memory by address; waits. Coarse-grained SVM must be mapped for it. */
static void transfer(const test_device *device, const closs_pointer *to, void *host, bool read) {
  const bool map = to->kind == CLOSS_MEMORY_SVM;
  const size_t bytes = (size_t)to->bytes;
  if (map)
    test_cl(
        clEnqueueSVMMap(device->queue, CL_TRUE, read ? CL_MAP_READ : CL_MAP_WRITE, to->address, bytes, 0, NULL, NULL),
        "clEnqueueSVMMap");
  memcpy(read ? host : to->address, read ? to->address : host, bytes);
  if (map) test_cl(clEnqueueSVMUnmap(device->queue, to->address, 0, NULL, NULL), "clEnqueueSVMUnmap");
  test_cl(clFinish(device->queue), "clFinish");
}

static closs_pointer make(const test_device *device, closs_memory_kind kind, size_t bytes, void *content) {
  closs_pointer pointer = {kind, NULL, bytes};
  if (kind == CLOSS_MEMORY_SVM) {
    pointer.address = clSVMAlloc(device->context, CL_MEM_READ_WRITE, bytes, 0);
  } else {
    allocate_usm allocate;
    cl_int code = CL_SUCCESS;
    find(device, "clSharedMemAllocINTEL", &allocate);
    pointer.address = allocate(device->context, device->device, NULL, bytes, 0, &code);
    test_cl(code, "clSharedMemAllocINTEL");
  }
  assert_non_null(pointer.address);
  if (content) transfer(device, &pointer, content, false);
  return pointer;
}

static void release(const test_device *device, const closs_pointer *pointer) {
  free_usm release_usm;
  if (pointer->kind == CLOSS_MEMORY_SVM) clSVMFree(device->context, pointer->address);
  if (pointer->kind != CLOSS_MEMORY_USM) return;
  find(device, "clMemFreeINTEL", &release_usm);
  test_cl(release_usm(device->context, pointer->address), "clMemFreeINTEL");
}

static closs_pointer *pointer_of(closs_pointers *pointers, size_t slot) {
  closs_pointer *const slots[SLOTS] = {&pointers->input,           &pointers->target,    &pointers->weight,
                                       &pointers->upstream,        &pointers->loss,      &pointers->input_gradient,
                                       &pointers->target_gradient, &pointers->workspace, &pointers->state};
  return slots[slot];
}

static closs_buffer *buffer_of(closs_buffers *buffers, size_t slot) {
  closs_buffer *const slots[SLOTS] = {&buffers->input,           &buffers->target,    &buffers->weight,
                                      &buffers->upstream,        &buffers->loss,      &buffers->input_gradient,
                                      &buffers->target_gradient, &buffers->workspace, &buffers->state};
  return slots[slot];
}

static closs_plan *prepared(const test_device *device, const closs_plan_options *options) {
  closs_plan *plan;
  closs_error error;
  if (closs_plan_create(device->closs, options, &plan, &error) != CLOSS_OK ||
      closs_plan_prepare(plan, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  return plan;
}

static void enqueue(const test_device *device, closs_plan *plan, const closs_buffers *buffers) {
  closs_error error;
  cl_event event;
  if (closs_enqueue(plan, device->queue, buffers, 0, NULL, &event, &error) != CLOSS_OK) fail_msg("%s", error.text);
  test_cl(clWaitForEvents(1, &event), "clWaitForEvents");
  clReleaseEvent(event);
}

/* Every operand and every result at once, in more chunks than one launch sums: a mean over weights, an upstream tensor,
 * both gradients. */
static test_work everything(void) {
  const uint64_t shape[] = {TERMS};
  const closs_tensor operand = closs_tensor_contiguous(CLOSS_F32, 1, shape),
                     one = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN,
                                  CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT,
                                  &operand, &operand);
  uint64_t stream = 5;
  work.arrays[TEST_WEIGHT] = test_array_make(&operand, 0);
  work.arrays[TEST_UPSTREAM] = test_array_make(&one, 0);
  test_array_fill(&work.arrays[TEST_WEIGHT], TEST_PLAIN, &stream);
  test_array_fill(&work.arrays[TEST_UPSTREAM], TEST_PLAIN, &stream);
  test_work_outputs(&work, 1);
  return work;
}

/* Arrays of both kinds mixed with buffers: slot s is by address where bit s is set. */
static void compute(const test_device *device, closs_plan *plan, closs_memory_kind kind, unsigned by_address,
                    const test_work *work, const test_results *expected) {
  closs_pointers pointers = CLOSS_POINTERS_INIT;
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  test_results results = {0};
  buffers.pointers = &pointers;
  for (size_t slot = 0; slot <= WORKSPACE; ++slot) {
    const test_array *array = slot < WORKSPACE ? &work->arrays[slot] : NULL;
    const size_t bytes = array ? array->size : (size_t)closs_plan_workspace(plan);
    if (array) buffer_of(&buffers, slot)->offset = array->origin;
    if (by_address & 1u << slot)
      *pointer_of(&pointers, slot) = make(device, kind, bytes, array ? array->bytes : NULL);
    else
      buffer_of(&buffers, slot)->memory = test_buffer(device, bytes, array ? array->bytes : NULL);
  }
  enqueue(device, plan, &buffers);
  for (size_t slot = 0; slot <= WORKSPACE; ++slot) {
    const closs_pointer *pointer = pointer_of(&pointers, slot);
    cl_mem memory = buffer_of(&buffers, slot)->memory;
    if (slot < WORKSPACE) {
      results.arrays[slot] = test_array_copy(&work->arrays[slot]);
      if (memory)
        test_read(device, memory, results.arrays[slot].size, results.arrays[slot].bytes);
      else
        transfer(device, pointer, results.arrays[slot].bytes, true);
    }
    if (memory) clReleaseMemObject(memory);
    release(device, pointer);
  }
  test_results_same(expected, &results, "by address");
  test_results_free(&results);
}

static void test_results_by_address(void **state) {
  const test_device *device = *state;
  static const unsigned mixtures[] = {0xFF, 0x8D, 0x72, 0x00};
  test_work work = everything();
  test_results expected;
  closs_error error;
  if (test_work_reference(&work, &expected, &error) != CLOSS_OK) fail_msg("%s", error.text);
  /* NVIDIA's driver launches no kernel that has a buffer where it had an address: docs/implementations.md. */
  const bool fresh = strstr(device->name, "NVIDIA") != NULL;
  closs_plan *plan = prepared(device, &work.options);
  assert_true(closs_plan_workspace(plan) > 0);
  for (size_t k = 0; k < TEST_COUNT(kinds); ++k)
    for (size_t m = 0; m < TEST_COUNT(mixtures) && has(device, kinds[k]); ++m) {
      if (fresh) {
        closs_plan_destroy(plan);
        plan = prepared(device, &work.options);
      }
      compute(device, plan, kinds[k], mixtures[m], &work, &expected);
    }
  closs_plan_destroy(plan);
  test_results_free(&expected);
  test_work_free(&work);
}

/* A state that two pieces extend. */
static void test_a_state_by_address(void **state) {
  const test_device *device = *state;
  const uint64_t piece[] = {CLOSS_CHUNK};
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, piece);
  options.total_terms = 2 * CLOSS_CHUNK;
  closs_plan *plan = prepared(device, &options);
  float operands[2][2 * CLOSS_CHUNK], loss = 0;
  for (size_t i = 0; i < 2 * CLOSS_CHUNK; ++i) {
    operands[0][i] = (float)i;
    operands[1][i] = -1;
  }
  for (size_t k = 0; k < TEST_COUNT(kinds); ++k) {
    if (!has(device, kinds[k])) continue;
    unsigned char bytes[4096];
    const size_t size = closs_state_size(CLOSS_F32);
    assert_true(size <= sizeof bytes);
    assert_int_equal(closs_state_init(bytes, CLOSS_F32, 0, NULL), CLOSS_OK);
    closs_pointers pointers = CLOSS_POINTERS_INIT;
    closs_buffers buffers = CLOSS_BUFFERS_INIT;
    buffers.pointers = &pointers;
    pointers.input = make(device, kinds[k], sizeof operands[0], operands[0]);
    pointers.target = make(device, kinds[k], sizeof operands[1], operands[1]);
    pointers.state = make(device, kinds[k], size, bytes);
    pointers.workspace = make(device, kinds[k], (size_t)closs_plan_workspace(plan) + 16, NULL);
    for (unsigned i = 0; i < 2; ++i) {
      buffers.first_term = buffers.input.offset = buffers.target.offset = (uint64_t)i * CLOSS_CHUNK;
      enqueue(device, plan, &buffers);
    }
    transfer(device, &pointers.state, bytes, true);
    assert_int_equal(closs_state_finish(bytes, 2 * CLOSS_CHUNK, CLOSS_SUM, NULL, CLOSS_F32, &loss, NULL), CLOSS_OK);
    assert_true(loss == 33558528.0f); /* 1 + ... + 8192 */
    for (size_t slot = 0; slot < SLOTS; ++slot)
      release(device, pointer_of(&pointers, slot));
  }
  closs_plan_destroy(plan);
}

/* Without elements results are filled, by other functions than a buffer's. */
static void test_nothing_by_address(void **state) {
  const test_device *device = *state;
  const uint64_t none[] = {0, 2}, some[] = {2};
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT;
  options.input = closs_tensor_contiguous(CLOSS_F32, 2, none);
  options.target = closs_tensor_contiguous(CLOSS_F32, 1, some);
  closs_plan *plan = prepared(device, &options);
  for (size_t k = 0; k < TEST_COUNT(kinds); ++k) {
    if (!has(device, kinds[k])) continue;
    float loss[3] = {7, 7, 7}, gradient[4] = {7, 7, 7, 7};
    closs_pointers pointers = CLOSS_POINTERS_INIT;
    closs_buffers buffers = CLOSS_BUFFERS_INIT;
    buffers.pointers = &pointers;
    buffers.loss.offset = buffers.target_gradient.offset = 1;
    pointers.loss = make(device, kinds[k], sizeof loss, loss);
    pointers.target_gradient = make(device, kinds[k], sizeof gradient, gradient);
    enqueue(device, plan, &buffers);
    transfer(device, &pointers.loss, loss, true);
    transfer(device, &pointers.target_gradient, gradient, true);
    assert_true(loss[0] == 7 && isnan(loss[1]) && loss[2] == 7);
    assert_true(gradient[0] == 7 && gradient[1] == 0 && gradient[2] == 0 && gradient[3] == 7);
    release(device, &pointers.loss);
    release(device, &pointers.target_gradient);
  }
  closs_plan_destroy(plan);
}

/* Complex numbers may lie at an address that is aligned to one of their parts alone. */
static void test_parts_by_address(void **state) {
  const test_device *device = *state;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.reduction = CLOSS_NONE;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT;
  options.input = closs_tensor_contiguous(CLOSS_C64, 2, (const uint64_t[]){0, 2});
  options.target = closs_tensor_contiguous(CLOSS_C64, 1, (const uint64_t[]){2});
  closs_plan *plan = prepared(device, &options);
  for (size_t k = 0; k < TEST_COUNT(kinds); ++k) {
    if (!has(device, kinds[k])) continue;
    float gradient[6] = {7, 7, 7, 7, 7, 7};
    closs_pointers pointers = CLOSS_POINTERS_INIT;
    closs_buffers buffers = CLOSS_BUFFERS_INIT;
    closs_pointer whole = make(device, kinds[k], sizeof gradient, gradient);
    buffers.pointers = &pointers;
    pointers.target_gradient = whole;
    pointers.target_gradient.address = (float *)whole.address + 1;
    pointers.target_gradient.bytes -= sizeof gradient[0];
    enqueue(device, plan, &buffers);
    transfer(device, &whole, gradient, true);
    assert_true(gradient[0] == 7 && gradient[5] == 7);
    for (int i = 1; i < 5; ++i)
      assert_true(gradient[i] == 0);
    release(device, &whole);
  }
  closs_plan_destroy(plan);
}

static void refuse(const test_device *device, closs_plan *plan, const closs_buffers *buffers, closs_status expected,
                   const char *text) {
  closs_error error = {CLOSS_OK, 0, ""};
  const closs_status status = closs_enqueue(plan, device->queue, buffers, 0, NULL, NULL, &error);
  if (status != expected || strcmp(error.text, text))
    fail_msg("expected %s \"%s\", got %s \"%s\"", closs_status_name(expected), text, closs_status_name(status),
             error.text);
}

static closs_plan_options small_options(void) {
  const uint64_t shape[] = {4};
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.reduction = CLOSS_NONE;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  return options;
}

static void test_refusals(void **state) {
  const test_device *device = *state;
  const closs_plan_options options = small_options();
  closs_plan *plan = prepared(device, &options);
  float zeros[16] = {0};
  char text[CLOSS_ERROR_TEXT];
  cl_mem memory[3] = {test_buffer(device, 16, zeros), test_buffer(device, 16, zeros), test_buffer(device, 16, zeros)};
  closs_pointers pointers = CLOSS_POINTERS_INIT;
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  buffers.pointers = &pointers;
  buffers.input.memory = memory[0];
  buffers.target.memory = memory[1];
  buffers.loss.memory = memory[2];
  pointers.size--;
  snprintf(text, sizeof text, "pointers: size is %zu, expected %zu; start from CLOSS_POINTERS_INIT", pointers.size,
           pointers.size + 1);
  refuse(device, plan, &buffers, CLOSS_INVALID_ARGUMENT, text);
  pointers.size++;
  pointers.input = (closs_pointer){(closs_memory_kind)3, zeros, sizeof zeros};
  refuse(device, plan, &buffers, CLOSS_INVALID_ARGUMENT,
         "input: kind of memory is 3, expected buffer (0), SVM (1) or USM (2)");
  for (size_t k = 0; k < TEST_COUNT(kinds); ++k) {
    const bool svm = kinds[k] == CLOSS_MEMORY_SVM;
    if (!has(device, kinds[k])) {
      pointers.input = (closs_pointer){kinds[k], zeros, sizeof zeros};
      refuse(device, plan, &buffers, CLOSS_UNSUPPORTED,
             svm ? "input: the device has no shared virtual memory (OpenCL 2.0)"
                 : "input: the device has no unified shared memory (cl_intel_unified_shared_memory)");
      continue;
    }
    const closs_pointer all = make(device, kinds[k], sizeof zeros, zeros);
    char *const at = all.address;
    pointers.input = (closs_pointer){kinds[k], at, 15};
    refuse(device, plan, &buffers, CLOSS_INVALID_ARGUMENT, "input: needs bytes 0 to 15 of memory that has 15");
    pointers.input = (closs_pointer){kinds[k], NULL, 16};
    snprintf(text, sizeof text, "input: address %p, expected a multiple of 4", (void *)NULL);
    refuse(device, plan, &buffers, CLOSS_INVALID_ARGUMENT, text);
    pointers.input = (closs_pointer){kinds[k], at + 2, 16};
    snprintf(text, sizeof text, "input: address %p, expected a multiple of 4", (void *)(at + 2));
    refuse(device, plan, &buffers, CLOSS_INVALID_ARGUMENT, text);
    pointers.input = (closs_pointer){kinds[k], at, UINT64_MAX};
    buffers.input.offset = UINT64_MAX / 4 - 4;
    snprintf(text, sizeof text, "input: needs bytes %llu to %llu of memory that has %llu",
             4 * (UINT64_MAX / 4 - 4) + 0ull, 4 * (UINT64_MAX / 4) - 1ull, UINT64_MAX + 0ull);
    refuse(device, plan, &buffers, CLOSS_INVALID_ARGUMENT, text);
    /* by one element; side by side is no overlap */
    buffers.input.offset = 0;
    pointers.input = (closs_pointer){kinds[k], at, 32};
    pointers.loss = (closs_pointer){kinds[k], at + 12, 32};
    const unsigned long long first = (uintptr_t)at;
    snprintf(text, sizeof text, "loss: bytes %llu to %llu of the address space overlap input, bytes %llu to %llu",
             first + 12, first + 27, first, first + 15);
    refuse(device, plan, &buffers, CLOSS_INVALID_ARGUMENT, text);
    pointers.loss.address = at + 16;
    enqueue(device, plan, &buffers);
    pointers.loss = pointers.input = (closs_pointer){CLOSS_MEMORY_BUFFER, NULL, 0};
    release(device, &all);
  }
  for (size_t i = 0; i < TEST_COUNT(memory); ++i)
    clReleaseMemObject(memory[i]);
  closs_plan_destroy(plan);
}

/* kDLOpenCL: a cl_mem, and where in it. */
static void test_buffers_of_dlpack(void **state) {
  const test_device *device = *state;
  float values[16], loss[4];
  for (size_t i = 0; i < TEST_COUNT(values); ++i)
    values[i] = (float)(i * i);
  cl_mem all = test_buffer(device, sizeof values, values);
  int64_t shape[] = {4}, strides[] = {1};
  closs_dlpack_array views[3];
  closs_error error;
  for (size_t i = 0; i < TEST_COUNT(views); ++i) {
    const struct DLManagedTensor managed = {.dl_tensor = {.data = all,
                                                          .device_type = CLOSS_DL_OPENCL,
                                                          .ndim = 1,
                                                          .code = CLOSS_DL_FLOAT,
                                                          .bits = 32,
                                                          .lanes = 1,
                                                          .shape = shape,
                                                          .strides = strides,
                                                          .byte_offset = 20 * i + 4}};
    if (closs_dlpack_view(&managed, i == 2, &views[i], &error) != CLOSS_OK) fail_msg("%s", error.text);
  }
  closs_plan_options options = small_options();
  options.input = views[0].tensor;
  options.target = views[1].tensor;
  closs_plan *plan = prepared(device, &options);
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  buffers.input = views[0].buffer;
  buffers.target = views[1].buffer;
  buffers.loss = views[2].buffer;
  enqueue(device, plan, &buffers);
  test_read(device, all, sizeof values, values);
  memcpy(loss, values + 11, sizeof loss);
  for (size_t i = 0; i < TEST_COUNT(loss); ++i)
    assert_true(loss[i] == (float)((i + 6) * (i + 6) - (i + 1) * (i + 1)));
  assert_true(values[10] == 100 && values[15] == 225);
  clReleaseMemObject(all);
  closs_plan_destroy(plan);
}

static cl_int CL_API_CALL failing_set(cl_kernel kernel, cl_uint index, const void *pointer) {
  (void)pointer;
  return kernel && index == 0 ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}

static cl_int CL_API_CALL failing_fill(cl_command_queue queue, void *pointer, const void *pattern, size_t pattern_size,
                                       size_t size, cl_uint wait_count, const cl_event *wait, cl_event *event) {
  (void)queue, (void)pointer, (void)pattern, (void)pattern_size, (void)size, (void)wait_count, (void)wait, (void)event;
  return CL_OUT_OF_RESOURCES;
}

/* What the driver refuses is told. */
static void test_failing_calls(void **state) {
  test_device device = *(const test_device *)*state;
  closs_opencl table = *closs_opencl_loader();
  closs_context_options context_options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_plan_options options = small_options();
  closs_error error;
  context_options.opencl = &table;
  table.SetKernelArgSVMPointer = table.SetKernelArgMemPointerINTEL = failing_set;
  table.EnqueueSVMMemFill = table.EnqueueMemFillINTEL = failing_fill;
  if (closs_context_create(device.context, device.device, &context_options, &device.closs, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  for (int empty = 0; empty < 2; ++empty) {
    if (empty) options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){0});
    if (empty) options.reduction = CLOSS_SUM;
    closs_plan *plan = prepared(&device, &options);
    for (size_t k = 0; k < TEST_COUNT(kinds); ++k) {
      if (!has(&device, kinds[k])) continue;
      closs_pointers pointers = CLOSS_POINTERS_INIT;
      closs_buffers buffers = CLOSS_BUFFERS_INIT;
      buffers.pointers = &pointers;
      for (size_t slot = 0; slot < SLOTS; ++slot)
        *pointer_of(&pointers, slot) = make(&device, kinds[k], 16, NULL);
      refuse(&device, plan, &buffers, CLOSS_OPENCL_ERROR,
             !empty                         ? (kinds[k] == CLOSS_MEMORY_SVM
                                                   ? "clSetKernelArgSVMPointer of argument 0: CL_OUT_OF_RESOURCES (-5)"
                                                   : "clSetKernelArgMemPointerINTEL of argument 0: CL_OUT_OF_RESOURCES (-5)")
             : kinds[k] == CLOSS_MEMORY_SVM ? "clEnqueueSVMMemFill of loss: CL_OUT_OF_RESOURCES (-5)"
                                            : "clEnqueueMemFillINTEL of loss: CL_OUT_OF_RESOURCES (-5)");
      for (size_t slot = 0; slot < SLOTS; ++slot)
        release(&device, pointer_of(&pointers, slot));
    }
    closs_plan_destroy(plan);
  }
  closs_context_destroy(device.closs);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_results_by_address), cmocka_unit_test(test_a_state_by_address),
      cmocka_unit_test(test_nothing_by_address), cmocka_unit_test(test_parts_by_address),
      cmocka_unit_test(test_refusals),           cmocka_unit_test(test_buffers_of_dlpack),
      cmocka_unit_test(test_failing_calls),
  };
  return cmocka_run_group_tests_name("pointers", tests, test_device_setup, test_device_teardown);
}
