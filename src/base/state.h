/*
 * The bytes of a state, as the kernels and the host write them: CLOSS_STATE_WORDS words of 32 bits, then as T (float or
 * double) the pairs (s, c) of CLOSS_STATE_TREES blocks, then those of CLOSS_LANES lanes. All in native byte order.
 *
 * The blocks are those of closs_sum_f32 and closs_sum_f64 (sum.inc), left to right, unused ones 0. The lanes are those
 * of the chunk that the end lies in, all 0 where the end is a multiple of CLOSS_CHUNK.
 */
#ifndef CLOSS_BASE_STATE_H
#define CLOSS_BASE_STATE_H

#include <stdint.h>

#include "closs/partial.h"

enum closs_state_word {
  CLOSS_STATE_MAGIC,
  CLOSS_STATE_DTYPE, /* CLOSS_F32 or CLOSS_F64 */
  CLOSS_STATE_BEGIN, /* two words each, the low one first */
  CLOSS_STATE_END = 4,
  CLOSS_STATE_ERROR = 6, /* not 0: a piece did not go on from the end of the one before */
  CLOSS_STATE_ZERO,
  CLOSS_STATE_WORDS
};

#define CLOSS_STATE_MAGIC_VALUE 0x634c5331u
#define CLOSS_STATE_TREES 64
#define CLOSS_LANES 64

/* The most terms of a sum: with them the blocks fit. */
#define CLOSS_STATE_TERMS ((uint64_t)1 << 43)

#endif
