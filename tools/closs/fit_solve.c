#include "fit_solve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit_step.h"

/* Where L-BFGS has not come to an end after so many iterations, kinks are in its way. */
enum { PATIENCE = 200, NEWTON_STEPS = 50 };

/* What a Newton step may cost on the host, in products of a band's row with itself. */
#define NEWTON_WORK 1e8

static bool solve_smooth(struct fit_state *state, double tolerance, struct fit_result *result) {
  bool kinks = state->problem->loss != CLOSS_MSE;
  if (!fit_lbfgs(state, tolerance, kinks ? PATIENCE : SIZE_MAX)) return false;
  if (kinks && !fit_smooth_enough(state, tolerance)) {
    if (!fit_evaluate(state, &state->at) || !fit_newton(state, tolerance, SIZE_MAX)) return false;
  }
  result->converged = fit_smooth_enough(state, tolerance);
  double scale = fit_slope_scale(state, &state->at);
  result->certificate = scale > 0 ? fit_norm(state->at.gradient, state->problem->unknowns) / scale : 0;
  result->mean_loss = state->at.loss;
  return true;
}

/* ---- l1 ---- */

static double mean_size(const struct fit_state *state) {
  double sum = 0;
  for (size_t i = 0; i < state->problem->rows; i++)
    sum += fit_share(state->problem, i) * fabs(state->residuals[i]);
  return sum;
}

/*
 * An upper bound of what the objective at `at` is above its minimum, whose residuals are in the state.
 *
 * With any a[i] in [-1, 1], |r| >= a r for every row. Where the sum of share * a * row, plus l2 w, is 0, the objective
 * at its minimum is at least what a gives here: the gap is the sum of share * (|r| - a r). a is r / width, cut to
 * [-1, 1], which misses that by the gradient of the smoothed loss; within the band it is moved by the least squares
 * that make it 0. What is left is counted for a minimum as far from 0 as the point is.
 */
static double duality_gap(struct fit_state *state) {
  const struct fit_problem *problem = state->problem;
  size_t n = problem->unknowns;
  double *left = state->direction, gap = 0;
  fit_band_factor(state, 1, 0);
  memcpy(state->correction, state->at.gradient, n * sizeof *left);
  memcpy(left, state->at.gradient, n * sizeof *left);
  fit_band_solve(state, state->correction);
  for (size_t row = 0; row < problem->rows; row++) {
    double r = state->residuals[row], share = fit_share(problem, row);
    if (fabs(r) >= state->width) continue; /* |r| = a r */
    problem->row(problem->user, row, state->x);
    double before = r / state->width;
    double a = fmax(-1, fmin(1, before - fit_dot(state->x, state->correction, n)));
    gap += share * (fabs(r) - a * r);
    for (size_t i = 0; i < n; i++)
      left[i] += share * (a - before) * state->x[i];
  }
  return gap + 2 * fit_norm(left, n) * fit_norm(state->at.w, n);
}

/* The gap at `at`, relative to the objective there; keeps the best point in the result. */
static bool certify(struct fit_state *state, double tolerance, struct fit_result *result) {
  const struct fit_problem *problem = state->problem;
  size_t n = problem->unknowns, penalised = n - (problem->intercept ? 1 : 0);
  if (!isfinite(state->at.objective)) return true; /* a vertex too far away */
  if (!problem->residuals(problem->user, state->residuals)) return false;
  double loss = mean_size(state);
  double objective = loss + 0.5 * problem->l2 * fit_dot(state->at.w, state->at.w, penalised);
  double gap = duality_gap(state), relative = objective > 0 ? gap / objective : 0;
  /* Of a perfect fit the objective is rounding: roundings of the residuals at the start are then enough. */
  result->converged = result->converged || gap <= fmax(tolerance * objective, 8 * problem->unit * state->start_size);
  if (relative >= result->certificate) return true;
  result->certificate = relative;
  result->mean_loss = loss;
  memcpy(result->w, state->at.w, n * sizeof *result->w);
  return true;
}

