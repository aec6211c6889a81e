/* Temporary files without a name, for what is to take no memory, or to reach another process. */
#ifndef PROGRAM_SPOOL_H
#define PROGRAM_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

/* Makes an empty one in $TMPDIR, else in /tmp. Returns its descriptor; -1 with errno. */
int spool_open(void);

/*
 * Gives a file a length, on the disk too, and maps it: what is written there is in the file. A full disk is an error
 * here, not a signal later. NULL with errno, and an empty file where only the mapping failed.
 */
void *spool_map(int descriptor, size_t size);

/* Writes all of it behind what was written; false with errno. */
bool spool_write(int descriptor, const char *bytes, size_t size);

/* All that is in one, from malloc(), and one zero behind it. NULL with errno. */
char *spool_read(int descriptor, size_t *size);

#endif
