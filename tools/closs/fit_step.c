#include "fit_step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double fit_dot(const double *a, const double *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += a[i] * b[i];
  return sum;
}

double fit_norm(const double *v, size_t count) {
  return sqrt(fit_dot(v, v, count));
}

double fit_share(const struct fit_problem *problem, size_t row) {
  return problem->shares != NULL ? problem->shares[row] : 1 / (double)problem->rows;
}

bool fit_state_make(struct fit_state *state, const struct fit_problem *problem, size_t most_iterations,
                    const double *w) {
  size_t n = problem->unknowns, vectors = 5 + 2 + 2 * FIT_MEMORY;
  *state = (struct fit_state){.problem = problem, .width = problem->width, .most_iterations = most_iterations};
  bool kinks = problem->loss != CLOSS_MSE;
  double *at = calloc(vectors * n + (kinks ? n * n + problem->rows : 0), sizeof *at);
  state->memory = at;
  if (at == NULL) return false;
  double **const places[] = {&state->at.w,      &state->at.gradient, &state->trial.w,   &state->trial.gradient,
                             &state->direction, &state->x,           &state->correction};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++, at += n)
    *places[i] = at;
  for (size_t i = 0; i < FIT_MEMORY; i++, at += 2 * n) {
    state->steps[i] = at;
    state->changes[i] = at + n;
  }
  state->hessian = at;
  state->residuals = at + n * n;
  memcpy(state->at.w, w, n * sizeof *w);
  return true;
}

void fit_state_free(struct fit_state *state) {
  free(state->memory);
}

bool fit_evaluate(const struct fit_state *state, struct fit_point *point) {
  const struct fit_problem *problem = state->problem;
  size_t penalised = problem->unknowns - (problem->intercept ? 1 : 0);
  if (!problem->evaluate(problem->user, point->w, &point->loss, point->gradient)) return false;
  for (size_t i = 0; i < penalised; i++)
    point->gradient[i] += problem->l2 * point->w[i];
  point->objective = point->loss + 0.5 * problem->l2 * fit_dot(point->w, point->w, penalised);
  return true;
}

double fit_slope_scale(const struct fit_state *state, const struct fit_point *point) {
  switch (state->problem->loss) {
  case CLOSS_MSE:
    return 2 * sqrt(point->loss);
  case CLOSS_HUBER: /* a slope's square is at most twice its loss */
    return fmin(state->width, sqrt(2 * point->loss));
  default:
    return fmin(1, sqrt(2 * point->loss / state->width));
  }
}

bool fit_smooth_enough(const struct fit_state *state, double tolerance) {
  double limit = fmax(tolerance * fit_slope_scale(state, &state->at), 8 * state->problem->unit * state->start_scale);
  return fit_norm(state->at.gradient, state->problem->unknowns) <= limit;
}

/* Where the next trial goes: by the secant of the slopes, kept away from the ends. */
static double next_step(double low, double low_slope, double high, double high_slope) {
  double t = low - low_slope * (high - low) / (high_slope - low_slope);
  double margin = 0.1 * (high - low);
  return fmin(fmax(t, low + margin), high - margin);
}

bool fit_search(struct fit_state *state, double share, bool *found) {
  size_t n = state->problem->unknowns;
  double slope = fit_dot(state->at.gradient, state->direction, n), step = 1;
  double low = 0, low_slope = slope, high = 0, high_slope = 0, overflow = INFINITY;
  double blur = 16 * state->problem->unit * fabs(state->at.objective); /* differences below it are rounding */
  *found = false;
  for (int trial = 0; trial < 40 && slope < 0; trial++) {
    for (size_t i = 0; i < n; i++)
      state->trial.w[i] = state->at.w[i] + step * state->direction[i];
    if (!fit_evaluate(state, &state->trial)) return false;
    if (!isfinite(state->trial.objective)) { /* too far to be seen from there: much nearer */
      overflow = step;
      step = low > 0 ? sqrt(low * step) : step / 64;
      continue;
    }
    double here = fit_dot(state->trial.gradient, state->direction, n);
    /* The objective is convex: where it falls at the end of the step, it fell all the way. */
    bool lower = here <= 0 || state->trial.objective <= state->at.objective + 1e-4 * step * slope ||
                 (here <= -0.5 * slope && state->trial.objective <= state->at.objective + blur);
    if (lower && fabs(here) <= -share * slope) {
      struct fit_point old = state->at;
      state->at = state->trial;
      state->trial = old;
      *found = true;
      return true;
    }
    if (here < 0) {
      low = step;
      low_slope = here;
    } else {
      high = step;
      high_slope = here;
    }
    step = high > 0 ? next_step(low, low_slope, high, high_slope) : fmin(4 * step, sqrt(step * overflow));
  }
  return true;
}

/* After a step from `trial` to `at`. */
static void keep_pair(struct fit_state *state) {
  size_t n = state->problem->unknowns, at = state->pairs;
  if (at == FIT_MEMORY) { /* the oldest goes, and its place is used again */
    double *step = state->steps[0], *change = state->changes[0];
    at = FIT_MEMORY - 1;
    memmove(state->steps, state->steps + 1, at * sizeof *state->steps);
    memmove(state->changes, state->changes + 1, at * sizeof *state->changes);
    memmove(state->products, state->products + 1, at * sizeof *state->products);
    state->steps[at] = step;
    state->changes[at] = change;
  }
  for (size_t i = 0; i < n; i++) {
    state->steps[at][i] = state->at.w[i] - state->trial.w[i];
    state->changes[at][i] = state->at.gradient[i] - state->trial.gradient[i];
  }
  state->products[at] = fit_dot(state->steps[at], state->changes[at], n);
  double sizes = fit_norm(state->steps[at], n) * fit_norm(state->changes[at], n);
  state->pairs = state->products[at] > 1e-8 * sizes ? at + 1 : at;
}

