#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "signals.h"

int spool_open(void) {
  const char *folder = getenv("TMPDIR");
  char path[4096];
  if (folder == NULL || folder[0] == 0) folder = "/tmp";
  const int length = snprintf(path, sizeof path, "%s/closs-XXXXXX", folder);
  if (length < 0 || (size_t)length >= sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  const int descriptor = signals_make_temporary(path);
  if (descriptor >= 0) {
    unlink(path);
    signals_forget(path);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
  return descriptor;
}

void *spool_map(int descriptor, size_t size) {
  do {
    errno = posix_fallocate(descriptor, 0, (off_t)size);
  } while (errno == EINTR);
  if (errno != 0) return NULL;
  void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (map != MAP_FAILED) return map;
  const int code = errno;
  if (ftruncate(descriptor, 0) != 0) return NULL;
  errno = code;
  return NULL;
}

bool spool_write(int descriptor, const char *bytes, size_t size) {
  while (size > 0) {
    const ssize_t written = write(descriptor, bytes, size);
    if (written < 0 && errno != EINTR) return false;
    bytes += written > 0 ? written : 0;
    size -= written > 0 ? (size_t)written : 0;
  }
  return true;
}

char *spool_read(int descriptor, size_t *size) {
  const off_t length = lseek(descriptor, 0, SEEK_END);
  char *bytes = length < 0 || lseek(descriptor, 0, SEEK_SET) != 0 ? NULL : malloc((size_t)length + 1);
  *size = 0;
  while (bytes != NULL && *size < (size_t)length) {
    const ssize_t part = read(descriptor, bytes + *size, (size_t)length - *size);
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) {
      if (part == 0) errno = EIO; /* shortened meanwhile */
      free(bytes);
      return NULL;
    }
    *size += (size_t)part;
  }
  if (bytes != NULL) bytes[*size] = 0;
  return bytes;
}
