/* The same structures as dlpack.h's, which may stand before and after closs's header. DLPACK_FIRST picks. */
#ifdef DLPACK_FIRST
#include <dlpack/dlpack.h>
#endif
#include "closs/dlpack.h"
#ifndef DLPACK_FIRST
#include <dlpack/dlpack.h>
#endif

#include "support/harness.h"

static void test_tensor_of_dlpack_h(void **state) {
  (void)state;
  int64_t shape[] = {2, 3}, strides[] = {1, 2};
  double memory[7] = {0};
  DLManagedTensor managed = {
      .dl_tensor = {
          .data = memory, .ndim = 2, .dtype = {kDLFloat, 64, 1}, .shape = shape, .strides = strides, .byte_offset = 8}};
  closs_dlpack_array array;
  closs_error error;
  DLTensor *tensor = &managed.dl_tensor;
#if DLPACK_VERSION >= 60 || defined(DLPACK_MAJOR_VERSION)
  tensor->device.device_type = kDLCPU;
#else
  tensor->ctx.device_type = kDLCPU;
#endif
  if (closs_dlpack_view(&managed, true, &array, &error) != CLOSS_OK) fail_msg("%s", error.text);
  assert_int_equal(array.tensor.dtype, CLOSS_F64);
  assert_int_equal(array.tensor.rank, 2);
  assert_int_equal(array.tensor.shape[1], 3);
  assert_int_equal(array.tensor.strides[1], 2);
  assert_ptr_equal(array.host, memory + 1);
#ifdef DLPACK_FLAG_BITMASK_READ_ONLY
  struct DLManagedTensorVersioned versioned = {.version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION},
                                               .flags = DLPACK_FLAG_BITMASK_READ_ONLY,
                                               .dl_tensor = managed.dl_tensor};
  if (closs_dlpack_view_versioned(&versioned, false, &array, &error) != CLOSS_OK) fail_msg("%s", error.text);
  assert_true(array.read_only);
  assert_ptr_equal(array.host, memory + 1);
#endif
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_tensor_of_dlpack_h)};
  return cmocka_run_group_tests_name("dlpack_header", tests, NULL, NULL);
}
