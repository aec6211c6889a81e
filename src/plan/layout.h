/* What is launched, in which order, on what: from a checked request and the device's caps alone. Calls no OpenCL. */
#ifndef CLOSS_PLAN_LAYOUT_H
#define CLOSS_PLAN_LAYOUT_H

#include "check/request.h"
#include "plan/space.h"
#include "plan/staging.h"
#include "program/programs.h"

/* Words of one layout array that a strided kernel reads (cl/access/layout.cl): a space of terms and one of columns. */
#define CLOSS_SPACE_WORDS (1 + CLOSS_MAX_RANK + CLOSS_MAX_RANK * CLOSS_SLOT_COUNT)
#define CLOSS_LAYOUT_WORDS (2 * CLOSS_SPACE_WORDS)

/* Layouts: of the pass, of the columns of the input, of the columns of the target, and of the pass's arrays as they are
 * where some go through the workspace. */
#define CLOSS_LAYOUT_STAGED 3
#define CLOSS_LAYOUTS 4

/* One launch: columns * items, each with 2^span chunks of a column. */
typedef struct closs_step {
  enum closs_body body;
  uint32_t program; /* index of the program that has the kernel */
  uint32_t flags;
  uint32_t layout;     /* index of the layout that the kernel reads */
  uint32_t columns;    /* 1 but for gradients of broadcast operands */
  uint32_t blocks;     /* of columns, that work-items do: as many as columns, or fewer with neighbours at once */
  uint32_t components; /* sums a column: 2 of complex gradients */
  uint32_t items;      /* work-items, or in schedule groups work-groups, a column */
  uint32_t local;      /* the work-group size */
  bool by_groups;      /* an item is a work-group */
  uint32_t before;     /* chunks of earlier launches, in slices */
  uint32_t chunks;     /* of a column */
  uint32_t last;       /* terms in the last chunk, 1 to 4096 */
  uint32_t span;
  uint32_t states_at;  /* where items leave their pairs, in reals from the start of the workspace */
  uint32_t state;      /* of a piece of two sums, which of the states: 0 or 1 */
  enum closs_slot out; /* what a finished sum is written to, or the slot that goes through the workspace */
  bool back;           /* and from there */
} closs_step;

/* Sum of weights, its merge, columns of either operand, the pass, and three merges; six arrays to the workspace, and
 * three back. */
#define CLOSS_MAX_STEPS 17

/* The pass and its merge; sums by columns, which have schedule lanes, where that is another. */
#define CLOSS_MAX_PROGRAMS 2

typedef struct closs_layout {
  closs_schedule schedule;
  uint32_t local;   /* the work-group size of all but passes in schedule groups and their merges */
  bool fixed_group; /* that of those is the caller's choice */
  closs_program_spec programs[CLOSS_MAX_PROGRAMS];
  closs_step steps[CLOSS_MAX_STEPS];
  uint32_t step_count; /* 0: there are no terms */
  uint32_t types;      /* of the slots, four bits each */
  closs_space terms[CLOSS_LAYOUTS];
  closs_space columns[CLOSS_LAYOUTS];
  bool has_layout[CLOSS_LAYOUTS]; /* the layout is read by a kernel */
  closs_staging staging;
  uint64_t workspace; /* bytes */
  uint32_t factor_at; /* where the sum of the weights goes: {reciprocal, sum} as pairs, in reals from the workspace's
                         start */
  double factor[2];   /* of a mean over the count: 1/N as a pair */
  double parameter;   /* the loss's parameter and its reciprocal, as numbers of the arithmetic type */
  double reciprocal;
} closs_layout;

/* CLOSS_UNSUPPORTED where the device cannot index the arrays, or the workspace would be too large. */
closs_status closs_layout_make(const closs_plan_options *options, const closs_request *request, const closs_caps *caps,
                               closs_layout *layout, closs_error *error);

/* Halves the work-group size of a step, and of those that share it; false, and nothing changes, where that cannot be.
 * What is launched and left in the workspace stays the same. */
bool closs_layout_shrink(closs_layout *layout, uint32_t step, const closs_caps *caps);

/* Chunks and last of a run of `terms` that begins at position `head` of a chunk. */
void closs_layout_chunks(uint64_t terms, uint32_t head, uint32_t *chunks, uint32_t *last);

/* The items that the chunks of a step are dealt out to, 2^span each. */
uint32_t closs_layout_items(const closs_step *step);

#endif
