/*
 * No kernel touches a byte beside the arrays: they begin or end where memory does. On devices that copy such memory
 * there is nothing to see; POCL's kernels work on it.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/context.h"
#include "plan/staging.h"
#include "support/harness.h"
#include "support/work.h"

#define ALL (CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT)

/* Pages that may be used between two that may not. */
typedef struct fenced {
  unsigned char *pages, *bytes; /* bytes: at the beginning, or up to the end */
  size_t length, size;
  cl_mem memory;
} fenced;

static fenced fence(const test_device *device, const void *content, size_t size, bool at_end) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  fenced f = {.length = (size + page - 1) / page * page + 2 * page, .size = size};
  cl_int code;
  f.pages = mmap(NULL, f.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(f.pages != MAP_FAILED);
  f.bytes = at_end ? f.pages + f.length - page - size : f.pages + page;
  if (content) memcpy(f.bytes, content, size);
  assert_int_equal(mprotect(f.pages, page, PROT_NONE), 0);
  assert_int_equal(mprotect(f.pages + f.length - page, page, PROT_NONE), 0);
  f.memory = clCreateBuffer(device->context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, size, f.bytes, &code);
  test_cl(code, "clCreateBuffer");
  return f;
}

static void unfence(fenced *f) {
  if (!f->pages) return;
  clReleaseMemObject(f->memory);
  munmap(f->pages, f->length);
}

static void run(const test_device *device, test_work *work, bool at_end, const char *what) {
  test_results expected;
  closs_plan *plan = NULL;
  closs_error error;
  fenced slots[TEST_SLOTS] = {{0}}, workspace = {0};
  closs_buffer places[TEST_SLOTS];
  if (test_work_reference(work, &expected, &error) != CLOSS_OK) fail_msg("%s: %s", what, error.text);
  if (test_work_plan(device, work, &plan, &error) != CLOSS_OK) fail_msg("%s: %s", what, error.text);
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot) {
    if (work->arrays[slot].bytes)
      slots[slot] = fence(device, test_array_origin(&work->arrays[slot]), test_array_span(&work->arrays[slot]), at_end);
    places[slot] = (closs_buffer){slots[slot].memory, 0};
  }
  /* Its alignment may leave some bytes behind it. */
  const size_t needed = (size_t)closs_plan_workspace(plan);
  if (needed > 0) workspace = fence(device, NULL, (needed + 15) / 16 * 16, at_end);
  const closs_buffers buffers = test_work_buffers(work, places, (closs_buffer){workspace.memory, 0});
  if (closs_enqueue(plan, device->queue, &buffers, 0, NULL, NULL, &error) != CLOSS_OK)
    fail_msg("%s: %s", what, error.text);
  test_cl(clFinish(device->queue), "clFinish");
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot) {
    if (!slots[slot].pages) continue;
    unsigned char *read = test_allocate(slots[slot].size);
    test_read(device, slots[slot].memory, slots[slot].size, read);
    if (memcmp(read, test_array_origin(&expected.arrays[slot]), slots[slot].size) != 0)
      fail_msg("%s: array %u differs", what, slot);
    free(read);
    unfence(&slots[slot]);
  }
  unfence(&workspace);
  closs_plan_destroy(plan);
  test_results_free(&expected);
}

static void check(const test_device *device, test_work *work, const char *what) {
  test_work_outputs(work, 0);
  run(device, work, false, what);
  run(device, work, true, what);
  test_work_free(work);
}

/* A length that no vector divides. */
static void contiguous(void **state) {
  const uint64_t n = 4096 + 77;
  const closs_tensor tensor = closs_tensor_contiguous(CLOSS_F32, 1, &n);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, ALL, &tensor, &tensor);
  check(*state, &work, "contiguous");
}

/* Steps, and rows that end within a vector. */
static void strided(void **state) {
  const uint64_t shape[] = {70, 77};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F16, 2, shape);
  closs_tensor target = closs_tensor_contiguous(CLOSS_F32, 2, shape);
  target.strides[0] = 2 * 80;
  target.strides[1] = 2;
  test_work work = test_work_make(CLOSS_L1, CLOSS_SUM, ALL, &input, &target);
  check(*state, &work, "strided");
}

/* Columns whose last block is not whole. */
static void columns(void **state) {
  const uint64_t shape[] = {70, 64 + 21}, column[] = {70, 1};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 2, shape);
  const closs_tensor row = closs_tensor_contiguous(CLOSS_F32, 1, &shape[1]);
  const closs_tensor rows = closs_tensor_contiguous(CLOSS_F32, 2, column);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, ALL, &input, &row);
  check(*state, &work, "a row");
  work = test_work_make(CLOSS_L1, CLOSS_MEAN, ALL, &input, &rows);
  check(*state, &work, "a column");
}

/* Slices through the workspace, and back. */
static void transposed(void **state) {
  test_device *device = *state;
  const uint64_t shape[] = {105, 119};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 2, shape);
  const closs_tensor target = test_tensor_transposed(CLOSS_F32, shape);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, ALL, &input, &target);
  uint64_t stream = 1;
  work.arrays[TEST_TARGET_GRADIENT] = test_array_make(&target, 0);
  test_array_fill(&work.arrays[TEST_TARGET_GRADIENT], TEST_PLAIN, &stream);
  device->closs->caps.max_allocation = 2 * sizeof(float) * CLOSS_CHUNK * CLOSS_STAGE_PART;
  check(device, &work, "transposed");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(contiguous),
      cmocka_unit_test(strided),
      cmocka_unit_test(columns),
      cmocka_unit_test(transposed),
  };
  return cmocka_run_group_tests_name("bounds", tests, test_device_setup, test_device_teardown);
}
