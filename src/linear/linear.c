#include "linear/linear.h"

#include <string.h>

#include "base/allocate.h"
#include "base/error.h"

/* Work-items a compute unit: enough that one that begins late holds up little. */
#define ITEMS_PER_UNIT 16u

static uint64_t take(uint64_t *used, uint64_t bytes) {
  uint64_t at = *used;
  *used += (bytes + 63) / 64 * 64;
  return at;
}

/* The loss's only parameter: what is given, else its default. */
static double find_parameter(const closs_linear_options *o) {
  const closs_loss_info *info = closs_loss_by_id(o->loss);
  return info->parameter_count == 0 ? 1
         : o->parameter_count == 0  ? info->parameters[0].default_value
                                    : o->parameters[0].value;
}

/* Predictions and targets to the loss and G. */
static closs_status make_plan(closs_linear *linear, const closs_parameter *parameters, size_t count, closs_plan **plan,
                              closs_error *error) {
  const closs_linear_options *o = &linear->options;
  const uint64_t shape[2] = {o->rows, o->outputs};
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = o->loss;
  options.reduction = o->reduction;
  options.parameters = parameters;
  options.parameter_count = count;
  options.outputs = (o->wanted & CLOSS_LINEAR_LOSS ? CLOSS_OUTPUT_LOSS : 0u) |
                    (linear->stores_gradient ? CLOSS_OUTPUT_INPUT_GRADIENT : 0u);
  options.input = options.target = closs_tensor_contiguous(o->dtype, 2, shape);
  options.input.strides[0] = (int64_t)o->predictions_leading;
  options.target.strides[0] = (int64_t)o->y_leading;
  options.weight = linear->has_weight ? &linear->weight : NULL;
  options.mean_over = o->mean_over;
  closs_tensor gradient = closs_tensor_contiguous(o->dtype, 2, shape);
  options.input_gradient = linear->stores_gradient ? &gradient : NULL;
  *plan = NULL;
  if (options.outputs != 0) return closs_plan_create(linear->context, &options, plan, error);
  /* dW alone by the kernel of rows: closs has only to look at what is asked. */
  options.outputs = CLOSS_OUTPUT_LOSS;
  return closs_loss_supported(linear->context, &options, error);
}

/* db, the sum of G's rows: the gradient of a broadcast 0 against G in the sum of squares is -2 times it, and -1/2 of
 * that is exact. */
static closs_status make_sums(closs_linear *linear, closs_error *error) {
  const closs_linear_options *o = &linear->options;
  const uint64_t shape[2] = {o->rows, o->outputs};
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_MSE;
  options.reduction = CLOSS_SUM;
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input = closs_tensor_contiguous(o->dtype, 1, &shape[1]);
  options.input.strides[0] = 0;
  options.target = closs_tensor_contiguous(o->dtype, 2, shape);
  closs_tensor gradient = closs_tensor_contiguous(o->dtype, 1, &shape[1]);
  options.input_gradient = &gradient;
  return closs_plan_create(linear->context, &options, &linear->sums, error);
}

static void lay_out(closs_linear *linear) {
  const closs_linear_options *o = &linear->options;
  uint64_t size = closs_dtype_size(o->dtype), used = 0;
  if (linear->stores_gradient) linear->gradient_at = take(&used, o->rows * o->outputs * size);
  if (linear->sums != NULL) {
    linear->zero_at = take(&used, size);
    linear->sums_at = take(&used, closs_plan_workspace(linear->sums));
  }
  if (linear->plan != NULL) linear->plan_at = take(&used, closs_plan_workspace(linear->plan));
  if (o->product == CLOSS_LINEAR_PRODUCT_ROWS) {
    uint64_t items = (uint64_t)linear->context->caps.compute_units * ITEMS_PER_UNIT;
    linear->items = (uint32_t)(items < o->rows ? items : o->rows);
    if (o->wanted & CLOSS_LINEAR_W_GRADIENT)
      linear->columns_at = take(&used, linear->items * closs_linear_rows_padded(o) * size);
  }
  linear->workspace = used;
}

