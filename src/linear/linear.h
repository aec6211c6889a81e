/* The layer as its steps see it. */
#ifndef CLOSS_LINEAR_LINEAR_H
#define CLOSS_LINEAR_LINEAR_H

#include "closs/linear.h"
#include "device/context.h"

/* Kernels of its own: cl/linear.cl. */
typedef struct closs_linear_kernels {
  cl_program program;
  cl_kernel fill;    /* CLBlast: a matrix that products are added to */
  cl_kernel rows;    /* rows */
  cl_kernel columns; /* rows: sums of the work-items to dW */
} closs_linear_kernels;

struct closs_linear {
  closs_context *context;
  closs_linear_options options; /* leading dimensions filled in, pointers NULL, product never AUTO */
  double parameter;             /* of the loss, as its kernel takes it */
  bool has_weight;
  closs_tensor weight; /* broadcast to {rows, outputs} */
  closs_plan *plan;    /* predictions and targets to loss and G */
  closs_plan *sums;    /* G to db; NULL: not wanted */
  bool stores_gradient;
  bool prepared;
  uint32_t items; /* rows: work-items that share the rows */
  closs_linear_kernels kernels;
  /* Where what lies in the workspace begins, in bytes. */
  uint64_t gradient_at, zero_at, sums_at, plan_at, columns_at, workspace;
};

/* One enqueue. */
typedef struct closs_linear_call {
  const closs_linear *linear;
  cl_command_queue queue;
  const closs_linear_buffers *buffers;
} closs_linear_call;

/* Checks options, fills in leading dimensions and chooses the product: check.c. */
closs_status closs_linear_check_options(const closs_context *context, const closs_linear_options *options,
                                        closs_linear_options *checked, closs_tensor *weight, closs_error *error);

/* Checks queue, sizes and overlaps: buffers.c. */
closs_status closs_linear_check_buffers(const closs_linear_call *call, closs_error *error);

/* CLBlast's products: blas.c. */
closs_status closs_linear_blas_predictions(const closs_linear_call *call, closs_error *error);
closs_status closs_linear_blas_w_gradient(const closs_linear_call *call, closs_error *error);
closs_status closs_linear_blas_x_gradient(const closs_linear_call *call, closs_error *error);

/* Its own kernels: rows.c. */
closs_status closs_linear_kernels_make(closs_linear *linear, closs_error *error);
void closs_linear_kernels_release(closs_linear *linear);
/* All rows of a matrix to b, or with NULL to 0. */
closs_status closs_linear_fill(const closs_linear_call *call, const closs_buffer *matrix, uint64_t rows,
                               uint64_t columns, uint64_t leading, const closs_buffer *b, closs_error *error);
closs_status closs_linear_rows(const closs_linear_call *call, closs_error *error);
uint64_t closs_linear_rows_padded(const closs_linear_options *options); /* features, up to whole vectors */

#endif
