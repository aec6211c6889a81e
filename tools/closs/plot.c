#include "plot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "spool.h"

static bool start(struct plot *plot, struct failure *failure) {
  int ends[2];
  plot->picture = tmpfile();
  plot->complaints = plot->picture == NULL ? NULL : tmpfile();
  if (plot->complaints == NULL || pipe(ends) != 0)
    return failure_set(failure, STATUS_FAILED, "%s: a temporary file: %s", plot->option, strerror(errno));
  /* gnuplot must not hold the writing end of its own input: it would never see its end. */
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  /* Without initialisation files (-d): pictures are the same for every user. */
  char *const command[] = {"gnuplot", "-d", "-", NULL};
  int code = child_start(&plot->process, command, ends[0], fileno(plot->picture), fileno(plot->complaints));
  if (code != 0) plot->process = 0;
  close(ends[0]);
  plot->script = code == 0 ? fdopen(ends[1], "w") : NULL;
  if (plot->script != NULL) return true;
  close(ends[1]);
  if (code == ENOENT)
    return failure_set(failure, STATUS_FAILED,
                       "%s: gnuplot draws the picture, and is not installed (Debian: gnuplot-nox)", plot->option);
  return failure_set(failure, STATUS_FAILED, "%s: gnuplot cannot be run: %s", plot->option,
                     strerror(code == 0 ? errno : code));
}

bool plot_begin(struct plot *plot, const char *option, unsigned width, unsigned height, struct failure *failure) {
  *plot = (struct plot){.option = option};
  if (!start(plot, failure)) return false;
  fprintf(plot->script,
          "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
          "  set terminal pngcairo size %u,%u noenhanced font 'sans,10' linewidth 1.2\n"
          "} else {\n"
          "  set terminal png size %u,%u noenhanced\n"
          "}\n",
          width, height, width, height);
  /* Colours that stay apart for the colour-blind (Okabe and Ito). */
  fputs("set linetype 1 linecolor rgb '#0072b2' linewidth 2\n"
        "set linetype 2 linecolor rgb '#d55e00' linewidth 2\n"
        "set linetype 3 linecolor rgb '#009e73' linewidth 2\n"
        "set linetype 4 linecolor rgb '#cc79a7' linewidth 2\n"
        "set linetype 5 linecolor rgb '#e69f00' linewidth 2\n"
        "set linetype 6 linecolor rgb '#56b4e9' linewidth 2\n"
        "set linetype cycle 6\n"
        "set border 3 linecolor rgb '#505050'\n"
        "set tics nomirror\n"
        "set grid linecolor rgb '#d8d8d8' linewidth 0.5\n"
        "set style fill solid 0.6 noborder\n"
        "set datafile missing 'nan'\n",
        plot->script);
  return true;
}

void plot_data(struct plot *plot, const char *name, size_t rows, size_t columns, const double *values) {
  fprintf(plot->script, "$%s << END_OF_DATA\n", name);
  for (size_t i = 0; i < rows * columns; i++) {
    if (isfinite(values[i])) fprintf(plot->script, "%.9g", values[i]);
    fputs(isfinite(values[i]) ? "" : "nan", plot->script);
    fputc((i + 1) % columns == 0 ? '\n' : ' ', plot->script);
  }
  fputs("END_OF_DATA\n", plot->script);
}

/* gnuplot's last word on what it did not understand. */
static bool refuse(struct plot *plot, struct failure *failure) {
  size_t size = 0;
  char *text = spool_read(fileno(plot->complaints), &size);
  const char *line = "no picture";
  char *next = NULL;
  for (char *at = text == NULL ? NULL : strtok_r(text, "\n", &next); at != NULL; at = strtok_r(NULL, "\n", &next))
    if (at[strspn(at, " ^\t")] != 0) line = at;
  failure_set(failure, STATUS_FAILED, "%s: gnuplot: %s", plot->option, line + strspn(line, " \t"));
  free(text);
  return false;
}

/* Closes the script and waits for gnuplot's end; its status, as waitpid() gives it. */
static int finish(struct plot *plot) {
  int status = 0;
  if (plot->script != NULL) fclose(plot->script); /* a gnuplot that is gone has said why */
  plot->script = NULL;
  if (plot->process != 0) status = child_wait(plot->process);
  plot->process = 0;
  return status;
}

bool plot_end(struct plot *plot, struct output *file, struct failure *failure) {
  int status = finish(plot);
  size_t size = 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return refuse(plot, failure);
  plot->png = spool_read(fileno(plot->picture), &size);
  if (plot->png == NULL)
    return failure_set(failure, STATUS_FAILED, "%s: the picture cannot be read: %s", plot->option, strerror(errno));
  if (size == 0) return refuse(plot, failure);
  file->parts[0] = plot->png;
  file->sizes[0] = size;
  return true;
}

void plot_release(struct plot *plot) {
  finish(plot);
  if (plot->picture != NULL) fclose(plot->picture);
  if (plot->complaints != NULL) fclose(plot->complaints);
  free(plot->png);
  *plot = (struct plot){.option = NULL};
}
