/* States on the host; their layout is that of the kernels. */
#ifndef CLOSS_BASE_STATE_H
#define CLOSS_BASE_STATE_H

#include <stdint.h>

#include "cl/state.h"
#include "closs/partial.h"

#define CLOSS_LANES 64

/* The most terms of a sum: with them the blocks fit. */
#define CLOSS_STATE_TERMS ((uint64_t)1 << 43)

#endif
