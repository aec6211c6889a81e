/* What the tests of the program share. */
#ifndef TEST_PROGRAM_H
#define TEST_PROGRAM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h wants the four above. */
#include <cmocka.h>

#include "failure.h"

/* That a call failed with this status, and a line that holds this text. */
static inline void assert_failure(const struct failure *failure, int status, const char *part) {
  if (failure->status != status || strstr(failure->text, part) == NULL)
    fail_msg("status %d, \"%s\"; expected status %d, \"%s\"", failure->status, failure->text, status, part);
}

#endif
