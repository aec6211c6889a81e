#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"

const char *run_program;
char run_out[1 << 16], run_err[1 << 16];

static char program[4096];

int run_start(void **state) {
  if (program[0] == 0 && realpath(run_program, program) == NULL) return 1;
  setenv("CLOSS_PROGRAM", program, 1);
  setenv("DATA", TEST_DATA, 1);
  unsetenv("CLOSS_DEVICE");
  unsetenv("LC_ALL"); /* a test sets what it overrides */
  unsetenv("CLOSS_BUNDLE");
  unsetenv("CLOSS_CACHE_DIR");
  setenv("CLOSS_CACHE", "0", 1); /* but for tests of the cache, neither used nor spoilt */
  return folder_start(state);
}

int run_end(void **state) {
  return folder_end(state);
}

static void slurp(const char *path, char *text, size_t size) {
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  text[fread(text, 1, size - 1, file)] = 0;
  fclose(file);
}

int run(const char *commands) {
  char script[4096];
  int length = snprintf(script, sizeof script, "closs() { \"$CLOSS_PROGRAM\" \"$@\"; }\n{ %s\n} </dev/null >out 2>err",
                        commands);
  assert_in_range(length, 1, sizeof script - 1);
  int status = system(script);
  slurp("out", run_out, sizeof run_out);
  slurp("err", run_err, sizeof run_err);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void expect_status(const char *commands, int got, int expected) {
  if (got != expected) fail_msg("%s\nstatus %d, expected %d; %s", commands, got, expected, run_err);
}

void assert_run(const char *commands, int status, const char *out) {
  expect_status(commands, run(commands), status);
  if (strcmp(run_out, out) != 0) fail_msg("%s\n%sexpected\n%s", commands, run_out, out);
}

void assert_error(const char *commands, int status, const char *text) {
  assert_run(commands, status, "");
  const char *end = strchr(run_err, '\n');
  if (strncmp(run_err, "closs: ", 7) != 0 || end == NULL || end[1] != 0 || strstr(run_err, text) == NULL)
    fail_msg("%s\n%sexpected one line with: %s", commands, run_err, text);
}

void assert_json(const char *commands, const char *text) {
  expect_status(commands, run(commands), 0);
  if (strstr(run_out, text) == NULL) fail_msg("%s\n%sexpected: %s", commands, run_out, text);
  assert_ptr_equal(strchr(run_out, '\n'), run_out + strlen(run_out) - 1);
  if (system("python3 -c 'import json; json.load(open(\"out\"), parse_constant=int)'") != 0)
    fail_msg("%s\nno JSON: %s", commands, run_out);
}

void assert_files(const char *names) {
  char found[1024] = "";
  FILE *list = popen("ls -A | grep -vx -e out -e err | tr '\\n' ' '", "r");
  assert_non_null(list);
  found[fread(found, 1, sizeof found - 1, list)] = 0;
  pclose(list);
  if (found[0] != 0) found[strlen(found) - 1] = 0;
  assert_string_equal(found, names);
}

void put_npy(const char *path, const char *descr, const char *order, const char *shape, const void *data, size_t size) {
  char header[256];
  int length =
      snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  fwrite("\x93NUMPY\1\0", 1, 8, file);
  fputc(length, file);
  fputc(0, file);
  fputs(header, file);
  assert_int_equal(fwrite(data, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

void assert_npy(const char *path, const char *descr, const char *shape, const void *data, size_t size) {
  char expected[256], found[4096];
  snprintf(expected, sizeof expected, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr, shape);
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail_msg("%s is missing", path);
  size_t length = fread(found, 1, sizeof found, file);
  fclose(file);
  assert_int_equal(length, 128 + size);
  assert_memory_equal(found, "\x93NUMPY\1\0\x76\0", 10);
  assert_memory_equal(found + 10, expected, strlen(expected));
  assert_memory_equal(found + 128, data, size);
}
