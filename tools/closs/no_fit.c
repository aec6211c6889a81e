#include "commands.h"

bool command_fit(const struct arguments *arguments, struct failure *failure) {
  (void)arguments;
  return failure_set(failure, STATUS_FAILED, "closs fit: this program was built without CLBlast, which it needs");
}
