/* The disk cache: a private folder of entries (program/entry.h). The only file that knows a file system; POSIX. */
#ifndef CLOSS_PROGRAM_DISK_H
#define CLOSS_PROGRAM_DISK_H

#include "closs/cache.h"
#include "device/context.h"

typedef struct closs_disk closs_disk;

/*
 * Opens the folder, and makes it where it is missing. One that is not this user's alone to write is refused: *disk is
 * NULL then, and the log says why. The only error is CLOSS_OUT_OF_MEMORY.
 */
closs_status closs_disk_open(const closs_context *context, const char *directory, uint64_t limit, closs_disk **disk,
                             closs_error *error);
void closs_disk_close(const closs_context *context, closs_disk *disk);

/* The bytes kept under a key, as they are; released by the caller. NULL: none. Counts as a use. */
unsigned char *closs_disk_read(const closs_context *context, const closs_disk *disk, const char *key, size_t *size);

/* Keeps bytes under a key, then drops what was used longest ago while all are more than the limit. Failure is logged.
 */
void closs_disk_write(const closs_context *context, const closs_disk *disk, const char *key, const unsigned char *bytes,
                      size_t size);

/* closs_cache_list() and closs_cache_clear(). */
closs_status closs_disk_list(const char *directory, void (*visit)(void *user, const closs_cache_entry *entry),
                             void *user, uint64_t *bytes, closs_error *error);
closs_status closs_disk_clear(const char *directory, closs_error *error);

#endif
