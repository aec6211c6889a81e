/* Pictures of curves, drawn by gnuplot where it is installed. */
#ifndef PROGRAM_PLOT_H
#define PROGRAM_PLOT_H

#include <stdio.h>
#include <sys/types.h>

#include "output.h"

struct plot {
  const char *option; /* "--plot": begins error texts */
  FILE *script;       /* gnuplot's standard input: commands are printed to it */
  FILE *picture;      /* what it draws, and what it complains about: files that have no name */
  FILE *complaints;
  pid_t process; /* 0: none runs */
  void *png;     /* after plot_end() */
};

/*
 * Starts gnuplot for a .png picture of so many pixels; colours, grid and key are set. A gnuplot that is not installed
 * is told here, before anything is computed. plot_release() is the caller's, also on failure.
 */
bool plot_begin(struct plot *plot, const char *option, unsigned width, unsigned height, struct failure *failure);

/* The data block $name: rows of numbers with spaces between. Values that are not finite are left out of the picture. */
void plot_data(struct plot *plot, const char *name, size_t rows, size_t columns, const double *values);

/* Waits for the picture, and hands it to the file that it goes to. */
bool plot_end(struct plot *plot, struct output *file, struct failure *failure);

/* Frees everything; the file must have been written. */
void plot_release(struct plot *plot);

#endif
