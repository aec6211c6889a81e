/* closs loss: the computation. */
#include <stdlib.h>
#include <time.h>

#include "loss_call.h"
#include "npy.h"

double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Memory for a result, from a page's beginning: devices that share the host's memory use it where it is. */
static bool make_result(struct result *result, const closs_tensor *tensor, struct failure *failure) {
  uint64_t elements = closs_tensor_elements(tensor);
  size_t size = closs_dtype_size(tensor->dtype);
  result->tensor = *tensor;
  if (elements > (SIZE_MAX - 4096) / size || posix_memalign(&result->data, 4096, (size_t)elements * size + 64) != 0) {
    result->data = NULL;
    return failure_set(failure, STATUS_FAILED, "results: out of memory for %llu elements of %s",
                       (unsigned long long)elements, closs_dtype_name(tensor->dtype));
  }
  return true;
}

static const char *schedule_name(closs_schedule schedule) {
  return schedule == CLOSS_SCHEDULE_GROUPS ? "groups" : "lanes";
}

static const char *program_name(closs_program_origin origin) {
  switch (origin) {
  case CLOSS_PROGRAM_COMPILED:
    return "compiled";
  case CLOSS_PROGRAM_CACHED:
    return "cached";
  case CLOSS_PROGRAM_BUNDLE:
    return "bundle";
  case CLOSS_PROGRAM_NONE:
    break;
  }
  return NULL;
}

bool loss_call_run(struct loss_call *call, const closs_plan_options *options, struct result *loss,
                   struct failure *failure) {
  closs_context *context = call->device.context;
  closs_arrays arrays = call->arrays;
  closs_timing timing = {0, 0, 0};
  closs_plan *plan = NULL;
  closs_error error;
  /* A first plan tells how large the results are. */
  if (closs_plan_create(context, options, &plan, &error) != CLOSS_OK) return failure_set_closs(failure, &error);
  bool good = make_result(loss, closs_plan_loss(plan), failure);
  if (good && (options->outputs & CLOSS_OUTPUT_INPUT_GRADIENT) != 0)
    good = make_result(&call->input_gradient, closs_plan_input_gradient(plan), failure);
  if (good && (options->outputs & CLOSS_OUTPUT_TARGET_GRADIENT) != 0)
    good = make_result(&call->target_gradient, closs_plan_target_gradient(plan), failure);
  closs_plan_destroy(plan);
  plan = NULL;
  arrays.loss = loss->data;
  arrays.input_gradient = call->input_gradient.data;
  arrays.target_gradient = call->target_gradient.data;
  if (good && closs_compute(context, options, &arrays, &plan, &timing, &error) != CLOSS_OK)
    good = failure_set_closs(failure, &error);
  if (good && loss == &call->loss) {
    call->terms = closs_plan_terms(plan);
    bool ran = call->terms > 0 && closs_plan_program(plan) != CLOSS_PROGRAM_NONE;
    call->schedule = ran ? schedule_name(closs_plan_schedule(plan)) : NULL;
    call->program = ran ? program_name(closs_plan_program(plan)) : NULL;
  }
  closs_plan_destroy(plan);
  call->timing.program += timing.program;
  call->timing.transfer += timing.transfer;
  call->timing.kernel += timing.kernel;
  return good;
}

/* Hands a result to the file that it goes to. */
static bool give(struct result *result, struct failure *failure) {
  closs_tensor tensor = result->tensor;
  if (result->file == NULL) return true;
  const void *data = result->data;
  size_t elements = (size_t)closs_tensor_elements(&tensor);
  if (tensor.dtype == CLOSS_BF16) {
    tensor.dtype = CLOSS_F32;
    result->single = malloc(elements * sizeof(float) + 1);
    if (result->single == NULL) return failure_set(failure, STATUS_FAILED, "%s: out of memory", result->file->option);
    closs_convert(CLOSS_F32, result->single, CLOSS_BF16, result->data, elements, NULL);
    data = result->single;
  }
  result->file->parts[0] = result->header;
  result->file->sizes[0] = npy_write_header(result->header, &tensor);
  result->file->parts[1] = data;
  result->file->sizes[1] = elements * closs_dtype_size(tensor.dtype);
  return true;
}

bool loss_call_compute(struct loss_call *call, struct failure *failure) {
  call->options.input = call->input.tensor;
  call->options.target = call->target.tensor;
  call->options.weight = call->has_weight ? &call->weight.tensor : NULL;
  call->options.upstream = call->has_upstream_array ? &call->upstream.tensor : NULL;
  call->arrays.input = call->input.data;
  call->arrays.target = call->target.data;
  call->arrays.weight = call->weight.data;
  call->arrays.upstream = call->upstream.data;
  bool good = loss_call_run(call, &call->options, &call->loss, failure) &&
              (call->picture == NULL || loss_call_picture(call, failure));
  return good && give(&call->loss, failure) && give(&call->input_gradient, failure) &&
         give(&call->target_gradient, failure);
}
