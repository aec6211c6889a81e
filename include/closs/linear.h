/**
 * @file linear.h
 * A linear layer on a loss, forward and backward in one call: libcloss-linear, a library of its own, on CLBlast.
 *
 *     predictions = X W + b                      X: rows x features, W: features x outputs, b: outputs
 *     loss        = closs of (predictions, Y)    Y: rows x outputs
 *     dW = X^T G,  db = the sum of G's rows,  dX = G W^T     G: the gradient of the predictions
 *
 * It is what PyTorch gives for a criterion on nn.Linear, where W is the transpose of nn.Linear's weight. Matrices are
 * row-major, each with a leading dimension: the elements from one row's first to the next one's.
 *
 * Which bits are promised: given the predictions, those of loss, G and db are closs's own (docs/numerics.md). The
 * predictions, dW and dX are sums in the order of whoever computes them, which varies by device: docs/linear.md.
 */
#ifndef CLOSS_LINEAR_H
#define CLOSS_LINEAR_H

#include "closs/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup linear libcloss-linear: linear layers on a loss
 * @{ */

/** A layer of given sizes ready to be enqueued. Opaque. Used by one thread at a time. */
typedef struct closs_linear closs_linear;

/** What one enqueue computes beside the predictions: any choice that has the loss or a gradient. */
enum closs_linear_output {
  CLOSS_LINEAR_LOSS = 1,
  CLOSS_LINEAR_W_GRADIENT = 2,
  CLOSS_LINEAR_B_GRADIENT = 4,
  CLOSS_LINEAR_X_GRADIENT = 8
};

/** Who multiplies. */
typedef enum closs_linear_product {
  CLOSS_LINEAR_PRODUCT_AUTO = 0,    /**< rows on CPUs where it can be, else CLBlast */
  CLOSS_LINEAR_PRODUCT_CLBLAST = 1, /**< GEMV for one output, else GEMM */
  CLOSS_LINEAR_PRODUCT_ROWS = 2     /**< one output: products and dW in one pass over X; see closs_linear_options */
} closs_linear_product;

/** What a layer computes. Start from #CLOSS_LINEAR_OPTIONS_INIT. Nothing that it points to is kept. */
typedef struct closs_linear_options {
  size_t size;                  /**< sizeof(closs_linear_options) */
  closs_dtype dtype;            /**< of all arrays but the weights: f32, f64, or f16 where the device has cl_khr_fp16 */
  uint64_t rows;                /**< samples: 1 or more, as are features and outputs */
  uint64_t features;            /**< columns of X */
  uint64_t outputs;             /**< columns of the predictions */
  uint64_t x_leading;           /**< leading dimensions; 0: without gaps (features, or outputs) */
  uint64_t w_leading;           /**< of W */
  uint64_t y_leading;           /**< of the targets */
  uint64_t predictions_leading; /**< of the predictions */
  uint64_t x_gradient_leading;  /**< of dX */
  uint64_t w_gradient_leading;  /**< of dW */
  bool bias;                    /**< whether b is added */
  uint32_t wanted;              /**< bits of #closs_linear_output, not empty; b's gradient only with a bias */
  closs_loss loss;              /**< of predictions and targets */
  closs_reduction reduction;    /**< mean by default */
  const closs_parameter *parameters; /**< the loss's, by name */
  size_t parameter_count;            /**< how many parameters are given */
  const closs_tensor *weight; /**< sample weights, real, broadcast to rows x outputs ({rows, 1}: one a sample); NULL:
                                 none */
  closs_mean_over mean_over;  /**< what the mean of weighted losses divides by */
  /** Rows needs one output, f32 or f64, W without gaps, fewer than 2^32 rows, no dX, and where dW is wanted a reduced
   * loss and weights that are absent, or of `dtype` and not what the mean divides by. */
  closs_linear_product product;
} closs_linear_options;

/** The defaults of #closs_linear_options. */
#define CLOSS_LINEAR_OPTIONS_INIT                                                                                      \
  {                                                                                                                    \
    sizeof(closs_linear_options), CLOSS_F32, 0, 0, 1, 0, 0, 0, 0, 0, 0, true,                                          \
        CLOSS_LINEAR_LOSS | CLOSS_LINEAR_W_GRADIENT | CLOSS_LINEAR_B_GRADIENT, (closs_loss)0, CLOSS_MEAN, NULL, 0,     \
        NULL, CLOSS_MEAN_OVER_WEIGHTS, CLOSS_LINEAR_PRODUCT_AUTO                                                       \
  }

/**
 * Checks the options. Compiles nothing.
 * @param context  outlives the layer; of the same version of closs
 * @param[out] linear  set to NULL on failure
 * @return CLOSS_INVALID_ARGUMENT, CLOSS_UNSUPPORTED (f64 or f16 on a device without it, another type) or
 * CLOSS_OUT_OF_MEMORY
 */
CLOSS_API closs_status closs_linear_create(closs_context *context, const closs_linear_options *options,
                                           closs_linear **linear, closs_error *error);

/** Frees a layer. Commands that it enqueued may still run. NULL is allowed. */
CLOSS_API void closs_linear_destroy(closs_linear *linear);

/** Who multiplies: never AUTO. */
CLOSS_API closs_linear_product closs_linear_product_of(const closs_linear *linear);

/** Compiles what is closs's own, and blocks. CLBlast compiles at the first enqueue of each kind: see
 * closs_linear_enqueue(). */
CLOSS_API closs_status closs_linear_prepare(closs_linear *linear, closs_error *error);

/**
 * Gives the loss other parameters: a prepared layer stays prepared, and nothing is compiled again.
 * On failure the layer keeps those that it had.
 */
CLOSS_API closs_status closs_linear_set_parameters(closs_linear *linear, const closs_parameter *parameters,
                                                   size_t count, closs_error *error);

/** Bytes of workspace that one enqueue needs, aligned to #CLOSS_WORKSPACE_ALIGNMENT. Two enqueues that may run at once
 * need a workspace each. */
CLOSS_API uint64_t closs_linear_workspace(const closs_linear *linear);

/** The buffers of one enqueue, offsets in elements (of the workspace in bytes). Start from #CLOSS_LINEAR_BUFFERS_INIT;
 * what is not used is ignored. */
typedef struct closs_linear_buffers {
  size_t size;              /**< sizeof(closs_linear_buffers) */
  closs_buffer x;           /**< read */
  closs_buffer w;           /**< read */
  closs_buffer b;           /**< read where the layer has a bias */
  closs_buffer y;           /**< the targets, read */
  closs_buffer weight;      /**< read where the layer has weights */
  closs_buffer predictions; /**< written always */
  closs_buffer loss;        /**< reduction none: rows x outputs without gaps */
  closs_buffer w_gradient;  /**< written where it is wanted */
  closs_buffer b_gradient;  /**< written where it is wanted */
  closs_buffer x_gradient;  /**< written where it is wanted */
  closs_buffer workspace;   /**< offset in bytes, a multiple of #CLOSS_WORKSPACE_ALIGNMENT */
  double upstream;          /**< the upstream gradient, 1 by default */
} closs_linear_buffers;

/** No buffers, and an upstream gradient of 1. */
#define CLOSS_LINEAR_BUFFERS_INIT                                                                                      \
  {                                                                                                                    \
    sizeof(closs_linear_buffers), CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE,          \
        CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE,                 \
        CLOSS_BUFFER_NONE, CLOSS_BUFFER_NONE, 1.0                                                                      \
  }

/**
 * Enqueues forward and backward pass. Outputs may overlap nothing else, judged by the range of bytes in the root
 * buffer.
 *
 * The queue must be in order: CLBlast takes no wait list, so order is that of the queue, and the wait list is waited
 * for by a marker before the first command. CLBlast compiles its kernels at the first call of a kind and size class,
 * and keeps them for the process; it may also take a temporary buffer of the device: then this call blocks.
 * On failure the commands enqueued so far may still run; outputs then hold nothing of use.
 * @param[out] event  NULL, or set to an event that completes when all results are written; the caller releases it. Set
 * to NULL on failure.
 * @return CLOSS_NOT_PREPARED, CLOSS_INVALID_ARGUMENT, CLOSS_UNSUPPORTED (the queue) or CLOSS_OPENCL_ERROR (CLBlast's
 * statuses too)
 */
CLOSS_API closs_status closs_linear_enqueue(closs_linear *linear, cl_command_queue queue,
                                            const closs_linear_buffers *buffers, cl_uint wait_count,
                                            const cl_event *wait, cl_event *event, closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
