/* The slices of terms of a plan in which arrays go through the workspace. */
#ifndef CLOSS_PLAN_SLICES_H
#define CLOSS_PLAN_SLICES_H

#include "plan/layout.h"

/* How many slices there are, and what a step does in one of them. */
uint32_t closs_layout_slices(const closs_layout *layout);
closs_step closs_layout_slice(const closs_layout *layout, uint32_t step, uint32_t slice);

/* Of a step to the workspace or back: its terms, and its squares, of which it has some only where it has terms. */
uint32_t closs_layout_terms(const closs_step *step);
closs_squares closs_layout_squares(const closs_layout *layout, const closs_step *step);

#endif
