/* What went wrong, on its way to one line on stderr and the exit status. */
#ifndef PROGRAM_FAILURE_H
#define PROGRAM_FAILURE_H

#include <stdbool.h>

#include "closs/status.h"

/* The program's exit statuses, but for 0. */
enum {
  STATUS_FAILED = 1,   /* no device, driver, full disk, an output that cannot be written, a check not passed */
  STATUS_USAGE = 2,    /* the command line or an input is wrong */
  STATUS_STOPPED = 130 /* interrupted */
};

struct failure {
  int status;
  char text[4096]; /* "what failed: the values at fault"; a longer one is cut */
};

/* Fills the failure and returns false, so that a check is one statement. A failure that is set already stays. */
bool failure_set(struct failure *failure, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same from a call of the library: what is wrong with the request is the user's, the rest is not. */
bool failure_set_closs(struct failure *failure, const closs_error *error);

/* The same from an OpenCL call of the program's own. */
bool failure_set_opencl(struct failure *failure, const char *call, int code);

/* The line on stderr, or with json the object. Control characters are shown as '?'. */
void failure_report(const struct failure *failure, bool json);

#endif
