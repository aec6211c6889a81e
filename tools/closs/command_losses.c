/* closs losses */
#include <stdio.h>

#include "closs/loss.h"
#include "commands.h"
#include "json.h"
#include "number.h"

static void print_json(struct json *json, const closs_loss_info *info) {
  json_open(json, NULL, '{');
  json_string(json, "name", info->name);
  json_unsigned(json, "id", (unsigned long long)info->loss);
  json_string(json, "reduction", closs_reduction_name(info->reduction));
  json_string(json, "mindspore_reduction", closs_reduction_name(info->mindspore_reduction));
  json_bool(json, "complex", info->complex_operands);
  json_open(json, "parameters", '[');
  for (size_t i = 0; i < info->parameter_count; i++) {
    const closs_parameter_info *parameter = &info->parameters[i];
    json_open(json, NULL, '{');
    json_string(json, "name", parameter->name);
    json_double(json, "default", parameter->default_value);
    json_double(json, "min", parameter->minimum);
    if (parameter->allows_infinity) {
      json_string(json, "max", "inf");
    } else {
      json_double(json, "max", parameter->largest);
    }
    json_close(json, '}');
  }
  json_close(json, ']');
  json_close(json, '}');
}

/* A loss a line: its name, then each parameter with its default and range. */
static void print_text(const closs_loss_info *info) {
  fputs(info->name, stdout);
  for (size_t i = 0; i < info->parameter_count; i++) {
    const closs_parameter_info *parameter = &info->parameters[i];
    char value[NUMBER_TEXT], smallest[NUMBER_TEXT], largest[NUMBER_TEXT];
    number_text_f64(value, parameter->default_value);
    number_text_f64(smallest, parameter->smallest);
    number_text_f64(largest, parameter->largest);
    printf("\t%s=%s (%s%s to %s%s)", parameter->name, value, parameter->minimum < parameter->smallest ? "0, " : "",
           smallest, largest, parameter->allows_infinity ? ", inf" : "");
  }
  putchar('\n');
}

bool command_losses(const struct arguments *arguments, struct failure *failure) {
  struct json json = json_begin(stdout);
  if (arguments->operand_count > 0)
    return failure_set(failure, STATUS_USAGE, "closs losses: unexpected '%s'", arguments->operands[0]);
  if (arguments->json) {
    json_open(&json, NULL, '{');
    json_open(&json, "losses", '[');
  }
  for (size_t i = 0; i < closs_loss_count(); i++) {
    if (arguments->json) {
      print_json(&json, closs_loss_at(i));
    } else {
      print_text(closs_loss_at(i));
    }
  }
  if (arguments->json) {
    json_close(&json, ']');
    json_close(&json, '}');
    putchar('\n');
  }
  return true;
}
