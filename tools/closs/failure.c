#include "failure.h"

#include <stdarg.h>
#include <stdio.h>

#include "json.h"

bool failure_set(struct failure *failure, int status, const char *format, ...) {
  if (failure->status != 0) return false;
  failure->status = status;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(failure->text, sizeof failure->text, format, arguments);
  va_end(arguments);
  return false;
}

bool failure_set_closs(struct failure *failure, const closs_error *error) {
  bool users = error->status == CLOSS_INVALID_ARGUMENT || error->status == CLOSS_UNSUPPORTED;
  return failure_set(failure, users ? STATUS_USAGE : STATUS_FAILED, "%s", error->text);
}

bool failure_set_opencl(struct failure *failure, const char *call, int code) {
  return failure_set(failure, STATUS_FAILED, "%s: %s (%d)", call, closs_opencl_error_name(code), code);
}

void failure_report(const struct failure *failure, bool as_json) {
  if (as_json) {
    struct json json = json_begin(stderr);
    json_open(&json, NULL, '{');
    json_string(&json, "error", failure->text);
    json_unsigned(&json, "status", (unsigned long long)failure->status);
    json_close(&json, '}');
    fputc('\n', stderr);
    return;
  }
  fputs("closs: ", stderr);
  for (const char *at = failure->text; *at != 0; at++)
    fputc((unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at, stderr);
  fputc('\n', stderr);
}
