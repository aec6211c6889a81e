#include "closs/loss.h"

#include <string.h>

#define CLOSS_NO_PARAMETERS                                                                                            \
  0, {                                                                                                                 \
    { 0 }                                                                                                              \
  }
#define CLOSS_PARAMETER(name, value, zero, infinity)                                                                   \
  { name, value, (zero) ? 0 : 0x1p-100, 0x1p-100, 0x1p100, infinity }
#define CLOSS_PARAMETERS(...)                                                                                          \
  sizeof((closs_parameter_info[]){__VA_ARGS__}) / sizeof(closs_parameter_info), {                                      \
    __VA_ARGS__                                                                                                        \
  }

static const closs_loss_info losses[] = {
#define CLOSS_LOSS(number, NAME, name, pytorch, mindspore, reduction, mindspore_reduction, complex_operands,           \
                   parameters)                                                                                         \
  {CLOSS_##NAME, #name, pytorch, mindspore, reduction, mindspore_reduction, complex_operands, parameters},
#include "closs/losses.def"
#undef CLOSS_LOSS
};

size_t closs_loss_count(void) {
  return sizeof losses / sizeof losses[0];
}

const closs_loss_info *closs_loss_at(size_t index) {
  return index < closs_loss_count() ? &losses[index] : NULL;
}

const closs_loss_info *closs_loss_by_name(const char *name) {
  for (size_t i = 0; name && i < closs_loss_count(); i++)
    if (!strcmp(losses[i].name, name)) return &losses[i];
  return NULL;
}

const closs_loss_info *closs_loss_by_id(closs_loss loss) {
  for (size_t i = 0; i < closs_loss_count(); i++)
    if (losses[i].loss == loss) return &losses[i];
  return NULL;
}
