/* How often loops of the kernels turn: for devices that end them early. */
#ifndef CLOSS_PLAN_LOOPS_H
#define CLOSS_PLAN_LOOPS_H

#include "plan/layout.h"

/* At most how often the loops of one work-item of a step turn in all, inner ones counted each time. */
uint64_t closs_loop_turns(const closs_layout *layout, const closs_step *step);

#endif
