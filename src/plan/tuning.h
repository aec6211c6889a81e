/* The one table of choices that change speed and never a bit. */
#ifndef CLOSS_PLAN_TUNING_H
#define CLOSS_PLAN_TUNING_H

#include "device/caps.h"

typedef struct closs_tuning {
  uint32_t single_chunks; /* up to so many chunks, one work-item does the whole sum in one launch */
  uint32_t max_items;     /* beyond, chunks are dealt out to about so many work-items */
  uint64_t stream_bytes;  /* results of at least so many bytes are stored past the cache; 0: never */
} closs_tuning;

closs_tuning closs_tuning_for(const closs_caps *caps);

#endif
