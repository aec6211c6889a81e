#include <string.h>

#include "base/allocate.h"
#include "base/error.h"
#include "linear/linear.h"
#include "plan/tuning.h"

/* Elements that no matrix may pass: their bytes are to fit in 63 bits. */
#define MOST_ELEMENTS ((uint64_t)1 << 59)

/* Fills in a leading dimension that is not given, and checks one that is. */
static closs_status check_leading(const char *name, uint64_t rows, uint64_t columns, const char *what,
                                  uint64_t *leading, closs_error *error) {
  if (*leading == 0) {
    *leading = columns;
  }
  if (*leading < columns) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: %llu, expected 0 or at least the %llu %s", name,
                      (unsigned long long)*leading, (unsigned long long)columns, what);
  }
  if (rows > MOST_ELEMENTS / *leading) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: %llu, and %llu rows of it are more than memory has", name,
                      (unsigned long long)*leading, (unsigned long long)rows);
  }
  return CLOSS_OK;
}

static closs_status check_sizes(closs_linear_options *o, closs_error *error) {
  const struct {
    const char *name;
    uint64_t value;
  } sizes[] = {{"rows", o->rows}, {"features", o->features}, {"outputs", o->outputs}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    if (sizes[i].value == 0 || sizes[i].value > MOST_ELEMENTS) {
      return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: %llu, expected 1 or more, and no more than memory has",
                        sizes[i].name, (unsigned long long)sizes[i].value);
    }
  }
  const struct {
    const char *name;
    uint64_t rows, columns;
    const char *what;
    uint64_t *leading;
  } matrices[] = {{"x_leading", o->rows, o->features, "features", &o->x_leading},
                  {"w_leading", o->features, o->outputs, "outputs", &o->w_leading},
                  {"y_leading", o->rows, o->outputs, "outputs", &o->y_leading},
                  {"predictions_leading", o->rows, o->outputs, "outputs", &o->predictions_leading},
                  {"x_gradient_leading", o->rows, o->features, "features", &o->x_gradient_leading},
                  {"w_gradient_leading", o->features, o->outputs, "outputs", &o->w_gradient_leading}};
  closs_status status = CLOSS_OK;
  for (size_t i = 0; i < sizeof matrices / sizeof matrices[0] && status == CLOSS_OK; i++) {
    status = check_leading(matrices[i].name, matrices[i].rows, matrices[i].columns, matrices[i].what,
                           matrices[i].leading, error);
  }
  return status;
}

static closs_status check_half(const closs_context *context, closs_error *error) {
  size_t size = 0;
  cl_int code = context->cl.GetDeviceInfo(context->device, CL_DEVICE_EXTENSIONS, 0, NULL, &size);
  char *list = code == CL_SUCCESS ? closs_allocate(&context->allocator, size + 1) : NULL;
  if (list != NULL) {
    code = context->cl.GetDeviceInfo(context->device, CL_DEVICE_EXTENSIONS, size, list, NULL);
  }
  bool half = list != NULL && code == CL_SUCCESS && strstr(list, "cl_khr_fp16") != NULL;
  closs_release(&context->allocator, list);
  if (code != CL_SUCCESS) {
    return closs_fail_opencl(error, code, "clGetDeviceInfo of CL_DEVICE_EXTENSIONS");
  }
  return half ? CLOSS_OK
              : closs_fail(error, CLOSS_UNSUPPORTED, "dtype: f16, and %s has no cl_khr_fp16", context->device_name);
}

static closs_status check_dtype(const closs_context *context, closs_dtype dtype, closs_error *error) {
  switch (dtype) {
  case CLOSS_F32:
    return CLOSS_OK;
  case CLOSS_F64:
    return context->caps.fp64
               ? CLOSS_OK
               : closs_fail(error, CLOSS_UNSUPPORTED, "dtype: f64, and %s has no fp64", context->device_name);
  case CLOSS_F16:
    return check_half(context, error);
  default:
    return closs_fail(error, CLOSS_UNSUPPORTED, "dtype: %s, expected f16, f32 or f64", closs_dtype_name(dtype));
  }
}

