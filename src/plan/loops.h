/* How often loops of the kernels turn: for devices that end them early. */
#ifndef CLOSS_PLAN_LOOPS_H
#define CLOSS_PLAN_LOOPS_H

#include <stdbool.h>

#include "plan/layout.h"

/* At most how often the loops of one work-item of a step turn in all, inner ones counted each time: together with
 * others, which are computed at once with it. */
uint64_t closs_loop_turns(const closs_layout *layout, const closs_step *step);

/* How many are computed at once. Where a work-group is no multiple, some are of no work-item: those load zeros. */
#define CLOSS_TOGETHER 8u

/* Whether loops end where all loads give zeros, as those of dimensions of size 0 do not. */
bool closs_loops_end(const closs_layout *layout, const closs_step *step);

#endif
