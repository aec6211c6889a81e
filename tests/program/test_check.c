/* closs check: on a device of class exact every group passes, and what is printed says so. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#include "check_case.h"

/* Groups of the short list that every device of the full profile with fp64 takes: all but those that need a very large
 * array. */
static size_t count_groups(void) {
  size_t count = 0;
  for (size_t i = 0; i < check_group_count(); i++) {
    struct check_group group;
    check_group_get(i, &group);
    count += check_group_short(&group) && !group.wide;
  }
  return count;
}

static size_t count(const char *text, const char *part) {
  size_t found = 0;
  for (; (text = strstr(text, part)) != NULL; text++)
    found++;
  return found;
}

/* Both outputs; the second run takes its programs from a cache. */
static void prints(void **state) {
  (void)state;
  setenv("CLOSS_CACHE", "1", 1);
  setenv("CLOSS_CACHE_DIR", "cache", 1);
  assert_json("closs check --json",
              "\"class\": \"exact\", \"groups\": [{\"name\": \"l1 contiguous_f16\", \"cases\": 8, \"failed\": 0}, {");
  assert_int_equal(strncmp(run_out, "{\"device\": \"", 12), 0);
  assert_non_null(strstr(run_out, "}], \"passed\": true}\n"));
  assert_true(count(run_out, "\"failed\": 0}") >= count_groups());
  assert_int_equal(count(run_out, "\"failed\": "), count(run_out, "\"failed\": 0}"));
  const size_t groups = count(run_out, "\"failed\": ");

  assert_int_equal(run("closs check"), 0);
  assert_int_equal(strncmp(run_out, "l1 contiguous_f16: 8 cases, 0 failed\n", 37), 0);
  assert_int_equal(count(run_out, " cases, 0 failed\n"), groups);
  const char *last = strrchr(run_out, ':');
  assert_string_equal(last, ": passed\n");
  assert_non_null(strstr(run_out, ": class exact: passed\n"));
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, run_start, run_end)
  const struct CMUnitTest tests[] = {TEST(prints)};
  if (argc != 2) return 2;
  run_program = argv[1];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
