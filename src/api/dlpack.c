#include "closs/dlpack.h"

#include <inttypes.h>
#include <string.h>

#include "api/dlpack_abi.h"
#include "base/error.h"

static closs_status find_type(const closs_dl_tensor *given, closs_dtype *dtype, closs_error *error) {
  static const struct {
    uint8_t code, bits;
    closs_dtype dtype;
  } types[] = {
      {CLOSS_DL_BOOL, 8, CLOSS_BOOL},  {CLOSS_DL_INT, 8, CLOSS_I8},       {CLOSS_DL_UINT, 8, CLOSS_U8},
      {CLOSS_DL_INT, 16, CLOSS_I16},   {CLOSS_DL_UINT, 16, CLOSS_U16},    {CLOSS_DL_INT, 32, CLOSS_I32},
      {CLOSS_DL_UINT, 32, CLOSS_U32},  {CLOSS_DL_INT, 64, CLOSS_I64},     {CLOSS_DL_UINT, 64, CLOSS_U64},
      {CLOSS_DL_FLOAT, 16, CLOSS_F16}, {CLOSS_DL_BFLOAT, 16, CLOSS_BF16}, {CLOSS_DL_FLOAT, 32, CLOSS_F32},
      {CLOSS_DL_FLOAT, 64, CLOSS_F64}, {CLOSS_DL_COMPLEX, 64, CLOSS_C64}, {CLOSS_DL_COMPLEX, 128, CLOSS_C128},
  };
  for (size_t i = 0; i < sizeof types / sizeof types[0] && given->lanes == 1; i++) {
    if (types[i].code == given->code && types[i].bits == given->bits) {
      *dtype = types[i].dtype;
      return CLOSS_OK;
    }
  }
  return closs_fail(error, CLOSS_UNSUPPORTED,
                    "dtype: code %d of %d bits in %d lanes; expected one lane of bool, integers of 8 to 64 bits, f16, "
                    "bf16, f32, f64, c64 or c128",
                    given->code, given->bits, given->lanes);
}

static closs_status find_layout(const closs_dl_tensor *given, closs_tensor *tensor, closs_error *error) {
  uint64_t shape[CLOSS_MAX_RANK] = {0};
  if (given->ndim < 0 || given->ndim > CLOSS_MAX_RANK) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "ndim: %" PRId32 ", expected 0 to %d", given->ndim,
                      CLOSS_MAX_RANK);
  }
  if (given->ndim > 0 && given->shape == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "shape: NULL, expected %" PRId32 " lengths", given->ndim);
  }
  for (int32_t d = 0; d < given->ndim; d++) {
    if (given->shape[d] < 0) {
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "shape: dimension %" PRId32 " is %" PRId64 ", expected 0 or more", d, given->shape[d]);
    }
    shape[d] = (uint64_t)given->shape[d];
  }
  *tensor = closs_tensor_contiguous(tensor->dtype, (uint32_t)given->ndim, shape);
  for (int32_t d = 0; d < given->ndim && given->strides != NULL; d++) {
    tensor->strides[d] = given->strides[d];
  }
  return CLOSS_OK;
}

static closs_status find_place(const closs_dl_tensor *given, closs_dlpack_array *array, closs_error *error) {
  const uint64_t size = closs_dtype_size(array->tensor.dtype);
  const uint64_t alignment = closs_dtype_size(closs_dtype_real(array->tensor.dtype));
  const bool empty = closs_tensor_elements(&array->tensor) == 0;
  if (given->data == NULL && !empty) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "data: NULL, expected %" PRIu64 " elements",
                      closs_tensor_elements(&array->tensor));
  }
  switch (given->device_type) {
  case CLOSS_DL_OPENCL:
    if (given->byte_offset % size != 0) { /* closs counts offsets in elements */
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "byte_offset: %" PRIu64 ", expected a multiple of an element's %" PRIu64 " bytes",
                        given->byte_offset, size);
    }
    array->buffer.memory = given->data;
    array->buffer.offset = given->byte_offset / size;
    return CLOSS_OK;
  case CLOSS_DL_CPU:
  case CLOSS_DL_CUDA_HOST:
  case CLOSS_DL_ROCM_HOST:
    if (empty) {
      return CLOSS_OK;
    }
    array->host = (char *)given->data + given->byte_offset;
    if ((uintptr_t)array->host % alignment != 0) {
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "data: with byte_offset %" PRIu64 " the address is no multiple of %" PRIu64 " bytes",
                        given->byte_offset, alignment);
    }
    return CLOSS_OK;
  default:
    return closs_fail(error, CLOSS_UNSUPPORTED,
                      "device: type %" PRId32 ", expected kDLOpenCL (4) or memory of the host: kDLCPU (1), "
                      "kDLCUDAHost (3), kDLROCMHost (11)",
                      given->device_type);
  }
}

static closs_status view(const closs_dl_tensor *given, bool read_only, bool written, closs_dlpack_array *array,
                         closs_error *error) {
  array->read_only = read_only;
  if (written && read_only) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "flags: the tensor is read-only, and is to be an output");
  }
  closs_status status = find_type(given, &array->tensor.dtype, error);
  if (status == CLOSS_OK) {
    status = find_layout(given, &array->tensor, error);
  }
  return status == CLOSS_OK ? find_place(given, array, error) : status;
}

static closs_status check_arguments(const void *managed, closs_dlpack_array *array, closs_error *error) {
  if (array != NULL) {
    memset(array, 0, sizeof *array);
  }
  return managed != NULL && array != NULL
             ? CLOSS_OK
             : closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL", array != NULL ? "managed" : "array");
}

static closs_status finish(closs_status status, closs_dlpack_array *array) {
  if (status != CLOSS_OK && array != NULL) {
    memset(array, 0, sizeof *array);
  }
  return status;
}

closs_status closs_dlpack_view(const struct DLManagedTensor *managed, bool written, closs_dlpack_array *array,
                               closs_error *error) {
  closs_status status = check_arguments(managed, array, error);
  if (status == CLOSS_OK) {
    status = view(&managed->dl_tensor, false, written, array, error);
  }
  return finish(status, array);
}

closs_status closs_dlpack_view_versioned(const struct DLManagedTensorVersioned *managed, bool written,
                                         closs_dlpack_array *array, closs_error *error) {
  closs_status status = check_arguments(managed, array, error);
  if (status == CLOSS_OK && managed->major != CLOSS_DL_MAJOR) {
    status = closs_fail(error, CLOSS_UNSUPPORTED, "version: %" PRIu32 ".%" PRIu32 ", expected %d", managed->major,
                        managed->minor, CLOSS_DL_MAJOR);
  }
  if (status == CLOSS_OK) {
    status = view(&managed->dl_tensor, (managed->flags & CLOSS_DL_READ_ONLY) != 0, written, array, error);
  }
  return finish(status, array);
}
