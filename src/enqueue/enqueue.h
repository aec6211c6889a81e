/* The launches of one computation, in order. */
#ifndef CLOSS_ENQUEUE_ENQUEUE_H
#define CLOSS_ENQUEUE_ENQUEUE_H

#include "plan/plan.h"

/* What closs_enqueue() does; the plan is prepared. */
closs_status closs_enqueue_steps(closs_plan *plan, cl_command_queue queue, const closs_buffers *buffers,
                                 cl_uint wait_count, const cl_event *wait, cl_event *event, closs_error *error);

#endif
