/*
 * Plans on a device: what it accepts leaves the reference's bits in every buffer, also where arrays overlap. Only a few
 * programs are compiled: plans that need others are passed over.
 */
#include "descriptor.h"
#include "memory.h"
#include "plan/plan.h"
#include "program/source.h"
#include "support/device.h"

static test_device device;
static size_t accepted, passed;

static void report(void) {
  printf("%s: %zu plans with the reference's bits, %zu passed over\n", device.name, accepted, passed);
  if (accepted == 0 && passed > 100) {
    fputs("no plan was computed\n", stderr);
    _Exit(1);
  }
  test_device_close(&device);
}

static void open_device(void) {
  closs_error error = {CLOSS_OK, 0, ""};
  FUZZ_CHECK(test_device_find(&device), "no device");
  FUZZ_CHECK(closs_context_create(device.context, device.device, NULL, &device.closs, &error) == CLOSS_OK, "%s",
             error.text);
  device.closs->general = true; /* one program for all plans of a variant, as bundles have it */
  atexit(report);
}

/* One loss, which takes all operands and whose program the tests of bundles compile too; tuning is the library's. */
static void narrow_down(closs_plan_options *options) {
  options->loss = CLOSS_L1;
  options->parameter_count = 0;
  options->work_group = 0;
  options->vector_width = 0;
}

/* Strided operands of any type that computes in floats, by schedule lanes; with $CLOSS_TEST_FULL others too. */
static bool has_programs(const closs_plan *plan) {
  const closs_variant variant = plan->layout.programs[0].variant;
  const bool narrow = variant == CLOSS_STRIDED_F32 && plan->layout.schedule == CLOSS_SCHEDULE_LANES;
  return plan->layout.step_count == 0 || narrow || getenv("CLOSS_TEST_FULL") != NULL;
}

/* Buffers with the content of host memory; those that are parts as sub-buffers. */
static void make_buffers(const fuzz_places *places, const fuzz_memory *memory, cl_mem buffers[FUZZ_BUFFERS]) {
  for (unsigned i = 0; i < FUZZ_BUFFERS; i++) {
    const cl_buffer_region region = {(size_t)places->begin[i], (size_t)places->size[i]};
    cl_int code = CL_SUCCESS;
    buffers[i] = NULL;
    if (places->size[i] == 0) continue;
    buffers[i] = i < FUZZ_ROOTS
                     ? clCreateBuffer(device.context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, memory->size[i],
                                      memory->bytes[i], &code)
                     : clCreateSubBuffer(buffers[0], CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    FUZZ_CHECK(code == CL_SUCCESS, "buffer %u: %s", i, closs_opencl_error_name(code));
  }
}

static closs_status enqueue(closs_plan *plan, const fuzz_places *places, double upstream, const fuzz_memory *memory,
                            closs_error *error) {
  cl_mem memories[FUZZ_BUFFERS], workspace = NULL;
  cl_int code = CL_SUCCESS;
  closs_buffer at[CLOSS_SLOT_COUNT];
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  make_buffers(places, memory, memories);
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++)
    at[slot] = (closs_buffer){memories[places->buffer[slot]], places->offset[slot]};
  buffers.input = at[CLOSS_SLOT_INPUT];
  buffers.target = at[CLOSS_SLOT_TARGET];
  buffers.weight = at[CLOSS_SLOT_WEIGHT];
  buffers.upstream = at[CLOSS_SLOT_UPSTREAM];
  buffers.upstream_value = upstream;
  buffers.loss = at[CLOSS_SLOT_LOSS];
  buffers.input_gradient = at[CLOSS_SLOT_INPUT_GRADIENT];
  buffers.target_gradient = at[CLOSS_SLOT_TARGET_GRADIENT];
  if (closs_plan_workspace(plan) > 0)
    workspace = clCreateBuffer(device.context, CL_MEM_READ_WRITE, (size_t)closs_plan_workspace(plan), NULL, &code);
  FUZZ_CHECK(code == CL_SUCCESS, "workspace: %s", closs_opencl_error_name(code));
  buffers.workspace.memory = workspace;
  const closs_status status = closs_enqueue(plan, device.queue, &buffers, 0, NULL, NULL, error);
  for (unsigned i = 0; i < FUZZ_ROOTS; i++)
    if (memories[i] != NULL)
      FUZZ_CHECK(clEnqueueReadBuffer(device.queue, memories[i], CL_TRUE, 0, memory->size[i], memory->bytes[i], 0, NULL,
                                     NULL) == CL_SUCCESS,
                 "buffer %u cannot be read", i);
  clFinish(device.queue);
  for (unsigned left = FUZZ_BUFFERS; left > 0; left--)
    if (memories[left - 1] != NULL) clReleaseMemObject(memories[left - 1]);
  if (workspace != NULL) clReleaseMemObject(workspace);
  return status;
}

static void run_plan(closs_plan *plan, const fuzz_descriptor *descriptor, const fuzz_places *places) {
  closs_error error = {CLOSS_OK, 0, ""};
  FUZZ_CHECK(closs_plan_prepare(plan, &error) == CLOSS_OK, "%s", error.text);
  fuzz_memory expected = fuzz_memory_make(places), actual = fuzz_memory_copy(&expected);
  const closs_status status = enqueue(plan, places, descriptor->upstream_value, &actual, &error);
  FUZZ_CHECK(status == CLOSS_OK || status == CLOSS_INVALID_ARGUMENT, "%s", error.text);
  if (status == CLOSS_OK) fuzz_reference(descriptor, &plan->request, places, &expected);
  accepted += status == CLOSS_OK;
  for (unsigned i = 0; i < FUZZ_ROOTS; i++)
    for (size_t at = 0; at < expected.size[i]; at++)
      FUZZ_CHECK(expected.bytes[i][at] == actual.bytes[i][at], "byte %zu of buffer %u is %02x, expected %02x: %s", at,
                 i, actual.bytes[i][at], expected.bytes[i][at], error.text);
  fuzz_memory_free(&expected);
  fuzz_memory_free(&actual);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input input = {data, size};
  fuzz_descriptor descriptor;
  fuzz_places places;
  closs_plan *plan = NULL;
  if (device.closs == NULL) open_device();
  (void)fuzz_byte(&input); /* the device of plan.c */
  fuzz_describe(&input, &descriptor);
  narrow_down(&descriptor.options);
  if (closs_plan_create(device.closs, &descriptor.options, &plan, NULL) != CLOSS_OK) return 0;
  fuzz_place(&input, &plan->request, &places);
  if (plan->request.total_terms == 0 && fuzz_is_small(&plan->request, &places) && has_programs(plan))
    run_plan(plan, &descriptor, &places);
  else
    passed++;
  closs_plan_destroy(plan);
  return 0;
}
