#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signals.h"

static bool cannot_write(const struct output *output, struct failure *failure) {
  return failure_set(failure, STATUS_FAILED, "%s: '%s' cannot be written: %s", output->option, output->path,
                     strerror(errno));
}

/* The folder's part of a path, with its slash, and a name; NULL where memory is short. */
static char *beside(const char *path, const char *name) {
  const char *slash = strrchr(path, '/');
  size_t folder = slash == NULL ? 0 : (size_t)(slash - path) + 1;
  char *joined = malloc(folder + strlen(name) + 1);
  if (joined == NULL) return NULL;
  memcpy(joined, path, folder);
  strcpy(joined + folder, name);
  return joined;
}

/* The path that links lead to, also where nothing is there yet; NULL with errno. */
static char *follow(const char *path) {
  char *at = strdup(path);
  struct stat status;
  for (int links = 0; at != NULL && lstat(at, &status) == 0 && S_ISLNK(status.st_mode); links++) {
    char text[4096];
    ssize_t length = readlink(at, text, sizeof text - 1);
    if (length < 0 || links == 40) {
      if (length >= 0) errno = ELOOP;
      free(at);
      return NULL;
    }
    text[length] = 0;
    char *next = text[0] == '/' ? strdup(text) : beside(at, text);
    free(at);
    at = next;
  }
  return at;
}

/* Finds out which file it is, and with what permissions it is to be made. */
static bool identify(struct output *output, mode_t *mode, struct failure *failure) {
  struct stat status;
  bool there = stat(output->path, &status) == 0;
  if (there && S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return cannot_write(output, failure);
  }
  if (!there && errno != ENOENT)
    return cannot_write(output, failure); /* a name too long, say: better now than at the end */
  output->in_place = there && !S_ISREG(status.st_mode);
  output->target = output->in_place ? strdup(output->path) : follow(output->path);
  if (output->target == NULL || (there && access(output->target, W_OK) != 0)) return cannot_write(output, failure);
  if (there) {
    *mode = status.st_mode & 0777;
  } else {
    const char *slash = strrchr(output->target, '/');
    output->name = slash == NULL ? output->target : slash + 1;
    char *folder = beside(output->target, ".");
    bool found = folder != NULL && output->name[0] != 0 && stat(folder, &status) == 0;
    if (folder != NULL && output->name[0] == 0) errno = EISDIR;
    free(folder);
    if (!found) return cannot_write(output, failure);
    mode_t mask = umask(0);
    umask(mask);
    *mode = 0666 & ~mask;
  }
  output->device = status.st_dev;
  output->inode = status.st_ino;
  return true;
}

static bool same_file(const struct output *a, const struct output *b) {
  if (a->device != b->device || a->inode != b->inode || (a->name == NULL) != (b->name == NULL)) return false;
  return a->name == NULL || strcmp(a->name, b->name) == 0;
}

struct output *outputs_add(struct outputs *outputs, const char *option, const char *path, struct failure *failure) {
  struct output *output = &outputs->list[outputs->count++];
  mode_t mode = 0;
  *output = (struct output){.option = option, .path = path, .descriptor = -1};
  if (!identify(output, &mode, failure)) return NULL;
  for (struct output *other = outputs->list; other < output; other++) {
    if (!same_file(other, output)) continue;
    failure_set(failure, STATUS_USAGE, "%s: '%s' is the same file as %s '%s'", option, path, other->option,
                other->path);
    return NULL;
  }
  if (output->in_place) return output;
  output->temporary = beside(output->target, ".closs-XXXXXX");
  output->backup = beside(output->target, ".closs-XXXXXX~");
  if (output->temporary == NULL || output->backup == NULL) {
    cannot_write(output, failure);
    return NULL;
  }
  output->descriptor = signals_make_temporary(output->temporary);
  if (output->descriptor < 0 || fchmod(output->descriptor, mode) != 0) {
    if (output->descriptor < 0) output->temporary[0] = 0; /* there is none to remove */
    cannot_write(output, failure);
    return NULL;
  }
  memcpy(output->backup, output->temporary, strlen(output->temporary));
  return output;
}

static bool write_parts(struct output *output, struct failure *failure) {
  /* A pipe waits here for its reader. */
  if (output->in_place) output->descriptor = open(output->target, O_WRONLY | O_CLOEXEC);
  if (output->descriptor < 0) return cannot_write(output, failure);
  for (int part = 0; part < 2; part++) {
    const char *at = output->parts[part];
    size_t left = output->sizes[part];
    while (left > 0) {
      ssize_t written = write(output->descriptor, at, left < 1 << 30 ? left : 1 << 30);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return cannot_write(output, failure);
      at += written;
      left -= (size_t)written;
    }
  }
  int descriptor = output->descriptor;
  output->descriptor = -1;
  if (close(descriptor) != 0) return cannot_write(output, failure);
  return true;
}

bool outputs_write(struct outputs *outputs, struct failure *failure) {
  for (int in_place = 0; in_place < 2; in_place++)
    for (size_t i = 0; i < outputs->count; i++)
      if (outputs->list[i].in_place == in_place && !write_parts(&outputs->list[i], failure)) return false;
  return true;
}

/* Takes back the first files that were put in place. */
static void take_back(struct outputs *outputs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct output *output = &outputs->list[i];
    if (output->in_place) continue;
    if (rename(output->backup, output->target) != 0 && output->name != NULL) unlink(output->target);
  }
}

bool outputs_commit(struct outputs *outputs, struct failure *failure) {
  bool good = true;
  size_t done = 0;
  signals_finish();
  for (; good && done < outputs->count; done++) {
    struct output *output = &outputs->list[done];
    if (output->in_place) continue;
    /* Where the file system has no links there is no way back, and nothing else is lost. */
    if (outputs->count > 1 && output->name == NULL && link(output->target, output->backup) != 0) output->backup[0] = 0;
    good = rename(output->temporary, output->target) == 0;
    if (!good) cannot_write(output, failure);
    if (good) output->temporary[0] = 0;
  }
  if (!good) take_back(outputs, done - 1);
  for (size_t i = 0; i < done; i++)
    if (outputs->list[i].backup != NULL) unlink(outputs->list[i].backup);
  return good;
}

void outputs_release(struct outputs *outputs) {
  for (size_t i = 0; i < outputs->count; i++) {
    struct output *output = &outputs->list[i];
    if (output->descriptor >= 0) close(output->descriptor);
    if (output->temporary != NULL && output->temporary[0] != 0) unlink(output->temporary);
    signals_forget(output->temporary);
    free(output->temporary);
    free(output->backup);
    free(output->target);
  }
  outputs->count = 0;
}
