#include "program/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/allocate.h"
#include "base/error.h"
#include "base/sha256.h"
#include "program/entry.h"
#include "program/key.h"

/* Entries are named by the SHA-256 of their key; temporary files, while they are written, by chance. */
#define SUFFIX ".closs"
#define TEMPORARY ".new-"
enum { NAME_BYTES = CLOSS_SHA256_TEXT + sizeof SUFFIX, OLD_SECONDS = 3600, MOST_KEY_BYTES = 4096 };
#define MOST_ENTRY_BYTES ((off_t)1 << 30)

struct closs_disk {
  int folder;
  uint64_t limit;
};

/* One entry's file. */
typedef struct file {
  char name[NAME_BYTES];
  uint64_t bytes;
  struct timespec used;
} file;

/* ---- the folder ---- */

/* Makes the folders on the way to `path`, and it; what is there already is no failure here. */
static void make_folders(char *path) {
  for (char *at = path + 1; *at != '\0'; at++) {
    if (*at == '/') {
      *at = '\0';
      (void)mkdir(path, 0700);
      *at = '/';
    }
  }
  (void)mkdir(path, 0700);
}

/* A descriptor of the folder, or -1 and in `why` the reason; 0 bytes of reason where it does not exist. */
static int open_folder(const char *directory, bool make, char why[160]) {
  char path[4096];
  size_t length = strlen(directory);
  struct stat status;
  while (length > 1 && directory[length - 1] == '/') { /* a link with a slash behind it would be followed */
    length--;
  }
  why[0] = '\0';
  if (length == 0 || length >= sizeof path) {
    snprintf(why, 160, "a name of 1 to %zu bytes was expected", sizeof path - 1);
    return -1;
  }
  memcpy(path, directory, length);
  path[length] = '\0';
  if (make) {
    make_folders(path);
  }
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) {
    if (errno != ENOENT || make) {
      snprintf(why, 160, "%s", errno == ELOOP ? "it is a symbolic link" : strerror(errno));
    }
    return -1;
  }
  if (fstat(folder, &status) != 0) {
    snprintf(why, 160, "%s", strerror(errno));
  } else if (status.st_uid != geteuid()) {
    snprintf(why, 160, "it belongs to user %ld, not to %ld", (long)status.st_uid, (long)geteuid());
  } else if (status.st_mode & (S_IWGRP | S_IWOTH)) {
    snprintf(why, 160, "others may write to it (mode %03o, expected 700)", (unsigned)status.st_mode & 0777U);
  } else {
    return folder;
  }
  close(folder);
  return -1;
}

closs_status closs_disk_open(const closs_context *context, const char *directory, uint64_t limit, closs_disk **disk,
                             closs_error *error) {
  char why[160];
  *disk = NULL;
  int folder = open_folder(directory, true, why);
  if (folder < 0) {
    closs_log(context, CLOSS_LOG_WARNING, "cache folder '%s' is not used: %s", directory, why);
    return CLOSS_OK;
  }
  *disk = closs_allocate(&context->allocator, sizeof **disk);
  if (*disk == NULL) {
    close(folder);
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a disk cache (%zu bytes)", sizeof **disk);
  }
  (*disk)->folder = folder;
  (*disk)->limit = limit;
  return CLOSS_OK;
}

void closs_disk_close(const closs_context *context, closs_disk *disk) {
  if (disk != NULL) {
    close(disk->folder);
    closs_release(&context->allocator, disk);
  }
}

/* ---- its files ---- */

static bool is_entry(const char *name) {
  return strlen(name) == NAME_BYTES - 2 && strspn(name, "0123456789abcdef") == CLOSS_SHA256_TEXT - 1 &&
         strcmp(name + CLOSS_SHA256_TEXT - 1, SUFFIX) == 0;
}

