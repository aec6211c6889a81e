/* closs loss: the computation. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loss_call.h"
#include "loss_stream.h"
#include "npy.h"
#include "spool.h"

/*
 * The elements of a file's result where they will be in it: pieces are written as they come, and the result need not
 * fit into memory. Not of what is written in place, nor of bf16, which is converted.
 */
static bool map_result(struct result *result, size_t bytes, struct failure *failure) {
  size_t header = npy_write_header(result->header, &result->tensor);
  if (bytes > SIZE_MAX - header) return true;
  result->map_size = header + bytes;
  result->map = spool_map(result->file->descriptor, result->map_size);
  if (result->map != NULL) result->data = (char *)result->map + header;
  /* Not every file system maps files or reserves their length. */
  if (result->map != NULL || errno == ENODEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS) return true;
  return failure_set(failure, STATUS_FAILED, "%s: '%s' cannot be written: %s", result->file->option, result->file->path,
                     strerror(errno));
}

/* Memory for a result, from a page's beginning: devices that share the host's memory use it where it is. */
static bool make_result(struct result *result, const closs_tensor *tensor, bool streamed, struct failure *failure) {
  uint64_t elements = closs_tensor_elements(tensor);
  size_t size = closs_dtype_size(tensor->dtype);
  const bool possible = elements <= (SIZE_MAX - 4096) / size;
  result->tensor = *tensor;
  if (possible && streamed && result->file != NULL && !result->file->in_place && tensor->dtype != CLOSS_BF16 &&
      !map_result(result, (size_t)elements * size, failure))
    return false;
  if (result->map != NULL) return true;
  if (!possible || posix_memalign(&result->data, 4096, (size_t)elements * size + 64) != 0) {
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

void loss_call_note(struct loss_call *call, const closs_plan *plan) {
  if (call->schedule != NULL) return;
  bool ran = closs_plan_terms(plan) > 0 && closs_plan_program(plan) != CLOSS_PROGRAM_NONE;
  call->schedule = ran ? schedule_name(closs_plan_schedule(plan)) : NULL;
  call->program = ran ? program_name(closs_plan_program(plan)) : NULL;
}

static bool make_results(struct loss_call *call, const closs_plan_options *options, const closs_plan *plan,
                         struct result *loss, bool streamed, struct failure *failure) {
  bool good = make_result(loss, closs_plan_loss(plan), streamed, failure);
  if (good && (options->outputs & CLOSS_OUTPUT_INPUT_GRADIENT) != 0)
    good = make_result(&call->input_gradient, closs_plan_input_gradient(plan), streamed, failure);
  if (good && (options->outputs & CLOSS_OUTPUT_TARGET_GRADIENT) != 0)
    good = make_result(&call->target_gradient, closs_plan_target_gradient(plan), streamed, failure);
  return good;
}

/* What a device can be expected to give: others may have taken some of its memory. */
static uint64_t device_limit(const struct loss_call *call) {
  uint64_t most = call->device.global_memory - call->device.global_memory / 8;
  return call->memory != 0 && call->memory < most ? call->memory : most;
}

/* Whether the device takes the arrays and results of a plan in one piece, of so many bytes. */
static bool fits(const struct loss_call *call, const closs_plan_options *options, const closs_plan *plan,
                 uint64_t *bytes) {
  const closs_tensor *const tensors[] = {
      &options->input,
      &options->target,
      options->weight,
      options->upstream,
      (options->outputs & CLOSS_OUTPUT_LOSS) != 0 ? closs_plan_loss(plan) : NULL,
      (options->outputs & CLOSS_OUTPUT_INPUT_GRADIENT) != 0 ? closs_plan_input_gradient(plan) : NULL,
      (options->outputs & CLOSS_OUTPUT_TARGET_GRADIENT) != 0 ? closs_plan_target_gradient(plan) : NULL};
  uint64_t largest = 0;
  *bytes = closs_plan_workspace(plan);
  for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
    uint64_t size = tensors[i] == NULL ? 0 : closs_tensor_elements(tensors[i]) * closs_dtype_size(tensors[i]->dtype);
    *bytes += size;
    if (size > largest) largest = size;
  }
  if (largest > call->device.max_allocation) return false;
  /* Arrays are used where they are in memory that the device shares, and take none but the host's. */
  return *bytes <= device_limit(call) || (call->device.shares_memory && call->memory == 0);
}

/* All in one piece. */
static bool run_whole(struct loss_call *call, const closs_plan_options *options, const struct result *loss,
                      struct failure *failure) {
  closs_arrays arrays = call->arrays;
  closs_timing timing = {0, 0, 0};
  closs_plan *plan = NULL;
  closs_error error;
  arrays.loss = loss->data;
  arrays.input_gradient = call->input_gradient.data;
  arrays.target_gradient = call->target_gradient.data;
  if (closs_compute(call->device.context, options, &arrays, &plan, &timing, &error) != CLOSS_OK)
    return failure_set_closs(failure, &error);
  loss_call_note(call, plan);
  closs_plan_destroy(plan);
  call->timing.program += timing.program;
  call->timing.transfer += timing.transfer;
  call->timing.kernel += timing.kernel;
  return true;
}

bool loss_call_run(struct loss_call *call, const closs_plan_options *options, struct result *loss,
                   struct failure *failure) {
  closs_plan *plan = NULL;
  closs_error error;
  uint64_t whole = 0;
  /* A first plan tells how large everything is. */
  if (closs_plan_create(call->device.context, options, &plan, &error) != CLOSS_OK)
    return failure_set_closs(failure, &error);
  call->terms = closs_plan_terms(plan);
  bool streamed = call->terms > 0 && !fits(call, options, plan, &whole);
  bool good = make_results(call, options, plan, loss, streamed, failure);
  if (good && !streamed)
    good = run_whole(call, options, loss, failure);
  else if (good)
    good = loss_stream(call, options, plan, whole, device_limit(call), loss, failure);
  closs_plan_destroy(plan);
  return good;
}

/* Hands a result to the file that it goes to. */
static bool give(struct result *result, struct failure *failure) {
  closs_tensor tensor = result->tensor;
  if (result->file == NULL) return true;
  result->file->parts[0] = result->header;
  if (result->map != NULL) { /* the elements are there */
    result->file->sizes[0] = npy_write_header(result->header, &tensor);
    return true;
  }
  const void *data = result->data;
  size_t elements = (size_t)closs_tensor_elements(&tensor);
  if (tensor.dtype == CLOSS_BF16) {
    tensor.dtype = CLOSS_F32;
    result->single = malloc(elements * sizeof(float) + 1);
    if (result->single == NULL) return failure_set(failure, STATUS_FAILED, "%s: out of memory", result->file->option);
    closs_convert(CLOSS_F32, result->single, CLOSS_BF16, result->data, elements, NULL);
    data = result->single;
  }
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
