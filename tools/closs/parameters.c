#include "parameters.h"

#include <stdlib.h>
#include <string.h>

#include "number.h"

static bool add(struct parameters *parameters, const char *name, size_t length, const char *value,
                struct failure *failure) {
  size_t count = parameters->count;
  char *copy = calloc(length + 1, 1);
  if (copy == NULL) return failure_set(failure, STATUS_FAILED, "--param: out of memory");
  memcpy(copy, name, length);
  parameters->names[count] = copy;
  parameters->count++;
  parameters->list[count].name = copy;
  for (size_t i = 0; i < count; i++)
    if (strcmp(parameters->names[i], copy) == 0)
      return failure_set(failure, STATUS_USAGE, "parameter %s: given twice", copy);
  if (!number_parse(value, &parameters->list[count].value))
    return failure_set(failure, STATUS_USAGE, "parameter %s: '%s' is no number", copy, value);
  return true;
}

bool parameters_read(struct parameters *parameters, const struct arguments *arguments, struct failure *failure) {
  parameters->list = calloc(arguments->given_count + 1, sizeof *parameters->list);
  parameters->names = calloc(arguments->given_count + 1, sizeof *parameters->names);
  parameters->count = 0;
  if (parameters->list == NULL || parameters->names == NULL)
    return failure_set(failure, STATUS_FAILED, "--param: out of memory");
  for (size_t i = 0; i < arguments->given_count; i++) {
    const struct option *option = arguments->given[i].option;
    const char *value = arguments->given[i].value;
    if (option->parameter) {
      if (!add(parameters, option->name, strlen(option->name), value, failure)) return false;
    } else if (strcmp(option->name, "param") == 0) {
      const char *equals = strchr(value, '=');
      if (equals == NULL) return failure_set(failure, STATUS_USAGE, "--param: '%s'; expected NAME=VALUE", value);
      if (!add(parameters, value, (size_t)(equals - value), equals + 1, failure)) return false;
    }
  }
  return true;
}

void parameters_release(struct parameters *parameters) {
  for (size_t i = 0; i < parameters->count; i++)
    free(parameters->names[i]);
  free(parameters->names);
  free(parameters->list);
}
