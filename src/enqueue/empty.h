/* Results of no terms at all: nothing is launched. */
#ifndef CLOSS_ENQUEUE_EMPTY_H
#define CLOSS_ENQUEUE_EMPTY_H

#include "enqueue/chain.h"
#include "enqueue/launch.h"

/* Fills: a reduced loss is NaN (mean) or 0 (sum), the gradient of a broadcast operand 0. */
closs_status closs_enqueue_empty(const closs_plan *plan, const closs_places *places, closs_chain *chain,
                                 closs_error *error);

#endif
