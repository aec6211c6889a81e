#include <inttypes.h>

#include "base/error.h"
#include "check/steps.h"

static closs_status expect_layout(const closs_request *request, enum closs_slot slot, const closs_tensor *expected,
                                  closs_error *error) {
  const closs_tensor *given = &request->tensors[slot];
  if (given->dtype != expected->dtype)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: type is %s, expected %s", closs_slot_names[slot],
                      closs_dtype_name(given->dtype), closs_dtype_name(expected->dtype));
  if (!closs_same_shape(expected->rank, expected->shape, given)) {
    char shape[CLOSS_LIST_TEXT], wanted[CLOSS_LIST_TEXT];
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: shape is %s, expected %s", closs_slot_names[slot],
                      closs_shape_text(given->rank, given->shape, shape),
                      closs_shape_text(expected->rank, expected->shape, wanted));
  }
  return closs_check_no_overlap(request, slot, error);
}

/* The output's layout: the caller's where there is one, else `expected`. */
static closs_status check_output(closs_request *request, enum closs_slot slot, const closs_tensor *given,
                                 const closs_tensor *expected, closs_error *error) {
  if (given && !request->used[slot])
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: a layout is given, but the plan does not write it",
                      closs_slot_names[slot]);
  closs_status status = closs_check_layout(request, slot, given ? given : expected, error);
  if (!status && request->used[slot]) status = expect_layout(request, slot, expected, error);
  return status;
}

static closs_status check_loss(const closs_plan_options *options, closs_request *request, closs_error *error) {
  bool none = request->reduction == CLOSS_NONE;
  closs_tensor loss =
      closs_tensor_contiguous(closs_dtype_real(request->common), none ? request->rank : 0, request->shape);
  request->used[CLOSS_SLOT_LOSS] = (request->outputs & CLOSS_OUTPUT_LOSS) && !request->total_terms;
  closs_status status = check_output(request, CLOSS_SLOT_LOSS, options->loss_layout, &loss, error);
  if (!status) closs_align_strides(request, CLOSS_SLOT_LOSS);
  return status;
}

static closs_status check_mode(const closs_request *request, int operand, uint32_t mode, closs_error *error) {
  enum closs_slot slot = (enum closs_slot)(CLOSS_SLOT_INPUT_GRADIENT + operand);
  const char *name = closs_slot_names[slot];
  if (mode & ~(uint32_t)(CLOSS_GRADIENT_ACCUMULATE | CLOSS_GRADIENT_IN_PLACE))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s_mode: 0x%" PRIx32 " has bits outside closs_gradient_mode, 0x3",
                      name, mode);
  if (mode && !request->used[slot])
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s_mode: 0x%" PRIx32 ", but the plan does not write the gradient",
                      name, mode);
  if (mode == (CLOSS_GRADIENT_ACCUMULATE | CLOSS_GRADIENT_IN_PLACE))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "%s_mode: a gradient in place cannot be accumulated: it would be added to the operand", name);
  return CLOSS_OK;
}

/* In place: the gradient lies where its operand does, element by element. */
static closs_status check_in_place(const closs_request *request, int operand, closs_error *error) {
  const closs_tensor *own = &request->tensors[CLOSS_SLOT_INPUT + operand];
  enum closs_slot slot = (enum closs_slot)(CLOSS_SLOT_INPUT_GRADIENT + operand);
  const closs_tensor *gradient = &request->tensors[slot];
  for (uint32_t i = 0; i < own->rank; i++)
    if (own->shape[i] > 1 && own->strides[i] != gradient->strides[i])
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "%s: stride of dimension %u is %" PRId64 ", %s has %" PRId64 "; in place they must be equal",
                        closs_slot_names[slot], (unsigned)i, gradient->strides[i],
                        closs_slot_names[CLOSS_SLOT_INPUT + operand], own->strides[i]);
  return CLOSS_OK;
}