/* The weights, broadcast to rows x outputs. */
static closs_status check_weight(const closs_linear_options *o, closs_tensor *weight, closs_error *error) {
  const closs_tensor *given = o->weight;
  const uint64_t shape[2] = {o->rows, o->outputs};
  if (given->rank > 2) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "weight: rank %u, expected 0 to 2", (unsigned)given->rank);
  }
  *weight = closs_tensor_contiguous(given->dtype, 2, shape);
  for (uint32_t d = 0; d < 2; d++) {
    uint32_t missing = 2 - given->rank;
    uint64_t size = d < missing ? 1 : given->shape[d - missing];
    if (size != 1 && size != shape[d]) {
      return closs_fail(error, CLOSS_INVALID_ARGUMENT, "weight: dimension %u is %llu, expected 1 or %llu",
                        (unsigned)(d - missing), (unsigned long long)size, (unsigned long long)shape[d]);
    }
    weight->strides[d] = size == 1 ? 0 : given->strides[d - missing];
  }
  return CLOSS_OK;
}

/* NULL where the kernel of rows can do it, else why not. */
static const char *rows_obstacle(const closs_context *context, const closs_linear_options *o,
                                 const closs_tensor *weight) {
  bool gradient = (o->wanted & CLOSS_LINEAR_W_GRADIENT) != 0;
  if (o->outputs != 1 || o->w_leading != 1) {
    return "one output is what it takes, and W without gaps";
  }
  if (o->dtype == CLOSS_F16 || o->rows > UINT32_MAX - 64 || o->features > UINT32_MAX - 64) {
    return "f32 or f64 is what it takes, and fewer than 2^32 rows and features";
  }
  if (o->wanted & CLOSS_LINEAR_X_GRADIENT) {
    return "it gives no dX";
  }
  if (closs_tuning_for(&context->caps).loop_turns != 0) {
    return "its loops are long, and the device ends such early";
  }
  if (gradient && o->reduction == CLOSS_NONE) {
    return "its dW is that of a reduced loss";
  }
  if (gradient && o->weight != NULL &&
      (weight->dtype != o->dtype || weight->strides[0] < 0 || weight->strides[0] > UINT32_MAX ||
       (o->reduction == CLOSS_MEAN && o->mean_over == CLOSS_MEAN_OVER_WEIGHTS))) {
    return "for dW the weights are to be of the layer's type, and not what the mean divides by";
  }
  return NULL;
}

static closs_status choose_product(const closs_context *context, closs_linear_options *o, const closs_tensor *weight,
                                   closs_error *error) {
  const char *obstacle = rows_obstacle(context, o, weight);
  switch (o->product) {
  case CLOSS_LINEAR_PRODUCT_AUTO:
    /* CLBlast's kernels are made for GPUs: on CPUs they take 1.5 to 4 times as long (docs/linear.md). */
    o->product = context->caps.type == CLOSS_DEVICE_CPU && obstacle == NULL ? CLOSS_LINEAR_PRODUCT_ROWS
                                                                            : CLOSS_LINEAR_PRODUCT_CLBLAST;
    return CLOSS_OK;
  case CLOSS_LINEAR_PRODUCT_CLBLAST:
    return CLOSS_OK;
  case CLOSS_LINEAR_PRODUCT_ROWS:
    return obstacle == NULL ? CLOSS_OK : closs_fail(error, CLOSS_UNSUPPORTED, "product: rows: %s", obstacle);
  }
  return closs_fail(error, CLOSS_INVALID_ARGUMENT, "product: %d is none", (int)o->product);
}

closs_status closs_linear_check_options(const closs_context *context, const closs_linear_options *options,
                                        closs_linear_options *checked, closs_tensor *weight, closs_error *error) {
  const uint32_t all = CLOSS_LINEAR_LOSS | CLOSS_LINEAR_W_GRADIENT | CLOSS_LINEAR_B_GRADIENT | CLOSS_LINEAR_X_GRADIENT;
  if (options->size != sizeof *options) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "options: size is %zu, expected %zu; start from CLOSS_LINEAR_OPTIONS_INIT", options->size,
                      sizeof *options);
  }
  *checked = *options;
  if (options->wanted == 0 || (options->wanted & ~all) != 0) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "wanted: 0x%x, expected bits of closs_linear_output",
                      (unsigned)options->wanted);
  }
  if ((options->wanted & CLOSS_LINEAR_B_GRADIENT) && !options->bias) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "wanted: the gradient of b, and there is no bias");
  }
  closs_status status = check_dtype(context, options->dtype, error);
  status = status == CLOSS_OK ? check_sizes(checked, error) : status;
  if (status == CLOSS_OK && options->weight != NULL) {
    status = check_weight(checked, weight, error);
  }
  return status == CLOSS_OK ? choose_product(context, checked, weight, error) : status;
}
