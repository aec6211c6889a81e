#include <stdarg.h>
#include <stdio.h>

#include "base/allocate.h"
#include "device/context.h"

void closs_log(const closs_context *context, closs_log_level level, const char *format, ...) {
  if (!context->log) return;
  char line[512], *text = line;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  if ((size_t)length >= sizeof line) { /* a build log; without memory for it, its beginning must do */
    text = closs_allocate(&context->allocator, (size_t)length + 1);
    va_start(arguments, format);
    if (text) (void)vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
  }
  context->log(context->log_user, level, text ? text : line);
  if (text != line) closs_release(&context->allocator, text);
}
