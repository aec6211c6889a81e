/* The one table of choices that change speed and never a bit. */
#ifndef CLOSS_PLAN_TUNING_H
#define CLOSS_PLAN_TUNING_H

#include "closs/plan.h"
#include "device/caps.h"

typedef struct closs_tuning {
  closs_schedule schedule;
  uint32_t group;         /* schedule groups: work-group size */
  uint32_t width;         /* schedule groups: lanes of a work-item, where operands are contiguous */
  uint32_t local;         /* work-group size where work-items go alone: schedule lanes, sums by columns, their merges */
  bool scalar;            /* those compute lane by lane, not in vectors */
  uint32_t single_chunks; /* up to so many chunks are one work-item's or work-group's: the whole sum in one launch; of a
                             work-group no fewer than it takes up at once, group * width / 64 */
  uint32_t max_items;     /* beyond, chunks are dealt out to at most so many work-items or work-groups */
  uint64_t stream_bytes;  /* results of at least so many bytes are stored past the cache; 0: never */
  uint32_t stage_chunks;  /* of a slice that goes through the workspace, at least, a power of two; 0: none does */
  uint32_t loop_turns;    /* the device ends loops of a work-item that turn more often in all; 0: as it should be */
} closs_tuning;

/* By the vendor or platform of a device with a type, else by its type, else the default. */
closs_tuning closs_tuning_for(const closs_caps *caps);

#endif
