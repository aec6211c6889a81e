/* Plans that between them run every kernel of a variant: what a bundle is made and tested with. */
#ifndef CLOSS_API_TYPICAL_H
#define CLOSS_API_TYPICAL_H

#include "closs/plan.h"
#include "program/source.h"

typedef enum closs_typical {
  CLOSS_TYPICAL_WHOLE,     /* the loss and both gradients */
  CLOSS_TYPICAL_PIECE,     /* of a sum */
  CLOSS_TYPICAL_BROADCAST, /* the loss, and the target's gradient by columns */
  CLOSS_TYPICALS
} closs_typical;

/* Whether a bundle has the variant for the loss at all, and the variant such a plan. Whether the device has fp64 is for
 * the caller. */
bool closs_typical_exists(const closs_loss_info *loss, const closs_variant_info *variant, closs_typical which);

/* Options of `terms` terms, a multiple of 64. */
closs_plan_options closs_typical_options(const closs_loss_info *loss, const closs_variant_info *variant,
                                         closs_typical which, uint64_t terms, closs_schedule schedule);

#endif
