/*
 * The published arithmetic of docs/numerics.md in float (names end in _f32) and in double (_f64): pairs, products,
 * quotients, and the canonical sum. Every operation rounds once: the library is compiled without contraction.
 */
#ifndef CLOSS_REFERENCE_ARITHMETIC_H
#define CLOSS_REFERENCE_ARITHMETIC_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/reciprocal.h"
#include "base/state.h"
#include "closs/partial.h"

_Static_assert(FLT_EVAL_METHOD == 0, "float and double expressions must round to their own type");

/* The level k of the largest block of 2^k chunks, aligned to 2^k, that begins at a chunk and ends at `end` or before.
 */
static inline uint32_t closs_block_level(uint64_t chunk, uint64_t end) {
  uint32_t level = 0;
  while ((chunk >> level & 1) == 0 && chunk + ((uint64_t)2 << level) <= end)
    ++level;
  return level;
}

/* The order matters. */
/* clang-format off */
#include "reference/type_f32.h"
#include "reference/arithmetic.inc"
#include "reference/sum.inc"
#include "reference/type_end.h"

#include "reference/type_f64.h"
#include "reference/arithmetic.inc"
#include "reference/sum.inc"
#include "reference/type_end.h"
/* clang-format on */

#endif
