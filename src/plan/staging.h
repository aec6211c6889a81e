/* Which arrays go through the workspace, since their neighbours in memory are not neighbouring terms; and in which
 * slices of terms. Pure arithmetic. */
#ifndef CLOSS_PLAN_STAGING_H
#define CLOSS_PLAN_STAGING_H

#include "plan/space.h"
#include "plan/tuning.h"

/* Neighbours of a line that a work-item copies at once, and how often: stage.cl's CLOSS_SIDE and CLOSS_SQUARES. In
 * vectors, else where a work-item has few lanes. */
#define CLOSS_STAGE_SIDE 16
#define CLOSS_STAGE_SQUARES 8
#define CLOSS_STAGE_FEW_SIDE 4
#define CLOSS_STAGE_FEW_SQUARES 1

/* A slice of all slots is at most this part of the largest buffer. */
#define CLOSS_STAGE_PART 16

typedef struct closs_staging {
  uint32_t slots;                  /* a bit each */
  uint32_t line[CLOSS_SLOT_COUNT]; /* the dimension of terms along which the slot's neighbours in memory lie */
  uint64_t at[CLOSS_SLOT_COUNT];   /* where a slice of the slot lies, in bytes from the workspace's start */
  uint32_t chunks;                 /* of a slice, a power of two; the last one has what is left */
  uint32_t begin, end;             /* the steps that each slice takes, one after the other */
} closs_staging;

/*
 * Chooses from the slots that a pass over `terms` goes through, by the strides there; terms and strides are such that
 * 32-bit indices serve. Nothing is chosen where there are few terms, or where slices large enough would be too large
 * for the device.
 */
void closs_staging_choose(const closs_request *request, const closs_caps *caps, const closs_tuning *tuning,
                          const bool in_pass[CLOSS_SLOT_COUNT], const closs_space *terms, closs_staging *staging);

/* Makes the chosen slots of a space lie as they do in the workspace: in the order of terms. */
void closs_staging_apply(const closs_staging *staging, closs_space *terms);

/* Takes place in the workspace behind `bytes`, for a slice of each chosen slot. */
void closs_staging_take(const closs_request *request, closs_staging *staging, uint64_t *bytes);

/* Which squares the work-items of a copy take up, as stage.cl has them. */
typedef struct closs_squares {
  uint32_t first_group; /* groups of neighbours of a line, for each index of the dimensions outside */
  uint32_t groups;
  uint32_t items; /* work-items */
} closs_squares;

/* Those of `count` terms from `first` on. */
closs_squares closs_staging_squares(const closs_space *terms, uint32_t line, bool vectors, uint64_t first,
                                    uint64_t count);

#endif
