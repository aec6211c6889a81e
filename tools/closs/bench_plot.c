/* closs bench: the picture. */
#include <stdlib.h>

#include "bench.h"

/* A curve is a loss and a type in one panel; its points are the rows of that loss, type and work. */
static void put_curve(struct plot *plot, const char *name, const struct bench_row *first, const struct bench_row *rows,
                      size_t count, double *points) {
  size_t found = 0;
  for (size_t i = 0; i < count; i++) {
    const struct bench_row *row = &rows[i];
    if (row->loss != first->loss || row->dtype != first->dtype || row->work != first->work) continue;
    points[2 * found] = (double)row->elements;
    points[2 * found++ + 1] = 100 * row->share;
  }
  plot_data(plot, name, found, 2, points);
}

/* The first row of each curve of a panel in turn; NULL behind the last. */
static const struct bench_row *next_curve(const struct bench_row *rows, size_t count, enum bench_work work,
                                          const struct bench_row *last) {
  for (const struct bench_row *row = last == NULL ? rows : last + 1; row < rows + count; row++) {
    const struct bench_row *other = rows;
    if (row->work != work) continue;
    while (other->work != work || other->loss != row->loss || other->dtype != row->dtype)
      other++;
    if (other == row) return row;
  }
  return NULL;
}

static void put_panel(struct plot *plot, const struct bench_row *rows, size_t count, enum bench_work work,
                      double *points) {
  static const char *const titles[BENCH_WORKS] = {"forward: share of the reading bandwidth",
                                                  "gradient: share of the copying bandwidth",
                                                  "fused loss and gradients: share of the copying bandwidth"};
  char name[32];
  int curves = 0;
  for (const struct bench_row *row = NULL; (row = next_curve(rows, count, work, row)) != NULL; curves++) {
    snprintf(name, sizeof name, "panel%d_%d", (int)work, curves);
    put_curve(plot, name, row, rows, count, points);
  }
  /* One key, beside the last panel, is enough for all. */
  fputs(work + 1 == BENCH_WORKS ? "set key at screen 0.995,0.84 top right\n" : "unset key\n", plot->script);
  fprintf(plot->script, "set title '%s'\nplot 100 with lines linecolor rgb '#808080' dashtype 2 linewidth 1 notitle",
          titles[work]);
  curves = 0;
  for (const struct bench_row *row = NULL; (row = next_curve(rows, count, work, row)) != NULL; curves++) {
    /* A colour a loss; f16 has dashes and open points. */
    bool half = row->dtype == CLOSS_F16;
    fprintf(plot->script, ", $panel%d_%d using 1:2 with linespoints linetype %d dashtype %d pointtype %d title '%s %s'",
            (int)work, curves, (int)row->loss->loss, half ? 2 : 1, half ? 6 : 7, row->loss->name,
            closs_dtype_name(row->dtype));
  }
  fputc('\n', plot->script);
}

bool bench_plot(struct plot *plot, const char *device, const struct bench_row *rows, size_t count, struct output *file,
                struct failure *failure) {
  double *points = malloc(2 * count * sizeof *points);
  if (points == NULL) return failure_set(failure, STATUS_FAILED, "%s: out of memory", plot->option);
  fputs("set multiplot layout 1,3 margins 0.05,0.87,0.13,0.84 spacing 0.045,0 title '", plot->script);
  for (const char *at = device; *at != 0; at++)
    fputc(*at == '\'' || *at == '\n' ? ' ' : *at, plot->script);
  fputs("'\n"
        "set logscale x 2\n"
        "set xtics ('1' 1, '32' 32, '1K' 2**10, '32K' 2**15, '1M' 2**20, '32M' 2**25, '1G' 2**30)\n"
        "set xlabel 'elements'\n"
        "set format y '%g %%'\n"
        "set yrange [0:110<*]\n",
        plot->script);
  for (int work = 0; work < BENCH_WORKS; work++)
    put_panel(plot, rows, count, (enum bench_work)work, points);
  fputs("unset multiplot\n", plot->script);
  free(points);
  return plot_end(plot, file, failure);
}
