/* Kernels, layout arrays and a first launch: all that may block, before the first enqueue. */
#ifndef CLOSS_ENQUEUE_PREPARE_H
#define CLOSS_ENQUEUE_PREPARE_H

#include "plan/plan.h"

closs_status closs_prepare(closs_plan *plan, closs_error *error);

/* Releases what prepare made; the plan may then be prepared again. */
void closs_unprepare(closs_plan *plan);

#endif
