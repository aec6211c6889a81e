#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"

/* A handler has nothing but static memory to look at. */
static _Atomic(char *) files[SIGNALS_MOST];
static atomic_flag ending = ATOMIC_FLAG_INIT;
static bool say_json;

static void say(const char *text) {
  ssize_t written = write(STDERR_FILENO, text, strlen(text));
  (void)written; /* nobody is left to be told */
}

static void on_signal(int number) {
  /* Another thread may be here already, or the files are being put in place, which is soon done. */
  if (atomic_flag_test_and_set(&ending) && number != SIGBUS) return;
  for (int i = SIGNALS_MOST; i-- > 0;) {
    const char *path = atomic_load(&files[i]);
    if (path != NULL && unlink(path) != 0) rmdir(path);
  }
  if (number == SIGBUS) {
    say(say_json ? "{\"error\": \"an input file: shortened while it was read\", \"status\": 2}\n"
                 : "closs: an input file: shortened while it was read\n");
    _exit(STATUS_USAGE);
  }
  say(say_json ? "{\"error\": \"interrupted\", \"status\": 130}\n" : "closs: interrupted\n");
  _exit(STATUS_STOPPED);
}

void signals_install(bool json) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGBUS};
  /* Where the handler returns, what it interrupted goes on. */
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  say_json = json;
  sigfillset(&action.sa_mask);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    struct sigaction before;
    /* What the caller ignores (nohup, a shell's background job) stays ignored. */
    if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(numbers[i], &action, NULL);
  }
  signal(SIGPIPE, SIG_IGN);
}

bool signals_watch(char *path) {
  for (int i = 0; i < SIGNALS_MOST; i++) {
    char *none = NULL;
    if (atomic_compare_exchange_strong(&files[i], &none, path)) return true;
  }
  return false;
}

int signals_make_temporary(char *path) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int descriptor = mkstemp(path);
  if (descriptor >= 0) signals_watch(path);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return descriptor;
}

bool signals_make_folder(char *path) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const bool made = mkdtemp(path) != NULL;
  if (made) signals_watch(path);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return made;
}

void signals_forget(const char *path) {
  for (int i = 0; i < SIGNALS_MOST; i++)
    if (atomic_load(&files[i]) == path) atomic_store(&files[i], NULL);
}

void signals_finish(void) {
  if (atomic_flag_test_and_set(&ending))
    for (;;)
      pause(); /* a handler on another thread is about to end the program */
}