static void entry_name(const char *key, char name[NAME_BYTES]) {
  unsigned char digest[CLOSS_SHA256_BYTES];
  closs_sha256 hash;
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, key, strlen(key));
  closs_sha256_end(&hash, digest);
  closs_sha256_text(digest, name);
  strcat(name, SUFFIX);
}

/* Opens a file of this user's; not a link, which might lead out of the folder. -1 with errno. */
static int open_file(int folder, const char *name, struct stat *status) {
  int descriptor = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) {
    return -1;
  }
  int code = fstat(descriptor, status) != 0                             ? errno
             : !S_ISREG(status->st_mode) || status->st_uid != geteuid() ? EACCES
                                                                        : 0;
  if (code != 0) {
    close(descriptor);
    errno = code;
    return -1;
  }
  return descriptor;
}

static bool read_all(int descriptor, unsigned char *bytes, size_t size) {
  while (size > 0) {
    errno = EIO; /* where the file is shorter than it was */
    ssize_t got = read(descriptor, bytes, size);
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return false;
    }
    bytes += got > 0 ? got : 0;
    size -= got > 0 ? (size_t)got : 0;
  }
  return true;
}

static bool write_all(int descriptor, const unsigned char *bytes, size_t size) {
  while (size > 0) {
    ssize_t put = write(descriptor, bytes, size);
    if (put < 0 && errno != EINTR) {
      return false;
    }
    bytes += put > 0 ? put : 0;
    size -= put > 0 ? (size_t)put : 0;
  }
  return true;
}

/* All bytes of an open file; NULL with errno. */
static unsigned char *read_file(const closs_allocator *allocator, int descriptor, off_t size) {
  if (size <= 0 || size > MOST_ENTRY_BYTES) {
    errno = size > MOST_ENTRY_BYTES ? EFBIG : EIO;
    return NULL;
  }
  unsigned char *bytes = closs_allocate(allocator, (size_t)size);
  if (bytes == NULL) {
    errno = ENOMEM;
  } else if (!read_all(descriptor, bytes, (size_t)size)) {
    int code = errno;
    closs_release(allocator, bytes);
    bytes = NULL;
    errno = code;
  }
  return bytes;
}

unsigned char *closs_disk_read(const closs_context *context, const closs_disk *disk, const char *key, size_t *size) {
  char name[NAME_BYTES];
  struct stat status;
  entry_name(key, name);
  int descriptor = open_file(disk->folder, name, &status);
  if (descriptor < 0 && errno == ENOENT) {
    return NULL;
  }
  unsigned char *bytes = descriptor >= 0 ? read_file(&context->allocator, descriptor, status.st_size) : NULL;
  if (bytes == NULL) {
    closs_log(context, CLOSS_LOG_WARNING, "the disk cache: an entry can't be read, and is not used: %s",
              strerror(errno));
  } else {
    *size = (size_t)status.st_size;
    (void)futimens(descriptor, NULL); /* on a read-only disk the order of use stays what it was */
  }
  if (descriptor >= 0) {
    close(descriptor);
  }
  return bytes;
}

/* Writes a new file under a temporary name and renames it; readers see the old one or all of the new one. */
static bool replace(int folder, const char *name, const unsigned char *bytes, size_t size) {
  char temporary[64];
  int descriptor = -1;
  for (int i = 0; descriptor < 0 && i < 100; i++) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    /* The address of a local variable tells threads of one process apart. */
    snprintf(temporary, sizeof temporary, TEMPORARY "%ld-%lx-%lx-%d", (long)getpid(), (unsigned long)now.tv_nsec,
             (unsigned long)(uintptr_t)&now, i);
    descriptor = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0 && errno != EEXIST) {
      return false;
    }
  }
  bool good = descriptor >= 0 && write_all(descriptor, bytes, size) && fsync(descriptor) == 0;
  int code = errno;
  if (descriptor >= 0 && close(descriptor) != 0 && good) {
    good = false;
    code = errno;
  }
  if (good && renameat(folder, temporary, folder, name) != 0) {
    good = false;
    code = errno;
  }
  if (!good && descriptor >= 0) {
    (void)unlinkat(folder, temporary, 0);
  }
  errno = code;
  return good;
}

