/* Whole files. */
#ifndef PROGRAM_FILE_H
#define PROGRAM_FILE_H

#include <stddef.h>

#include "failure.h"

/* All bytes of a file, from malloc(), and one zero behind them; NULL on failure. `what` begins error texts. */
void *file_read(const char *what, const char *path, size_t *size, struct failure *failure);

#endif
