#include "pack_sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "signals.h"

/* A source of each variant for each loss, those of the probe, and the manifest; signals watch the folder too. */
#define CLOSS_LOSS(...) +1
#define CLOSS_VARIANT(...) +1
enum {
  LOSSES = 0
#include "closs/losses.def"
  ,
  VARIANTS = 0
#include "kernels.def"
  ,
  MOST_FILES = SIGNALS_MOST - 1,
  PATH_BYTES = 4400
};
#undef CLOSS_LOSS
#undef CLOSS_VARIANT
_Static_assert((LOSSES + 1) * VARIANTS + 1 <= MOST_FILES, "signals.h: SIGNALS_MOST is too few");

struct writing {
  const char *folder;
  char temporary[4096];    /* beside it; "" before it is made */
  char *paths[MOST_FILES]; /* of the files in it */
  size_t path_count;
  FILE *manifest;
  struct json json;
  struct failure *failure;
};

static bool cannot_write(struct writing *w) {
  return failure_set(w->failure, STATUS_FAILED, "--source: '%s' cannot be written: %s", w->folder, strerror(errno));
}

static void tell(struct writing *w, const closs_offline_source *source) {
  char file[256];
  snprintf(file, sizeof file, "%s.cl", source->name);
  json_open(&w->json, NULL, '{');
  json_string(&w->json, "file", file);
  json_string(&w->json, "sha256", source->sha256);
  json_open(&w->json, "kernels", '[');
  for (size_t k = 0; k < source->kernel_count; k++) {
    json_open(&w->json, NULL, '{');
    json_string(&w->json, "name", source->kernels[k].name);
    json_open(&w->json, "arguments", '[');
    for (size_t a = 0; a < source->kernels[k].argument_count; a++) {
      json_open(&w->json, NULL, '{');
      json_string(&w->json, "name", source->kernels[k].arguments[a].name);
      json_string(&w->json, "type", source->kernels[k].arguments[a].type);
      json_close(&w->json, '}');
    }
    json_close(&w->json, ']');
    json_close(&w->json, '}');
  }
  json_close(&w->json, ']');
  json_close(&w->json, '}');
}

/* Opens a new file in the folder, which a signal removes. */
static FILE *open_file(struct writing *w, const char *name, const char *suffix) {
  char *path = w->path_count < MOST_FILES ? malloc(PATH_BYTES) : NULL;
  if (path == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  snprintf(path, PATH_BYTES, "%s/%s%s", w->temporary, name, suffix);
  w->paths[w->path_count++] = path;
  if (!signals_watch(path)) {
    errno = EMFILE;
    return NULL;
  }
  return fopen(path, "wb");
}

static void write_source(void *user, const closs_offline_source *source) {
  struct writing *w = user;
  if (w->failure->status != 0) return;
  FILE *file = open_file(w, source->name, ".cl");
  bool good = file != NULL && fwrite(source->text, 1, source->text_size, file) == source->text_size;
  if (file != NULL && fclose(file) != 0) good = false;
  if (!good) cannot_write(w);
  tell(w, source);
}

static bool begin(struct writing *w) {
  size_t length = strlen(w->folder);
  while (length > 1 && w->folder[length - 1] == '/')
    length--;
  if (length == 0 || length + 16 > sizeof w->temporary) {
    errno = length == 0 ? ENOENT : ENAMETOOLONG;
    return cannot_write(w);
  }
  snprintf(w->temporary, sizeof w->temporary, "%.*s.closs-XXXXXX", (int)length, w->folder);
  mode_t mask = umask(0);
  umask(mask);
  if (!signals_make_folder(w->temporary)) {
    cannot_write(w);
    w->temporary[0] = 0;
    return false;
  }
  if (chmod(w->temporary, 0777 & ~mask) != 0) return cannot_write(w);
  w->manifest = open_file(w, "manifest.json", "");
  return w->manifest != NULL || cannot_write(w);
}

/* Removes what is there where that is not wanted, or forgets it. */
static void end(struct writing *w, bool keep) {
  while (w->path_count > 0) {
    char *path = w->paths[--w->path_count];
    if (!keep) unlink(path);
    signals_forget(path);
    free(path);
  }
  if (!keep && w->temporary[0] != 0) rmdir(w->temporary);
  signals_forget(w->temporary);
}

static void write_all(struct writing *w, const struct open_device *device, const closs_bundle_options *options) {
  closs_error error;
  w->json = json_begin(w->manifest);
  json_open(&w->json, NULL, '{');
  json_string(&w->json, "closs", closs_version());
  json_string(&w->json, "platform", device->platform);
  json_string(&w->json, "device", device->name);
  json_string(&w->json, "language", "OpenCL C 1.2");
  json_open(&w->json, "sources", '[');
  if (closs_bundle_sources(device->context, options, write_source, w, &error) != CLOSS_OK)
    failure_set_closs(w->failure, &error);
  json_close(&w->json, ']');
  json_close(&w->json, '}');
  fputc('\n', w->manifest);
  bool full = ferror(w->manifest) != 0;
  if (fclose(w->manifest) != 0 || full) cannot_write(w);
}

bool pack_sources(const struct open_device *device, const closs_bundle_options *options, const char *folder,
                  struct failure *failure) {
  struct writing w = {.folder = folder, .failure = failure};
  if (begin(&w)) write_all(&w, device, options);
  if (failure->status == 0) {
    signals_finish();
    if (rename(w.temporary, folder) != 0) cannot_write(&w);
  }
  end(&w, failure->status == 0);
  return failure->status == 0;
}