/* ---- all of them ---- */

static int used_first(const void *a, const void *b) {
  const struct timespec *x = &((const file *)a)->used, *y = &((const file *)b)->used;
  return x->tv_sec != y->tv_sec ? (x->tv_sec > y->tv_sec) - (x->tv_sec < y->tv_sec)
                                : (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Looks at one name. Temporary files that a process left behind when it was killed are removed. */
static bool look_at(int folder, const char *name, file *found) {
  struct stat status;
  bool temporary = strncmp(name, TEMPORARY, sizeof TEMPORARY - 1) == 0;
  if ((!temporary && !is_entry(name)) || fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode)) {
    return false;
  }
  if (temporary) {
    if (time(NULL) - status.st_mtime > OLD_SECONDS) {
      (void)unlinkat(folder, name, 0);
    }
    return false;
  }
  strcpy(found->name, name);
  found->bytes = (uint64_t)status.st_size;
  found->used = status.st_mtim;
  return true;
}

/* Keeps the entries that there is room for; without `files` it counts. False with errno. */
static bool look_through(int folder, DIR *list, file *files, size_t room, size_t *count) {
  file one;
  *count = 0;
  rewinddir(list);
  for (;;) {
    errno = 0;
    const struct dirent *at = readdir(list);
    if (at == NULL) {
      return errno == 0;
    }
    if (look_at(folder, at->d_name, &one) && (files == NULL || *count < room)) {
      if (files != NULL) {
        files[*count] = one;
      }
      (*count)++;
    }
  }
}

/* All entries, the one used longest ago first; released by the caller. NULL with errno. */
static file *scan(const closs_allocator *allocator, int folder, size_t *count) {
  size_t room = 0;
  file *files = NULL;
  int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = copy >= 0 ? fdopendir(copy) : NULL;
  bool good = list != NULL && look_through(folder, list, NULL, 0, &room);
  if (good && (files = closs_allocate(allocator, (room + 1) * sizeof *files)) == NULL) {
    errno = ENOMEM;
    good = false;
  }
  good = good && look_through(folder, list, files, room, count);
  int code = errno;
  if (!good) {
    closs_release(allocator, files);
    files = NULL;
    *count = 0;
  } else if (*count > 0) {
    qsort(files, *count, sizeof *files, used_first);
  }
  if (list != NULL) {
    closedir(list);
  } else if (copy >= 0) {
    close(copy);
  }
  errno = code;
  return files;
}

static void drop_oldest(const closs_context *context, const closs_disk *disk) {
  size_t count = 0;
  uint64_t bytes = 0;
  file *files = scan(&context->allocator, disk->folder, &count);
  if (files == NULL) {
    closs_log(context, CLOSS_LOG_INFO, "cache: its size is not known, and it may pass its limit: %s", strerror(errno));
  }
  for (size_t i = 0; i < count; i++) {
    bytes += files[i].bytes;
  }
  for (size_t i = 0; i < count && bytes > disk->limit; i++) {
    if (unlinkat(disk->folder, files[i].name, 0) == 0 || errno == ENOENT) {
      bytes -= files[i].bytes;
    }
  }
  closs_release(&context->allocator, files);
}

void closs_disk_write(const closs_context *context, const closs_disk *disk, const char *key, const unsigned char *bytes,
                      size_t size) {
  char name[NAME_BYTES];
  if (size > disk->limit) {
    closs_log(context, CLOSS_LOG_INFO, "cache: an entry of %zu bytes is larger than the limit", size);
    return;
  }
  entry_name(key, name);
  if (!replace(disk->folder, name, bytes, size)) {
    closs_log(context, CLOSS_LOG_INFO, "cache: %zu bytes could not be kept: %s", size, strerror(errno));
    return;
  }
  drop_oldest(context, disk);
}

/* ---- for people ---- */

static closs_status open_given(const char *directory, int *folder, closs_error *error) {
  char why[160];
  if (directory == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "directory: NULL, expected a folder's name");
  }
  *folder = open_folder(directory, false, why);
  return *folder >= 0 || why[0] == '\0'
             ? CLOSS_OK
             : closs_fail(error, CLOSS_INVALID_ARGUMENT, "cache folder '%s': %s", directory, why);
}

