#include "plan/plan.h"

#include "base/allocate.h"
#include "base/error.h"
#include "enqueue/enqueue.h"
#include "enqueue/prepare.h"

closs_status closs_loss_supported(const closs_context *context, const closs_plan_options *options, closs_error *error) {
  closs_request request;
  closs_layout layout;
  if (options == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "options: NULL");
  }
  closs_status status = closs_check_options(options, context != NULL ? &context->caps : NULL, &request, error);
  return status != CLOSS_OK || context == NULL ? status
                                               : closs_layout_make(options, &request, &context->caps, &layout, error);
}

closs_status closs_plan_create(closs_context *context, const closs_plan_options *options, closs_plan **plan,
                               closs_error *error) {
  if (plan == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "plan: NULL, expected where to put it");
  }
  *plan = NULL;
  if (context == NULL || options == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL", context == NULL ? "context" : "options");
  }
  closs_plan *made = closs_allocate(&context->allocator, sizeof *made);
  if (made == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a plan (%zu bytes)", sizeof *made);
  }
  made->context = context;
  closs_status status = closs_check_options(options, &context->caps, &made->request, error);
  if (status == CLOSS_OK) {
    status = closs_layout_make(options, &made->request, &context->caps, &made->layout, error);
  }
  if (status != CLOSS_OK) {
    closs_plan_destroy(made);
    return status;
  }
  *plan = made;
  return CLOSS_OK;
}

void closs_plan_destroy(closs_plan *plan) {
  if (plan == NULL) {
    return;
  }
  closs_unprepare(plan);
  closs_release(&plan->context->allocator, plan);
}

const closs_tensor *closs_plan_loss(const closs_plan *plan) {
  return &plan->request.tensors[CLOSS_SLOT_LOSS];
}

const closs_tensor *closs_plan_input_gradient(const closs_plan *plan) {
  return &plan->request.tensors[CLOSS_SLOT_INPUT_GRADIENT];
}

const closs_tensor *closs_plan_target_gradient(const closs_plan *plan) {
  return &plan->request.tensors[CLOSS_SLOT_TARGET_GRADIENT];
}

uint64_t closs_plan_terms(const closs_plan *plan) {
  return plan->request.terms;
}

closs_schedule closs_plan_schedule(const closs_plan *plan) {
  return plan->layout.schedule;
}

closs_program_origin closs_plan_program(const closs_plan *plan) {
  return plan->origin;
}

closs_status closs_plan_prepare(closs_plan *plan, closs_error *error) {
  return plan != NULL ? closs_prepare(plan, error) : closs_fail(error, CLOSS_INVALID_ARGUMENT, "plan: NULL");
}

uint64_t closs_plan_workspace(const closs_plan *plan) {
  return plan->layout.workspace;
}

closs_status closs_enqueue(closs_plan *plan, cl_command_queue queue, const closs_buffers *buffers, cl_uint wait_count,
                           const cl_event *wait, cl_event *event, closs_error *error) {
  if (event != NULL) {
    *event = NULL;
  }
  if (plan == NULL || buffers == NULL || queue == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL",
                      plan == NULL      ? "plan"
                      : buffers == NULL ? "buffers"
                                        : "queue");
  }
  if ((wait_count > 0) != (wait != NULL)) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "wait: %s, but wait_count is %u",
                      wait == NULL ? "NULL" : "not NULL", (unsigned)wait_count);
  }
  if (!plan->prepared) {
    return closs_fail(error, CLOSS_NOT_PREPARED, "plan: not prepared; call closs_plan_prepare() first");
  }
  return closs_enqueue_steps(plan, queue, buffers, wait_count, wait, event, error);
}
