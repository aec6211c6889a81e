/*
 * The command line: its arguments, one behind the other with zeros between. Options, losses' parameters, arrays that
 * are written out, numbers; nothing is opened.
 */
#include "fuzz.h"
#include "literal.h"
#include "loss_call.h"
#include "number.h"
#include "options.h"

enum { MOST_ARGUMENTS = 64 };

static void check_failure(const struct failure *failure) {
  FUZZ_CHECK(failure->status == STATUS_USAGE && failure->text[0] != 0, "status %d: %s", failure->status, failure->text);
}

/* A number's shortest text reads back to the number, and has no digit to spare. */
static void check_number(closs_dtype dtype, const void *element) {
  char text[NUMBER_TEXT];
  double again = 0;
  const double value = number_value(dtype, element);
  number_text(text, dtype, element);
  FUZZ_CHECK(strlen(text) < NUMBER_TEXT && number_parse(text, &again), "'%s' is no number", text);
  if (dtype == CLOSS_F32) {
    float narrow = 0;
    FUZZ_CHECK(number_read(text, dtype, &narrow) != NULL, "'%s' is no number", text);
    again = (double)narrow;
  }
  FUZZ_CHECK(again == value || (again != again && value != value), "%.17g is written as %s", value, text);
}

/* Runs of what stands between brackets, commas and space: the numbers, where all is well. */
static uint64_t count_numbers(const char *text) {
  static const char between[] = "[], \t\r\n\v\f";
  uint64_t count = 0;
  for (text += strspn(text, between); *text != 0; text += strspn(text, between)) {
    count++;
    text += strcspn(text, between);
  }
  return count;
}

static void check_literal(const char *text, closs_dtype dtype) {
  struct failure failure = {0};
  closs_tensor tensor;
  void *elements = NULL;
  if (!literal_read("X", text, dtype, &tensor, &elements, &failure)) {
    FUZZ_CHECK(elements == NULL, "elements of '%s'", text);
    check_failure(&failure);
    return;
  }
  const uint64_t count = closs_tensor_elements(&tensor);
  FUZZ_CHECK(tensor.dtype == dtype && count == count_numbers(text), "%llu elements", (unsigned long long)count);
  for (uint64_t i = 0; i < count; i++)
    check_number(dtype, (const char *)elements + i * closs_dtype_size(dtype));
  free(elements);
}

static void check_text(const char *text) {
  double value = 0;
  uint64_t size = 0;
  if (number_parse(text, &value)) {
    FUZZ_CHECK(literal_is(text), "'%s' is a number and no literal", text);
    check_number(CLOSS_F64, &value);
  }
  if (number_parse_size(text, &size)) FUZZ_CHECK(text[0] >= '0' && text[0] <= '9', "'%s' is a size", text);
  if (!literal_is(text)) return;
  check_literal(text, CLOSS_F32);
  check_literal(text, CLOSS_F64);
}

static void check_arguments(int argc, char **argv) {
  struct arguments arguments;
  struct loss_call call = {0};
  struct failure failure = {0};
  if (!arguments_read(&arguments, argc, argv, &failure)) {
    check_failure(&failure);
  } else {
    FUZZ_CHECK(arguments.operand_count + arguments.given_count < (size_t)argc, "%zu operands and %zu options of %d",
               arguments.operand_count, arguments.given_count, argc);
    if (arguments.command == COMMAND_LOSS) {
      if (!loss_call_parse(&call, &arguments, &failure)) check_failure(&failure);
      parameters_release(&call.parameters);
    }
  }
  arguments_release(&arguments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input input = {data, size};
  char *argv[MOST_ARGUMENTS + 2] = {fuzz_copy("closs", 5, 1)};
  int argc = 1;
  while (input.left > 0 && argc <= MOST_ARGUMENTS)
    argv[argc++] = fuzz_text(&input);
  check_arguments(argc, argv);
  for (int i = 1; i < argc; i++)
    check_text(argv[i]);
  for (int i = 0; i < argc; i++)
    free(argv[i]);
  return 0;
}
