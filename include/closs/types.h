/**
 * @file types.h
 * Element types, tensor descriptions and reductions.
 */
#ifndef CLOSS_TYPES_H
#define CLOSS_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "closs/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup types Element types, tensors and reductions
 * @{ */

/** Element types. The numbers are part of the ABI and of saved states. 0 is no type. */
typedef enum closs_dtype {
  CLOSS_BOOL = 1, /**< one byte; 0 is false, all else true (1) */
  CLOSS_I8 = 2,
  CLOSS_U8 = 3,
  CLOSS_I16 = 4,
  CLOSS_U16 = 5,
  CLOSS_I32 = 6,
  CLOSS_U32 = 7,
  CLOSS_I64 = 8,
  CLOSS_U64 = 9,
  CLOSS_F16 = 10,  /**< IEEE binary16 */
  CLOSS_BF16 = 11, /**< the upper half of a binary32 */
  CLOSS_F32 = 12,
  CLOSS_F64 = 13,
  CLOSS_C64 = 14, /**< two f32: real part, imaginary part */
  CLOSS_C128 = 15 /**< two f64: real part, imaginary part */
} closs_dtype;

/** The number that ends the list of types; types are 1 to CLOSS_DTYPE_END - 1. */
#define CLOSS_DTYPE_END 16

/** Bytes of one element; 0 for a number that is no type. Thread-safe. */
CLOSS_API size_t closs_dtype_size(closs_dtype dtype);

/** Short name: "f32", "bool", "c128" ...; "?" for a number that is no type. Never freed. Thread-safe. */
CLOSS_API const char *closs_dtype_name(closs_dtype dtype);

/**
 * The common type of two operands: PyTorch's promotion among floating and complex types (f16 with bf16: f32; c64 with
 * f64: c128). A bool or integer operand does not raise a floating one, and two of them give f32. 0 where one is no
 * type. Thread-safe.
 */
CLOSS_API closs_dtype closs_dtype_common(closs_dtype a, closs_dtype b);

/** The real type of a loss over operands of this common type: c64 gives f32, c128 f64, a floating type itself.
 * Thread-safe. */
CLOSS_API closs_dtype closs_dtype_real(closs_dtype common);

/** The type that arithmetic is done in for this common type: f32 for f16, bf16, f32 and c64; f64 for f64 and c128.
 * Thread-safe. */
CLOSS_API closs_dtype closs_dtype_arithmetic(closs_dtype common);

/** The most dimensions a tensor may have. */
#define CLOSS_MAX_RANK 8

/**
 * The type and layout of one array. Strides are in elements, may be 0 (one element stands for all along that dimension)
 * and negative; the element of index (0, 0, ...) is at the offset that goes with the buffer. Entries at `rank` and
 * beyond are ignored.
 */
typedef struct closs_tensor {
  closs_dtype dtype;               /**< of the elements */
  uint32_t rank;                   /**< 0 (one element) to #CLOSS_MAX_RANK */
  uint64_t shape[CLOSS_MAX_RANK];  /**< lengths; 0 is allowed */
  int64_t strides[CLOSS_MAX_RANK]; /**< in elements */
} closs_tensor;

/**
 * A tensor with row-major (C order) strides. `shape` may be NULL where rank is 0. A rank over #CLOSS_MAX_RANK is kept
 * as given, and refused by whoever is handed the tensor. Thread-safe.
 */
CLOSS_API closs_tensor closs_tensor_contiguous(closs_dtype dtype, uint32_t rank, const uint64_t *shape);

/** The number of elements; 1 at rank 0; UINT64_MAX where the product does not fit in 64 bits. Thread-safe. */
CLOSS_API uint64_t closs_tensor_elements(const closs_tensor *tensor);

/**
 * The shape that two tensors broadcast to, as NumPy's rules say: dimensions are aligned at the last one, and must be
 * equal or 1.
 * @param[out] result  rank and shape are set, with row-major strides; dtype is the common type
 * @return CLOSS_INVALID_ARGUMENT with a line that names the dimension where they do not fit
 */
CLOSS_API closs_status closs_tensor_broadcast(const closs_tensor *input, const closs_tensor *target,
                                              closs_tensor *result, closs_error *error);

/** What is done with the losses of the elements. The numbers are part of the ABI. */
typedef enum closs_reduction {
  CLOSS_NONE = 0, /**< no reduction: the loss has the broadcast shape of the operands */
  CLOSS_MEAN = 1, /**< one element: the sum divided by the number of elements, or by the sum of the weights */
  CLOSS_SUM = 2   /**< one element */
} closs_reduction;

/** "none", "mean" or "sum"; "?" for any other number. Never freed. Thread-safe. */
CLOSS_API const char *closs_reduction_name(closs_reduction reduction);

/** A truth value that may be left out, as PyTorch's deprecated arguments may. */
typedef enum closs_legacy_flag {
  CLOSS_LEGACY_UNSET = -1,
  CLOSS_LEGACY_FALSE = 0,
  CLOSS_LEGACY_TRUE = 1
} closs_legacy_flag;

/**
 * PyTorch's deprecated `size_average` and `reduce` as a reduction, exactly as torch.nn's `_Reduction.legacy_get_string`
 * has it: an unset flag counts as true; reduce false gives none, else size_average true mean and false sum. Both unset:
 * mean. Thread-safe.
 */
CLOSS_API closs_reduction closs_reduction_from_legacy(closs_legacy_flag size_average, closs_legacy_flag reduce);

/**
 * Converts `count` elements on the host, to nearest even, each rounded once. Integers to floating types, floating types
 * among each other, real to complex (imaginary part 0). Every NaN becomes the one quiet NaN of its type; zeros keep
 * their sign.
 * @return CLOSS_UNSUPPORTED for a complex source with a real destination, and for an integer or bool destination other
 * than the source's own type (then the elements are copied)
 */
CLOSS_API closs_status closs_convert(closs_dtype to, void *destination, closs_dtype from, const void *source,
                                     size_t count, closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
