/* The commands: each reads its arguments, prints to stdout, and says in the failure what went wrong. */
#ifndef PROGRAM_COMMANDS_H
#define PROGRAM_COMMANDS_H

#include "options.h"

bool command_devices(const struct arguments *arguments, struct failure *failure);
bool command_losses(const struct arguments *arguments, struct failure *failure);
bool command_loss(const struct arguments *arguments, struct failure *failure);
bool command_check(const struct arguments *arguments, struct failure *failure);
bool command_curve(const struct arguments *arguments, struct failure *failure);
bool command_fit(const struct arguments *arguments, struct failure *failure);
bool command_bench(const struct arguments *arguments, struct failure *failure);
bool command_pack(const struct arguments *arguments, struct failure *failure);
bool command_cache(const struct arguments *arguments, struct failure *failure);

/* Hands what was printed to the system; fails where stdout does not take it. */
bool print_end(struct failure *failure);

#endif