/* The two loops of L-BFGS (Nocedal 1980). */
static void lbfgs_direction(struct fit_state *state) {
  size_t n = state->problem->unknowns;
  double *d = state->direction, factors[FIT_MEMORY] = {0};
  for (size_t i = 0; i < n; i++)
    d[i] = -state->at.gradient[i];
  for (size_t k = state->pairs; k-- > 0;) {
    factors[k] = fit_dot(state->steps[k], d, n) / state->products[k];
    for (size_t i = 0; i < n; i++)
      d[i] -= factors[k] * state->changes[k][i];
  }
  if (state->pairs > 0) {
    const double *change = state->changes[state->pairs - 1];
    double scale = state->products[state->pairs - 1] / fit_dot(change, change, n);
    for (size_t i = 0; i < n; i++)
      d[i] *= scale;
  }
  for (size_t k = 0; k < state->pairs; k++) {
    double factor = factors[k] - fit_dot(state->changes[k], d, n) / state->products[k];
    for (size_t i = 0; i < n; i++)
      d[i] += factor * state->steps[k][i];
  }
}

static void report(struct fit_state *state) {
  const struct fit_problem *problem = state->problem;
  state->iterations++;
  problem->step(problem->user, state->iterations, state->at.objective, fit_norm(state->at.gradient, problem->unknowns));
}

bool fit_lbfgs(struct fit_state *state, double tolerance, size_t most) {
  bool found = true;
  state->pairs = 0;
  for (size_t i = 0; i < most && state->iterations < state->most_iterations; i++) {
    if (fit_smooth_enough(state, tolerance)) return true;
    lbfgs_direction(state);
    if (!fit_search(state, 0.9, &found)) return false;
    if (!found && state->pairs == 0) return true;
    if (!found) {
      state->pairs = 0; /* once more, downhill */
      continue;
    }
    keep_pair(state);
    report(state);
  }
  return true;
}

/* ---- the rows within the width ---- */

size_t fit_band(const struct fit_state *state) {
  size_t count = 0;
  for (size_t i = 0; i < state->problem->rows; i++)
    count += fabs(state->residuals[i]) < state->width;
  return count;
}

void fit_band_factor(struct fit_state *state, double scale, double l2) {
  const struct fit_problem *problem = state->problem;
  size_t n = problem->unknowns;
  double *h = state->hessian, *x = state->x, trace = 0;
  memset(h, 0, n * n * sizeof *h);
  for (size_t row = 0; row < problem->rows; row++) {
    if (fabs(state->residuals[row]) >= state->width) continue;
    double share = scale * fit_share(problem, row);
    problem->row(problem->user, row, x);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j <= i; j++)
        h[i * n + j] += share * x[i] * x[j];
  }
  for (size_t i = 0; i < n; i++) {
    h[i * n + i] += problem->intercept && i == n - 1 ? 0 : l2;
    trace += h[i * n + i];
  }
  /* Rows that leave directions open get a slope there: as little as the factor bears. */
  double ridge = trace > 0 ? 1e-11 * trace : 1;
  for (size_t i = 0; i < n; i++) {
    h[i * n + i] += ridge;
    for (size_t j = 0; j <= i; j++) {
      double sum = h[i * n + j] - fit_dot(h + i * n, h + j * n, j);
      h[i * n + j] = i == j ? sqrt(fmax(sum, ridge)) : sum / h[j * n + j];
    }
  }
}

void fit_band_solve(const struct fit_state *state, double *v) {
  size_t n = state->problem->unknowns;
  const double *h = state->hessian;
  for (size_t i = 0; i < n; i++)
    v[i] = (v[i] - fit_dot(h + i * n, v, i)) / h[i * n + i];
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; k++)
      v[i] -= h[k * n + i] * v[k];
    v[i] /= h[i * n + i];
  }
}

bool fit_newton(struct fit_state *state, double tolerance, size_t most) {
  const struct fit_problem *problem = state->problem;
  size_t n = problem->unknowns;
  double best = INFINITY;
  int idle = 0;
  if (!problem->residuals(problem->user, state->residuals)) return false;
  for (size_t i = 0; i < most && state->iterations < state->most_iterations; i++) {
    double norm = fit_norm(state->at.gradient, n);
    bool found;
    if (fit_smooth_enough(state, tolerance)) return true;
    /* Rounding of the residuals shows as a gradient that no longer falls. */
    idle = norm > 0.9 * best ? idle + 1 : 0;
    best = fmin(best, norm);
    if (idle == 4) return true;
    fit_band_factor(state, problem->loss == CLOSS_HUBER ? 1 : 1 / state->width, problem->l2);
    for (size_t k = 0; k < n; k++)
      state->direction[k] = -state->at.gradient[k];
    fit_band_solve(state, state->direction);
    if (!fit_search(state, 0.5, &found)) return false;
    /* The last point evaluated is to be the one kept: residuals are of that. */
    if (!found) return fit_evaluate(state, &state->at) && problem->residuals(problem->user, state->residuals);
    if (!problem->residuals(problem->user, state->residuals)) return false;
    report(state);
  }
  return true;
}
