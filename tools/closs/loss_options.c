/* closs loss: from the command line to what is asked of the library. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "literal.h"
#include "loss_call.h"
#include "number.h"

/* The place of a text in a list that ends with NULL; -1 and a failure that shows the list where it is none of them. */
static int choose(const char *option, const char *text, const char *const *list, struct failure *failure) {
  char expected[256] = "";
  for (int i = 0; list[i] != NULL; i++)
    if (strcmp(list[i], text) == 0) return i;
  for (int i = 0; list[i] != NULL; i++) {
    if (i > 0) strcat(expected, list[i + 1] == NULL ? " or " : ", ");
    strcat(expected, list[i]);
  }
  failure_set(failure, STATUS_USAGE, "%s: '%s'; expected %s", option, text, expected);
  return -1;
}

static bool parse_parameters(struct loss_call *call, struct failure *failure) {
  bool good = parameters_read(&call->parameters, call->arguments, failure);
  call->options.parameters = call->parameters.list;
  call->options.parameter_count = call->parameters.count;
  return good;
}

static bool parse_reduction(struct loss_call *call, struct failure *failure) {
  static const char *const reductions[] = {"none", "mean", "sum", NULL}; /* in the order of closs_reduction */
  static const char *const divisors[] = {"weights", "count", NULL};      /* of closs_mean_over */
  const char *text = arguments_value(call->arguments, "reduction");
  call->options.reduction = call->info->reduction;
  if (text != NULL) {
    int reduction = choose("--reduction", text, reductions, failure);
    if (reduction < 0) return false;
    call->options.reduction = (closs_reduction)reduction;
  }
  text = arguments_value(call->arguments, "mean-over");
  if (text == NULL) return true;
  int divisor = choose("--mean-over", text, divisors, failure);
  if (divisor < 0) return false;
  call->options.mean_over = (closs_mean_over)divisor;
  if (call->options.reduction != CLOSS_MEAN)
    return failure_set(failure, STATUS_USAGE, "--mean-over: no effect with --reduction %s",
                       closs_reduction_name(call->options.reduction));
  if (arguments_value(call->arguments, "weight") == NULL)
    return failure_set(failure, STATUS_USAGE, "--mean-over: no effect without --weight");
  return true;
}

/* A power of two; that it suits the schedule and the device is the library's to say. */
static bool parse_work_group(struct loss_call *call, struct failure *failure) {
  const char *text = arguments_value(call->arguments, "work-group");
  if (text == NULL) return true;
  char *end;
  errno = 0;
  unsigned long size = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || size < 1 || size > 1024 || (size & (size - 1)) != 0)
    return failure_set(failure, STATUS_USAGE, "--work-group: '%s'; expected a power of two from 1 to 1024", text);
  call->options.work_group = (uint32_t)size;
  return true;
}

static bool parse_schedule(struct loss_call *call, struct failure *failure) {
  static const char *const schedules[] = {"auto", "lanes", "groups", NULL}; /* in the order of closs_schedule */
  const char *text = arguments_value(call->arguments, "schedule");
  int schedule = text == NULL ? 0 : choose("--schedule", text, schedules, failure);
  if (schedule < 0) return false;
  call->options.schedule = (closs_schedule)schedule;
  return parse_work_group(call, failure);
}

static bool parse_memory(struct loss_call *call, struct failure *failure) {
  const char *text = arguments_value(call->arguments, "memory");
  if (text == NULL || (number_parse_size(text, &call->memory) && call->memory > 0)) return true;
  return failure_set(failure, STATUS_USAGE, "--memory: '%s'; expected a size in bytes, such as 65536, 64M or 2G", text);
}

static bool parse_dtype(struct loss_call *call, struct failure *failure) {
  static const char *const names[] = {"f16", "bf16", "f32", "f64", "c64", "c128", NULL};
  static const closs_dtype dtypes[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64, CLOSS_C64, CLOSS_C128};
  const char *text = arguments_value(call->arguments, "dtype");
  int at = text == NULL ? 0 : choose("--dtype", text, names, failure);
  if (at < 0) return false;
  call->dtype = text == NULL ? (closs_dtype)0 : dtypes[at];
  return true;
}

