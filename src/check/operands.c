#include <inttypes.h>

#include "base/error.h"
#include "check/steps.h"

/* The operands' broadcast shape, and which operand is repeated to reach it. */
static closs_status check_shapes(closs_request *request, closs_error *error) {
  closs_tensor whole;
  closs_status status =
      closs_tensor_broadcast(&request->tensors[CLOSS_SLOT_INPUT], &request->tensors[CLOSS_SLOT_TARGET], &whole, error);
  if (status) return status;
  request->terms = closs_tensor_elements(&whole);
  if (request->terms > CLOSS_MAX_TERMS) {
    char shape[CLOSS_LIST_TEXT];
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "input and target: their broadcast shape %s has more than 2^43 elements",
                      closs_shape_text(whole.rank, whole.shape, shape));
  }
  request->rank = whole.rank;
  for (uint32_t i = 0; i < whole.rank; i++)
    request->shape[i] = whole.shape[i];
  for (int operand = 0; operand < 2; operand++) {
    const closs_tensor *tensor = &request->tensors[CLOSS_SLOT_INPUT + operand];
    uint32_t missing = whole.rank - tensor->rank;
    for (uint32_t i = 0; i < whole.rank; i++)
      if ((i < missing || tensor->shape[i - missing] == 1) && whole.shape[i] != 1) request->broadcast[operand] = true;
    closs_align_strides(request, (enum closs_slot)(CLOSS_SLOT_INPUT + operand));
  }
  return CLOSS_OK;
}

static closs_status check_real(const closs_request *request, enum closs_slot slot, closs_error *error) {
  closs_dtype dtype = request->tensors[slot].dtype;
  return dtype < CLOSS_C64 ? CLOSS_OK
                           : closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: type is %s, expected a real type",
                                        closs_slot_names[slot], closs_dtype_name(dtype));
}

/* Weights are stretched to the loss's shape, and never stretch it. */
static closs_status check_weight(const closs_plan_options *options, closs_request *request, closs_error *error) {
  if (!options->weight) return CLOSS_OK;
  const closs_tensor *weight = &request->tensors[CLOSS_SLOT_WEIGHT];
  closs_status status = closs_check_layout(request, CLOSS_SLOT_WEIGHT, options->weight, error);
  if (!status) status = check_real(request, CLOSS_SLOT_WEIGHT, error);
  if (status) return status;
  if (weight->rank > request->rank)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "weight: rank is %u, expected at most the operands' %u",
                      (unsigned)weight->rank, (unsigned)request->rank);
  uint32_t missing = request->rank - weight->rank;
  for (uint32_t i = 0; i < weight->rank; i++)
    if (weight->shape[i] != 1 && weight->shape[i] != request->shape[missing + i])
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "weight: dimension %u is %" PRIu64 ", the operands have %" PRIu64 "; it must be equal or 1",
                        (unsigned)i, weight->shape[i], request->shape[missing + i]);
  request->used[CLOSS_SLOT_WEIGHT] = true;
  closs_align_strides(request, CLOSS_SLOT_WEIGHT);
  return CLOSS_OK;
}

static closs_status check_upstream(const closs_plan_options *options, closs_request *request, closs_error *error) {
  if (!options->upstream) return CLOSS_OK;
  const closs_tensor *upstream = &request->tensors[CLOSS_SLOT_UPSTREAM];
  closs_status status = closs_check_layout(request, CLOSS_SLOT_UPSTREAM, options->upstream, error);
  if (!status) status = check_real(request, CLOSS_SLOT_UPSTREAM, error);
  if (status) return status;
  const uint32_t gradients = CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  /* The terms of a gradient have it only where the loss is not reduced. */
  request->used[CLOSS_SLOT_UPSTREAM] =
      request->outputs & (request->reduction == CLOSS_NONE ? gradients | CLOSS_SLOPE_SUMS : gradients);
  if (closs_tensor_elements(upstream) == 1) return CLOSS_OK; /* its strides stay 0 */
  char shape[CLOSS_LIST_TEXT], loss[CLOSS_LIST_TEXT];
  closs_shape_text(upstream->rank, upstream->shape, shape);
  if (request->reduction != CLOSS_NONE)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "upstream: shape is %s, expected one element for a reduced loss",
                      shape);
  if (!closs_same_shape(request->rank, request->shape, upstream))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "upstream: shape is %s, expected the loss's %s or one element",
                      shape, closs_shape_text(request->rank, request->shape, loss));
  closs_align_strides(request, CLOSS_SLOT_UPSTREAM);
  return CLOSS_OK;
}

closs_status closs_check_operands(const closs_plan_options *options, closs_request *request, closs_error *error) {
  closs_status status = closs_check_layout(request, CLOSS_SLOT_INPUT, &options->input, error);
  if (!status) status = closs_check_layout(request, CLOSS_SLOT_TARGET, &options->target, error);
  if (!status) status = check_shapes(request, error);
  if (!status) status = check_weight(options, request, error);
  if (!status) status = check_upstream(options, request, error);
  /* The sum of the weights reads nothing else. */
  request->used[CLOSS_SLOT_INPUT] = request->used[CLOSS_SLOT_TARGET] = request->outputs != CLOSS_OUTPUT_WEIGHT_SUM;
  request->over_weights =
      request->reduction == CLOSS_MEAN && options->weight && options->mean_over == CLOSS_MEAN_OVER_WEIGHTS;
  return status;
}
