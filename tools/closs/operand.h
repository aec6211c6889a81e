/* An array that the command line names: a file, a list, a number, or stdin. */
#ifndef PROGRAM_OPERAND_H
#define PROGRAM_OPERAND_H

#include "closs/types.h"
#include "failure.h"

struct operand {
  const char *what; /* "INPUT", "--weight": begins error texts */
  const char *text; /* as given */
  closs_tensor tensor;
  const void *data; /* the element of index (0, 0, ...) */
  bool picture;     /* from a .png file */
  void *memory;     /* from malloc(), or NULL */
  void *map;        /* a mapped file, or NULL */
  size_t map_size;
  int descriptor; /* of the mapped file */
  uint64_t most;  /* as operand_source's */
};

/* What the operands of a call share. Starts as zeros. */
struct operand_source {
  bool stdin_taken; /* "-" may stand once */
  uint64_t most;    /* bytes of a stream, or of converted elements, to keep in memory: more go to a temporary file;
                       0: all are kept */
};

/*
 * Reads an array. Files are mapped; elements in the host's byte order stay where they are.
 * @param literal  the type of a list's or number's elements: f32 or f64
 */
bool operand_read(struct operand *operand, const char *what, const char *text, closs_dtype literal,
                  struct operand_source *source, struct failure *failure);

/*
 * Whether a mapped file still has the bytes that it had: one that was cut short would end the program when it is read.
 * (What is cut later still is the signal handler's.)
 */
bool operand_check_whole(const struct operand *operand, struct failure *failure);

/* Converts the elements to another type, each rounded once to nearest even. */
bool operand_convert(struct operand *operand, closs_dtype dtype, struct failure *failure);

void operand_release(struct operand *operand);

#endif
