#include "enqueue/enqueue.h"

#include "base/error.h"
#include "closs/partial.h"
#include "enqueue/chain.h"
#include "enqueue/empty.h"
#include "enqueue/launch.h"
#include "enqueue/places.h"
#include "plan/slices.h"

static closs_status check_queue(const closs_plan *plan, cl_command_queue queue, closs_chain *chain,
                                closs_error *error) {
  const closs_context *context = plan->context;
  cl_context queue_context = NULL;
  cl_device_id queue_device = NULL;
  cl_command_queue_properties properties = 0;
  cl_int code = context->cl.GetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof queue_context, &queue_context, NULL);
  if (code == CL_SUCCESS) {
    code = context->cl.GetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof queue_device, &queue_device, NULL);
  }
  if (code == CL_SUCCESS) {
    code = context->cl.GetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
  }
  if (code != CL_SUCCESS) {
    return closs_fail_opencl(error, code, "queue: clGetCommandQueueInfo");
  }
  if (queue_context != context->context || queue_device != context->device) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "queue: it is of another OpenCL %s than the plan",
                      queue_context != context->context ? "context" : "device");
  }
  chain->out_of_order = (properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
  return CLOSS_OK;
}

/* A piece of a sum begins anywhere in a chunk: its chunks are counted at each enqueue. */
static closs_step step_of_piece(const closs_plan *plan, const closs_step *step, uint64_t first_term) {
  closs_step piece = *step;
  closs_layout_chunks(plan->request.terms, (uint32_t)(first_term % CLOSS_CHUNK), &piece.chunks, &piece.last);
  piece.items = closs_layout_items(&piece);
  return piece;
}

static closs_status launch_next(closs_plan *plan, uint32_t index, const closs_step *step, const closs_places *places,
                                bool last, closs_chain *chain, closs_error *error) {
  const cl_event *wait;
  cl_event next;
  cl_uint wait_count = closs_chain_wait(chain, &wait);
  cl_event *event = closs_chain_event(chain, last, &next);
  closs_status status =
      closs_launch(plan, index, step, places, closs_launch_groups(step), chain->queue, wait_count, wait, event, error);
  if (status == CLOSS_OK) {
    closs_chain_advance(chain, next);
  }
  return status;
}

/* The places of a pass over a slice: what goes through the workspace is found there by the number of its term. */
static closs_places places_of_slice(const closs_plan *plan, const closs_places *places, uint32_t before) {
  closs_places staged = *places;
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    if (plan->layout.staging.slots & (1u << slot)) {
      staged.memory[slot] = places->work;
      staged.at[slot] = closs_places_staged(plan, places, (enum closs_slot)slot) - (uint64_t)before * CLOSS_CHUNK;
    }
  }
  return staged;
}

static closs_status launch_slices(closs_plan *plan, const closs_places *places, closs_chain *chain,
                                  closs_error *error) {
  const closs_staging *staging = &plan->layout.staging;
  const uint32_t slices = closs_layout_slices(&plan->layout);
  closs_status status = CLOSS_OK;
  for (uint32_t slice = 0; slice < slices && status == CLOSS_OK; slice++) {
    const closs_places staged = places_of_slice(plan, places, slice * staging->chunks);
    for (uint32_t i = staging->begin; i < staging->end && status == CLOSS_OK; i++) {
      const closs_step step = closs_layout_slice(&plan->layout, i, slice);
      const bool last = slice + 1 == slices && i + 1 == plan->layout.step_count;
      status = launch_next(plan, i, &step, step.body == CLOSS_BODY_STAGE ? places : &staged, last, chain, error);
    }
  }
  return status;
}

static closs_status launch_steps(closs_plan *plan, const closs_places *places, closs_chain *chain, closs_error *error) {
  const closs_layout *layout = &plan->layout;
  closs_status status = CLOSS_OK;
  for (uint32_t i = 0; i < layout->step_count && status == CLOSS_OK; i++) {
    if (layout->staging.slots != 0 && i == layout->staging.begin) {
      status = launch_slices(plan, places, chain, error);
      i = layout->staging.end - 1;
      continue;
    }
    closs_step step = layout->steps[i];
    if (plan->request.states != 0) {
      step = step_of_piece(plan, &step, places->first_term);
    }
    status = launch_next(plan, i, &step, places, i + 1 == layout->step_count, chain, error);
  }
  return status;
}

/* The caller's event, where no command of ours can give it. */
static closs_status mark(closs_chain *chain, closs_error *error) {
  const cl_event *wait;
  cl_event next = NULL;
  cl_uint wait_count = closs_chain_wait(chain, &wait);
  cl_int code = chain->cl->EnqueueMarkerWithWaitList(chain->queue, wait_count, wait, &next);
  if (code != CL_SUCCESS) {
    return closs_fail_opencl(error, code, "clEnqueueMarkerWithWaitList");
  }
  closs_chain_advance(chain, next);
  return CLOSS_OK;
}

closs_status closs_enqueue_steps(closs_plan *plan, cl_command_queue queue, const closs_buffers *buffers,
                                 cl_uint wait_count, const cl_event *wait, cl_event *event, closs_error *error) {
  closs_chain chain = {0};
  chain.cl = &plan->context->cl;
  chain.queue = queue;
  chain.wait_count = wait_count;
  chain.wait = wait;
  chain.wants_event = event != NULL;
  closs_places places;
  closs_status status = check_queue(plan, queue, &chain, error);
  if (status == CLOSS_OK) {
    status = closs_places_check(plan, buffers, &places, error);
  }
  if (status == CLOSS_OK && plan->layout.step_count > 0) {
    status = launch_steps(plan, &places, &chain, error);
  } else if (status == CLOSS_OK) {
    status = closs_enqueue_empty(plan, &places, &chain, error);
    if (status == CLOSS_OK && (event != NULL || (wait_count > 0 && !chain.started))) {
      status = mark(&chain, error);
    }
  }
  if (status == CLOSS_OK && event != NULL) {
    *event = chain.last;
  } else if (chain.last != NULL) {
    chain.cl->ReleaseEvent(chain.last);
  }
  return status;
}
