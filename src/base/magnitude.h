/* How large a signed number is. The most negative one has no positive of its own type. */
#ifndef CLOSS_BASE_MAGNITUDE_H
#define CLOSS_BASE_MAGNITUDE_H

#include <stdint.h>

static inline uint64_t closs_magnitude(int64_t n) {
  return n < 0 ? (uint64_t)(-(n + 1)) + 1 : (uint64_t)n;
}

#endif
