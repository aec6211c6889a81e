/* Products by CLBlast: GEMV for one output, GEMM for more; the queue's order is what orders them. */
#include "base/error.h"
#include "linear/linear.h"

#include <clblast_c.h>

#define HALF_ONE 0x3c00 /* 1 as f16 */

/* A matrix in a buffer. */
typedef struct matrix {
  cl_mem memory;
  size_t at, leading;
} matrix;

static matrix matrix_at(const closs_buffer *buffer, uint64_t leading) {
  return (matrix){buffer->memory, (size_t)buffer->offset, (size_t)leading};
}

/* G, in the workspace. */
static matrix gradient(const closs_linear_call *call) {
  const closs_linear *linear = call->linear;
  uint64_t bytes = call->buffers->workspace.offset + linear->gradient_at;
  return (matrix){call->buffers->workspace.memory, (size_t)(bytes / closs_dtype_size(linear->options.dtype)),
                  (size_t)linear->options.outputs};
}

static closs_status report(CLBlastStatusCode code, const char *what, closs_error *error) {
  if (code == CLBlastSuccess) return CLOSS_OK;
  /* Its own statuses are below -1000; those above are OpenCL's. */
  if (code > -1000) return closs_fail_opencl(error, code, "CLBlast: %s", what);
  closs_status status = closs_fail(error, CLOSS_OPENCL_ERROR, "CLBlast: %s: status %d", what, (int)code);
  if (error != NULL) error->opencl = code;
  return status;
}

/* C = op(A) op(B) + beta C, with C m x n and a sum of k products. */
static closs_status gemm(const closs_linear_call *call, const char *what, bool transpose_a, bool transpose_b, size_t m,
                         size_t n, size_t k, matrix a, matrix b, bool add, matrix c, closs_error *error) {
  const CLBlastTranspose ta = transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo;
  const CLBlastTranspose tb = transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo;
  cl_command_queue queue = call->queue;
  CLBlastStatusCode code;
  switch (call->linear->options.dtype) {
  case CLOSS_F64:
    code = CLBlastDgemm(CLBlastLayoutRowMajor, ta, tb, m, n, k, 1, a.memory, a.at, a.leading, b.memory, b.at, b.leading,
                        add, c.memory, c.at, c.leading, &queue, NULL);
    break;
  case CLOSS_F32:
    code = CLBlastSgemm(CLBlastLayoutRowMajor, ta, tb, m, n, k, 1, a.memory, a.at, a.leading, b.memory, b.at, b.leading,
                        add, c.memory, c.at, c.leading, &queue, NULL);
    break;
  default:
    code = CLBlastHgemm(CLBlastLayoutRowMajor, ta, tb, m, n, k, HALF_ONE, a.memory, a.at, a.leading, b.memory, b.at,
                        b.leading, add ? HALF_ONE : 0, c.memory, c.at, c.leading, &queue, NULL);
    break;
  }
  return report(code, what, error);
}

/* y += op(A) x, with A m x n; the leading dimensions of x and y are from one element to the next. CLBlast's GEMV reads
 * y also where it is to be replaced, and makes NaN of NaN times 0: it is always added to. */
static closs_status gemv(const closs_linear_call *call, const char *what, bool transpose, size_t m, size_t n, matrix a,
                         matrix x, matrix y, closs_error *error) {
  const CLBlastTranspose ta = transpose ? CLBlastTransposeYes : CLBlastTransposeNo;
  cl_command_queue queue = call->queue;
  CLBlastStatusCode code;
  switch (call->linear->options.dtype) {
  case CLOSS_F64:
    code = CLBlastDgemv(CLBlastLayoutRowMajor, ta, m, n, 1, a.memory, a.at, a.leading, x.memory, x.at, x.leading, 1,
                        y.memory, y.at, y.leading, &queue, NULL);
    break;
  case CLOSS_F32:
    code = CLBlastSgemv(CLBlastLayoutRowMajor, ta, m, n, 1, a.memory, a.at, a.leading, x.memory, x.at, x.leading, 1,
                        y.memory, y.at, y.leading, &queue, NULL);
    break;
  default:
    code = CLBlastHgemv(CLBlastLayoutRowMajor, ta, m, n, HALF_ONE, a.memory, a.at, a.leading, x.memory, x.at, x.leading,
                        HALF_ONE, y.memory, y.at, y.leading, &queue, NULL);
    break;
  }
  return report(code, what, error);
}

closs_status closs_linear_blas_predictions(const closs_linear_call *call, closs_error *error) {
  const closs_linear_options *o = &call->linear->options;
  const closs_linear_buffers *b = call->buffers;
  matrix x = matrix_at(&b->x, o->x_leading), w = matrix_at(&b->w, o->w_leading);
  matrix predictions = matrix_at(&b->predictions, o->predictions_leading);
  bool vector = o->outputs == 1;
  if (vector || o->bias) {
    closs_status status = closs_linear_fill(call, &b->predictions, o->rows, o->outputs, o->predictions_leading,
                                            o->bias ? &b->b : NULL, error);
    if (status != CLOSS_OK) return status;
  }
  if (vector) {
    return gemv(call, "predictions = X W + b", false, (size_t)o->rows, (size_t)o->features, x, w, predictions, error);
  }
  return gemm(call, "predictions = X W + b", false, false, (size_t)o->rows, (size_t)o->outputs, (size_t)o->features, x,
              w, o->bias, predictions, error);
}

closs_status closs_linear_blas_w_gradient(const closs_linear_call *call, closs_error *error) {
  const closs_linear_options *o = &call->linear->options;
  const closs_buffer *buffer = &call->buffers->w_gradient;
  matrix x = matrix_at(&call->buffers->x, o->x_leading), result = matrix_at(buffer, o->w_gradient_leading);
  if (o->outputs > 1) {
    return gemm(call, "dW = X^T G", true, false, (size_t)o->features, (size_t)o->outputs, (size_t)o->rows, x,
                gradient(call), false, result, error);
  }
  closs_status status = closs_linear_fill(call, buffer, o->features, 1, o->w_gradient_leading, NULL, error);
  if (status != CLOSS_OK) return status;
  return gemv(call, "dW = X^T G", true, (size_t)o->rows, (size_t)o->features, x, gradient(call), result, error);
}

closs_status closs_linear_blas_x_gradient(const closs_linear_call *call, closs_error *error) {
  const closs_linear_options *o = &call->linear->options;
  matrix w = matrix_at(&call->buffers->w, o->w_leading);
  matrix result = matrix_at(&call->buffers->x_gradient, o->x_gradient_leading);
  return gemm(call, "dX = G W^T", false, true, (size_t)o->rows, (size_t)o->features, (size_t)o->outputs, gradient(call),
              w, false, result, error);
}
