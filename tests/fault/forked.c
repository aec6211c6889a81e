#include "forked.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../program/program.h"
#include "options.h"

char forked_what[256];

void *forked_memory(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void forked_shell(const char *command, const struct failure *failure) {
  if (system(command) != 0) fail_msg("%s: not so: %s; the line was \"%s\"", forked_what, command, failure->text);
}

void forked_walk(const forked_path *path, struct failure *failure, void (*begin)(void), void (*end)(void)) {
  int status;
  forked_shell(path->before, failure);
  fflush(NULL);
  *failure = (struct failure){0, ""};
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (freopen("/dev/null", "w", stdout) == NULL) _exit(1);
    begin();
    const bool good = path->work(failure);
    end();
    fflush(NULL);
    _exit(good == (failure->status == 0) ? 0 : 99);
  }
  assert_int_equal(waitpid(child, &status, 0), child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail_msg("%s: the process ended by itself: %d", forked_what, status);
}

bool forked_command(bool (*run)(const struct arguments *, struct failure *), struct failure *failure, char **words,
                    size_t count) {
  struct arguments arguments;
  const bool good = arguments_read(&arguments, (int)count, words, failure) && run(&arguments, failure);
  arguments_release(&arguments);
  return good;
}