bool loss_call_parse(struct loss_call *call, const struct arguments *arguments, struct failure *failure) {
  const closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  call->arguments = arguments;
  call->options = options;
  if (arguments->operand_count != 3) {
    if (arguments->operand_count > 3)
      return failure_set(failure, STATUS_USAGE, "closs loss: unexpected '%s' behind LOSS INPUT TARGET",
                         arguments->operands[3]);
    return failure_set(failure, STATUS_USAGE, "closs loss: %zu operands; expected LOSS INPUT TARGET",
                       arguments->operand_count);
  }
  call->info = closs_loss_by_name(arguments->operands[0]);
  if (call->info == NULL)
    return failure_set(failure, STATUS_USAGE, "LOSS: '%s' is no loss; see closs losses", arguments->operands[0]);
  call->options.loss = call->info->loss;
  if (arguments_value(arguments, "grad-input") != NULL) call->options.outputs |= CLOSS_OUTPUT_INPUT_GRADIENT;
  if (arguments_value(arguments, "grad-target") != NULL) call->options.outputs |= CLOSS_OUTPUT_TARGET_GRADIENT;
  if (arguments_value(arguments, "grad-output") != NULL && call->options.outputs == CLOSS_OUTPUT_LOSS)
    return failure_set(failure, STATUS_USAGE, "--grad-output: no effect without --grad-input or --grad-target");
  return parse_parameters(call, failure) && parse_reduction(call, failure) && parse_schedule(call, failure) &&
         parse_memory(call, failure) && parse_dtype(call, failure);
}

/* Weights and upstream gradients take no part in the promotion of types: a value on the command line is read as
 * double, and rounded to the type of the arithmetic. */
static bool read_factor(struct operand *operand, const char *what, const char *text, const struct loss_call *call,
                        struct operand_source *source, struct failure *failure) {
  closs_dtype common = closs_dtype_common(call->input.tensor.dtype, call->target.tensor.dtype);
  if (!operand_read(operand, what, text, CLOSS_F64, source, failure)) return false;
  return !literal_is(text) || operand_convert(operand, closs_dtype_arithmetic(common), failure);
}

bool loss_call_read(struct loss_call *call, struct failure *failure) {
  const struct arguments *arguments = call->arguments;
  const char *weight = arguments_value(arguments, "weight");
  const char *upstream = arguments_value(arguments, "grad-output");
  struct operand_source source = {false, call->memory};
  if (!operand_read(&call->input, "INPUT", arguments->operands[1], CLOSS_F32, &source, failure)) return false;
  if (!operand_read(&call->target, "TARGET", arguments->operands[2], CLOSS_F32, &source, failure)) return false;
  if (call->dtype != 0 &&
      !(operand_convert(&call->input, call->dtype, failure) && operand_convert(&call->target, call->dtype, failure)))
    return false;
  call->has_weight = weight != NULL;
  if (weight != NULL && !read_factor(&call->weight, "--weight", weight, call, &source, failure)) return false;
  if (upstream != NULL && !number_parse(upstream, &call->arrays.upstream_value)) {
    call->has_upstream_array = true;
    if (!read_factor(&call->upstream, "--grad-output", upstream, call, &source, failure)) return false;
  }
  if (!operand_check_whole(&call->input, failure) || !operand_check_whole(&call->target, failure) ||
      !operand_check_whole(&call->weight, failure) || !operand_check_whole(&call->upstream, failure))
    return false;
  if (arguments_value(arguments, "png") == NULL) return true;
  const struct operand *other = !call->input.picture ? &call->input : &call->target;
  return other->picture || failure_set(failure, STATUS_USAGE, "--png: %s '%.200s' is no .png picture; expected two",
                                       other->what, other->text);
}
