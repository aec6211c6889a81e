/* Walking over the broadcast shape, or part of its dimensions, with all arrays in step. */
#ifndef CLOSS_REFERENCE_WALK_H
#define CLOSS_REFERENCE_WALK_H

#include "check/request.h"

typedef struct closs_walk {
  uint32_t rank;
  uint64_t shape[CLOSS_MAX_RANK];
  int64_t strides[CLOSS_MAX_RANK][CLOSS_SLOT_COUNT];
  uint64_t index[CLOSS_MAX_RANK];
  int64_t offset[CLOSS_SLOT_COUNT]; /* of the arrays' current elements */
} closs_walk;

/* Each begins a walk at index (0, 0, ...), and returns the number of its steps. */

/* Over all dimensions. */
uint64_t closs_walk_all(closs_walk *walk, const closs_request *request);

/* Over the dimensions that operand 0 (input) or 1 (target) has itself: the elements of its gradient. */
uint64_t closs_walk_kept(closs_walk *walk, const closs_request *request, int operand);

/* Over those along which it is broadcast: the terms of one element of its gradient. */
uint64_t closs_walk_summed(closs_walk *walk, const closs_request *request, int operand);

/* Steps to the next index in row-major order; from the last one back to the first. */
void closs_walk_next(closs_walk *walk);

#endif
