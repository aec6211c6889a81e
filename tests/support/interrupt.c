/* Preloaded: interrupts the program where it opens the file whose name ends with $INTERRUPT_AT, once that is made. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FILE *fopen(const char *path, const char *mode) {
  FILE *(*next)(const char *, const char *);
  *(void **)&next = dlsym(RTLD_NEXT, "fopen");
  FILE *file = next(path, mode);
  const char *end = getenv("INTERRUPT_AT");
  if (end != NULL && strlen(path) >= strlen(end) && strcmp(path + strlen(path) - strlen(end), end) == 0) raise(SIGINT);
  return file;
}
