/* The layer's own kernels. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "linear/linear.h"
#include "program/source.h"

/* As in cl/linear.cl. */
#define FLAG_GRADIENT 1u
#define FLAG_BIAS 2u
#define FLAG_WEIGHT 4u

static const char *text_of(const char *name) {
  const closs_source_file *file = closs_source_files;
  while (strcmp(file->name, name) != 0)
    file++;
  return file->text;
}

uint64_t closs_linear_rows_padded(const closs_linear_options *options) {
  return (options->features + 15) / 16 * 16;
}

static closs_status make_program(closs_linear *linear, closs_error *error) {
  const closs_context *context = linear->context;
  char loss[64], options[128];
  snprintf(loss, sizeof loss, "losses/%s.cl", closs_loss_by_id(linear->options.loss)->name);
  const char *texts[] = {text_of("flags.h"), text_of("prelude.cl"), text_of(loss), text_of("linear.cl")};
  snprintf(options, sizeof options, "-cl-std=CL1.2 -DCLOSS_STORAGE=%d%s%s", (int)linear->options.dtype,
           context->caps.fp64 ? " -DCLOSS_FP64" : "", linear->options.dtype == CLOSS_F64 ? " -DCLOSS_DOUBLE" : "");
  cl_int code = CL_SUCCESS;
  cl_program program =
      context->cl.CreateProgramWithSource(context->context, sizeof texts / sizeof texts[0], texts, NULL, &code);
  if (program == NULL || code != CL_SUCCESS) return closs_fail_opencl(error, code, "clCreateProgramWithSource");
  linear->kernels.program = program;
  code = context->cl.BuildProgram(program, 1, &context->device, options, NULL, NULL);
  if (code == CL_SUCCESS) return CLOSS_OK;
  closs_status status = closs_fail_opencl(error, code, "clBuildProgram of a linear layer with %s", options);
  if (code != CL_BUILD_PROGRAM_FAILURE && code != CL_COMPILER_NOT_AVAILABLE) return status;
  if (error != NULL) error->status = CLOSS_COMPILE_FAILED;
  return CLOSS_COMPILE_FAILED;
}

closs_status closs_linear_kernels_make(closs_linear *linear, closs_error *error) {
  const closs_opencl *cl = &linear->context->cl;
  bool rows = linear->options.product == CLOSS_LINEAR_PRODUCT_ROWS;
  bool fill = !rows && (linear->options.bias || linear->options.outputs == 1);
  const struct {
    const char *name;
    bool wanted;
    cl_kernel *kernel;
  } kernels[] = {
      {"closs_linear_fill", fill, &linear->kernels.fill},
      {"closs_linear_rows", rows, &linear->kernels.rows},
      {"closs_linear_columns", rows && (linear->options.wanted & CLOSS_LINEAR_W_GRADIENT), &linear->kernels.columns}};
  if (!rows && !fill) return CLOSS_OK;
  closs_status status = make_program(linear, error);
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0] && status == CLOSS_OK; i++) {
    if (!kernels[i].wanted) continue;
    cl_int code = CL_SUCCESS;
    *kernels[i].kernel = cl->CreateKernel(linear->kernels.program, kernels[i].name, &code);
    if (code != CL_SUCCESS) {
      *kernels[i].kernel = NULL;
      status = closs_fail_opencl(error, code, "clCreateKernel of %s", kernels[i].name);
    }
  }
  return status;
}

void closs_linear_kernels_release(closs_linear *linear) {
  const closs_opencl *cl = &linear->context->cl;
  cl_kernel kernels[] = {linear->kernels.fill, linear->kernels.rows, linear->kernels.columns};
  for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
    if (kernels[i] != NULL) cl->ReleaseKernel(kernels[i]);
  if (linear->kernels.program != NULL) cl->ReleaseProgram(linear->kernels.program);
  linear->kernels = (closs_linear_kernels){NULL, NULL, NULL, NULL};
}

/* Sets arguments one after the other, and keeps the first error. */
typedef struct arguments {
  const closs_linear_call *call;
  cl_kernel kernel;
  cl_uint count; /* that are set, which is the number of one that fails */
  cl_int code;
} arguments;

static void put(arguments *a, size_t size, const void *value) {
  if (a->code == CL_SUCCESS) a->code = a->call->linear->context->cl.SetKernelArg(a->kernel, a->count, size, value);
  if (a->code == CL_SUCCESS) a->count++;
}

static void put_uint(arguments *a, uint64_t value) {
  cl_uint narrow = (cl_uint)value;
  put(a, sizeof narrow, &narrow);
}

static void put_wide(arguments *a, uint64_t value) {
  put_uint(a, value);
  put_uint(a, value >> 32);
}

static void put_real(arguments *a, double value) {
  float narrow = (float)value;
  if (a->call->linear->options.dtype == CLOSS_F64) {
    put(a, sizeof value, &value);
  } else {
    put(a, sizeof narrow, &narrow);
  }
}

