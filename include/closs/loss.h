/**
 * @file loss.h
 * The losses, their parameters, and what can be asked about them without a device.
 *
 * With \f$ d = input - target \f$, each element has a value and a slope, the derivative with respect to the input; that
 * with respect to the target is its negative:
 * - l1 (torch.nn.L1Loss, mindspore.nn.L1Loss): \f$ |d| \f$, slope \f$ d / |d| \f$ and 0 at 0; complex operands too
 * - mse (torch.nn.MSELoss, mindspore.nn.MSELoss): \f$ d^2 \f$, slope \f$ 2 d \f$
 * - smooth_l1 (torch.nn.SmoothL1Loss, mindspore.nn.SmoothL1Loss): where \f$ |d| < \beta \f$, \f$ d^2 / (2 \beta) \f$,
 *   slope \f$ d / \beta \f$; else \f$ |d| - \beta / 2 \f$, slope \f$ d / |d| \f$
 * - huber (torch.nn.HuberLoss, mindspore.nn.HuberLoss): where \f$ |d| \le \delta \f$, \f$ d^2 / 2 \f$, slope \f$ d \f$;
 *   else \f$ \delta (|d| - \delta / 2) \f$, slope \f$ \delta d / |d| \f$
 *
 * With weights \f$ w_i \f$ (1 where there are none) and values \f$ v_i \f$ of \f$ n \f$ elements, the reductions are
 * none, \f$ w_i v_i \f$; sum, \f$ \sum w_i v_i \f$; and mean, \f$ \sum w_i v_i / \sum w_i \f$ or, by
 * #CLOSS_MEAN_OVER_COUNT, \f$ \sum w_i v_i / n \f$.
 *
 * docs/numerics.md fixes each to the last operation.
 */
#ifndef CLOSS_LOSS_H
#define CLOSS_LOSS_H

#include <stdbool.h>
#include <stddef.h>

#include "closs/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup losses Losses and their parameters
 * @{ */

/** The losses: CLOSS_L1, CLOSS_MSE, CLOSS_SMOOTH_L1, CLOSS_HUBER. The numbers are part of the ABI; losses.def holds the
 * rows. 0 is no loss. */
typedef enum closs_loss {
#define CLOSS_LOSS(number, NAME, name, pytorch, mindspore, reduction, mindspore_reduction, complex_operands,           \
                   parameters)                                                                                         \
  CLOSS_##NAME = number,
#include "closs/losses.def"
#undef CLOSS_LOSS
  CLOSS_LOSS_FORCE_INT = 0x7fffffff /**< no loss: keeps the enum as wide as an int */
} closs_loss;

/** The most parameters that a loss has. */
#define CLOSS_MAX_PARAMETERS 1

/** What may be asked about one parameter. */
typedef struct closs_parameter_info {
  const char *name;     /**< "beta" */
  double default_value; /**< PyTorch's */
  double minimum;       /**< the smallest value for f32 arithmetic, 0 where 0 is allowed */
  double smallest; /**< the smallest value other than 0 for f32 arithmetic: 2^-100; for f64 arithmetic it is 2^-900 */
  double largest;  /**< the largest finite value for f32 arithmetic: 2^100; for f64 arithmetic it is 2^900 */
  bool allows_infinity; /**< positive infinity is allowed too */
} closs_parameter_info;

/** What may be asked about one loss. */
typedef struct closs_loss_info {
  closs_loss loss;                                       /**< its number */
  const char *name;                                      /**< "smooth_l1" */
  const char *pytorch;                                   /**< the class whose meaning it has: "torch.nn.SmoothL1Loss" */
  const char *mindspore;                                 /**< "mindspore.nn.SmoothL1Loss" */
  closs_reduction reduction;                             /**< PyTorch's default */
  closs_reduction mindspore_reduction;                   /**< MindSpore's default */
  bool complex_operands;                                 /**< takes c64 and c128 */
  size_t parameter_count;                                /**< how many parameters it has */
  closs_parameter_info parameters[CLOSS_MAX_PARAMETERS]; /**< the first parameter_count are set */
} closs_loss_info;

/** How many losses there are. Thread-safe. */
CLOSS_API size_t closs_loss_count(void);

/** The loss at an index from 0 to closs_loss_count() - 1, in the order of their numbers; NULL beyond. Never freed.
 * Thread-safe. */
CLOSS_API const closs_loss_info *closs_loss_at(size_t index);

/** The loss of this name, NULL where there is none. Never freed. Thread-safe. */
CLOSS_API const closs_loss_info *closs_loss_by_name(const char *name);

/** The loss of this number, NULL where there is none. Never freed. Thread-safe. */
CLOSS_API const closs_loss_info *closs_loss_by_id(closs_loss loss);

/** A parameter by name and value, as a caller gives it. */
typedef struct closs_parameter {
  const char *name; /**< "beta", "delta" */
  double value;     /**< rounded to the arithmetic type */
} closs_parameter;

/** @} */

#ifdef __cplusplus
}
#endif

#endif
