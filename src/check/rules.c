#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "check/steps.h"

#define ALL_OUTPUTS                                                                                                    \
  (CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT | CLOSS_OUTPUT_WEIGHT_SUM |          \
   CLOSS_SLOPE_SUMS)

closs_status closs_check_choices(const closs_plan_options *options, closs_request *request, closs_error *error) {
  request->info = closs_loss_by_id(options->loss);
  request->reduction = options->reduction;
  request->outputs = options->outputs;
  request->total_terms = options->total_terms;
  if (!request->info)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "loss: %d is the number of no loss", (int)options->loss);
  if ((unsigned)options->reduction > CLOSS_SUM)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "reduction: %d is none of CLOSS_NONE (0), CLOSS_MEAN (1) and CLOSS_SUM (2)",
                      (int)options->reduction);
  if (!options->outputs || options->outputs & ~(uint32_t)ALL_OUTPUTS)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "outputs: 0x%" PRIx32 " is no choice of the bits of closs_output, 0x%x", options->outputs,
                      (unsigned)ALL_OUTPUTS);
  if ((unsigned)options->mean_over > CLOSS_MEAN_OVER_COUNT)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "mean_over: %d is neither CLOSS_MEAN_OVER_WEIGHTS (0) nor CLOSS_MEAN_OVER_COUNT (1)",
                      (int)options->mean_over);
  if ((unsigned)options->schedule > CLOSS_SCHEDULE_GROUPS)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "schedule: %d is none of CLOSS_SCHEDULE_AUTO (0), CLOSS_SCHEDULE_LANES (1) and "
                      "CLOSS_SCHEDULE_GROUPS (2)",
                      (int)options->schedule);
  if (options->work_group > 1024 || (options->work_group && options->work_group & (options->work_group - 1)))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "work_group: %u, expected a power of two from 1 to 1024, or 0",
                      (unsigned)options->work_group);
  if (options->vector_width > 4 || options->vector_width == 3)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "vector_width: %u, expected 1, 2 or 4, or 0",
                      (unsigned)options->vector_width);
  return CLOSS_OK;
}

closs_status closs_check_types(const closs_caps *caps, closs_request *request, closs_error *error) {
  closs_dtype input = request->tensors[CLOSS_SLOT_INPUT].dtype, target = request->tensors[CLOSS_SLOT_TARGET].dtype;
  request->common = closs_dtype_common(input, target);
  request->arithmetic = closs_dtype_arithmetic(request->common);
  request->complex_operands = request->common >= CLOSS_C64;
  if (request->complex_operands && !request->info->complex_operands)
    return closs_fail(error, CLOSS_UNSUPPORTED, "%s: type is %s; %s takes real operands only",
                      input >= CLOSS_C64 ? "input" : "target", closs_dtype_name(input >= CLOSS_C64 ? input : target),
                      request->info->name);
  for (int slot = CLOSS_SLOT_INPUT; caps && !caps->fp64 && slot <= CLOSS_SLOT_UPSTREAM; slot++) {
    closs_dtype dtype = request->tensors[slot].dtype; /* 0 where there is no such array */
    if (dtype == CLOSS_F64 || dtype == CLOSS_C128)
      return closs_fail(error, CLOSS_UNSUPPORTED, "%s: type is %s; the device has no double precision (fp64)",
                        closs_slot_names[slot], closs_dtype_name(dtype));
  }
  for (int slot = CLOSS_SLOT_INPUT; caps && !caps->little_endian && slot <= CLOSS_SLOT_UPSTREAM; slot++) {
    closs_dtype dtype = request->tensors[slot].dtype;
    if (dtype == CLOSS_I64 || dtype == CLOSS_U64)
      return closs_fail(error, CLOSS_UNSUPPORTED, "%s: type is %s, which closs reads on little-endian devices only",
                        closs_slot_names[slot], closs_dtype_name(dtype));
  }
  return CLOSS_OK;
}

static closs_status unknown_parameter(const closs_loss_info *info, const char *name, closs_error *error) {
  char known[128] = "no parameters";
  size_t used = 0;
  for (size_t i = 0; i < info->parameter_count && used < sizeof known; i++)
    used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", info->parameters[i].name);
  return closs_fail(error, CLOSS_INVALID_ARGUMENT, "parameters: %s has no parameter \"%.64s\"; it has %s", info->name,
                    name, known);
}

static double round_to_arithmetic(const closs_request *request, double value) {
  return request->arithmetic == CLOSS_F64 ? value : (double)(float)value;
}

static closs_status take_parameter(const closs_request *request, const closs_parameter_info *info, double value,
                                   double *taken, closs_error *error) {
  bool wide = request->arithmetic == CLOSS_F64;
  double rounded = round_to_arithmetic(request, value);
  double smallest = wide ? 0x1p-900 : info->smallest, largest = wide ? 0x1p900 : info->largest;
  bool fits = (rounded >= smallest && rounded <= largest) || (rounded == 0 && info->minimum == 0) ||
              (isinf(rounded) && rounded > 0 && info->allows_infinity);
  if (!fits) /* fabs(): printf() gives some NaN a sign */
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: %.17g is out of range; expected %s2^%d to 2^%d%s", info->name,
                      isnan(value) ? fabs(value) : value, info->minimum == 0 ? "0, " : "", ilogb(smallest),
                      ilogb(largest), info->allows_infinity ? " or inf" : "");
  *taken = rounded == 0 ? 0 : rounded; /* -0 is 0 */
  return CLOSS_OK;
}

closs_status closs_check_parameters(const closs_plan_options *options, closs_request *request, closs_error *error) {
  const closs_loss_info *info = request->info;
  for (size_t i = 0; i < info->parameter_count; i++)
    request->parameters[i] = round_to_arithmetic(request, info->parameters[i].default_value);
  if (options->parameter_count && !options->parameters)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "parameters: NULL, expected %zu of them",
                      options->parameter_count);
  for (size_t i = 0; i < options->parameter_count; i++) {
    const char *name = options->parameters[i].name;
    size_t at = 0;
    if (!name) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "parameters: the name at index %zu is NULL", i);
    while (at < info->parameter_count && strcmp(info->parameters[at].name, name))
      at++;
    if (at == info->parameter_count) return unknown_parameter(info, name, error);
    for (size_t before = 0; before < i; before++)
      if (!strcmp(options->parameters[before].name, name))
        return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: given more than once", name);
    closs_status status =
        take_parameter(request, &info->parameters[at], options->parameters[i].value, &request->parameters[at], error);
    if (status) return status;
  }
  return CLOSS_OK;
}