static closs_status make(closs_linear *linear, const closs_linear_options *options, closs_error *error) {
  closs_linear_options *o = &linear->options;
  closs_status status = closs_linear_check_options(linear->context, options, o, &linear->weight, error);
  if (status != CLOSS_OK) return status;
  linear->has_weight = options->weight != NULL;
  /* The kernel of rows has no use for G. */
  uint32_t readers = CLOSS_LINEAR_B_GRADIENT | CLOSS_LINEAR_X_GRADIENT |
                     (o->product == CLOSS_LINEAR_PRODUCT_ROWS ? 0u : (uint32_t)CLOSS_LINEAR_W_GRADIENT);
  linear->stores_gradient = (o->wanted & readers) != 0;
  status = make_plan(linear, options->parameters, options->parameter_count, &linear->plan, error);
  if (status == CLOSS_OK && (o->wanted & CLOSS_LINEAR_B_GRADIENT)) status = make_sums(linear, error);
  if (status != CLOSS_OK) return status;
  linear->parameter = find_parameter(options);
  o->parameters = NULL;
  o->weight = NULL;
  lay_out(linear);
  return CLOSS_OK;
}

closs_status closs_linear_create(closs_context *context, const closs_linear_options *options, closs_linear **linear,
                                 closs_error *error) {
  if (linear == NULL) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "linear: NULL, expected where to put it");
  *linear = NULL;
  if (context == NULL || options == NULL)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL", context == NULL ? "context" : "options");
  /* It reads closs's own structures. */
  if (strcmp(closs_version(), CLOSS_VERSION) != 0)
    return closs_fail(error, CLOSS_UNSUPPORTED, "libcloss is %s, libcloss-linear " CLOSS_VERSION "; expected the same",
                      closs_version());
  closs_linear *made = closs_allocate(&context->allocator, sizeof *made);
  if (made == NULL) return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a layer (%zu bytes)", sizeof *made);
  made->context = context;
  closs_status status = make(made, options, error);
  if (status != CLOSS_OK) {
    closs_linear_destroy(made);
    return status;
  }
  *linear = made;
  return CLOSS_OK;
}

void closs_linear_destroy(closs_linear *linear) {
  if (linear == NULL) return;
  closs_linear_kernels_release(linear);
  closs_plan_destroy(linear->plan);
  closs_plan_destroy(linear->sums);
  closs_release(&linear->context->allocator, linear);
}

closs_linear_product closs_linear_product_of(const closs_linear *linear) {
  return linear->options.product;
}

uint64_t closs_linear_workspace(const closs_linear *linear) {
  return linear->workspace;
}

closs_status closs_linear_prepare(closs_linear *linear, closs_error *error) {
  if (linear == NULL) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "linear: NULL");
  if (linear->prepared) return CLOSS_OK;
  closs_status status = linear->plan != NULL ? closs_plan_prepare(linear->plan, error) : CLOSS_OK;
  if (status == CLOSS_OK && linear->sums != NULL) status = closs_plan_prepare(linear->sums, error);
  if (status == CLOSS_OK) status = closs_linear_kernels_make(linear, error);
  if (status != CLOSS_OK) closs_linear_kernels_release(linear);
  linear->prepared = status == CLOSS_OK;
  return status;
}

closs_status closs_linear_set_parameters(closs_linear *linear, const closs_parameter *parameters, size_t count,
                                         closs_error *error) {
  closs_plan *plan = NULL;
  if (linear == NULL || (count > 0 && parameters == NULL))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL", linear == NULL ? "linear" : "parameters");
  closs_linear_options given = linear->options;
  given.parameters = parameters;
  given.parameter_count = count;
  closs_status status = make_plan(linear, parameters, count, &plan, error);
  if (status == CLOSS_OK && plan != NULL && linear->prepared) status = closs_plan_prepare(plan, error);
  if (status != CLOSS_OK) {
    closs_plan_destroy(plan);
    return status;
  }
  closs_plan_destroy(linear->plan);
  linear->plan = plan;
  linear->parameter = find_parameter(&given);
  return CLOSS_OK;
}

static closs_buffer workspace_at(const closs_linear_call *call, uint64_t at) {
  return (closs_buffer){call->buffers->workspace.memory, call->buffers->workspace.offset + at};
}

/* An array in the workspace: its offset is in elements. */
static closs_buffer array_at(const closs_linear_call *call, uint64_t at) {
  closs_buffer buffer = workspace_at(call, at);
  buffer.offset /= closs_dtype_size(call->linear->options.dtype);
  return buffer;
}

