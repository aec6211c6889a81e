/* A computation that was asked for, checked and brought into one form: what the planner and the reference start from.
 */
#ifndef CLOSS_CHECK_REQUEST_H
#define CLOSS_CHECK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "closs/plan.h"
#include "device/caps.h"

/* The arrays of a computation. Kernels number their arguments in this order. */
enum closs_slot {
  CLOSS_SLOT_INPUT,
  CLOSS_SLOT_TARGET,
  CLOSS_SLOT_WEIGHT,
  CLOSS_SLOT_UPSTREAM,
  CLOSS_SLOT_LOSS,
  CLOSS_SLOT_INPUT_GRADIENT,
  CLOSS_SLOT_TARGET_GRADIENT,
  CLOSS_SLOT_COUNT
};

/* The argument's name as error texts say it: "input", "target", "weight", "upstream", "loss", "input_gradient",
 * "target_gradient". */
extern const char *const closs_slot_names[CLOSS_SLOT_COUNT];

typedef struct closs_request {
  const closs_loss_info *info;
  closs_reduction reduction;
  bool over_weights; /* a mean that divides by the sum of the weights */
  uint32_t outputs;
  closs_dtype common;                      /* the operands' common type */
  closs_dtype arithmetic;                  /* T: CLOSS_F32 or CLOSS_F64 */
  bool complex_operands;                   /* at least one operand is complex */
  double parameters[CLOSS_MAX_PARAMETERS]; /* rounded to T; unused ones 0 */

  uint32_t rank; /* of the broadcast shape */
  uint64_t shape[CLOSS_MAX_RANK];
  uint64_t terms;       /* elements of the broadcast shape */
  uint64_t total_terms; /* 0: the whole; else this is a piece of a sum of so many */
  uint32_t states;      /* that a piece goes on in: 0 of gradients alone, 2 of a sum of complex slopes, else 1 */

  /* By slot. A slot is used where the computation reads or writes it. `tensors` has the array's own rank and shape
   * (contiguous strides filled in where the caller left them out); `strides` is aligned to the broadcast shape, 0 along
   * broadcast dimensions. A reduced loss has rank 0; a scalar upstream tensor all strides 0. */
  bool used[CLOSS_SLOT_COUNT];
  closs_tensor tensors[CLOSS_SLOT_COUNT];
  int64_t strides[CLOSS_SLOT_COUNT][CLOSS_MAX_RANK];
  int64_t lowest[CLOSS_SLOT_COUNT];  /* smallest and largest element offset reached from element (0, 0, ...); */
  int64_t highest[CLOSS_SLOT_COUNT]; /* both 0 where the array has no elements */

  /* Of input and target (index 0 and 1). */
  bool broadcast[2];         /* the operand's gradient sums over at least one dimension longer than 1, or of length 0 */
  uint32_t gradient_mode[2]; /* bits of closs_gradient_mode */
} closs_request;

/* The outputs that are sums of a gradient's terms. */
#define CLOSS_SLOPE_SUMS (CLOSS_OUTPUT_INPUT_SLOPE_SUM | CLOSS_OUTPUT_TARGET_SLOPE_SUM)

/*
 * Checks everything that depends neither on buffers nor on OpenCL, and fills the request.
 * caps: what the device can do; NULL: the host reference, which can do everything.
 */
closs_status closs_check_options(const closs_plan_options *options, const closs_caps *caps, closs_request *request,
                                 closs_error *error);

#endif
