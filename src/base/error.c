#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "closs/opencl.h"

/* A caller's own strings may be part of a text, which stays one line all the same. */
static void one_line(char *text) {
  for (; *text; text++)
    if (*text == '\n' || *text == '\r') *text = ' ';
}

static void write_text(char *text, size_t size, const char *format, va_list arguments) {
  if (vsnprintf(text, size, format, arguments) < 0) text[0] = '\0';
  one_line(text);
}

closs_status closs_fail(closs_error *error, closs_status status, const char *format, ...) {
  if (!error) return status;
  error->status = status;
  error->opencl = CL_SUCCESS;
  va_list arguments;
  va_start(arguments, format);
  write_text(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return status;
}

closs_status closs_fail_opencl(closs_error *error, int32_t code, const char *what, ...) {
  if (!error) return CLOSS_OPENCL_ERROR;
  char text[CLOSS_ERROR_TEXT - 80]; /* leaves room for the name and the code */
  va_list arguments;
  va_start(arguments, what);
  write_text(text, sizeof text, what, arguments);
  va_end(arguments);
  error->status = CLOSS_OPENCL_ERROR;
  error->opencl = code;
  (void)snprintf(error->text, sizeof error->text, "%s: %s (%d)", text, closs_opencl_error_name(code), (int)code);
  return CLOSS_OPENCL_ERROR;
}
