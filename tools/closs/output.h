/*
 * Files that a command writes: all of them, or none.
 *
 * Each is written under a temporary name beside its place, and renamed once all are complete. Links are followed. What
 * is not a regular file (/dev/null, a pipe) is written in place.
 */
#ifndef PROGRAM_OUTPUT_H
#define PROGRAM_OUTPUT_H

#include <stddef.h>
#include <sys/types.h>

#include "failure.h"

#define OUTPUT_MAX 4

struct output {
  const char *option; /* "--output": begins error texts */
  const char *path;   /* as given */
  char *target;       /* the file behind links */
  char *temporary;
  char *backup; /* while files are put in place: the target as it was */
  int descriptor;
  bool in_place;
  dev_t device; /* which file it is: the target's own numbers, or the folder's and the name in it */
  ino_t inode;
  const char *name;
  const void *parts[2]; /* what is to be written; the caller's */
  size_t sizes[2];
};

struct outputs {
  struct output list[OUTPUT_MAX];
  size_t count;
};

/* Adds a file and makes its temporary one; returns NULL on failure. `option` and `path` are kept. */
struct output *outputs_add(struct outputs *outputs, const char *option, const char *path, struct failure *failure);

/* Writes what the caller has put into each `parts`, everything but the renaming; what is in place goes last. */
bool outputs_write(struct outputs *outputs, struct failure *failure);

/* Puts the files in place; on failure all are as they were. No signal interrupts from here on. */
bool outputs_commit(struct outputs *outputs, struct failure *failure);

/* Removes what is not in place, and frees everything. */
void outputs_release(struct outputs *outputs);

#endif
