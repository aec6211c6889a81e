#include "fit_device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool make_buffer(struct fit_device *fit, closs_buffer *buffer, const char *what, size_t elements, void *content,
                        struct failure *failure) {
  cl_int code;
  size_t bytes = elements * closs_dtype_size(fit->data->dtype);
  cl_mem_flags flags = content == NULL ? 0 : fit->device.shares_memory ? CL_MEM_USE_HOST_PTR : CL_MEM_COPY_HOST_PTR;
  if (bytes > fit->device.max_allocation)
    return failure_set(failure, STATUS_FAILED, "%s: %zu bytes; the device takes at most %llu at once", what, bytes,
                       (unsigned long long)fit->device.max_allocation);
  buffer->memory = clCreateBuffer(fit->device.opencl, flags, bytes, content, &code);
  if (code == CL_SUCCESS) return true;
  buffer->memory = NULL;
  return failure_set_opencl(failure, "clCreateBuffer", code);
}

static bool make_buffers(struct fit_device *fit, struct failure *failure) {
  const struct fit_data *data = fit->data;
  closs_linear_buffers *b = &fit->buffers;
  const closs_linear_buffers none = CLOSS_LINEAR_BUFFERS_INIT;
  size_t size = closs_dtype_size(data->dtype), workspace = (size_t)closs_linear_workspace(fit->linear);
  *b = none;
  /* Coefficients and intercept, and what comes back of them, in one buffer each: one transfer an evaluation. */
  b->b.offset = data->columns;
  b->w_gradient.offset = 1;
  b->b_gradient.offset = 1 + data->columns;
  fit->w = calloc(data->columns + 2, size);
  fit->results = calloc(data->columns + 2, size);
  fit->predictions = malloc(data->rows * size);
  if (fit->w == NULL || fit->results == NULL || fit->predictions == NULL)
    return failure_set(failure, STATUS_FAILED, "results: out of memory for %zu predictions", data->rows);
  if (!make_buffer(fit, &b->x, "X", data->rows * data->columns, data->design, failure) ||
      !make_buffer(fit, &b->y, "Y", data->rows, data->targets, failure) ||
      !make_buffer(fit, &b->w, "coefficients", data->columns + 1, NULL, failure) ||
      !make_buffer(fit, &b->predictions, "predictions", data->rows, NULL, failure) ||
      !make_buffer(fit, &b->loss, "gradient", data->columns + 2, NULL, failure) ||
      !make_buffer(fit, &b->workspace, "workspace", workspace / size + 1, NULL, failure))
    return false;
  b->b.memory = b->w.memory;
  b->w_gradient.memory = b->b_gradient.memory = b->loss.memory;
  return data->shares == NULL || make_buffer(fit, &b->weight, "--weight", data->rows, data->shares_typed, failure);
}

static bool make_layer(struct fit_device *fit, double width, struct failure *failure) {
  const struct fit_data *data = fit->data;
  const closs_loss_info *info = closs_loss_by_id(fit->loss);
  const closs_parameter parameter = {info->parameter_count > 0 ? info->parameters[0].name : "", width};
  const closs_tensor weight = closs_tensor_contiguous(data->dtype, 2, (uint64_t[]){data->rows, 1});
  closs_linear_options options = CLOSS_LINEAR_OPTIONS_INIT;
  closs_error error;
  options.dtype = data->dtype;
  options.rows = data->rows;
  options.features = data->columns;
  options.bias = data->intercept;
  options.wanted = CLOSS_LINEAR_LOSS | CLOSS_LINEAR_W_GRADIENT | (data->intercept ? CLOSS_LINEAR_B_GRADIENT : 0u);
  options.loss = fit->loss;
  options.parameters = &parameter;
  options.parameter_count = info->parameter_count;
  /* Shares have the sum 1: their weighted sum is the weighted mean. */
  options.reduction = data->shares != NULL ? CLOSS_SUM : CLOSS_MEAN;
  options.weight = data->shares != NULL ? &weight : NULL;
  if (closs_linear_create(fit->device.context, &options, &fit->linear, &error) == CLOSS_OK &&
      closs_linear_prepare(fit->linear, &error) == CLOSS_OK)
    return true;
  return failure_set_closs(failure, &error);
}

