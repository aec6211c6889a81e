/* One launch of a step: its arguments, and the call. */
#ifndef CLOSS_ENQUEUE_LAUNCH_H
#define CLOSS_ENQUEUE_LAUNCH_H

#include "plan/plan.h"

/* Memory as kernels get it: a buffer, or an address. */
typedef struct closs_memory {
  closs_memory_kind kind;
  cl_mem buffer;
  void *address;
} closs_memory;

/* Where the arrays of one enqueue lie, as kernels get them. */
typedef struct closs_places {
  closs_memory memory[CLOSS_SLOT_COUNT]; /* the scratch buffer where a slot is not used */
  uint64_t at[CLOSS_SLOT_COUNT];         /* in elements */
  closs_memory work;
  uint64_t work_at; /* in reals */
  closs_memory state;
  uint64_t state_at; /* in bytes */
  double upstream;
  double factor[2];
  uint64_t first_term; /* of a piece */
} closs_places;

/* All memory is the plan's scratch buffer. */
void closs_places_scratch(const closs_plan *plan, closs_places *places);

/* Where a slice of a slot begins in the workspace, in the slot's elements. */
uint64_t closs_places_staged(const closs_plan *plan, const closs_places *places, enum closs_slot slot);

/* How many work-groups a launch has. */
size_t closs_launch_groups(const closs_step *step);

/*
 * Sets the arguments of plan->layout.steps[index] that differ from the last launch's, and launches `groups`
 * work-groups. `step` is that step, its chunks as they are in this enqueue.
 */
closs_status closs_launch(closs_plan *plan, uint32_t index, const closs_step *step, const closs_places *places,
                          size_t groups, cl_command_queue queue, cl_uint wait_count, const cl_event *wait,
                          cl_event *event, closs_error *error);

#endif
