/* Programs as self-contained texts for vendors' offline compilers. */
#ifndef CLOSS_PROGRAM_OFFLINE_H
#define CLOSS_PROGRAM_OFFLINE_H

#include "closs/bundle.h"
#include "program/source.h"

#define CLOSS_MAX_KERNELS (CLOSS_BODY_COUNT - 1) /* of a program: all bodies but the probe */
#define CLOSS_OFFLINE_NAME 80

/* A source as the caller sees it, with what that points to. */
typedef struct closs_offline {
  closs_offline_source source;
  closs_kernel_info kernels[CLOSS_MAX_KERNELS];
  closs_kernel_argument arguments[CLOSS_MAX_KERNELS][CLOSS_MAX_KERNEL_ARGUMENTS];
  char name[CLOSS_OFFLINE_NAME];
  char prefix[CLOSS_PREFIX];
  char *text;  /* from the allocator */
  char *words; /* of the kernels and their arguments, from the allocator */
} closs_offline;

/* "closs_l1_contiguous_f32": of a spec's source. */
void closs_offline_name(const closs_program_spec *spec, char name[CLOSS_OFFLINE_NAME]);

/*
 * "closs_l1_contiguous_f32_9f86d081_": what the kernels of a spec begin with in an image. The digits are those of
 * closs's version and all that is compiled, so that an image of other sources has none of these kernels.
 */
void closs_offline_prefix(const closs_program_spec *spec, bool fp64, char prefix[CLOSS_PREFIX]);

/* Makes the text of a spec of schedule lanes, for a device with or without fp64. CLOSS_OUT_OF_MEMORY. */
closs_status closs_offline_make(const closs_allocator *allocator, const closs_program_spec *spec, bool fp64,
                                closs_offline *offline, closs_error *error);
void closs_offline_release(const closs_allocator *allocator, closs_offline *offline);

#endif
