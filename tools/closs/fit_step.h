/* The iterations of fit_solve(): a point, and the ways to a better one. */
#ifndef PROGRAM_FIT_STEP_H
#define PROGRAM_FIT_STEP_H

#include "fit_solve.h"

enum { FIT_MEMORY = 20 }; /* pairs that L-BFGS keeps */

struct fit_point {
  double *w, *gradient;
  double loss, objective; /* without and with l2 */
};

struct fit_state {
  const struct fit_problem *problem;
  struct fit_point at, trial;
  double *direction;
  double *residuals; /* of the rows: after fit_newton() and fit_certify() those of `at` */
  /* L-BFGS: differences of points and gradients, the oldest first. */
  double *steps[FIT_MEMORY], *changes[FIT_MEMORY], products[FIT_MEMORY];
  size_t pairs;
  double *hessian, *x, *correction; /* Newton: unknowns^2; a row's factors; a solution */
  double width;                     /* of the kinks, where there are any */
  size_t iterations, most_iterations;
  double start_scale, start_size; /* of the slopes at the start; l1: of the residuals there */
  void *memory;
};

bool fit_state_make(struct fit_state *state, const struct fit_problem *problem, size_t most_iterations,
                    const double *w);
void fit_state_free(struct fit_state *state);

/* Evaluates at a point's w. */
bool fit_evaluate(const struct fit_state *state, struct fit_point *point);

double fit_norm(const double *v, size_t count);
double fit_dot(const double *a, const double *b, size_t count);

/* What the gradient's norm is compared with: the root mean square of the slopes, or a bound on it. */
double fit_slope_scale(const struct fit_state *state, const struct fit_point *point);

/* Whether the gradient is as small as the tolerance asks, or as it can be seen. */
bool fit_smooth_enough(const struct fit_state *state, double tolerance);

/*
 * Iterate until the gradient is small enough, no step leads on, or `most` iterations are done. False where a callback
 * fails.
 */
bool fit_lbfgs(struct fit_state *state, double tolerance, size_t most);
bool fit_newton(struct fit_state *state, double tolerance, size_t most);

/* A step from `at` along the direction to where the slope is at most `share` of what it was; *found is false where
 * there is none. The new point is `at`, the old one `trial`. */
bool fit_search(struct fit_state *state, double share, bool *found);

/* Rows whose residual is within the width. */
size_t fit_band(const struct fit_state *state);

/* The band's sum of share * row row^T, its Cholesky factor: in state->hessian, times `scale`, with l2. */
void fit_band_factor(struct fit_state *state, double scale, double l2);

/* Solves with the factor, in place. */
void fit_band_solve(const struct fit_state *state, double *v);

double fit_share(const struct fit_problem *problem, size_t row);

#endif
