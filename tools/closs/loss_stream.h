/* closs loss: operands that the device does not hold, in pieces. */
#ifndef PROGRAM_LOSS_STREAM_H
#define PROGRAM_LOSS_STREAM_H

#include "loss_call.h"

/*
 * Computes what `options` ask for in device memory of `limit` bytes, with the bits of one piece, into the memory that
 * the results have. Adds to call->timing, and tells call->schedule and call->program.
 * @param plan  of the whole
 * @param whole  bytes that one piece would take
 */
bool loss_stream(struct loss_call *call, const closs_plan_options *options, const closs_plan *plan, uint64_t whole,
                 uint64_t limit, const struct result *loss, struct failure *failure);

#endif
