/* Arrays that are written out on the command line: '[[1, 2], [3, 4]]', or a number. */
#ifndef PROGRAM_LITERAL_H
#define PROGRAM_LITERAL_H

#include "closs/types.h"
#include "failure.h"

/* Whether an argument is one, rather than a file's name. */
bool literal_is(const char *text);

/*
 * Reads one into contiguous elements of `dtype` (f32 or f64). `what` begins error texts.
 * @param[out] data  from malloc(); the caller frees it
 */
bool literal_read(const char *what, const char *text, closs_dtype dtype, closs_tensor *tensor, void **data,
                  struct failure *failure);

#endif
