#include "json.h"

#include "number.h"

struct json json_begin(FILE *file) {
  return (struct json){file, false};
}

/* Bytes of the UTF-8 character at `text`; 0 where it is none (RFC 3629: no surrogates, nothing overlong). */
static int character_length(const unsigned char *text) {
  unsigned first = text[0];
  if (first < 0x80) return 1;
  int length = first >= 0xc2 && first < 0xe0   ? 2
               : first >= 0xe0 && first < 0xf0 ? 3
               : first >= 0xf0 && first < 0xf5 ? 4
                                               : 0;
  for (int i = 1; i < length; i++)
    if ((text[i] & 0xc0) != 0x80) return 0;
  if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f)) return 0;
  if ((first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f)) return 0;
  return length;
}

static void quote(FILE *file, const char *text) {
  const unsigned char *at = (const unsigned char *)text;
  fputc('"', file);
  while (*at != 0) {
    int length = character_length(at);
    if (length == 0) {
      fputs("\\ufffd", file);
      length = 1;
    } else if (*at == '"' || *at == '\\') {
      fprintf(file, "\\%c", *at);
    } else if (*at < 0x20 || *at == 0x7f) {
      fprintf(file, "\\u%04x", (unsigned)*at);
    } else {
      fwrite(at, 1, (size_t)length, file);
    }
    at += length;
  }
  fputc('"', file);
}

static void begin_value(struct json *json, const char *key) {
  if (json->comma) fputs(", ", json->file);
  if (key != NULL) {
    quote(json->file, key);
    fputs(": ", json->file);
  }
  json->comma = true;
}

void json_open(struct json *json, const char *key, char bracket) {
  begin_value(json, key);
  fputc(bracket, json->file);
  json->comma = false;
}

void json_close(struct json *json, char bracket) {
  fputc(bracket, json->file);
  json->comma = true;
}

void json_string(struct json *json, const char *key, const char *text) {
  begin_value(json, key);
  if (text == NULL) {
    fputs("null", json->file);
  } else {
    quote(json->file, text);
  }
}

void json_bool(struct json *json, const char *key, bool value) {
  begin_value(json, key);
  fputs(value ? "true" : "false", json->file);
}

void json_unsigned(struct json *json, const char *key, unsigned long long value) {
  begin_value(json, key);
  fprintf(json->file, "%llu", value);
}

void json_element(struct json *json, const char *key, closs_dtype dtype, const void *element) {
  char text[NUMBER_TEXT];
  double value = number_value(dtype, element);
  number_text(text, dtype, element);
  begin_value(json, key);
  /* NaN and infinities are no numbers in JSON. */
  fprintf(json->file, value - value == 0 ? "%s" : "\"%s\"", text);
}

void json_double(struct json *json, const char *key, double value) {
  json_element(json, key, CLOSS_F64, &value);
}