/* The point where the band's residuals are 0, or as near as they come: at a vertex, which minima of l1 are, exact. The
 * point before is left in `trial`. */
static bool go_to_vertex(struct fit_state *state) {
  const struct fit_problem *problem = state->problem;
  size_t n = problem->unknowns;
  double *v = state->correction;
  memset(v, 0, n * sizeof *v);
  fit_band_factor(state, 1, 0);
  for (size_t row = 0; row < problem->rows; row++) {
    if (fabs(state->residuals[row]) >= state->width) continue;
    problem->row(problem->user, row, state->x);
    for (size_t i = 0; i < n; i++)
      v[i] += fit_share(problem, row) * state->residuals[row] * state->x[i];
  }
  fit_band_solve(state, v);
  struct fit_point old = state->at;
  for (size_t i = 0; i < n; i++)
    state->trial.w[i] = old.w[i] - v[i];
  state->at = state->trial;
  state->trial = old;
  return fit_evaluate(state, &state->at);
}

/* One width: the minimum of smooth_l1 there, by whichever method suits. */
static bool smooth_l1_minimum(struct fit_state *state, double tolerance) {
  const struct fit_problem *problem = state->problem;
  double unknowns = (double)problem->unknowns;
  if (!problem->set_width(problem->user, state->width) || !fit_evaluate(state, &state->at) ||
      !problem->residuals(problem->user, state->residuals))
    return false;
  if ((double)fit_band(state) * unknowns * unknowns > NEWTON_WORK) return fit_lbfgs(state, 1e-3, PATIENCE);
  return fit_newton(state, tolerance, NEWTON_STEPS);
}

static bool solve_l1(struct fit_state *state, double tolerance, struct fit_result *result) {
  const struct fit_problem *problem = state->problem;
  result->certificate = INFINITY;
  if (!problem->residuals(problem->user, state->residuals)) return false;
  double size = state->start_size = mean_size(state);
  result->mean_loss = size;
  state->width = size / 2;
  result->converged = size == 0;
  if (result->converged) {
    result->certificate = 0;
    return true;
  }
  if (!problem->set_width(problem->user, state->width) || !fit_evaluate(state, &state->at)) return false;
  state->start_scale = 0; /* slopes are at most 1, whatever the residuals: no rounding to allow for */
  if (!fit_lbfgs(state, 1e-2, PATIENCE)) return false;
  /* A width near the rounding of the residuals shows nothing more. */
  for (; !result->converged && state->width > problem->unit * size; state->width /= 4) {
    if (!smooth_l1_minimum(state, 0.01 * tolerance)) return false;
    if (!fit_evaluate(state, &state->at) || !certify(state, tolerance, result)) return false;
    if (!result->converged) {
      if (!go_to_vertex(state) || !certify(state, tolerance, result)) return false;
      struct fit_point vertex = state->at;
      state->at = state->trial;
      state->trial = vertex;
    }
    if (state->iterations >= state->most_iterations) break;
  }
  return true;
}

bool fit_solve(const struct fit_problem *problem, double tolerance, size_t most_iterations, struct fit_result *result) {
  struct fit_state state;
  bool l1 = problem->loss == CLOSS_L1;
  result->converged = result->overflowed = false;
  result->iterations = 0;
  if (!fit_state_make(&state, problem, most_iterations, result->w)) return false;
  if (l1) state.width = 1;
  bool good = (!l1 || problem->set_width(problem->user, state.width)) && fit_evaluate(&state, &state.at);
  result->overflowed = good && !isfinite(state.at.objective);
  if (good && !result->overflowed) {
    state.start_scale = fit_slope_scale(&state, &state.at);
    good = l1 ? solve_l1(&state, tolerance, result) : solve_smooth(&state, tolerance, result);
    if (!l1) memcpy(result->w, state.at.w, problem->unknowns * sizeof *result->w);
    result->iterations = state.iterations;
  }
  fit_state_free(&state);
  return good;
}
