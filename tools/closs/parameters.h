/* Parameters of losses on the command line: --param NAME=VALUE and --NAME VALUE. */
#ifndef PROGRAM_PARAMETERS_H
#define PROGRAM_PARAMETERS_H

#include "options.h"

#include "closs/loss.h"

struct parameters {
  closs_parameter *list; /* its names lie in `names` */
  char **names;
  size_t count;
};

/* Reads what is given; whether a loss has it, and its range, is the library's to say. */
bool parameters_read(struct parameters *parameters, const struct arguments *arguments, struct failure *failure);

void parameters_release(struct parameters *parameters);

#endif
