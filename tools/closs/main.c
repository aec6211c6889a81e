/* closs: losses and gradients of arrays on OpenCL devices, from the command line. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "closs/version.h"
#include "commands.h"
#include "json.h"
#include "signals.h"

/* A file that is opened while a standard stream is closed would become that stream: fill the places, with files that
 * fail as closed ones do. */
static void fill_standard_streams(void) {
  static const int flags[] = {O_WRONLY, O_RDONLY, O_RDWR};
  for (int i = 0; i < 3; i++)
    if (fcntl(i, F_GETFD) == -1 && errno == EBADF && open("/dev/null", flags[i]) < 0) _exit(STATUS_FAILED);
}

/* A driver may set the process's locale. This thread, which reads and writes all numbers, stays in C's. */
static void stay_in_c_locale(void) {
  locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (c != (locale_t)0) uselocale(c);
}

static void print_version(bool as_json) {
  struct json json = json_begin(stdout);
  if (!as_json) {
    printf("closs %s\n", closs_version());
    return;
  }
  json_open(&json, NULL, '{');
  json_string(&json, "version", closs_version());
  json_close(&json, '}');
  putchar('\n');
}

static bool run(const struct arguments *arguments, struct failure *failure) {
  switch (arguments->command) {
  case COMMAND_DEVICES:
    return command_devices(arguments, failure);
  case COMMAND_LOSSES:
    return command_losses(arguments, failure);
  case COMMAND_LOSS:
    return command_loss(arguments, failure);
  case COMMAND_CHECK:
    return command_check(arguments, failure);
  case COMMAND_CURVE:
    return command_curve(arguments, failure);
  case COMMAND_FIT:
    return command_fit(arguments, failure);
  case COMMAND_BENCH:
    return command_bench(arguments, failure);
  case COMMAND_PACK:
    return command_pack(arguments, failure);
  case COMMAND_CACHE:
    return command_cache(arguments, failure);
  default:
    return failure_set(failure, STATUS_USAGE, "no command; expected %s; see closs --help", arguments_commands());
  }
}

int main(int argc, char **argv) {
  struct arguments arguments;
  struct failure failure = {0, ""};
  fill_standard_streams();
  stay_in_c_locale();
  bool good = arguments_read(&arguments, argc, argv, &failure);
  signals_install(arguments.json);
  if (arguments_value(&arguments, "help") != NULL && (good || arguments.command != COMMAND_NONE)) {
    failure.status = 0;
    arguments_help(&arguments, stdout);
  } else if (good && arguments_value(&arguments, "version") != NULL) {
    print_version(arguments.json);
  } else if (good) {
    run(&arguments, &failure);
  }
  print_end(&failure);
  if (failure.status != 0) failure_report(&failure, arguments.json);
  arguments_release(&arguments);
  return failure.status;
}
