/**
 * @file dlpack.h
 * Tensors of other libraries by DLPack (https://dmlc.github.io/dlpack), without a copy: NumPy, PyTorch, JAX and TVM
 * hand them out.
 *
 * closs_dlpack_view() and closs_dlpack_view_versioned() say what closs needs to know of a tensor: its type and layout,
 * and where it lies.
 * - kDLOpenCL: `data` is a cl_mem; closs_dlpack_array::buffer goes into closs_buffers. closs_enqueue() checks that the
 *   cl_mem is of its own OpenCL context: DLPack's device number says nothing about that.
 * - kDLCPU, kDLCUDAHost and kDLROCMHost: closs_dlpack_array::host goes into closs_arrays, and closs_compute() uses the
 *   memory where it is on devices that share it. With buffers and queues of your own make one over the tensor's memory
 *   by clCreateBuffer() with CL_MEM_USE_HOST_PTR, from the lowest address that its strides reach; release that buffer
 *   before the tensor.
 *
 * **Ownership.** A view borrows. closs keeps no pointer to the tensor and calls no deleter: whoever was given the
 * tensor calls it once, when the last command that uses the memory is complete (the event of closs_enqueue()), not when
 * closs_enqueue() returns. Shape and strides are copied.
 *
 * This header declares the structures of DLPack by their tags alone. It may stand before or after dlpack/dlpack.h of
 * any version, or without it.
 */
#ifndef CLOSS_DLPACK_H
#define CLOSS_DLPACK_H

#include <stdbool.h>

#include "closs/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup exchange Tensors of other libraries
 * @{ */

struct DLManagedTensor;          /* dlpack.h's, up to 0.8: a capsule named "dltensor" */
struct DLManagedTensorVersioned; /* dlpack.h's, from 1.0 on: a capsule named "dltensor_versioned" */

/** A tensor of DLPack in closs's terms. */
typedef struct closs_dlpack_array {
  closs_tensor tensor; /**< type and layout; where DLPack's strides are NULL, row-major */
  closs_buffer buffer; /**< kDLOpenCL: the place of element (0, 0, ...); else {NULL, 0} */
  void *host;          /**< memory of the host: the address of element (0, 0, ...); NULL where there are no elements */
  bool read_only;      /**< may not be an output */
} closs_dlpack_array;

/**
 * A DLPack tensor of the unversioned kind. Thread-safe.
 * @param written  the tensor is to be an output: one that is read-only is refused, and one with a stride of 0 along a
 * dimension longer than 1 by closs_plan_create()
 * @param[out] array  zeroed on failure
 * @return CLOSS_INVALID_ARGUMENT: more than #CLOSS_MAX_RANK dimensions, a negative length, data or byte_offset that are
 * not aligned to the element (complex: data of the host to its component), read-only; CLOSS_UNSUPPORTED: a type that
 * closs has not, or memory of another device
 */
CLOSS_API closs_status closs_dlpack_view(const struct DLManagedTensor *managed, bool written, closs_dlpack_array *array,
                                         closs_error *error);

/** The same of the versioned kind, of major version 1. CLOSS_UNSUPPORTED of another: nothing but its deleter may then
 * be used. */
CLOSS_API closs_status closs_dlpack_view_versioned(const struct DLManagedTensorVersioned *managed, bool written,
                                                   closs_dlpack_array *array, closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
