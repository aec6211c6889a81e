/* The text and the options of a program. */
#ifndef CLOSS_PROGRAM_SOURCE_H
#define CLOSS_PROGRAM_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "program/programs.h"

/* A file of cl/, by its path there; the build makes the list, which ends with a NULL name. */
typedef struct closs_source_file {
  const char *name;
  const char *text;
  unsigned char sha256[32]; /* of the text */
} closs_source_file;

extern const closs_source_file closs_source_files[];

/* What a row of kernels.def says. */
typedef struct closs_variant_info {
  const char *name;
  closs_dtype arithmetic;
  closs_dtype storage;
  bool contiguous;
  bool complex_operands;
  uint32_t index_bits;
} closs_variant_info;

const closs_variant_info *closs_variant_at(closs_variant variant);

#define CLOSS_SOURCE_PARTS 20
#define CLOSS_OPTIONS_LENGTH 512

/* Everything that a compiler gets. The texts are constants; the program is their concatenation. */
typedef struct closs_source {
  const closs_source_file *files[CLOSS_SOURCE_PARTS];
  const char *parts[CLOSS_SOURCE_PARTS]; /* their texts */
  uint32_t count;
  char options[CLOSS_OPTIONS_LENGTH];
} closs_source;

/* The bodies, in the order of their kernels in a program: that of one called NAME is closs_NAME, of NAME.cl. */
typedef struct closs_body_info {
  enum closs_body body;
  const char *name;
} closs_body_info;

#define CLOSS_BODY_COUNT 6
extern const closs_body_info closs_bodies[CLOSS_BODY_COUNT];

/* Puts together the text and options of a spec, for a device with or without fp64. */
void closs_source_make(const closs_program_spec *spec, bool fp64, closs_source *source);

#endif
