#include "file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *file_read(const char *what, const char *path, size_t *size, struct failure *failure) {
  char *bytes = NULL;
  size_t room = 0;
  FILE *file = fopen(path, "rb");
  bool good = file != NULL;
  *size = 0;
  while (good && !feof(file)) {
    if (room - *size < 2) {
      char *larger = realloc(bytes, room = 2 * room + 65536);
      if (larger == NULL) break;
      bytes = larger;
    }
    *size += fread(bytes + *size, 1, room - *size - 1, file);
    good = !ferror(file);
  }
  if (!good) failure_set(failure, STATUS_USAGE, "%s: '%s' cannot be read: %s", what, path, strerror(errno));
  good = good && feof(file);
  if (file != NULL) fclose(file);
  if (good) {
    bytes[*size] = 0;
    return bytes;
  }
  failure_set(failure, STATUS_FAILED, "%s: '%s': out of memory", what, path);
  free(bytes);
  return NULL;
}
