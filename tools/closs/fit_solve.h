/*
 * Minimises the mean loss of a linear model: pure, no OpenCL. What takes a pass over the data is asked of the problem.
 *
 *     objective(w) = sum over rows of share[i] * loss(residual[i]) + l2 / 2 * |w but for the intercept|^2
 *
 * mse, huber, smooth_l1: L-BFGS, and where that is slow (a width far below the residuals) Newton's method on the rows
 * whose residual is within the width. l1: smooth_l1 of decreasing width, until a duality gap certifies the result.
 */
#ifndef PROGRAM_FIT_SOLVE_H
#define PROGRAM_FIT_SOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "closs/loss.h"

struct fit_problem {
  void *user;
  size_t rows, unknowns;
  bool intercept; /* the last unknown, which l2 leaves alone */
  closs_loss loss;
  double width; /* huber's delta, smooth_l1's beta */
  double l2;
  const double *shares; /* of the rows, sum 1; NULL: all equal */
  double unit;          /* the largest relative error of one rounding of the products */

  /* Mean loss and gradient at w without l2, of the loss given above (of l1 smooth_l1, with the last set_width()).
   * An infinite loss: products, loss or gradient overflow there. */
  bool (*evaluate)(void *user, const double *w, double *loss, double *gradient);
  bool (*set_width)(void *user, double width);
  /* Prediction minus target of every row, of the last w evaluated. */
  bool (*residuals)(void *user, double *residuals);
  /* The row's factors of the unknowns: of the intercept 1. */
  void (*row)(void *user, size_t row, double *x);
  /* After each iteration. */
  void (*step)(void *user, size_t iteration, double objective, double gradient_norm);
};

struct fit_result {
  double *w;          /* the caller's, of so many unknowns: the start and the result */
  double mean_loss;   /* without l2 */
  double certificate; /* what the tolerance is compared with: see fit_solve() */
  size_t iterations;
  bool converged;
  bool overflowed; /* at the start, so that nothing was done */
};

/*
 * Converged is, with a tolerance t,
 * - smooth losses: |gradient| <= t * the root mean square of the loss's slopes (bounded from the loss), so that slopes
 *   and columns are orthogonal but for t; or 8 roundings of that at the start, where nothing more can be seen
 * - l1: the duality gap is at most t * the objective, or 8 roundings of the objective at the start
 * Returns false where a callback did, or memory is short.
 */
bool fit_solve(const struct fit_problem *problem, double tolerance, size_t most_iterations, struct fit_result *result);

#endif
