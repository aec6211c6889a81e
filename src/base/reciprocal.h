/* The factor of a mean. */
#ifndef CLOSS_BASE_RECIPROCAL_H
#define CLOSS_BASE_RECIPROCAL_H

#include <stdint.h>

/* 1 / n as a pair: factor[0] the float (double) nearest to it, factor[1] the one nearest to what remains. Of 0:
 * infinity and 0. */
void closs_reciprocal_f32(uint64_t n, float factor[2]);
void closs_reciprocal_f64(uint64_t n, double factor[2]);

#endif