/* A buffer and an offset into it; what is not used is never read, and may be any buffer but NULL. */
static void put_array(arguments *a, closs_buffer buffer, bool used) {
  cl_mem memory = used ? buffer.memory : a->call->buffers->x.memory;
  put(a, sizeof memory, &memory);
  put_wide(a, used ? buffer.offset : 0);
}

static closs_status launch(arguments *a, const char *name, cl_uint rank, const size_t global[2], closs_error *error) {
  const closs_opencl *cl = &a->call->linear->context->cl;
  const size_t ones[2] = {1, 1};
  /* A row's share is a work-group of its own; the others choose. */
  const size_t *local = a->kernel == a->call->linear->kernels.rows ? ones : NULL;
  if (a->code != CL_SUCCESS)
    return closs_fail_opencl(error, a->code, "clSetKernelArg of argument %u of %s", a->count, name);
  cl_int code = cl->EnqueueNDRangeKernel(a->call->queue, a->kernel, rank, NULL, global, local, 0, NULL, NULL);
  return code == CL_SUCCESS ? CLOSS_OK : closs_fail_opencl(error, code, "clEnqueueNDRangeKernel of %s", name);
}

closs_status closs_linear_fill(const closs_linear_call *call, const closs_buffer *matrix, uint64_t rows,
                               uint64_t columns, uint64_t leading, const closs_buffer *b, closs_error *error) {
  const closs_buffer none = CLOSS_BUFFER_NONE;
  arguments a = {call, call->linear->kernels.fill, 0, CL_SUCCESS};
  put_array(&a, *matrix, true);
  put_wide(&a, leading);
  put_array(&a, b != NULL ? *b : none, b != NULL);
  put_uint(&a, b != NULL);
  put_uint(&a, columns);
  put_wide(&a, rows);
  /* Sizes without large primes: some devices take such ones as they are, an element at a time. */
  const size_t global[2] = {(size_t)(columns + 7) / 8 * 8, (size_t)(rows + 63) / 64 * 64};
  return launch(&a, "closs_linear_fill", 2, global, error);
}

/* The work-items' sums, in the workspace. */
static closs_buffer columns(const closs_linear_call *call) {
  uint64_t bytes = call->buffers->workspace.offset + call->linear->columns_at;
  return (closs_buffer){call->buffers->workspace.memory, bytes / closs_dtype_size(call->linear->options.dtype)};
}

/* What the sum of slopes is multiplied by. */
static double scale_of(const closs_linear_call *call) {
  const closs_linear_options *o = &call->linear->options;
  return call->buffers->upstream / (o->reduction == CLOSS_MEAN ? (double)o->rows : 1);
}

closs_status closs_linear_rows(const closs_linear_call *call, closs_error *error) {
  const closs_linear *linear = call->linear;
  const closs_linear_options *o = &linear->options;
  const closs_linear_buffers *b = call->buffers;
  bool gradient = (o->wanted & CLOSS_LINEAR_W_GRADIENT) != 0;
  uint32_t flags = (gradient ? FLAG_GRADIENT : 0) | (o->bias ? FLAG_BIAS : 0) | (linear->has_weight ? FLAG_WEIGHT : 0);
  uint64_t share = (o->rows + linear->items - 1) / linear->items, padded = closs_linear_rows_padded(o);
  const size_t items[2] = {(size_t)((o->rows + share - 1) / share), 1};
  const size_t features[2] = {(size_t)(o->features + 63) / 64 * 64, 1};
  arguments a = {call, linear->kernels.rows, 0, CL_SUCCESS};
  put_array(&a, b->x, true);
  put_wide(&a, o->x_leading);
  put_array(&a, b->w, true);
  put_array(&a, b->b, o->bias);
  put_array(&a, b->y, true);
  put_wide(&a, o->y_leading);
  put_array(&a, b->weight, linear->has_weight && gradient);
  put_uint(&a, linear->has_weight ? (uint64_t)linear->weight.strides[0] : 0);
  put_array(&a, b->predictions, true);
  put_wide(&a, o->predictions_leading);
  put_array(&a, columns(call), gradient);
  put_uint(&a, padded);
  put_uint(&a, o->rows);
  put_uint(&a, o->features);
  put_uint(&a, share);
  put_uint(&a, flags);
  put_real(&a, linear->parameter);
  put_real(&a, 1 / (o->dtype == CLOSS_F64 ? linear->parameter : (double)(float)linear->parameter));
  closs_status status = launch(&a, "closs_linear_rows", 1, items, error);
  if (status != CLOSS_OK || !gradient) return status;
  a = (arguments){call, linear->kernels.columns, 0, CL_SUCCESS};
  put_array(&a, columns(call), true);
  put_uint(&a, padded);
  put_uint(&a, items[0]);
  put_uint(&a, o->features);
  put_real(&a, scale_of(call));
  put_array(&a, b->w_gradient, true);
  put_wide(&a, o->w_gradient_leading);
  return launch(&a, "closs_linear_columns", 1, features, error);
}
