/* The command line: what may stand there, what does, and the help that says so. */
#ifndef PROGRAM_OPTIONS_H
#define PROGRAM_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#include "failure.h"

/* Commands as bits, so that an option can name those that have it. */
enum {
  COMMAND_NONE = 1, /* the program itself */
  COMMAND_DEVICES = 2,
  COMMAND_LOSSES = 4,
  COMMAND_LOSS = 8,
  COMMAND_CHECK = 16,
  COMMAND_BENCH = 32,
  COMMAND_CACHE = 64,
  COMMAND_PACK = 128,
  COMMAND_CURVE = 256,
  COMMAND_FIT = 512,
  COMMAND_ANY = 1023
};

struct option {
  const char *name; /* without the dashes */
  char letter;      /* or 0 */
  int commands;
  bool repeatable;
  bool parameter;       /* of a loss */
  const char *argument; /* its name in the help; NULL: a flag */
  const char *help;     /* NULL: not listed */
};

/* An option as it stands on the command line. */
struct given {
  const struct option *option;
  const char *value; /* "" for a flag */
};

struct arguments {
  int command;              /* COMMAND_NONE where none is named */
  const char *command_name; /* what was named, also where it is no command */
  struct option *options;   /* all that there are */
  size_t option_count;
  struct given *given;
  size_t given_count;
  const char **operands; /* behind the command */
  size_t operand_count;
  bool json; /* set as far as the command line could be read, also on failure */
  bool verbose;
};

/*
 * Reads the command line. Options stand anywhere, `--name value` or `--name=value`; `--` ends them. An option takes
 * its argument whatever it looks like. Frees nothing on failure: arguments_release() does.
 */
bool arguments_read(struct arguments *arguments, int argc, char **argv, struct failure *failure);
void arguments_release(struct arguments *arguments);

/* The value of an option ("" for a flag), or NULL where it is not given. */
const char *arguments_value(const struct arguments *arguments, const char *name);

/* The commands' names: "devices, losses, loss or check". */
const char *arguments_commands(void);

/* Says what may stand on the command line of a command. */
void arguments_help(const struct arguments *arguments, FILE *file);

#endif
