/* Writes JSON to a stream, on one line: the caller opens, names and closes; commas and escapes come by themselves. */
#ifndef PROGRAM_JSON_H
#define PROGRAM_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include "closs/types.h"

struct json {
  FILE *file;
  bool comma; /* the next value needs one before it */
};

struct json json_begin(FILE *file);

/* `key` is NULL inside an array and for the outermost value. `bracket` is one of { [ } ]. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
/* NULL text gives null. Bytes that are no UTF-8 become U+FFFD. */
void json_string(struct json *json, const char *key, const char *text);
void json_bool(struct json *json, const char *key, bool value);
void json_unsigned(struct json *json, const char *key, unsigned long long value);
/* Real floating-point values; NaN and infinities as strings. */
void json_element(struct json *json, const char *key, closs_dtype dtype, const void *element);
void json_double(struct json *json, const char *key, double value);

#endif
