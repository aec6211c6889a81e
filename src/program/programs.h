/* Programs: from what is wanted to a cl_program, compiled once a context. The only folder that compiles. */
#ifndef CLOSS_PROGRAM_PROGRAMS_H
#define CLOSS_PROGRAM_PROGRAMS_H

#include "closs/plan.h"

typedef enum closs_variant {
#define CLOSS_VARIANT(NAME, name, arithmetic, storage, access, complex_operands, index_bits) CLOSS_##NAME,
#include "kernels.def"
#undef CLOSS_VARIANT
  CLOSS_VARIANT_COUNT
} closs_variant;

/* The kernels that a program may hold: one .cl file each. */
enum closs_body {
  CLOSS_BODY_PASS = 1,    /* pass.cl: elements, and the sum of the losses */
  CLOSS_BODY_COLUMNS = 2, /* columns.cl: gradients of broadcast operands */

  CLOSS_BODY_MERGE = 4,  /* merge.cl: what work-items left to results */
  CLOSS_BODY_EXTEND = 8, /* extend.cl: a piece to a state */
  /* probe.cl: the device's class; alone, of a variant contiguous_f32 or contiguous_f64, no loss */
  CLOSS_BODY_PROBE = 16,
  CLOSS_BODY_STAGE = 32 /* stage.cl: a slice of an array to the workspace, or back */
};

/* "No value is fixed at compile time: the kernel takes it as an argument." */
#define CLOSS_ANY UINT32_MAX

/* Everything that distinguishes one program from another on a device. */
typedef struct closs_program_spec {
  closs_variant variant;
  closs_loss loss; /* 0 for the probe */
  uint32_t bodies; /* bits of closs_body */
  uint32_t flags;  /* pass.cl's flags fixed at compile time, or CLOSS_ANY */
  uint32_t group;  /* schedule groups: the work-group size; 0: schedule lanes */
  uint32_t width;  /* lanes computed at once: schedule groups a work-item's; schedule lanes 1, or 0: in vectors */
} closs_program_spec;

typedef struct closs_programs closs_programs;

/* Room for what the names of a program's kernels begin with. */
#define CLOSS_PREFIX 96

typedef struct closs_program {
  cl_program handle; /* the context's */
  closs_program_origin origin;
  char prefix[CLOSS_PREFIX]; /* of its kernels' names: "closs_", but in images of several programs */
  bool single;               /* its kernels do all work with one work-item */
} closs_program;

/*
 * The program that can stand for a spec's: the same variant and schedule, but with every kernel that may be needed, and
 * what is wanted told at run time. Bundles hold these, since they are few.
 */
closs_program_spec closs_program_general(const closs_program_spec *spec);

/* The context's table of programs, empty. */
closs_status closs_programs_create(closs_context *context, closs_programs **programs, closs_error *error);
void closs_programs_destroy(closs_context *context, closs_programs *programs);

/*
 * The program for a spec: from memory, the bundle (then the general one), the caches, or compiled from source. Two
 * threads that want one program compile it once. `program` is zeroed on failure.
 */
closs_status closs_program_get(closs_context *context, const closs_program_spec *spec, closs_program *program,
                               closs_error *error);

/*
 * Hands a program that was compiled here to the caches, once. To be called after a first launch: some drivers make
 * machine code then, and a binary taken before has none. What fails is logged.
 */
void closs_program_keep(closs_context *context, const closs_program_spec *spec);

#endif
