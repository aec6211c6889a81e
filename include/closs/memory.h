/**
 * @file memory.h
 * Where arrays lie on the device: in a buffer (plan.h), or in memory that is named by its address, OpenCL 2.0's shared
 * virtual memory (SVM) or the unified shared memory (USM) of cl_intel_unified_shared_memory.
 *
 * An array by address goes to a kernel as it is: nothing is copied, mapped or migrated, and no buffer is made.
 * - OpenCL cannot tell how long such memory is. closs_pointer::bytes is the caller's word, and bounds are checked
 *   against it. It must come from the plan's OpenCL context (or be system memory that the device shares); nobody checks
 *   that.
 * - Overlap is judged by addresses. That a buffer (CL_MEM_USE_HOST_PTR) lies on the same memory is not seen.
 * - Events and wait lists are those of buffers. Coarse-grained SVM must be unmapped while a kernel runs, and mapped (or
 *   copied) to be read: clEnqueueSVMMap() with closs_enqueue()'s event in its wait list.
 * - The memory must stay allocated until the event is complete: a kernel keeps no address alive.
 */
#ifndef CLOSS_MEMORY_H
#define CLOSS_MEMORY_H

#include <stdint.h>

#include "closs/opencl.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @addtogroup plans
 * @{ */

/** What kind of memory an address is of. The numbers are part of the ABI. */
typedef enum closs_memory_kind {
  CLOSS_MEMORY_BUFFER = 0, /**< no address: the array lies in its closs_buffer */
  CLOSS_MEMORY_SVM = 1,    /**< clSVMAlloc(); any host memory where the device has fine-grained system SVM */
  CLOSS_MEMORY_USM = 2     /**< clHostMemAllocINTEL(), clDeviceMemAllocINTEL(), clSharedMemAllocINTEL() */
} closs_memory_kind;

/** Memory by its address. Offsets count from there, and are those of the array's closs_buffer. */
typedef struct closs_pointer {
  closs_memory_kind kind; /**< buffer: there is no address */
  void *address;          /**< aligned to the array's element (complex: its component), of workspace and state to
                             #CLOSS_WORKSPACE_ALIGNMENT */
  uint64_t bytes;         /**< that belong to it from there on, by the caller's word */
} closs_pointer;

/** The arrays of one enqueue that lie in memory by address. Start from #CLOSS_POINTERS_INIT; an array whose kind is
 * #CLOSS_MEMORY_BUFFER lies in its closs_buffer as usual. */
typedef struct closs_pointers {
  size_t size;                   /**< sizeof(closs_pointers) */
  closs_pointer input;           /**< in place of closs_buffers::input */
  closs_pointer target;          /**< in place of closs_buffers::target */
  closs_pointer weight;          /**< in place of closs_buffers::weight */
  closs_pointer upstream;        /**< in place of closs_buffers::upstream */
  closs_pointer loss;            /**< in place of closs_buffers::loss */
  closs_pointer input_gradient;  /**< in place of closs_buffers::input_gradient */
  closs_pointer target_gradient; /**< in place of closs_buffers::target_gradient */
  closs_pointer workspace;       /**< in place of closs_buffers::workspace */
  closs_pointer state;           /**< in place of closs_buffers::state */
} closs_pointers;

/** No address: the array lies in its buffer. */
#define CLOSS_POINTER_NONE                                                                                             \
  { CLOSS_MEMORY_BUFFER, NULL, 0 }
/** No addresses. */
#define CLOSS_POINTERS_INIT                                                                                            \
  {                                                                                                                    \
    sizeof(closs_pointers), CLOSS_POINTER_NONE, CLOSS_POINTER_NONE, CLOSS_POINTER_NONE, CLOSS_POINTER_NONE,            \
        CLOSS_POINTER_NONE, CLOSS_POINTER_NONE, CLOSS_POINTER_NONE, CLOSS_POINTER_NONE, CLOSS_POINTER_NONE             \
  }

/** @} */

#ifdef __cplusplus
}
#endif

#endif
