/* Tensors of DLPack in closs's terms. */
#include <stdio.h>
#include <string.h>

#include "api/dlpack_abi.h"
#include "closs/dlpack.h"
#include "support/harness.h"

/* The ABI of a 64-bit host. */
_Static_assert(sizeof(void *) != 8 ||
                   (offsetof(closs_dl_tensor, device_type) == 8 && offsetof(closs_dl_tensor, ndim) == 16 &&
                    offsetof(closs_dl_tensor, code) == 20 && offsetof(closs_dl_tensor, shape) == 24 &&
                    offsetof(closs_dl_tensor, strides) == 32 && offsetof(closs_dl_tensor, byte_offset) == 40 &&
                    sizeof(closs_dl_tensor) == 48),
               "DLTensor");
_Static_assert(sizeof(void *) != 8 || (offsetof(struct DLManagedTensor, deleter) == 56 &&
                                       offsetof(struct DLManagedTensorVersioned, flags) == 24 &&
                                       offsetof(struct DLManagedTensorVersioned, dl_tensor) == 32),
               "managed tensors");

static float memory[64];
static int64_t shape[] = {2, 3, 4}, strides[] = {-4, 8, 1}, long_shape[CLOSS_MAX_RANK + 1];

/* f32 of the host, row-major. */
static struct DLManagedTensorVersioned usual(void) {
  struct DLManagedTensorVersioned managed = {.major = 1, .minor = 3};
  managed.dl_tensor = (closs_dl_tensor){.data = memory,
                                        .device_type = CLOSS_DL_CPU,
                                        .ndim = 3,
                                        .code = CLOSS_DL_FLOAT,
                                        .bits = 32,
                                        .lanes = 1,
                                        .shape = shape};
  return managed;
}

/* Both kinds give one view. */
static closs_dlpack_array viewed(const struct DLManagedTensorVersioned *managed, bool written) {
  const struct DLManagedTensor unversioned = {.dl_tensor = managed->dl_tensor};
  closs_dlpack_array array, other;
  closs_error error;
  memset(&array, 0xAA, sizeof array);
  memset(&other, 0x55, sizeof other);
  if (closs_dlpack_view_versioned(managed, written, &array, &error) != CLOSS_OK) fail_msg("%s", error.text);
  if (closs_dlpack_view(&unversioned, written, &other, &error) != CLOSS_OK) fail_msg("%s", error.text);
  assert_memory_equal(&array.tensor, &other.tensor, sizeof array.tensor);
  assert_ptr_equal(array.host, other.host);
  assert_ptr_equal(array.buffer.memory, other.buffer.memory);
  assert_int_equal(array.buffer.offset, other.buffer.offset);
  assert_false(other.read_only);
  return array;
}

static void refused(const struct DLManagedTensorVersioned *managed, bool written, closs_status expected,
                    const char *text) {
  static const closs_dlpack_array zero;
  closs_dlpack_array array;
  closs_error error = {CLOSS_OK, 0, ""};
  memset(&array, 0xAA, sizeof array);
  assert_int_equal(closs_dlpack_view_versioned(managed, written, &array, &error), expected);
  assert_string_equal(error.text, text);
  assert_int_equal(error.status, expected);
  assert_true(array.host == zero.host && array.buffer.memory == zero.buffer.memory && array.tensor.dtype == 0 &&
              array.tensor.rank == 0);
}

static void test_layouts(void **state) {
  (void)state;
  struct DLManagedTensorVersioned managed = usual();
  closs_dlpack_array array = viewed(&managed, true);
  closs_tensor expected = closs_tensor_contiguous(CLOSS_F32, 3, (uint64_t[]){2, 3, 4});
  assert_memory_equal(&array.tensor, &expected, sizeof expected);
  assert_ptr_equal(array.host, memory);
  assert_null(array.buffer.memory);

  managed.dl_tensor.strides = strides;
  managed.dl_tensor.byte_offset = 16;
  array = viewed(&managed, true);
  memcpy(expected.strides, strides, sizeof strides);
  assert_memory_equal(&array.tensor, &expected, sizeof expected);
  assert_ptr_equal(array.host, memory + 4);

  managed.dl_tensor.ndim = 0; /* shape and strides may then be NULL */
  managed.dl_tensor.shape = managed.dl_tensor.strides = NULL;
  array = viewed(&managed, true);
  assert_int_equal(array.tensor.rank, 0);
  assert_int_equal(closs_tensor_elements(&array.tensor), 1);
}

static void test_types(void **state) {
  (void)state;
  static const struct {
    uint8_t code, bits;
    closs_dtype dtype;
  } rows[] = {{6, 8, CLOSS_BOOL},  {0, 8, CLOSS_I8},   {1, 8, CLOSS_U8},   {0, 16, CLOSS_I16}, {1, 16, CLOSS_U16},
              {0, 32, CLOSS_I32},  {1, 32, CLOSS_U32}, {0, 64, CLOSS_I64}, {1, 64, CLOSS_U64}, {2, 16, CLOSS_F16},
              {4, 16, CLOSS_BF16}, {2, 32, CLOSS_F32}, {2, 64, CLOSS_F64}, {5, 64, CLOSS_C64}, {5, 128, CLOSS_C128}};
  struct DLManagedTensorVersioned managed = usual();
  unsigned known = 0;
  for (unsigned code = 0; code < 20; ++code) {
    for (unsigned bits = 1; bits < 256; ++bits) {
      closs_dtype dtype = (closs_dtype)0;
      for (size_t i = 0; i < TEST_COUNT(rows); ++i)
        if (rows[i].code == code && rows[i].bits == bits) dtype = rows[i].dtype;
      managed.dl_tensor.code = (uint8_t)code;
      managed.dl_tensor.bits = (uint8_t)bits;
      closs_dlpack_array array;
      assert_int_equal(closs_dlpack_view_versioned(&managed, false, &array, NULL),
                       dtype ? CLOSS_OK : CLOSS_UNSUPPORTED);
      assert_int_equal(array.tensor.dtype, dtype);
      known += dtype != 0;
    }
  }
  assert_int_equal(known, CLOSS_DTYPE_END - 1);
  managed = usual();
  managed.dl_tensor.lanes = 4;
  refused(&managed, false, CLOSS_UNSUPPORTED,
          "dtype: code 2 of 32 bits in 4 lanes; expected one lane of bool, integers of 8 to 64 bits, f16, bf16, f32, "
          "f64, c64 or c128");
}

