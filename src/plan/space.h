/* Index spaces: dimensions with the strides of every array along them. Pure arithmetic. */
#ifndef CLOSS_PLAN_SPACE_H
#define CLOSS_PLAN_SPACE_H

#include "check/request.h"

/* Dimensions, innermost first. */
typedef struct closs_space {
  uint32_t rank;
  uint64_t size[CLOSS_MAX_RANK];
  int64_t stride[CLOSS_SLOT_COUNT][CLOSS_MAX_RANK];
} closs_space;

/* All dimensions of the broadcast shape. */
void closs_space_of_terms(const closs_request *request, closs_space *space);

/*
 * The gradient of a broadcast operand (0 input, 1 target): the dimensions that it has, and those that are summed away.
 * In `columns` the slot of its gradient has the gradient's strides.
 */
void closs_space_of_columns(const closs_request *request, uint32_t operand, closs_space *columns, closs_space *terms);

/*
 * Drops dimensions of length 1, and joins neighbours that all used arrays go through as through one. Row-major numbers
 * of elements stay what they are. The rank is at least 1 afterwards.
 */
void closs_space_collapse(closs_space *space, const bool used[CLOSS_SLOT_COUNT]);

/* The number of elements. */
uint64_t closs_space_elements(const closs_space *space);

#endif
