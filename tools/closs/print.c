#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"

bool print_end(struct failure *failure) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return true;
  return failure_set(failure, STATUS_FAILED, "standard output: cannot be written: %s",
                     strerror(errno == 0 ? EIO : errno));
}
