/* The JSON writer: commas, escapes, special values. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#include "json.h"

/* What has been written since written_begin(). */
static char *written;
static size_t written_size;

static struct json written_begin(void) {
  FILE *file = open_memstream(&written, &written_size);
  assert_non_null(file);
  return json_begin(file);
}

static void assert_written(const struct json *json, const char *expected) {
  fclose(json->file);
  assert_string_equal(written, expected);
  free(written);
}

static void nesting(void **state) {
  (void)state;
  struct json json = written_begin();
  json_open(&json, NULL, '{');
  json_open(&json, "a", '[');
  json_close(&json, ']');
  json_open(&json, "b", '[');
  json_unsigned(&json, NULL, 1);
  json_unsigned(&json, NULL, 18446744073709551615ull);
  json_open(&json, NULL, '{');
  json_bool(&json, "c", true);
  json_close(&json, '}');
  json_close(&json, ']');
  json_string(&json, "d", NULL);
  json_bool(&json, "e", false);
  json_close(&json, '}');
  assert_written(&json, "{\"a\": [], \"b\": [1, 18446744073709551615, {\"c\": true}], \"d\": null, \"e\": false}");
}

static void values(void **state) {
  (void)state;
  struct json json = written_begin();
  const uint16_t half = 0x3555;
  const float tenth = 0.1f;
  json_open(&json, NULL, '[');
  json_double(&json, NULL, 0.1);
  json_double(&json, NULL, NAN);
  json_double(&json, NULL, INFINITY);
  json_double(&json, NULL, -INFINITY);
  json_double(&json, NULL, 1e300);
  json_element(&json, NULL, CLOSS_F16, &half);
  json_element(&json, NULL, CLOSS_F32, &tenth);
  json_close(&json, ']');
  assert_written(&json, "[0.1, \"nan\", \"inf\", \"-inf\", 1e+300, 0.3333, 0.1]");
}

static void assert_quoted(const char *text, const char *expected) {
  struct json json = written_begin();
  json_string(&json, NULL, text);
  assert_written(&json, expected);
}

static void strings(void **state) {
  (void)state;
  assert_quoted("", "\"\"");
  assert_quoted("a\"b\\c/", "\"a\\\"b\\\\c/\"");
  assert_quoted("\n\t\x01\x7f", "\"\\u000a\\u0009\\u0001\\u007f\"");
  assert_quoted("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  /* No UTF-8: a lone byte, a cut and an overlong character, a surrogate, one beyond U+10FFFF. */
  assert_quoted("\xff", "\"\\ufffd\"");
  assert_quoted("\xe2\x82", "\"\\ufffd\\ufffd\"");
  assert_quoted("\xc0\x80", "\"\\ufffd\\ufffd\"");
  assert_quoted("\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\"");
  assert_quoted("\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"");
  assert_quoted("\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nesting), cmocka_unit_test(values), cmocka_unit_test(strings)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