static closs_status enqueue_loss(const closs_linear_call *call, closs_error *error) {
  const closs_linear *linear = call->linear;
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  if (linear->plan == NULL) return CLOSS_OK;
  buffers.input = call->buffers->predictions;
  buffers.target = call->buffers->y;
  buffers.weight = call->buffers->weight;
  buffers.loss = call->buffers->loss;
  buffers.input_gradient = array_at(call, linear->gradient_at);
  buffers.workspace = workspace_at(call, linear->plan_at);
  buffers.upstream_value = call->buffers->upstream;
  return closs_enqueue(linear->plan, call->queue, &buffers, 0, NULL, NULL, error);
}

static closs_status enqueue_sums(const closs_linear_call *call, closs_error *error) {
  const closs_linear *linear = call->linear;
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  const uint64_t zero = 0;
  size_t size = closs_dtype_size(linear->options.dtype);
  if (linear->sums == NULL) return CLOSS_OK;
  buffers.input = array_at(call, linear->zero_at);
  buffers.target = array_at(call, linear->gradient_at);
  buffers.input_gradient = call->buffers->b_gradient;
  buffers.workspace = workspace_at(call, linear->sums_at);
  buffers.upstream_value = -0.5;
  cl_int code = linear->context->cl.EnqueueFillBuffer(call->queue, buffers.input.memory, &zero, size,
                                                      (size_t)buffers.input.offset * size, size, 0, NULL, NULL);
  if (code != CL_SUCCESS) return closs_fail_opencl(error, code, "clEnqueueFillBuffer of %zu bytes of workspace", size);
  return closs_enqueue(linear->sums, call->queue, &buffers, 0, NULL, NULL, error);
}

static closs_status enqueue_steps(const closs_linear_call *call, closs_error *error) {
  const closs_linear_options *o = &call->linear->options;
  bool rows = o->product == CLOSS_LINEAR_PRODUCT_ROWS;
  closs_status status = rows ? closs_linear_rows(call, error) : closs_linear_blas_predictions(call, error);
  if (status == CLOSS_OK) status = enqueue_loss(call, error);
  if (status == CLOSS_OK && !rows && (o->wanted & CLOSS_LINEAR_W_GRADIENT))
    status = closs_linear_blas_w_gradient(call, error);
  if (status == CLOSS_OK && (o->wanted & CLOSS_LINEAR_X_GRADIENT)) status = closs_linear_blas_x_gradient(call, error);
  return status == CLOSS_OK ? enqueue_sums(call, error) : status;
}

closs_status closs_linear_enqueue(closs_linear *linear, cl_command_queue queue, const closs_linear_buffers *buffers,
                                  cl_uint wait_count, const cl_event *wait, cl_event *event, closs_error *error) {
  if (event != NULL) *event = NULL;
  if (linear == NULL || buffers == NULL || queue == NULL)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL",
                      linear == NULL    ? "linear"
                      : buffers == NULL ? "buffers"
                                        : "queue");
  if ((wait_count > 0) != (wait != NULL))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "wait: %s, but wait_count is %u",
                      wait == NULL ? "NULL" : "not NULL", (unsigned)wait_count);
  if (!linear->prepared)
    return closs_fail(error, CLOSS_NOT_PREPARED, "linear: not prepared; call closs_linear_prepare() first");
  const closs_opencl *cl = &linear->context->cl;
  const closs_linear_call call = {linear, queue, buffers};
  closs_status status = closs_linear_check_buffers(&call, error);
  if (status == CLOSS_OK && wait_count > 0) {
    cl_event marker = NULL;
    cl_int code = cl->EnqueueMarkerWithWaitList(queue, wait_count, wait, &marker);
    if (code != CL_SUCCESS) return closs_fail_opencl(error, code, "clEnqueueMarkerWithWaitList of %u", wait_count);
    cl->ReleaseEvent(marker);
  }
  if (status == CLOSS_OK) status = enqueue_steps(&call, error);
  if (status != CLOSS_OK || event == NULL) return status;
  cl_int code = cl->EnqueueMarkerWithWaitList(queue, 0, NULL, event);
  if (code == CL_SUCCESS) return CLOSS_OK;
  *event = NULL;
  return closs_fail_opencl(error, code, "clEnqueueMarkerWithWaitList");
}
