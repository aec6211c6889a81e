/* Parts of names. */
#ifndef PROGRAM_CONTAINS_H
#define PROGRAM_CONTAINS_H

#include <stdbool.h>

/* Whether `part` occurs in `text`, in any case of ASCII letters. */
bool contains(const char *text, const char *part);

#endif
