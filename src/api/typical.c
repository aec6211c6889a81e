#include "api/typical.h"

bool closs_typical_exists(const closs_loss_info *loss, const closs_variant_info *variant, closs_typical which) {
  return variant->index_bits == 32 && (!variant->complex_operands || loss->complex_operands) &&
         (which != CLOSS_TYPICAL_BROADCAST || !variant->contiguous);
}

closs_plan_options closs_typical_options(const closs_loss_info *loss, const closs_variant_info *variant,
                                         closs_typical which, uint64_t terms, closs_schedule schedule) {
  const uint64_t matrix[] = {64, terms / 64};
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = loss->loss;
  options.outputs = CLOSS_OUTPUT_LOSS;
  options.schedule = schedule;
  options.input = options.target = closs_tensor_contiguous(variant->storage, 1, &terms);
  options.input.strides[0] = variant->contiguous ? 1 : 2;
  if (which == CLOSS_TYPICAL_PIECE) {
    options.total_terms = terms * 4;
  } else if (which == CLOSS_TYPICAL_BROADCAST) {
    options.input = closs_tensor_contiguous(variant->storage, 2, matrix);
    options.target = closs_tensor_contiguous(variant->storage, 1, matrix + 1);
    options.outputs |= CLOSS_OUTPUT_TARGET_GRADIENT;
  } else {
    options.outputs |= CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  }
  return options;
}
