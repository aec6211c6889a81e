/**
 * @file plan.h
 * A plan: one loss over operands of given types and shapes, ready to be enqueued any number of times.
 *
 *     closs_plan_create()     checks everything that does not depend on buffers
 *     closs_plan_prepare()    compiles; the only call that may compile or block
 *     closs_plan_workspace()  how many bytes of device memory an enqueue needs
 *     closs_enqueue()         sets arguments and launches; never blocks, allocates on the device or copies to the host
 */
#ifndef CLOSS_PLAN_H
#define CLOSS_PLAN_H

#include "closs/context.h"
#include "closs/loss.h"
#include "closs/memory.h"
#include "closs/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup plans Plans: one loss, enqueued any number of times
 * @{ */

/** One loss ready to be computed. Opaque. Used by one thread at a time; different plans of one context by any threads
 * at once. */
typedef struct closs_plan closs_plan;

/** What a plan computes: any non-empty choice, all from one pass over memory. */
enum closs_output {
  CLOSS_OUTPUT_LOSS = 1,            /**< the loss */
  CLOSS_OUTPUT_INPUT_GRADIENT = 2,  /**< the gradient of the input */
  CLOSS_OUTPUT_TARGET_GRADIENT = 4, /**< the gradient of the target */
  /* Sums as states: each alone, and only in a plan of pieces (partial.h) */
  CLOSS_OUTPUT_WEIGHT_SUM = 8,       /**< of the expanded weights */
  CLOSS_OUTPUT_INPUT_SLOPE_SUM = 16, /**< of the terms of the gradient of a broadcast input: closs_state_gradient() */
  CLOSS_OUTPUT_TARGET_SLOPE_SUM = 32 /**< of the terms of the gradient of a broadcast target */
};

/** What the mean of weighted losses divides by. */
typedef enum closs_mean_over {
  CLOSS_MEAN_OVER_WEIGHTS = 0, /**< the sum of the weights, expanded to the loss's shape; without weights the count */
  CLOSS_MEAN_OVER_COUNT = 1    /**< the number of elements */
} closs_mean_over;

/** How a gradient is stored. Bits that may be combined. */
enum closs_gradient_mode {
  CLOSS_GRADIENT_WRITE = 0,      /**< replaces what the buffer holds */
  CLOSS_GRADIENT_ACCUMULATE = 1, /**< is added to what the buffer holds */
  CLOSS_GRADIENT_IN_PLACE =
      2 /**< may overwrite its own operand: same type, shape, strides and, at enqueue, the same place */
};

/** Which work-items do which part of the sum; never changes a bit of a result. */
typedef enum closs_schedule {
  CLOSS_SCHEDULE_AUTO = 0,
  CLOSS_SCHEDULE_LANES = 1, /**< a work-item does whole chunks: CPUs, FPGAs */
  CLOSS_SCHEDULE_GROUPS = 2 /**< a work-group does a chunk or several: GPUs */
} closs_schedule;

/**
 * What a plan computes. Start from #CLOSS_PLAN_OPTIONS_INIT and set loss, outputs, input and target.
 * Nothing that it points to is kept after closs_plan_create().
 */
typedef struct closs_plan_options {
  size_t size;                       /**< sizeof(closs_plan_options) */
  closs_loss loss;                   /**< one of the rows of losses.def */
  closs_reduction reduction;         /**< mean by default */
  const closs_parameter *parameters; /**< the loss's parameters by name; those left out have PyTorch's defaults */
  size_t parameter_count;            /**< how many parameters are given */
  uint32_t outputs;                  /**< bits of #closs_output, not empty */
  closs_tensor input;                /**< type and layout */
  closs_tensor target;               /**< operands broadcast to each other as NumPy's do */
  const closs_tensor *weight;        /**< element weights, real, broadcast to the loss; NULL: none */
  closs_mean_over mean_over;         /**< without effect unless there are weights and the reduction is mean */
  const closs_tensor *upstream; /**< the upstream gradient in a device buffer: one element, or for reduction none of the
                                   loss's shape; real; NULL: a host scalar, given with each enqueue */
  const closs_tensor *loss_layout;     /**< where the loss goes; its type is closs_plan_loss()'s; NULL: contiguous */
  const closs_tensor *input_gradient;  /**< layout of the gradient of the input; type and shape are the input's; NULL:
                                          contiguous, in place: the input's strides */
  const closs_tensor *target_gradient; /**< likewise */
  uint32_t input_gradient_mode;        /**< bits of #closs_gradient_mode */
  uint32_t target_gradient_mode;       /**< bits of #closs_gradient_mode */
  uint64_t total_terms; /**< 0: a plan of the whole. Else a plan of pieces of a sum of so many terms: see partial.h */
  closs_schedule schedule; /**< chosen for the device by default */
  uint32_t work_group;     /**< schedule groups: the work-group size, a power of two from 1 to 1024; 0: chosen */
  uint32_t vector_width;   /**< schedule groups: neighbouring terms of a work-item, 1, 2 or 4; 0: chosen */
} closs_plan_options;

/** The defaults of #closs_plan_options: the mean, and of outputs the loss alone. */
#define CLOSS_PLAN_OPTIONS_INIT                                                                                        \
  {                                                                                                                    \
    sizeof(closs_plan_options), (closs_loss)0, CLOSS_MEAN, NULL, 0, CLOSS_OUTPUT_LOSS, {(closs_dtype)0, 0, {0}, {0}},  \
        {(closs_dtype)0, 0, {0}, {0}}, NULL, CLOSS_MEAN_OVER_WEIGHTS, NULL, NULL, NULL, NULL, CLOSS_GRADIENT_WRITE,    \
        CLOSS_GRADIENT_WRITE, 0, CLOSS_SCHEDULE_AUTO, 0, 0                                                             \
  }

/**
 * Whether this computation is possible on a device, without side effects: nothing is allocated or compiled.
 * Thread-safe.
 * @param context  NULL: asks for closs_reference(), which can do everything that is defined
 * @return CLOSS_OK, or what closs_plan_create() would return for these options
 */
CLOSS_API closs_status closs_loss_supported(const closs_context *context, const closs_plan_options *options,
                                            closs_error *error);

/**
 * Checks the options and lays the computation out. Compiles nothing, and calls no OpenCL.
 * @param[out] plan  set to NULL on failure
 * @return CLOSS_INVALID_ARGUMENT (shapes, strides, parameters), CLOSS_UNSUPPORTED (complex operands of a loss that has
 * none, f64 on a device without fp64) or CLOSS_OUT_OF_MEMORY
 */
CLOSS_API closs_status closs_plan_create(closs_context *context, const closs_plan_options *options, closs_plan **plan,
                                         closs_error *error);

/** Frees a plan. Commands that it enqueued may still run. NULL is allowed. */
CLOSS_API void closs_plan_destroy(closs_plan *plan);

/** The layout of the loss: its type and shape (rank 0 where reduced), and the strides that are written. Valid while the
 * plan lives. */
CLOSS_API const closs_tensor *closs_plan_loss(const closs_plan *plan);

/** The layout of the gradient of the input: its type (an integer operand's is the common type, its real one where that
 * is complex), shape and the strides that are written. */
CLOSS_API const closs_tensor *closs_plan_input_gradient(const closs_plan *plan);

/** The layout of the gradient of the target. */
CLOSS_API const closs_tensor *closs_plan_target_gradient(const closs_plan *plan);

/** The number of terms: elements of the broadcast shape. */
CLOSS_API uint64_t closs_plan_terms(const closs_plan *plan);

/** The schedule that the plan runs by. */
CLOSS_API closs_schedule closs_plan_schedule(const closs_plan *plan);

/** Where a plan's program came from. */
typedef enum closs_program_origin {
  CLOSS_PROGRAM_NONE = 0, /**< not prepared, or nothing to run: no elements */
  CLOSS_PROGRAM_COMPILED = 1,
  CLOSS_PROGRAM_CACHED = 2, /**< from the context's memory, the caller's cache or the disk's */
  CLOSS_PROGRAM_BUNDLE = 3
} closs_program_origin;

/** Where the program came from in closs_plan_prepare(). */
CLOSS_API closs_program_origin closs_plan_program(const closs_plan *plan);

/**
 * Takes the plan's program from the context or compiles it, and runs it once on scratch memory, so that no later
 * enqueue compiles. Blocks. Calling it again does nothing. A kernel that does not fit in the work-group size that was
 * chosen for it is made again for smaller ones; one that the caller chose stays.
 * @return CLOSS_COMPILE_FAILED, CLOSS_OPENCL_ERROR or CLOSS_OUT_OF_MEMORY
 */
CLOSS_API closs_status closs_plan_prepare(closs_plan *plan, closs_error *error);

/** Bytes of workspace that one enqueue of the plan needs; may be 0. Two enqueues that may run at once need a workspace
 * each. Sums need little; transposed arrays go through it in slices, which together take at most 1/16 of the device's
 * largest buffer. */
CLOSS_API uint64_t closs_plan_workspace(const closs_plan *plan);

/** The workspace's offset in its buffer must be a multiple of this many bytes. */
#define CLOSS_WORKSPACE_ALIGNMENT 16

/** A place in an OpenCL buffer of the caller. */
typedef struct closs_buffer {
  cl_mem memory;   /**< may be NULL where nothing is read or written */
  uint64_t offset; /**< of the tensor's element of index (0, 0, ...), in elements of its type; of workspace and state in
                      bytes */
} closs_buffer;

/** The buffers of one enqueue. Start from #CLOSS_BUFFERS_INIT; what the plan does not use is ignored. */
typedef struct closs_buffers {
  size_t size;           /**< sizeof(closs_buffers) */
  closs_buffer input;    /**< read */
  closs_buffer target;   /**< read */
  closs_buffer weight;   /**< read where the plan has weights */
  closs_buffer upstream; /**< where the plan has an upstream tensor */
  double upstream_value; /**< where it has none: the upstream gradient, rounded to the arithmetic type; 1 by default */
  closs_buffer loss;     /**< written where the plan has it */
  closs_buffer input_gradient;  /**< written where the plan has it; read too where it accumulates */
  closs_buffer target_gradient; /**< likewise */
  closs_buffer workspace;       /**< offset in bytes, a multiple of #CLOSS_WORKSPACE_ALIGNMENT */
  closs_buffer state;           /**< plans of pieces: see partial.h */
  uint64_t first_term;          /**< plans of pieces: the number of this piece's first term */
  double weight_reciprocal[2];  /**< plans of pieces: see closs_state_reciprocal() */
  /** Arrays that lie in memory by address in place of a buffer (memory.h): offsets are those above, and the buffers of
   * those arrays are ignored. NULL: none. */
  const closs_pointers *pointers;
} closs_buffers;

/** No buffer. */
#define CLOSS_BUFFER_NONE                                                                                              \
  { NULL, 0 }
/** No buffers, and an upstream gradient of 1. */
#define CLOSS_BUFFERS_INIT                                                                                             \
  {                                                                                                                    \
    sizeof(closs_buffers), CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, 1.0,            \
        CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, 0, {0, 0}, NULL \
  }

/**
 * Enqueues the computation on a queue of the plan's context and device. Never blocks. The plan may be enqueued again,
 * with other buffers too, while earlier work still runs (but see closs_plan_workspace()).
 *
 * Buffers are checked against their sizes. Outputs may overlap nothing else, judged by the range of bytes in the root
 * buffer or by addresses (memory.h), but for a gradient in place. On failure the commands enqueued so far may still
 * run; outputs then hold nothing of use.
 * @param wait_count,wait  events that the work waits for, as OpenCL's event_wait_list
 * @param[out] event  NULL, or set to an event that completes when all results are written (also where there are no
 * elements); the caller releases it. Set to NULL on failure.
 * @return CLOSS_NOT_PREPARED, CLOSS_INVALID_ARGUMENT, CLOSS_UNSUPPORTED (a kind of memory that the device has not) or
 * CLOSS_OPENCL_ERROR
 */
CLOSS_API closs_status closs_enqueue(closs_plan *plan, cl_command_queue queue, const closs_buffers *buffers,
                                     cl_uint wait_count, const cl_event *wait, cl_event *event, closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
