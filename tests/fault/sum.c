#include "sum.h"

#include "support/harness.h"
#include "support/job.h"

void fault_sum_of(fault_scene *scene, test_work work) {
  fault_sum *s = test_allocate(sizeof *s);
  closs_error error;
  *s = (fault_sum){.work = work};
  test_work_outputs(&s->work, 0);
  if (test_work_reference(&s->work, &s->expected, &error) != CLOSS_OK) fail_msg("%s", error.text);
  scene->own = s;
}

/* Plans as those of test_job and of test_calls.c, so that they share their programs. A scalar target is broadcast. */
void fault_sum_begin(fault_scene *scene, closs_reduction reduction, uint32_t outputs, uint64_t terms, bool weighted,
                     bool broadcast) {
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 1, &terms),
                     target = closs_tensor_contiguous(CLOSS_F32, broadcast ? 0 : 1, &terms);
  test_work work = test_work_make(CLOSS_L1, reduction, outputs, &input, &target);
  if (weighted) {
    uint64_t stream = 3;
    work.arrays[TEST_WEIGHT] = test_array_make(&input, 0);
    test_array_fill(&work.arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
  }
  fault_sum_of(scene, work);
}

void fault_sum_small(fault_scene *scene) {
  fault_sum_begin(scene, CLOSS_MEAN, FAULT_GRADIENT, 300, false, false);
}

/* The most launches that a plan has. */
void fault_sum_everything(fault_scene *scene) {
  fault_sum_begin(scene, CLOSS_MEAN, FAULT_GRADIENTS, TEST_JOB_LENGTH, true, true);
}

void fault_sum_end(fault_scene *scene) {
  fault_sum *s = scene->own;
  closs_plan_destroy(s->plan);
  test_work_free(&s->work);
  test_results_free(&s->expected);
  free(s);
}

closs_status fault_sum_compare(fault_scene *scene, closs_status status, test_results *results) {
  const fault_sum *s = scene->own;
  if (status == CLOSS_OK) test_results_same(&s->expected, results, scene->path->name);
  test_results_free(results);
  return status;
}

/* A plan of its own: created, prepared, enqueued, destroyed. */
closs_status fault_sum_whole(fault_scene *scene, closs_error *error) {
  fault_sum *s = scene->own;
  test_results results;
  return fault_sum_compare(scene, test_work_device(&scene->device, &s->work, &results, error), &results);
}

closs_status fault_sum_enqueue(fault_scene *scene, closs_error *error) {
  fault_sum *s = scene->own;
  test_results results;
  return fault_sum_compare(scene, test_work_enqueue(&scene->device, &s->work, s->plan, &results, error), &results);
}
