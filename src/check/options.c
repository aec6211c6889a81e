#include "base/error.h"
#include "check/steps.h"

const char *const closs_slot_names[CLOSS_SLOT_COUNT] = {
    [CLOSS_SLOT_INPUT] = "input",
    [CLOSS_SLOT_TARGET] = "target",
    [CLOSS_SLOT_WEIGHT] = "weight",
    [CLOSS_SLOT_UPSTREAM] = "upstream",
    [CLOSS_SLOT_LOSS] = "loss",
    [CLOSS_SLOT_INPUT_GRADIENT] = "input_gradient",
    [CLOSS_SLOT_TARGET_GRADIENT] = "target_gradient",
};

closs_status closs_check_options(const closs_plan_options *options, const closs_caps *caps, closs_request *request,
                                 closs_error *error) {
  *request = (closs_request){0};
  if (!options) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "options: NULL, expected closs_plan_options");
  if (options->size != sizeof *options)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "options: size is %zu, expected %zu; start from CLOSS_PLAN_OPTIONS_INIT", options->size,
                      sizeof *options);
  closs_status status = closs_check_choices(options, request, error);
  if (!status) status = closs_check_operands(options, request, error);
  if (!status) status = closs_check_types(caps, request, error);
  if (!status) status = closs_check_parameters(options, request, error);
  if (!status) status = closs_check_outputs(options, request, error);
  return status;
}
