#define _GNU_SOURCE /* fopencookie() */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

fault_files fault_file_state = {.failed = FAULT_FILE_CALLS};

const char *const fault_file_names[FAULT_FILE_CALLS] = {
#define NAME(name) #name,
    FAULT_FILE_FUNCTIONS(NAME)
#undef NAME
};

static const int codes[FAULT_FILE_CALLS][5] = {
    [FAULT_open] = {EMFILE, EACCES, ENOSPC},
    [FAULT_openat] = {EMFILE, EACCES, ENOSPC},
    [FAULT_fopen] = {EMFILE, EACCES, ENOSPC},
    [FAULT_mkdir] = {ENOSPC, EROFS},
    [FAULT_mkdtemp] = {ENOSPC, EROFS},
    [FAULT_mkstemp] = {ENOSPC, EMFILE, EROFS},
    [FAULT_chmod] = {EPERM, EIO},
    [FAULT_fchmod] = {EPERM, EIO},
    [FAULT_fstat] = {EIO},
    [FAULT_futimens] = {EROFS},
    [FAULT_fdopendir] = {ENOMEM},
    [FAULT_readdir] = {EIO},
    [FAULT_mmap] = {ENODEV, ENOMEM},
    [FAULT_read] = {EIO, EINTR, FAULT_SHORT},
    [FAULT_write] = {ENOSPC, EIO, EINTR, FAULT_SHORT},
    [FAULT_fsync] = {EIO, ENOSPC},
    [FAULT_close] = {EIO, ENOSPC},
    [FAULT_posix_fallocate] = {ENOSPC, EIO, EINTR},
    [FAULT_lseek] = {EIO},
    [FAULT_link] = {EPERM, ENOSPC},
    [FAULT_rename] = {EIO, ENOSPC, EACCES},
    [FAULT_renameat] = {EIO, ENOSPC, EACCES},
};

const int *fault_file_codes(enum fault_file_call call) {
  return codes[call];
}

bool fault_file_goes_on(enum fault_file_call call, int code) {
  if (call == FAULT_posix_fallocate) return code == EINTR;
  return (call == FAULT_read || call == FAULT_write) && (code == EINTR || code == FAULT_SHORT);
}

void fault_files_arm(unsigned fail_at, int code) {
  memset(&fault_file_state, 0, sizeof fault_file_state);
  fault_file_state.fail_at = fail_at;
  fault_file_state.code = code;
  fault_file_state.failed = FAULT_FILE_CALLS;
  fault_file_state.armed = true;
}

void fault_files_disarm(void) {
  fault_file_state.armed = false;
}

/* Whether this call is to fail; errno then says why. */
static bool fails(enum fault_file_call call) {
  fault_files *s = &fault_file_state;
  if (!s->armed) return false;
  if (++s->total < FAULT_FILES_TRACED) s->trace[s->total] = (unsigned char)call;
  if (s->total != s->fail_at) return false;
  s->failed = call;
  errno = s->code;
  return true;
}

/* With 64-bit offsets the C library gives some functions other names. */
#if defined(__GLIBC__) && defined(_FILE_OFFSET_BITS) && _FILE_OFFSET_BITS == 64
#define WIDE(name) name##64
#else
#define WIDE(name) name
#endif
#define JOIN(a, b) a##b
#define EXPAND(a, b) JOIN(a, b)
#define WRAP(name) EXPAND(__wrap_, name)
#define REAL(name) EXPAND(__real_, name)

