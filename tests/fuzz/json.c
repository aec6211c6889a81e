/* The writer of JSON: whatever texts and numbers it is given, the result is one line of JSON in UTF-8. */
#include "json.h"

#include "fuzz.h"

enum { DEEPEST = 16, TEXT_ROOM = 256 };

/* ---- a reader that takes JSON (RFC 8259) and nothing else ---- */

static const char *skip_value(const char *at, int depth);

static const char *skip_space(const char *at) {
  return at + strspn(at, " ");
}

/* Bytes of a character of UTF-8; 0 where it is none. */
static size_t character(const unsigned char *at) {
  static const struct {
    unsigned char low, high, second_low, second_high;
    size_t length;
  } rows[] = {{0x20, 0x7e, 0, 0xff, 1},    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
              {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
              {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
    if (*at < rows[row].low || *at > rows[row].high) continue;
    size_t good = 1;
    while (good < rows[row].length && at[good] >= (good == 1 ? rows[row].second_low : 0x80) &&
           at[good] <= (good == 1 ? rows[row].second_high : 0xbf))
      good++;
    return good == rows[row].length ? good : 0;
  }
  return 0;
}

static const char *skip_string(const char *at) {
  for (at++; *at != '"';) {
    if (*at == '\\' && at[1] == 'u' && strspn(at + 2, "0123456789abcdef") >= 4) {
      at += 6;
    } else if (*at == '\\') {
      FUZZ_CHECK(at[1] == '"' || at[1] == '\\', "escape at %s", at);
      at += 2;
    } else {
      const size_t length = character((const unsigned char *)at);
      FUZZ_CHECK(length > 0, "no UTF-8 at %s", at);
      at += length;
    }
  }
  return at + 1;
}

static const char *skip_digits(const char *at) {
  const size_t digits = strspn(at, "0123456789");
  FUZZ_CHECK(digits > 0, "no digit at %s", at);
  return at + digits;
}

static const char *skip_number(const char *at) {
  at += *at == '-';
  at = *at == '0' ? at + 1 : skip_digits(at);
  if (*at == '.') at = skip_digits(at + 1);
  if (*at == 'e' || *at == 'E') at = skip_digits(at + 1 + (at[1] == '+' || at[1] == '-'));
  return at;
}

static const char *skip_list(const char *at, char end, int depth) {
  at = skip_space(at + 1);
  if (*at == end) return at + 1;
  for (;;) {
    if (end == '}') {
      FUZZ_CHECK(*at == '"', "no key at %s", at);
      at = skip_space(skip_string(at));
      FUZZ_CHECK(*at == ':', "no colon at %s", at);
      at = skip_space(at + 1);
    }
    at = skip_space(skip_value(at, depth + 1));
    if (*at == end) return at + 1;
    FUZZ_CHECK(*at == ',', "no comma at %s", at);
    at = skip_space(at + 1);
  }
}

static const char *skip_value(const char *at, int depth) { /* NOLINT(misc-no-recursion) */
  static const char *const words[] = {"null", "true", "false"};
  FUZZ_CHECK(depth <= DEEPEST + 1, "too deep at %s", at);
  if (*at == '{' || *at == '[') return skip_list(at, *at == '{' ? '}' : ']', depth);
  if (*at == '"') return skip_string(at);
  for (size_t i = 0; i < 3; i++)
    if (strncmp(at, words[i], strlen(words[i])) == 0) return at + strlen(words[i]);
  return skip_number(at);
}

/* ---- the input as calls of the writer ---- */

/* Up to 255 bytes, any but zero. */
static void take_text(fuzz_input *input, char text[TEXT_ROOM]) {
  size_t length = fuzz_byte(input), used = 0;
  while (used < length && (text[used] = (char)fuzz_byte(input)) != 0)
    used++;
  text[used] = 0;
}

static void write_value(struct json *json, const char *key, unsigned what, fuzz_input *input) {
  static const closs_dtype types[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64};
  char text[TEXT_ROOM];
  const uint64_t bits = what < 4 ? fuzz_u64(input) : 0;
  double value;
  switch (what) {
  case 0:
    json_unsigned(json, key, bits);
    break;
  case 1:
    json_element(json, key, types[bits % 4], &bits);
    break;
  case 2:
    memcpy(&value, &bits, sizeof value);
    json_double(json, key, value);
    break;
  case 3:
    json_bool(json, key, bits & 1);
    break;
  case 4:
    json_string(json, key, NULL);
    break;
  default:
    take_text(input, text);
    json_string(json, key, text);
  }
}

static void write_all(struct json *json, fuzz_input *input) {
  char closing[DEEPEST + 1], key[TEXT_ROOM];
  int depth = 0;
  json_open(json, NULL, '{');
  closing[depth++] = '}';
  while (input->left > 0 && depth > 0) {
    const unsigned what = fuzz_byte(input) % 10u;
    const bool array = closing[depth - 1] == ']';
    if (what == 9) {
      json_close(json, closing[--depth]);
      continue;
    }
    if (!array) take_text(input, key);
    if (what >= 7 && depth <= DEEPEST) {
      json_open(json, array ? NULL : key, what == 7 ? '{' : '[');
      closing[depth++] = what == 7 ? '}' : ']';
    } else {
      write_value(json, array ? NULL : key, what, input);
    }
  }
  while (depth > 0)
    json_close(json, closing[--depth]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input input = {data, size};
  char *text = NULL;
  size_t length = 0;
  FILE *stream = open_memstream(&text, &length);
  FUZZ_CHECK(stream != NULL, "no stream");
  struct json json = json_begin(stream);
  write_all(&json, &input);
  FUZZ_CHECK(fclose(stream) == 0 && strlen(text) == length, "%zu bytes, with a zero among them", length);
  const char *end = skip_value(text, 0);
  FUZZ_CHECK(*end == 0, "more behind the end: %s", end);
  free(text);
  return 0;
}
