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
 */
#ifndef CLOSS_PARTIAL_H
#define CLOSS_PARTIAL_H

#include "closs/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
