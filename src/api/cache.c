#include "closs/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "program/disk.h"

/* A variable that names a folder; NULL where it counts as not set. */
static const char *folder_variable(const char *name) {
  const char *value = getenv(name);
  return value != NULL && value[0] == '/' ? value : NULL;
}

closs_status closs_cache_default_directory(char *path, size_t size, closs_error *error) {
  if (path == NULL || size == 0) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "path: %s, expected room for a folder's name",
                      path == NULL ? "NULL" : "0 bytes");
  }
  const char *off = getenv("CLOSS_CACHE"), *own = getenv("CLOSS_CACHE_DIR");
  const char *xdg = folder_variable("XDG_CACHE_HOME"), *home = folder_variable("HOME");
  int length = 0;
  path[0] = '\0';
  if (off != NULL && strcmp(off, "0") == 0) {
    return CLOSS_OK;
  }
  if (own != NULL && own[0] != '\0') {
    length = snprintf(path, size, "%s", own);
  } else if (xdg != NULL || home != NULL) {
    length = snprintf(path, size, "%s%s/closs", xdg != NULL ? xdg : home, xdg != NULL ? "" : "/.cache");
  }
  if (length < 0 || (size_t)length >= size) {
    path[0] = '\0';
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "path: the cache folder's name has %d bytes, expected at most %zu",
                      length, size - 1);
  }
  return CLOSS_OK;
}

closs_status closs_cache_list(const char *directory, void (*visit)(void *user, const closs_cache_entry *entry),
                              void *user, uint64_t *bytes, closs_error *error) {
  return closs_disk_list(directory, visit, user, bytes, error);
}

closs_status closs_cache_clear(const char *directory, closs_error *error) {
  return closs_disk_clear(directory, error);
}
