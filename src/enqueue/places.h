/* From the caller's buffers to places that kernels may use. */
#ifndef CLOSS_ENQUEUE_PLACES_H
#define CLOSS_ENQUEUE_PLACES_H

#include "enqueue/launch.h"

/*
 * Checks every buffer against its size, outputs against all else for overlap, and the numbers of a piece.
 * Judges overlap by bytes of root buffers.
 */
closs_status closs_places_check(const closs_plan *plan, const closs_buffers *buffers, closs_places *places,
                                closs_error *error);

#endif
