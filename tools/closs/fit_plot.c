#include "fit_plot.h"

#include <math.h>
#include <stdlib.h>

/* More points than a picture can show are thinned out. */
enum { MOST_POINTS = 4000, BINS = 60 };

static bool out_of_memory(struct failure *failure) {
  return failure_set(failure, STATUS_FAILED, "--plot: out of memory");
}

/* Data and line, in the units of X and Y. */
static bool draw_line(struct plot *plot, const struct fit_data *data, const char *loss, const double *coefficients,
                      const double *residuals, struct failure *failure) {
  size_t every = (data->rows + MOST_POINTS - 1) / MOST_POINTS, count = (data->rows + every - 1) / every;
  double *points = malloc(count * 2 * sizeof *points), scale = data->scale[0] == 0 ? 1 : data->scale[0], x[2];
  double low = INFINITY, high = -INFINITY, intercept = data->intercept ? coefficients[1] : 0;
  if (points == NULL) return out_of_memory(failure);
  for (size_t i = 0; i < count; i++) {
    fit_data_row(data, i * every, x);
    points[2 * i] = x[0] / scale + data->shift[0];
    points[2 * i + 1] = coefficients[0] * points[2 * i] + intercept - residuals[i * every];
    low = fmin(low, points[2 * i]);
    high = fmax(high, points[2 * i]);
  }
  plot_data(plot, "data", count, 2, points);
  plot_data(plot, "fit", 2, 2,
            (double[]){low, coefficients[0] * low + intercept, high, coefficients[0] * high + intercept});
  free(points);
  fprintf(plot->script,
          "set key top left\nset xlabel 'X'\nset ylabel 'Y'\n"
          "plot $data with points pointtype 7 pointsize 0.4 linecolor rgb '#90a0b0' title 'data', "
          "$fit with lines linetype 2 linewidth 2 title '%s'\n",
          loss);
  return true;
}

/* Residuals between the 1st and the 99th percentile, with some room; those beyond go into the last bins. */
static bool draw_histogram(struct plot *plot, const struct fit_data *data, const double *residuals,
                           struct failure *failure) {
  double largest = 0, sizes = 0, bins[BINS][2];
  for (size_t i = 0; i < data->rows; i++) {
    sizes += fabs(residuals[i]) / (double)data->rows;
    largest = fmax(largest, fabs(residuals[i]));
  }
  (void)failure;
  double end = largest > 5 * sizes ? 5 * sizes : largest > 0 ? largest : 1, width = 2 * end / BINS;
  for (int b = 0; b < BINS; b++) {
    bins[b][0] = -end + (b + 0.5) * width;
    bins[b][1] = 0;
  }
  for (size_t i = 0; i < data->rows; i++) {
    int bin = (int)floor((fmax(-end, fmin(end, residuals[i])) + end) / width);
    bins[bin < BINS ? bin : BINS - 1][1]++;
  }
  plot_data(plot, "residuals", BINS, 2, bins[0]);
  fprintf(plot->script,
          "set boxwidth %.9g\nset xlabel 'prediction minus target'\nset ylabel 'rows'\nset yrange [0:*]\n"
          "plot $residuals with boxes linetype 1 notitle\nset yrange [*:*]\n",
          0.92 * width);
  return true;
}

static void draw_history(struct plot *plot, const char *loss, const struct fit_history *history) {
  plot_data(plot, "history", history->count, 1, history->objectives);
  double first = history->objectives[0], last = history->objectives[history->count - 1];
  fprintf(plot->script,
          "set xlabel 'iteration'\nset ylabel 'mean %s'\n%s"
          "plot $history using 0:1 with linespoints linetype 2 pointtype 7 pointsize 0.4 notitle\n",
          loss, last > 0 && first > 20 * last ? "set logscale y\n" : "");
}

bool fit_plot_draw(struct plot *plot, const struct fit_data *data, const char *loss, const double *coefficients,
                   const double *residuals, const struct fit_history *history, struct failure *failure) {
  if (data->features == 1) return draw_line(plot, data, loss, coefficients, residuals, failure);
  fputs("set multiplot layout 1,2\n", plot->script);
  if (!draw_histogram(plot, data, residuals, failure)) return false;
  draw_history(plot, loss, history);
  fputs("unset multiplot\n", plot->script);
  return true;
}
