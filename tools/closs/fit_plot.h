/* closs fit --plot: what was fitted, as a picture. */
#ifndef PROGRAM_FIT_PLOT_H
#define PROGRAM_FIT_PLOT_H

#include "fit_data.h"
#include "plot.h"

/* The objective by iteration. */
struct fit_history {
  double *objectives;
  size_t count, capacity;
};

/* One feature: data and line. More: a histogram of the residuals, and the objective by iteration. */
bool fit_plot_draw(struct plot *plot, const struct fit_data *data, const char *loss, const double *coefficients,
                   const double *residuals, const struct fit_history *history, struct failure *failure);

#endif
