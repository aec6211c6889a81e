#include "closs/types.h"

#include <stdbool.h>

#include "base/error.h"

typedef struct closs_dtype_info {
  const char *name;
  size_t size;
} closs_dtype_info;

static const closs_dtype_info dtypes[CLOSS_DTYPE_END] = {
    [0] = {"?", 0},           [CLOSS_BOOL] = {"bool", 1}, [CLOSS_I8] = {"i8", 1},   [CLOSS_U8] = {"u8", 1},
    [CLOSS_I16] = {"i16", 2}, [CLOSS_U16] = {"u16", 2},   [CLOSS_I32] = {"i32", 4}, [CLOSS_U32] = {"u32", 4},
    [CLOSS_I64] = {"i64", 8}, [CLOSS_U64] = {"u64", 8},   [CLOSS_F16] = {"f16", 2}, [CLOSS_BF16] = {"bf16", 2},
    [CLOSS_F32] = {"f32", 4}, [CLOSS_F64] = {"f64", 8},   [CLOSS_C64] = {"c64", 8}, [CLOSS_C128] = {"c128", 16}};

static const closs_dtype_info *dtype_info(closs_dtype dtype) {
  return &dtypes[(unsigned)dtype < CLOSS_DTYPE_END ? dtype : 0];
}

size_t closs_dtype_size(closs_dtype dtype) {
  return dtype_info(dtype)->size;
}

const char *closs_dtype_name(closs_dtype dtype) {
  return dtype_info(dtype)->name;
}

/* Both are floating or complex. */
static closs_dtype promote(closs_dtype a, closs_dtype b) {
  if (a == b) return a;
  bool wide = closs_dtype_arithmetic(a) == CLOSS_F64 || closs_dtype_arithmetic(b) == CLOSS_F64;
  if (a >= CLOSS_C64 || b >= CLOSS_C64) return wide ? CLOSS_C128 : CLOSS_C64;
  return wide ? CLOSS_F64 : CLOSS_F32;
}

closs_dtype closs_dtype_common(closs_dtype a, closs_dtype b) {
  if (!closs_dtype_size(a) || !closs_dtype_size(b)) return (closs_dtype)0;
  if (a < CLOSS_F16 && b < CLOSS_F16) return CLOSS_F32;
  if (a < CLOSS_F16 || b < CLOSS_F16) return a < CLOSS_F16 ? b : a;
  return promote(a, b);
}

closs_dtype closs_dtype_real(closs_dtype common) {
  return common == CLOSS_C64 ? CLOSS_F32 : common == CLOSS_C128 ? CLOSS_F64 : common;
}

closs_dtype closs_dtype_arithmetic(closs_dtype common) {
  if (!closs_dtype_size(common)) return (closs_dtype)0;
  return common == CLOSS_F64 || common == CLOSS_C128 ? CLOSS_F64 : CLOSS_F32;
}

/* UINT64_MAX where the product does not fit. */
static uint64_t multiply(uint64_t a, uint64_t b) {
  return a && b > UINT64_MAX / a ? UINT64_MAX : a * b;
}

closs_tensor closs_tensor_contiguous(closs_dtype dtype, uint32_t rank, const uint64_t *shape) {
  closs_tensor tensor = {.dtype = dtype, .rank = rank};
  uint64_t stride = 1;
  for (uint32_t left = rank < CLOSS_MAX_RANK ? rank : CLOSS_MAX_RANK; left > 0; left--) {
    uint64_t length = shape[left - 1];
    tensor.shape[left - 1] = length;
    tensor.strides[left - 1] = stride > INT64_MAX ? INT64_MAX : (int64_t)stride;
    stride = multiply(stride, length ? length : 1);
  }
  return tensor;
}

uint64_t closs_tensor_elements(const closs_tensor *tensor) {
  uint64_t elements = 1;
  for (uint32_t i = 0; i < tensor->rank && i < CLOSS_MAX_RANK; i++) {
    if (!tensor->shape[i]) return 0;
    elements = multiply(elements, tensor->shape[i]);
  }
  return elements;
}

closs_status closs_tensor_broadcast(const closs_tensor *input, const closs_tensor *target, closs_tensor *result,
                                    closs_error *error) {
  if (input->rank > CLOSS_MAX_RANK || target->rank > CLOSS_MAX_RANK)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: rank is %u, expected at most %d",
                      input->rank > CLOSS_MAX_RANK ? "input" : "target",
                      (unsigned)(input->rank > CLOSS_MAX_RANK ? input->rank : target->rank), CLOSS_MAX_RANK);
  uint32_t rank = input->rank > target->rank ? input->rank : target->rank;
  uint64_t shape[CLOSS_MAX_RANK] = {0};
  for (uint32_t i = 0; i < rank; i++) { /* counted from the last dimension */
    uint64_t a = i < input->rank ? input->shape[input->rank - 1 - i] : 1;
    uint64_t b = i < target->rank ? target->shape[target->rank - 1 - i] : 1;
    if (a != b && a != 1 && b != 1)
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "target: dimension %u is %llu, input has %llu; they must be equal or 1",
                        (unsigned)(target->rank - 1 - i), (unsigned long long)b, (unsigned long long)a);
    shape[rank - 1 - i] = a == 1 ? b : a;
  }
  *result = closs_tensor_contiguous(closs_dtype_common(input->dtype, target->dtype), rank, shape);
  return CLOSS_OK;
}

const char *closs_reduction_name(closs_reduction reduction) {
  switch (reduction) {
  case CLOSS_NONE:
    return "none";
  case CLOSS_MEAN:
    return "mean";
  case CLOSS_SUM:
    return "sum";
  }
  return "?";
}

closs_reduction closs_reduction_from_legacy(closs_legacy_flag size_average, closs_legacy_flag reduce) {
  if (reduce == CLOSS_LEGACY_FALSE) return CLOSS_NONE;
  return size_average == CLOSS_LEGACY_FALSE ? CLOSS_SUM : CLOSS_MEAN;
}
