/* A program of a user of libcloss-linear and libcloss, in C and C++: a layer without a context is refused. */
#include <stdio.h>
#include <string.h>

#include <closs/closs.h>
#include <closs/linear.h>

int main(void) {
  closs_error error;
  closs_linear *linear = NULL;
  closs_linear_options options = CLOSS_LINEAR_OPTIONS_INIT;
  closs_status status = closs_linear_create(NULL, &options, &linear, &error);
  printf("%s: %s\n", closs_status_name(status), error.text);
  closs_linear_destroy(linear);
  return status != CLOSS_INVALID_ARGUMENT || strlen(error.text) == 0;
}