static closs_status check_gradient(const closs_plan_options *options, closs_request *request, int operand,
                                   closs_error *error) {
  enum closs_slot slot = (enum closs_slot)(CLOSS_SLOT_INPUT_GRADIENT + operand);
  const closs_tensor *own = &request->tensors[CLOSS_SLOT_INPUT + operand];
  uint32_t mode = operand ? options->target_gradient_mode : options->input_gradient_mode;
  bool in_place = mode & CLOSS_GRADIENT_IN_PLACE;
  request->used[slot] = request->outputs & (operand ? CLOSS_OUTPUT_TARGET_GRADIENT : CLOSS_OUTPUT_INPUT_GRADIENT);
  request->gradient_mode[operand] = mode;
  closs_status status = check_mode(request, operand, mode, error);
  if (status) return status;
  /* An integer operand has no gradient of its own type: it gets the common one, or its real part. */
  closs_dtype dtype = own->dtype >= CLOSS_F16 ? own->dtype : closs_dtype_real(request->common);
  if (in_place && dtype != own->dtype)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "%s_mode: a gradient of type %s cannot take the place of an operand of type %s",
                      closs_slot_names[slot], closs_dtype_name(dtype), closs_dtype_name(own->dtype));
  closs_tensor expected = closs_tensor_contiguous(dtype, own->rank, own->shape);
  if (in_place) expected = *own;
  status = check_output(request, slot, operand ? options->target_gradient : options->input_gradient, &expected, error);
  if (!status && in_place) status = check_in_place(request, operand, error);
  if (!status) closs_align_strides(request, slot);
  return status;
}

/* A sum that only a plan of pieces has. */
static closs_status check_sum(const closs_request *request, const char *name, uint32_t output, closs_error *error) {
  if (!(request->outputs & output)) return CLOSS_OK;
  if (!request->total_terms)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "outputs: %s is for plans of pieces; total_terms is 0", name);
  if (request->outputs != output)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "outputs: 0x%" PRIx32 " has %s beside others; it must be alone",
                      request->outputs, name);
  return CLOSS_OK;
}

static closs_status check_sums(const closs_request *request, closs_error *error) {
  closs_status status = check_sum(request, "CLOSS_OUTPUT_WEIGHT_SUM", CLOSS_OUTPUT_WEIGHT_SUM, error);
  if (!status) status = check_sum(request, "CLOSS_OUTPUT_INPUT_SLOPE_SUM", CLOSS_OUTPUT_INPUT_SLOPE_SUM, error);
  if (!status) status = check_sum(request, "CLOSS_OUTPUT_TARGET_SLOPE_SUM", CLOSS_OUTPUT_TARGET_SLOPE_SUM, error);
  if (!status && request->outputs & CLOSS_OUTPUT_WEIGHT_SUM && !request->used[CLOSS_SLOT_WEIGHT])
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "outputs: CLOSS_OUTPUT_WEIGHT_SUM needs weights; weight is NULL");
  return status;
}

/* Plans of pieces, see partial.h. */
static closs_status check_pieces(closs_request *request, closs_error *error) {
  closs_status status = check_sums(request, error);
  if (status || !request->total_terms) return status;
  if (request->reduction == CLOSS_NONE && !(request->outputs & CLOSS_SLOPE_SUMS))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "reduction: none, expected mean or sum in a plan of pieces (total_terms is not 0)");
  if (request->total_terms > CLOSS_MAX_TERMS || request->terms > request->total_terms)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "total_terms: %" PRIu64 ", expected the piece's %" PRIu64 " or more, up to 2^43",
                      request->total_terms, request->terms);
  for (int operand = 0; operand < 2; operand++)
    if (request->broadcast[operand] && request->used[CLOSS_SLOT_INPUT_GRADIENT + operand] &&
        request->outputs & CLOSS_OUTPUT_LOSS)
      return closs_fail(error, CLOSS_UNSUPPORTED,
                        "outputs: 0x%" PRIx32 " has the loss of a piece beside %s, whose operand is broadcast; its "
                        "columns are not the loss's pieces, take a plan for each",
                        request->outputs, closs_slot_names[CLOSS_SLOT_INPUT_GRADIENT + operand]);
  const uint32_t sums = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_WEIGHT_SUM | CLOSS_SLOPE_SUMS;
  const int operand = request->outputs & CLOSS_OUTPUT_TARGET_SLOPE_SUM ? CLOSS_SLOT_TARGET : CLOSS_SLOT_INPUT;
  const bool two = request->outputs & CLOSS_SLOPE_SUMS && request->tensors[operand].dtype >= CLOSS_C64;
  request->states = !(request->outputs & sums) ? 0 : two ? 2 : 1;
  return CLOSS_OK;
}

closs_status closs_check_outputs(const closs_plan_options *options, closs_request *request, closs_error *error) {
  closs_status status = check_loss(options, request, error);
  for (int operand = 0; !status && operand < 2; operand++)
    status = check_gradient(options, request, operand, error);
  return status ? status : check_pieces(request, error);
}
