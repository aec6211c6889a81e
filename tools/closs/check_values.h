/* Pseudo-random numbers of every type, the same on every machine. */
#ifndef PROGRAM_CHECK_VALUES_H
#define PROGRAM_CHECK_VALUES_H

#include <stdbool.h>

#include "closs/types.h"

/* What an array is filled with. */
struct check_fill {
  uint64_t seed;
  uint64_t tie_seed; /* arrays with the same one agree in about an eighth of their elements: residuals of 0 */
  bool subnormal;    /* magnitudes around the smallest normal number, rather than around 1 */
  bool positive;     /* weights: 0 or more */
  bool special;      /* a zero, infinity, NaN or large number now and then */
};

/* A number that depends on both arguments (splitmix64). */
uint64_t check_random(uint64_t seed, uint64_t index);

/* A seed from a text (FNV-1a). */
uint64_t check_text_seed(const char *text);

/* Fills the elements of a tensor of rank 0 to 2 in row-major order of their indices. */
void check_fill(const closs_tensor *tensor, void *origin, const struct check_fill *how);

#endif