/* A function that gives a value, and `failure` where it fails. */
#define FUNCTION(type, call, name, failure, parameters, arguments)                                                     \
  type REAL(name) parameters;                                                                                          \
  type WRAP(name) parameters;                                                                                          \
  type WRAP(name) parameters {                                                                                         \
    return fails(FAULT_##call) ? (failure) : REAL(name) arguments;                                                     \
  }

FUNCTION(int, mkdir, mkdir, -1, (const char *a, mode_t b), (a, b))
FUNCTION(char *, mkdtemp, mkdtemp, NULL, (char *a), (a))
FUNCTION(int, mkstemp, WIDE(mkstemp), -1, (char *a), (a))
FUNCTION(int, chmod, chmod, -1, (const char *a, mode_t b), (a, b))
FUNCTION(int, fchmod, fchmod, -1, (int a, mode_t b), (a, b))
FUNCTION(int, fstat, WIDE(fstat), -1, (int a, struct stat *b), (a, b))
FUNCTION(int, futimens, futimens, -1, (int a, const struct timespec b[2]), (a, b))
FUNCTION(DIR *, fdopendir, fdopendir, NULL, (int a), (a))
FUNCTION(struct dirent *, readdir, WIDE(readdir), NULL, (DIR * a), (a))
FUNCTION(void *, mmap, WIDE(mmap), MAP_FAILED, (void *a, size_t b, int c, int d, int e, off_t f), (a, b, c, d, e, f))
FUNCTION(int, fsync, fsync, -1, (int a), (a))
FUNCTION(off_t, lseek, WIDE(lseek), -1, (int a, off_t b, int c), (a, b, c))
FUNCTION(int, posix_fallocate, WIDE(posix_fallocate), fault_file_state.code, (int a, off_t b, off_t c), (a, b, c))
FUNCTION(int, link, link, -1, (const char *a, const char *b), (a, b))
FUNCTION(int, rename, rename, -1, (const char *a, const char *b), (a, b))
FUNCTION(int, renameat, renameat, -1, (int a, const char *b, int c, const char *d), (a, b, c, d))

static mode_t mode_of(int flags, va_list rest) {
  return flags & O_CREAT ? va_arg(rest, mode_t) : 0;
}

int REAL(WIDE(open))(const char *path, int flags, ...);
int WRAP(WIDE(open))(const char *path, int flags, ...);
int WRAP(WIDE(open))(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return fails(FAULT_open) ? -1 : REAL(WIDE(open))(path, flags, mode);
}

int REAL(WIDE(openat))(int folder, const char *path, int flags, ...);
int WRAP(WIDE(openat))(int folder, const char *path, int flags, ...);
int WRAP(WIDE(openat))(int folder, const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = mode_of(flags, rest);
  va_end(rest);
  return fails(FAULT_openat) ? -1 : REAL(WIDE(openat))(folder, path, flags, mode);
}

/* The descriptor is gone also where that fails, as on Linux. */
int REAL(close)(int descriptor);
int WRAP(close)(int descriptor);
int WRAP(close)(int descriptor) {
  if (!fails(FAULT_close)) return REAL(close)(descriptor);
  const int code = errno;
  REAL(close)(descriptor);
  errno = code;
  return -1;
}

static size_t half(size_t size) {
  return size > 1 ? size / 2 : size;
}

ssize_t REAL(read)(int descriptor, void *bytes, size_t size);
ssize_t WRAP(read)(int descriptor, void *bytes, size_t size);
ssize_t WRAP(read)(int descriptor, void *bytes, size_t size) {
  const bool failed = fails(FAULT_read);
  if (failed && fault_file_state.code != FAULT_SHORT) return -1;
  return REAL(read)(descriptor, bytes, failed ? half(size) : size);
}

ssize_t REAL(write)(int descriptor, const void *bytes, size_t size);
ssize_t WRAP(write)(int descriptor, const void *bytes, size_t size);
ssize_t WRAP(write)(int descriptor, const void *bytes, size_t size) {
  const bool failed = fails(FAULT_write);
  if (failed && fault_file_state.code != FAULT_SHORT) return -1;
  return REAL(write)(descriptor, bytes, failed ? half(size) : size);
}

/* ---- streams, whose own reads and writes are inside the C library ---- */

static ssize_t stream_read(void *cookie, char *bytes, size_t size) {
  return read((int)(intptr_t)cookie, bytes, size);
}

/* As the C library does: the rest of a part is written next. */
static ssize_t stream_write(void *cookie, const char *bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t written = write((int)(intptr_t)cookie, bytes + done, size - done);
    if (written < 0) return 0;
    done += (size_t)written;
  }
  return (ssize_t)size;
}

static int stream_close(void *cookie) {
  return close((int)(intptr_t)cookie);
}

FILE *REAL(WIDE(fopen))(const char *path, const char *mode);
FILE *WRAP(WIDE(fopen))(const char *path, const char *mode);
FILE *WRAP(WIDE(fopen))(const char *path, const char *mode) {
  static const cookie_io_functions_t functions = {stream_read, stream_write, NULL, stream_close};
  if (!fault_file_state.armed) return REAL(WIDE(fopen))(path, mode);
  if (fails(FAULT_fopen)) return NULL;
  const bool writes = mode[0] == 'w';
  const int descriptor =
      REAL(WIDE(open))(path, writes ? O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0666);
  return descriptor < 0 ? NULL : fopencookie((void *)(intptr_t)descriptor, mode, functions);
}
