/**
 * @file partial.h
 * The same sum in pieces: for streams, several devices and several hosts. Any split gives the bits of the whole.
 *
 * A plan of pieces (closs_plan_options::total_terms not 0) does part of a sum or mean of `total_terms` terms. Its
 * operands are the piece; closs_enqueue() computes the piece's gradients as usual, and in place of the loss a *state*
 * in the buffer closs_buffers::state.
 * - A piece that begins a state has first_term a multiple of #CLOSS_CHUNK; the buffer must hold closs_state_init()'s
 * bytes for it.
 * - A piece that goes on from the piece before finds that piece's state in the buffer, with its end equal to
 * first_term, and extends it. So one state buffer carries a stream from piece to piece. States of different devices or
 * hosts are read back, and merged by closs_state_merge(); closs_state_finish() gives the result. A state is plain
 * bytes, in the byte order of the device.
 *
 * A weighted mean takes two sums: a plan with the output CLOSS_OUTPUT_WEIGHT_SUM makes the state of the weights;
 * closs_state_finish() divides by it, and closs_state_reciprocal() gives what the gradients are scaled by
 * (closs_buffers::weight_reciprocal).
 *
 * The gradient of a broadcast operand has a sum of its own for each element, over a *column* of terms.
 * - Where a piece holds whole columns (operands cut along a dimension that the operand has), a plan whose outputs are
 * gradients alone writes their final gradients, scaled as the whole's: total_terms is the whole's, first_term is
 * ignored, and there is no state.
 * - Where a column is longer than a piece, a plan with the output CLOSS_OUTPUT_INPUT_SLOPE_SUM or
 * CLOSS_OUTPUT_TARGET_SLOPE_SUM makes the state of one column: every term of its pieces belongs to it, total_terms and
 * first_term count the column's terms, and reduction none is allowed. closs_state_gradient() makes the element of it.
 * For a complex operand closs_buffers::state holds two states, one after the other, each of closs_state_size() bytes:
 * of real and of imaginary parts.
 */
#ifndef CLOSS_PARTIAL_H
#define CLOSS_PARTIAL_H

#include <stdbool.h>

#include "closs/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup partial One sum in pieces
 * @{ */

/** Terms of one chunk of the canonical sum. A piece that does not go on from another begins at a multiple of it. */
#define CLOSS_CHUNK 4096

/** Bytes of a state whose sum is done in f32 (CLOSS_F32) or f64 (CLOSS_F64); 0 for another type. Thread-safe. */
CLOSS_API size_t closs_state_size(closs_dtype arithmetic);

/**
 * An empty state of a sum that begins at a term.
 * @param[out] state  closs_state_size() bytes
 * @return CLOSS_INVALID_ARGUMENT where first_term is no multiple of #CLOSS_CHUNK or the type is neither f32 nor f64
 */
CLOSS_API closs_status closs_state_init(void *state, closs_dtype arithmetic, uint64_t first_term, closs_error *error);

/** The terms [begin, end) that a state holds. CLOSS_INVALID_ARGUMENT where the bytes are no state. Thread-safe. */
CLOSS_API closs_status closs_state_range(const void *state, uint64_t *begin, uint64_t *end, closs_error *error);

/**
 * Joins two states: `state` becomes the state of the terms of both. `next` begins where `state` ends, at a multiple of
 * #CLOSS_CHUNK, and `state` is unchanged on failure.
 */
CLOSS_API closs_status closs_state_merge(void *state, const void *next, closs_error *error);

/**
 * The result of a sum whose state holds all terms from 0 to total_terms.
 * @param reduction  CLOSS_SUM, or CLOSS_MEAN: over the weights where `weights` is given, else over the count
 * @param weights  the finished state of the weights, or NULL
 * @param loss_dtype  f16, bf16, f32 (f32 states) or f64
 * @param[out] loss  one element of it
 */
CLOSS_API closs_status closs_state_finish(const void *state, uint64_t total_terms, closs_reduction reduction,
                                          const void *weights, closs_dtype loss_dtype, void *loss, closs_error *error);

/** The published reciprocal of a finished sum of weights, for closs_buffers::weight_reciprocal. */
CLOSS_API closs_status closs_state_reciprocal(const void *weights, uint64_t total_terms, double reciprocal[2],
                                              closs_error *error);

/** How closs_state_gradient() scales and stores. Start from #CLOSS_STATE_GRADIENT_INIT. */
typedef struct closs_state_gradient_options {
  size_t size;               /**< sizeof(closs_state_gradient_options) */
  bool target;               /**< the gradient is that of the target, which is the negative of the input's */
  bool accumulate;           /**< it is added to what is there */
  closs_dtype dtype;         /**< of the gradient: a floating or complex type; f64 and c128 from f64 states alone */
  uint64_t column_terms;     /**< terms of the column: what the states must hold, from term 0 on */
  closs_reduction reduction; /**< none: nothing is scaled, the terms had the upstream gradient already */
  uint64_t total_terms;      /**< mean over the count: terms of the whole loss */
  const void *weights;       /**< mean over the weights: the finished state of their sum, of total_terms; else NULL */
  double upstream_value;     /**< the upstream gradient, rounded to the arithmetic type; 1 by default */
} closs_state_gradient_options;

/** The defaults of #closs_state_gradient_options. */
#define CLOSS_STATE_GRADIENT_INIT                                                                                      \
  { sizeof(closs_state_gradient_options), false, false, CLOSS_F32, 0, CLOSS_MEAN, 0, NULL, 1.0 }

/**
 * One element of the gradient of a broadcast operand, from the finished sum of its column's terms, with the bits that a
 * plan of the whole gives. Of no terms it is 0. Thread-safe.
 * @param states  one state, or for a complex gradient two, one after the other
 * @param gradient  one element of options->dtype; read where it is accumulated
 * @return CLOSS_INVALID_ARGUMENT where states do not hold just these terms, or an option is none of its numbers
 */
CLOSS_API closs_status closs_state_gradient(const void *states, const closs_state_gradient_options *options,
                                            void *gradient, closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
