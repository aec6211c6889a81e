/* How close a device of class other has to come to the reference. */
#ifndef PROGRAM_CHECK_COMPARE_H
#define PROGRAM_CHECK_COMPARE_H

#include "check_case.h"

/*
 * Whether every output lies within the bound of the reference's, which are in `expected`:
 * - NaN where that is NaN, an infinity of the same sign where that is one;
 * - else within 4 units of its type, or of 8 units of the larger component where it is complex, a unit being the
 *   spacing of the type at the reference's magnitude;
 * - of the gradient of a broadcast operand, more by 4 units of the arithmetic times the sum of its terms' magnitudes;
 * - and by the smallest normal number, which a device may take for 0.
 * false too where memory is short.
 */
bool check_within_bound(const struct check_case *made);

#endif