bool fit_device_open(struct fit_device *fit, const struct arguments *arguments, const struct fit_data *data,
                     const closs_loss_info *info, double width, struct failure *failure) {
  cl_int code = CL_SUCCESS;
  *fit = (struct fit_device){.data = data, .failure = failure};
  fit->loss = info->loss == CLOSS_L1 ? CLOSS_SMOOTH_L1 : info->loss;
  if (!device_open_chosen(arguments, &fit->device, failure) || !make_layer(fit, width, failure)) return false;
  fit->queue = clCreateCommandQueue(fit->device.opencl, fit->device.id, 0, &code);
  if (code != CL_SUCCESS) return failure_set_opencl(failure, "clCreateCommandQueue", code);
  return make_buffers(fit, failure);
}

static double get(const struct fit_device *fit, const void *values, size_t at) {
  return fit->data->dtype == CLOSS_F64 ? ((const double *)values)[at] : (double)((const float *)values)[at];
}

static bool read_buffer(struct fit_device *fit, cl_mem memory, size_t elements, void *values) {
  cl_int code = clEnqueueReadBuffer(fit->queue, memory, CL_TRUE, 0, elements * closs_dtype_size(fit->data->dtype),
                                    values, 0, NULL, NULL);
  return code == CL_SUCCESS || failure_set_opencl(fit->failure, "clEnqueueReadBuffer", code);
}

bool fit_device_evaluate(void *user, const double *w, double *loss, double *gradient) {
  struct fit_device *fit = user;
  const struct fit_data *data = fit->data;
  size_t size = closs_dtype_size(data->dtype);
  closs_error error;
  closs_convert(data->dtype, fit->w, CLOSS_F64, w, data->features, NULL);
  if (data->intercept)
    closs_convert(data->dtype, (char *)fit->w + data->columns * size, CLOSS_F64, w + data->features, 1, NULL);
  cl_int code = clEnqueueWriteBuffer(fit->queue, fit->buffers.w.memory, CL_FALSE, 0, (data->columns + 1) * size, fit->w,
                                     0, NULL, NULL);
  if (code != CL_SUCCESS) return failure_set_opencl(fit->failure, "clEnqueueWriteBuffer", code);
  if (closs_linear_enqueue(fit->linear, fit->queue, &fit->buffers, 0, NULL, NULL, &error) != CLOSS_OK)
    return failure_set_closs(fit->failure, &error);
  if (!read_buffer(fit, fit->buffers.loss.memory, data->columns + 2, fit->results)) return false;
  *loss = get(fit, fit->results, 0);
  double sum = *loss;
  for (size_t i = 0; i < data->features; i++)
    sum += gradient[i] = get(fit, fit->results, 1 + i);
  if (data->intercept) sum += gradient[data->features] = get(fit, fit->results, 1 + data->columns);
  if (!isfinite(sum)) *loss = INFINITY;
  return true;
}

bool fit_device_set_width(void *user, double width) {
  struct fit_device *fit = user;
  const closs_parameter parameter = {closs_loss_by_id(fit->loss)->parameters[0].name, width};
  closs_error error;
  return closs_linear_set_parameters(fit->linear, &parameter, 1, &error) == CLOSS_OK ||
         failure_set_closs(fit->failure, &error);
}

bool fit_device_residuals(void *user, double *residuals) {
  struct fit_device *fit = user;
  if (!read_buffer(fit, fit->buffers.predictions.memory, fit->data->rows, fit->predictions)) return false;
  for (size_t i = 0; i < fit->data->rows; i++)
    residuals[i] = get(fit, fit->predictions, i) - get(fit, fit->data->targets, i);
  return true;
}

void fit_device_close(struct fit_device *fit) {
  cl_mem buffers[] = {fit->buffers.x.memory,           fit->buffers.y.memory,    fit->buffers.w.memory,
                      fit->buffers.predictions.memory, fit->buffers.loss.memory, fit->buffers.workspace.memory,
                      fit->buffers.weight.memory};
  if (fit->queue != NULL) clFinish(fit->queue);
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
    if (buffers[i] != NULL) clReleaseMemObject(buffers[i]);
  if (fit->queue != NULL) clReleaseCommandQueue(fit->queue);
  closs_linear_destroy(fit->linear);
  device_close(&fit->device);
  free(fit->w);
  free(fit->results);
  free(fit->predictions);
}