/* The folder's entries can't be listed. */
static closs_status no_list(const char *directory, closs_error *error) {
  return errno == ENOMEM
             ? closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for the list of '%s'", directory)
             : closs_fail(error, CLOSS_INVALID_ARGUMENT, "cache folder '%s': %s", directory, strerror(errno));
}

static void copy_line(const char *key, size_t size, const char *name, char *text, size_t room) {
  const char *line = "";
  size_t length = closs_key_line(key, size, name, &line);
  snprintf(text, room, "%.*s", (int)(length < room ? length : room - 1), line);
}

/* Visits one file; one that is no entry, or is gone, is passed over. */
static void visit_file(int folder, const file *found, void (*visit)(void *user, const closs_cache_entry *entry),
                       void *user) {
  unsigned char header[CLOSS_ENTRY_HEADER];
  char key[MOST_KEY_BYTES], platform[256], name[256], device[520], variant[128];
  uint64_t key_size = 0, size = 0;
  struct stat status;
  int descriptor = open_file(folder, found->name, &status);
  if (descriptor < 0) {
    return;
  }
  if (read_all(descriptor, header, sizeof header) && closs_entry_peek(header, &key_size, &size) &&
      size == found->bytes && key_size <= sizeof key && read_all(descriptor, (unsigned char *)key, (size_t)key_size)) {
    copy_line(key, (size_t)key_size, "platform", platform, sizeof platform);
    copy_line(key, (size_t)key_size, "device", name, sizeof name);
    copy_line(key, (size_t)key_size, "variant", variant, sizeof variant);
    snprintf(device, sizeof device, "%s: %s", platform, name);
    const closs_cache_entry entry = {device, variant, found->bytes, (int64_t)found->used.tv_sec};
    visit(user, &entry);
  }
  close(descriptor);
}

closs_status closs_disk_list(const char *directory, void (*visit)(void *user, const closs_cache_entry *entry),
                             void *user, uint64_t *bytes, closs_error *error) {
  const closs_allocator allocator = {NULL, NULL, NULL};
  size_t count = 0;
  int folder = -1;
  uint64_t total = 0;
  closs_status status = open_given(directory, &folder, error);
  if (folder >= 0) {
    file *files = scan(&allocator, folder, &count);
    if (files == NULL) {
      status = no_list(directory, error);
    }
    for (size_t left = count; left > 0; left--) {
      total += files[left - 1].bytes;
      if (visit != NULL) {
        visit_file(folder, &files[left - 1], visit, user);
      }
    }
    closs_release(&allocator, files);
    close(folder);
  }
  if (bytes != NULL) {
    *bytes = total;
  }
  return status;
}

closs_status closs_disk_clear(const char *directory, closs_error *error) {
  const closs_allocator allocator = {NULL, NULL, NULL};
  size_t count = 0;
  int folder = -1;
  closs_status status = open_given(directory, &folder, error);
  if (folder < 0) {
    return status;
  }
  file *files = scan(&allocator, folder, &count);
  if (files == NULL) {
    status = no_list(directory, error);
  }
  for (size_t i = 0; i < count && status == CLOSS_OK; i++) {
    if (unlinkat(folder, files[i].name, 0) != 0 && errno != ENOENT) {
      status = closs_fail(error, CLOSS_INVALID_ARGUMENT, "cache folder '%s': '%s' can't be removed: %s", directory,
                          files[i].name, strerror(errno));
    }
  }
  closs_release(&allocator, files);
  close(folder);
  return status;
}
