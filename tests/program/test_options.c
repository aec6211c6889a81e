/* The command line: options anywhere, their arguments whatever they look like. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#include "options.h"

#define MOST 16

/* Reads words that are separated by spaces. */
static bool read_words(struct arguments *arguments, const char *words, struct failure *failure) {
  static char copy[256];
  char *argv[MOST] = {(char[]){"closs"}};
  int argc = 1;
  snprintf(copy, sizeof copy, "%s", words);
  for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
    argv[argc++] = word;
  *failure = (struct failure){0, ""};
  return arguments_read(arguments, argc, argv, failure);
}

static void assert_value(const char *words, const char *option, const char *value) {
  struct arguments arguments;
  struct failure failure;
  if (!read_words(&arguments, words, &failure)) fail_msg("%s: %s", words, failure.text);
  const char *found = arguments_value(&arguments, option);
  assert_non_null(found);
  assert_string_equal(found, value);
  arguments_release(&arguments);
}

static void assert_operands(const char *words, int command, const char *joined) {
  struct arguments arguments;
  struct failure failure;
  char text[256] = "";
  if (!read_words(&arguments, words, &failure)) fail_msg("%s: %s", words, failure.text);
  assert_int_equal(arguments.command, command);
  for (size_t i = 0; i < arguments.operand_count; i++) {
    if (i > 0) strcat(text, " ");
    strcat(text, arguments.operands[i]);
  }
  assert_string_equal(text, joined);
  arguments_release(&arguments);
}

static void assert_refused(const char *words, const char *why) {
  struct arguments arguments;
  struct failure failure;
  if (read_words(&arguments, words, &failure)) fail_msg("%s: taken", words);
  assert_failure(&failure, STATUS_USAGE, why);
  arguments_release(&arguments);
}

static void values(void **state) {
  (void)state;
  assert_value("loss l1 a b --reduction sum", "reduction", "sum");
  assert_value("loss l1 a b --reduction=sum", "reduction", "sum");
  assert_value("loss --reduction sum l1 a b", "reduction", "sum");
  assert_value("--reduction sum loss l1 a b", "reduction", "sum");
  assert_value("loss l1 a b -o x", "output", "x");
  assert_value("loss l1 a b -ox", "output", "x");
  assert_value("loss l1 a b --output=", "output", "");
  assert_value("loss l1 a b --output=a=b", "output", "a=b");
  assert_value("loss l1 a b --weight -1", "weight", "-1");
  assert_value("loss l1 a b --weight --json", "weight", "--json");
  assert_value("loss l1 a b --weight --", "weight", "--");
  assert_value("loss l1 a b --weight -", "weight", "-");
  assert_value("loss huber a b --delta -1", "delta", "-1");
  assert_value("loss huber a b --beta=2", "beta", "2");
  assert_value("loss huber a b --json", "json", "");
  assert_value("loss huber a b --json --json", "json", "");
  assert_value("devices -v", "verbose", "");
}

static void operands(void **state) {
  (void)state;
  assert_operands("loss l1 a b", COMMAND_LOSS, "l1 a b");
  assert_operands("loss l1 -1 -2.5e3 --json", COMMAND_LOSS, "l1 -1 -2.5e3");
  assert_operands("loss l1 - -inf", COMMAND_LOSS, "l1 - -inf");
  assert_operands("loss -- l1 --json -v", COMMAND_LOSS, "l1 --json -v");
  assert_operands("--json -- devices", COMMAND_DEVICES, "");
  assert_operands("losses", COMMAND_LOSSES, "");
  assert_operands("check --full --device 0", COMMAND_CHECK, "");
  assert_operands("", COMMAND_NONE, "");
  assert_operands("--version", COMMAND_NONE, "");
}

static void repeats(void **state) {
  (void)state;
  struct arguments arguments;
  struct failure failure;
  assert_true(read_words(&arguments, "loss --param beta=1 x --param=delta=2", &failure));
  assert_int_equal(arguments.given_count, 2);
  assert_string_equal(arguments.given[0].value, "beta=1");
  assert_string_equal(arguments.given[1].value, "delta=2");
  arguments_release(&arguments);
}

static void refused(void **state) {
  (void)state;
  assert_refused("nonsense",
                 "nonsense: unknown command; expected devices, losses, loss, fit, curve, check, bench, pack or cache");
  assert_refused("loss --none", "--none: unknown option");
  assert_refused("loss --red sum", "--red: unknown option");
  assert_refused("loss -x", "-x: unknown option");
  assert_refused("loss -o", "--output: needs an argument: FILE");
  assert_refused("loss --weight", "--weight: needs an argument: W");
  assert_refused("loss --json=1", "--json takes no argument");
  assert_refused("devices -vv", "--verbose takes no argument");
  assert_refused("loss --dtype f32 --dtype=f64", "--dtype: given twice: 'f32' and 'f64'");
  assert_refused("losses --device 0", "--device: no option of closs losses");
  assert_refused("devices --full", "--full: no option of closs devices");
  assert_refused("check --weight 1", "--weight: no option of closs check");
  assert_refused("--full", "--full: without a command");
}

/* Whether errors are told as JSON is known even where the command line is wrong. */
static void json_in_spite_of_errors(void **state) {
  (void)state;
  struct arguments arguments;
  struct failure failure;
  assert_false(read_words(&arguments, "loss --none --json", &failure));
  assert_true(arguments.json);
  arguments_release(&arguments);
  assert_false(read_words(&arguments, "nothing --weight --json", &failure));
  assert_false(arguments.json);
  arguments_release(&arguments);
}

/* What is in the table is in the help, and a screen holds it. */
static void help(void **state) {
  (void)state;
  static const char *const commands[] = {"", "devices", "losses", "loss", "check", "bench"};
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    struct arguments arguments;
    struct failure failure;
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_true(read_words(&arguments, commands[i], &failure));
    arguments_help(&arguments, file);
    fclose(file);
    assert_int_equal(strncmp(text, "usage: closs ", 13), 0);
    assert_non_null(strstr(text, commands[i]));
    assert_non_null(strstr(text, "--json"));
    assert_int_equal(strstr(text, "--grad-input") != NULL, strcmp(commands[i], "loss") == 0);
    int lines = 0, width = 0;
    for (const char *at = text; *at != 0; at++) {
      width = *at == '\n' ? 0 : width + 1;
      lines += *at == '\n';
      assert_true(width <= 120);
    }
    assert_true(lines <= 40);
    free(text);
    arguments_release(&arguments);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(values),
                                     cmocka_unit_test(operands),
                                     cmocka_unit_test(repeats),
                                     cmocka_unit_test(refused),
                                     cmocka_unit_test(json_in_spite_of_errors),
                                     cmocka_unit_test(help)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
