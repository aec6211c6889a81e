/* A computation for a path to walk, compared with the reference: its plans share their programs with those of test_job
 * and of test_calls.c. */
#ifndef TESTS_FAULT_SUM_H
#define TESTS_FAULT_SUM_H

#include "points.h"
#include "support/work.h"

/* What scene->own is. */
typedef struct fault_sum {
  test_work work;
  test_results expected;
  closs_plan *plan; /* prepared, of walks that only enqueue; NULL: none */
} fault_sum;

#define FAULT_GRADIENT (CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT)
#define FAULT_GRADIENTS (FAULT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT)

/* Of any work, which it owns; of l1, with a target that may be a scalar. fault_sum_end(). */
void fault_sum_of(fault_scene *scene, test_work work);
void fault_sum_begin(fault_scene *scene, closs_reduction reduction, uint32_t outputs, uint64_t terms, bool weighted,
                     bool broadcast);
void fault_sum_small(fault_scene *scene);      /* a mean with one gradient */
void fault_sum_everything(fault_scene *scene); /* the most launches that a plan has */
void fault_sum_end(fault_scene *scene);

/* The whole way: a plan of its own, created, prepared, enqueued, destroyed. */
closs_status fault_sum_whole(fault_scene *scene, closs_error *error);
/* The plan that is there, enqueued. */
closs_status fault_sum_enqueue(fault_scene *scene, closs_error *error);
/* Fails the test where results that are to be there are not the reference's. Frees them. */
closs_status fault_sum_compare(fault_scene *scene, closs_status status, test_results *results);

#endif