static void test_devices(void **state) {
  (void)state;
  struct DLManagedTensorVersioned managed = usual();
  managed.dl_tensor.byte_offset = 8;
  for (int32_t type = 0; type < 20; ++type) {
    managed.dl_tensor.device_type = type;
    managed.dl_tensor.device_id = 3;
    if (type == 1 || type == 3 || type == 11) {
      const closs_dlpack_array array = viewed(&managed, true);
      assert_ptr_equal(array.host, memory + 2);
    } else if (type == 4) {
      const closs_dlpack_array array = viewed(&managed, true);
      assert_null(array.host);
      assert_ptr_equal(array.buffer.memory, memory);
      assert_int_equal(array.buffer.offset, 2);
    } else {
      char text[CLOSS_ERROR_TEXT];
      snprintf(text, sizeof text,
               "device: type %d, expected kDLOpenCL (4) or memory of the host: kDLCPU (1), kDLCUDAHost (3), "
               "kDLROCMHost (11)",
               (int)type);
      refused(&managed, true, CLOSS_UNSUPPORTED, text);
    }
  }
}

static void test_alignment(void **state) {
  (void)state;
  struct DLManagedTensorVersioned managed = usual();
  managed.dl_tensor.byte_offset = 6;
  refused(&managed, false, CLOSS_INVALID_ARGUMENT, "data: with byte_offset 6 the address is no multiple of 4 bytes");
  managed.dl_tensor.code = CLOSS_DL_COMPLEX; /* a complex element is aligned as its parts are */
  managed.dl_tensor.bits = 64;
  managed.dl_tensor.byte_offset = 4;
  assert_ptr_equal(viewed(&managed, false).host, memory + 1);
  managed.dl_tensor.device_type = CLOSS_DL_OPENCL; /* but offsets in a buffer count elements */
  refused(&managed, false, CLOSS_INVALID_ARGUMENT, "byte_offset: 4, expected a multiple of an element's 8 bytes");
}

static void test_no_elements(void **state) {
  (void)state;
  int64_t none[] = {2, 0, 4};
  struct DLManagedTensorVersioned managed = usual();
  managed.dl_tensor.shape = none;
  managed.dl_tensor.data = NULL;
  assert_null(viewed(&managed, true).host);
  managed.dl_tensor.device_type = CLOSS_DL_OPENCL;
  assert_null(viewed(&managed, true).buffer.memory);
  managed.dl_tensor.shape = shape;
  refused(&managed, false, CLOSS_INVALID_ARGUMENT, "data: NULL, expected 24 elements");
}

static void test_refusals(void **state) {
  (void)state;
  struct DLManagedTensorVersioned managed = usual();
  closs_dlpack_array array;
  closs_error error;
  managed.flags = 1 | 2 | 4;
  refused(&managed, true, CLOSS_INVALID_ARGUMENT, "flags: the tensor is read-only, and is to be an output");
  assert_int_equal(closs_dlpack_view_versioned(&managed, false, &array, NULL), CLOSS_OK);
  assert_true(array.read_only);
  managed.flags = 2 | 4; /* copied; small types padded */
  assert_false(viewed(&managed, true).read_only);

  managed = usual();
  managed.major = 2;
  refused(&managed, false, CLOSS_UNSUPPORTED, "version: 2.3, expected 1");
  managed = usual();
  managed.dl_tensor.ndim = CLOSS_MAX_RANK + 1;
  managed.dl_tensor.shape = long_shape;
  refused(&managed, false, CLOSS_INVALID_ARGUMENT, "ndim: 9, expected 0 to 8");
  managed.dl_tensor.ndim = -1;
  refused(&managed, false, CLOSS_INVALID_ARGUMENT, "ndim: -1, expected 0 to 8");
  managed.dl_tensor.ndim = 1;
  managed.dl_tensor.shape = NULL;
  refused(&managed, false, CLOSS_INVALID_ARGUMENT, "shape: NULL, expected 1 lengths");
  managed.dl_tensor.shape = (int64_t[]){-1};
  refused(&managed, false, CLOSS_INVALID_ARGUMENT, "shape: dimension 0 is -1, expected 0 or more");
  refused(NULL, false, CLOSS_INVALID_ARGUMENT, "managed: NULL");
  assert_int_equal(closs_dlpack_view(NULL, false, &array, &error), CLOSS_INVALID_ARGUMENT);
  assert_int_equal(closs_dlpack_view_versioned(&managed, false, NULL, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "array: NULL");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_layouts),   cmocka_unit_test(test_types),       cmocka_unit_test(test_devices),
      cmocka_unit_test(test_alignment), cmocka_unit_test(test_no_elements), cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests_name("dlpack", tests, NULL, NULL);
}
